"""The second route agrees with the first, and is believed only when its answer was re-checked."""

from __future__ import annotations

import subprocess
import sys

import pytest

from balloonproof.model.engines import spacer
from balloonproof.model.engines.induction import Lemma
from balloonproof.model.engines.reachability import explore
from balloonproof.model.engines.spacer import HornClauses, decide_by_spacer, execute
from balloonproof.model.language import Configuration
from balloonproof.model.one_page import OnePage
from balloonproof.model.systems import HINTING, PRECOPY
from balloonproof.model.terms import TRUE, disj

SAFE = PRECOPY.configure({"dirty-log": "get-and-clear"})
UNSAFE = PRECOPY.configure(without=["final-sync"])
VARIANTS = [
    SAFE,
    UNSAFE,
    PRECOPY.configure(without=["clear-log-before-read"]),
    HINTING.configure(without=["done-on-cleanup"]),
    HINTING.configure(without=["start-only-when-requested"]),
]


@pytest.mark.parametrize("configuration", VARIANTS, ids=str)
def test_both_routes_agree(configuration: Configuration) -> None:
    system = OnePage(configuration)
    bad = disj(*system.violated().values())
    found = explore(system, stop_at=bad).first(bad)
    result = decide_by_spacer(configuration, seconds=60)
    assert (result.verdict, result.reasons) == ("proved" if found is None else "refuted", ())
    if found is None:
        assert result.rechecked_by.startswith("cvc5 ")
        assert result.invariant is not None
        assert result.obligations > len(configuration.system.actions)
    else:
        assert result.length is not None
        assert result.length >= found[0]


def test_running_out_of_time_is_no_verdict() -> None:
    result = decide_by_spacer(HINTING.configure({"release-waits-for-ack": "yes"}), seconds=0.2)
    assert result.verdict == "undecided"
    assert result.reasons == ("Spacer did not decide it within 0.2 s",)


def test_a_wrong_invariant_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HornClauses, "solve", lambda clauses, seconds: "unsat")
    monkeypatch.setattr(HornClauses, "lemmas", lambda clauses: [Lemma("nothing", TRUE)])
    result = decide_by_spacer(SAFE)
    assert result.verdict == "undecided"
    assert "its invariant is not confirmed" in result.reasons[0]


def test_an_invariant_that_cannot_be_read_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(clauses: HornClauses) -> list[Lemma]:
        raise ValueError("expected a formula of equalities, found +")

    monkeypatch.setattr(HornClauses, "solve", lambda clauses, seconds: "unsat")
    monkeypatch.setattr(HornClauses, "lemmas", unreadable)
    assert decide_by_spacer(SAFE).verdict == "undecided"


def test_a_wrong_run_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    clauses = HornClauses(OnePage(UNSAFE))
    assert clauses.solve(60) == "sat"
    states = clauses.run()
    assert execute(clauses.system, states) is None
    monkeypatch.setattr(HornClauses, "solve", lambda clauses, seconds: "sat")
    for wrong in ([], states[1:], states[:-1], [*states[:4], *states[5:]], states[::-1]):
        monkeypatch.setattr(HornClauses, "run", lambda clauses, wrong=wrong: wrong)
        result = decide_by_spacer(UNSAFE)
        assert result.verdict == "undecided"
        assert "cannot be executed" in result.reasons[0]


def test_a_broken_premise_leaves_nothing_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = spacer.check_premise
    monkeypatch.setattr(spacer, "check_premise", lambda configuration: type(genuine(configuration))(("one page does not suffice",), ()))
    assert decide_by_spacer(SAFE).verdict == "undecided"


def test_the_command_line_gives_its_verdict() -> None:
    words = [sys.executable, "-m", "balloonproof.checker", "prove", "precopy", "--without", "final-sync", "--route", "spacer"]
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (1, "")
    assert result.stdout.startswith("precopy without final-sync: refuted by Spacer")
