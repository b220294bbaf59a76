"""The obligations of a proof: they cover everything that a verdict rests on, and cvc5 has the last word on them."""

from __future__ import annotations

import re
from functools import cache

import pytest

from balloonproof.model.engines import verdict
from balloonproof.model.engines.recheck import Obligation, RecheckFailed, recheck
from balloonproof.model.engines.result import ProofResult
from balloonproof.model.language import Configuration
from balloonproof.model.systems import HINTING, PRECOPY


@cache
def decided(configuration: Configuration) -> ProofResult:
    return verdict.decide(configuration)


def obligations(name: str) -> list[Obligation]:
    return [item for item in decided(PRECOPY.configure()).obligations if item.name.startswith(name)]


def test_the_certificate_covers_start_steps_properties_and_premise() -> None:
    names = {item.name for item in decided(HINTING.configure({"release-waits-for-ack": "yes"})).obligations}
    assert {
        "initial",
        "property-no-page-lost",
        "property-hinted-pages-released",
        "premise-queue-hint-then-start-old",
        "premise-constants",
        "premise-initial",
    } <= names
    possible = [item for item in HINTING.actions if item.name not in ("reap", "refill-tlb", "begin-timed-sync")]  # of other settings
    assert {f"premise-{item.name}" for item in possible if not item.per_page} <= names
    assert {f"premise-{item.name}-page{page}" for item in possible if item.per_page for page in (0, 1, 2)} <= names
    assert {"step-fetch", "step-write-own", "step-arm-log-peer"} <= names


def without_lemmas(text: str) -> str:
    """A step's obligation with none of its lemmas assumed."""
    return re.sub(r"^; (never|no-page-lost|hinted-pages-released).*\n\(assert .*\)\n", "", text, flags=re.MULTILINE)


TAMPERED = {
    "the lemmas are not assumed of the property": ("property-no-page-lost", lambda text: re.sub(r"; lemmas\n\(assert .*\)\n", "", text)),
    "the lemmas are not assumed of a step": ("step-complete", without_lemmas),
    "another initial phase": (
        "initial",
        lambda text: text.replace("|Phase.NONE|))", "|Phase.COMPLETED|))").replace("|phase| |Phase.NONE|", "|phase| |Phase.COMPLETED|"),
    ),
    "nothing is asked": ("step-fetch", lambda text: text.replace("(check-sat)", "")),
    "nothing is asserted": ("step-fetch", lambda text: re.sub(r"^\(assert .*\)$", "", text, flags=re.MULTILINE)),
    "another answer is expected": ("step-fetch", lambda text: re.sub(r"^\(assert .*\)$", "", text, flags=re.MULTILINE).replace("status unsat", "status sat")),
    "nothing is left": ("step-fetch", lambda text: ""),
    "the queue's claim assumes less": (
        "premise-queue-hint-then-stop",
        lambda text: re.sub(r"; can be popped before\n\(assert .*\)\n", "", text),
    ),
    "the premise assumes less": ("premise-arm-log-page1", lambda text: re.sub(r"; a well-formed state\n\(assert .*\)\n", "", text)),
}


@pytest.mark.parametrize("case", TAMPERED)
def test_a_tampered_obligation_is_not_confirmed(case: str) -> None:
    name, tamper = TAMPERED[case]
    item = next(item for item in obligations(name) if item.name == name)
    text = tamper(item.text)
    assert text != item.text
    assert recheck([item])
    with pytest.raises(RecheckFailed, match=f"obligation {name}"):
        recheck([item, Obligation(name, text)])


@pytest.mark.parametrize("answer", ["sat", ""])
def test_nothing_is_proved_that_cvc5_does_not_confirm(answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = list(decided(PRECOPY.configure()).obligations)
    text = {"sat": "(set-logic ALL)(check-sat)", "": ""}[answer]
    monkeypatch.setattr(verdict, "obligations", lambda invariant: [*genuine[:3], Obligation("doubtful", text)])
    result = verdict.prove_system("precopy")
    assert result.verdict == "undecided"
    assert result.rechecked_by == ""
    assert len(result.reasons) == 1
    assert "doubtful" in result.reasons[0]


def test_an_invariant_that_misses_a_lemma_is_not_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(invariant: object) -> object:
        invariant.lemmas = invariant.lemmas[:1]
        return invariant

    monkeypatch.setattr(verdict, "prune", careless)
    result = verdict.prove_system("precopy")
    assert result.verdict == "undecided"
    assert "to obligation step-" in result.reasons[0]
