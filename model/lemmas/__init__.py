"""Why the protocols are safe: inductive invariants that people wrote, a file for each mechanism; each lemma's docstring is a sentence of the argument.

`engines.lemmas` checks them.  A lemma about something that a configuration does not have is trivially true there.
"""
