"""Can something bad happen?  One file per engine.

`reachability`: exact search of the one-page system, `induction`: an inductive invariant learned from it and checked by Z3, `certificate`: the same
obligations as SMT-LIB 2 text re-checked by cvc5, `premise`: that one page stands for any number, `alike`: that no page is special, `bounded`: shortest
counterexamples on explicit pages, `verdict`: all of it in order, `result`: what came out.
"""
