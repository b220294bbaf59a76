"""Which guards a proof needs, and what those are for that it does not need."""

from __future__ import annotations

from dataclasses import replace

from balloonproof.checker.report.necessity import necessity_json, necessity_lines
from balloonproof.model.engines.necessity import necessity, same_behaviour
from balloonproof.model.systems import HINTING, PRECOPY

LEGACY = {"dirty-log": "get-and-clear"}


def test_each_guard_of_a_proof_is_needed_or_not() -> None:
    some = replace(PRECOPY, guards=tuple(guard for guard in PRECOPY.guards if guard.name in ("fresh-bitmap", "final-sync", "clear-only-fetched")))
    found = necessity(some.configure(LEGACY))
    assert found.verdict == "proved"
    outcomes = {item.guard.name: (item.outcome, item.without.length) for item in found.guards}
    assert set(outcomes) == {guard.name for guard in some.guards}
    assert outcomes["fresh-bitmap"] == ("needed", 18)
    assert outcomes["final-sync"] == ("needed", 11)
    assert outcomes["clear-only-fetched"] == ("no effect", None)  # nothing is cleared by chunk here
    (result,) = necessity_json([found])["results"]
    assert {item["guard"]: (item["outcome"], item["length"]) for item in result["guards"]} == outcomes
    assert "without it no-page-lost is violated in 11 steps" in "\n".join(necessity_lines(found))


def test_without_a_proof_there_is_nothing_to_need() -> None:
    found = necessity(HINTING.configure(without=["done-on-cleanup"]))
    assert (found.verdict, found.guards) == ("refuted", ())
    assert list(necessity_lines(found)) == ["hinting without done-on-cleanup: refuted, so there is no proof that could need a guard"]


def test_behaviour_is_compared_state_by_state_and_step_by_step() -> None:
    legacy = PRECOPY.configure(LEGACY)
    assert same_behaviour(legacy, PRECOPY.configure({**LEGACY, "initially-set": "no"}))
    assert same_behaviour(legacy, PRECOPY.configure(LEGACY, ["clear-only-fetched"]))
    assert not same_behaviour(legacy, PRECOPY.configure())
    assert not same_behaviour(legacy, PRECOPY.configure(LEGACY, ["fresh-bitmap"]))
