"""Exports for solvers: Z3, cvc5 and Spacer find in the text what `prove` says of the model."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

import cvc5
import pytest
import z3
from exported import CHOSEN, LAST, LEGACY, chosen
from smt_reader import read

from balloonproof.model.engines.induction import Invariant
from balloonproof.model.engines.reachability import explore
from balloonproof.model.engines.verdict import decide
from balloonproof.model.export import export_text, transition_system
from balloonproof.model.language import Configuration
from balloonproof.model.one_page import OnePage
from balloonproof.model.smtlib import DATATYPES, Encoding, express
from balloonproof.model.systems import find_system
from balloonproof.model.terms import conj, disj


def answers_z3(text: str) -> list[str]:
    context = z3.Context()
    answer: str = z3.Z3_eval_smtlib2_string(context.ref(), text)
    return answer.split()


def answers_cvc5(text: str) -> list[str]:
    solver = cvc5.Solver()
    parser = cvc5.InputParser(solver)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, text, "export")
    found = []
    while not (command := parser.nextCommand()).isNull():
        found += str(command.invoke(solver, parser.getSymbolManager())).split()
    return found


SOLVERS = pytest.mark.parametrize("answers", [answers_z3, answers_cvc5], ids=["z3", "cvc5"])


@SOLVERS
@pytest.mark.parametrize("number", range(len(CHOSEN)))
def test_no_initial_state_is_bad(answers: Any, number: int) -> None:
    assert answers(export_text(chosen(number), "smt2")) == ["unsat"]


def unrolled(length: int) -> str:
    lines = ["(declare-const s0 State)", "(assert (initial s0))"]
    for depth in range(length):
        lines += [f"(declare-const i{depth} Input)", f"(declare-const s{depth + 1} State)", f"(assert (transition s{depth} i{depth} s{depth + 1}))"]
    return "\n".join([*lines, f"(assert (not (property s{length})))", "(check-sat)"])


RARE = {"cancel", "fail", "cleanup", "switch-over", "pause", "resume", "initialise", "device-write", "free"}
SHORT = dataclasses.replace(find_system("precopy"), actions=tuple(item for item in find_system("precopy").actions if item.name not in RARE))
"""Pre-copy that only ever goes well: what it takes a solver seconds to decide."""


@SOLVERS
def test_the_shortest_counterexample_has_the_length_that_prove_says(answers: Any) -> None:
    configuration = SHORT.configure(LEGACY, LAST)
    text = export_text(transition_system(configuration), "smt2")
    one = OnePage(configuration)
    found = explore(one).first(disj(*one.violated().values()))
    assert found is not None
    assert answers(text + unrolled(found[0])) == ["unsat", "sat"]
    assert answers(text + unrolled(found[0] - 1)) == ["unsat", "unsat"]


@cache
def learned(configuration: Configuration) -> Invariant:
    invariant = decide(configuration).invariant
    assert invariant is not None
    return invariant


@SOLVERS
def test_the_invariant_that_prove_learns_is_inductive_in_the_export(answers: Any) -> None:
    configuration = find_system("precopy").configure(LEGACY)
    invariant = learned(configuration)
    encoding = Encoding(DATATYPES.sort, DATATYPES.literal, lambda name: f"({name} s)")
    lemmas = conj(*(lemma.term for lemma in invariant.lemmas))
    queries = ["(initial s) (not (invariant s))", "(invariant s) (transition s i t) (not (invariant t))", "(invariant s) (not (property s))"]
    text = [export_text(transition_system(configuration), "smt2"), f"(define-fun invariant ((s State)) Bool {express(lemmas, encoding)})"]
    text += ["(declare-const s State)", "(declare-const i Input)", "(declare-const t State)"]
    text += [f"(push 1) (assert (and {query})) (check-sat) (pop 1)" for query in queries]
    assert answers("\n".join(text)) == ["unsat"] * 4


@pytest.mark.parametrize(("without", "answer"), [((), z3.sat), (LAST, z3.unsat)], ids=["proved", "refuted"])
def test_spacer_agrees_with_prove(without: tuple[str, ...], answer: Any) -> None:
    configuration = SHORT.configure(LEGACY, without)
    one = OnePage(configuration)
    assert (explore(one).first(disj(*one.violated().values())) is None) == (answer == z3.sat)
    text = export_text(transition_system(configuration), "chc")
    solver = z3.SolverFor("HORN")
    solver.from_string(text.replace("(check-sat)", ""))
    assert solver.check() == answer


@pytest.mark.parametrize("number", range(len(CHOSEN)))
def test_horn_clauses_are_of_the_competition_s_format(number: int) -> None:
    system = chosen(number)
    commands = read(export_text(system, "chc"))
    assert commands[0] == ["set-logic", "HORN"]
    assert commands[-1] == ["check-sat"]
    assert {command[0] for command in commands[1:-1]} == {"declare-fun", "assert"}
    clauses = [command[1] for command in commands if command[0] == "assert"]
    assert len(clauses) == 2 + len(system.always)
    for clause in clauses:
        assert clause[0] == "forall"
        quantified = {name for name, _ in clause[1]}
        head = clause[2][2]
        assert head == "false" or (head[0] == "reachable" and set(head[1:]) <= quantified and len(set(head)) == len(head))
