"""Mutants of the model: what they lack, what notices them, and that the judge is right about those that change nothing."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balloonproof.checker.report.mutation import in_words, mutation_json, mutation_lines
from balloonproof.model.actions import guest, management
from balloonproof.model.engines.mutation import Judge, Mutant, MutatedOnePage, MutationResult, mutants, mutate
from balloonproof.model.engines.reachability import contains, explore
from balloonproof.model.language import Property
from balloonproof.model.state import Owner
from balloonproof.model.systems import find_system

SCHEMA = Path(__file__).parent.parent / "checker" / "report" / "results.schema.json"
PRECOPY = find_system("precopy")


@cache
def judge() -> Judge:
    return Judge(PRECOPY.configure())


@cache
def every() -> dict[str, Mutant]:
    return {str(item): item for item in mutants(judge().one)}


def test_every_effect_and_every_condition_is_dropped_once() -> None:
    found = list(mutants(judge().one))
    assert len(every()) == len(found)
    lost = {(item.step.name, item.part) for item in found if item.kind == "effect"}
    assert lost >= {(step.name, cell) for step in judge().one.steps for cell in step.updates if step.role in ("", "own") and cell == "phase"}
    for item in found:
        if item.kind == "effect":
            assert set(item.step.updates) - set(item.changed.updates) == {item.part}
            assert item.changed.guard is item.step.guard
        else:
            assert item.changed.updates == item.step.updates
            assert item.changed.guard is not item.step.guard


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("complete without guard ~page.dirty", "violates no-page-lost"),
        ("write(own) without effect page.logged", "violates no-page-lost; the premise fails"),
        ("fetch without effect page.ram_dirty", "violates no-page-lost; the premise fails"),
        ("write(own) without effect page.relied", "the premise fails"),
        ("initialise(own) without guard ~page.holds_ring", "unnoticed"),
    ],
)
def test_what_notices_a_mutant(name: str, words: str) -> None:
    assert in_words(judge().outcome(every()[name])) == words


def test_what_cannot_happen_any_more_is_named() -> None:
    found = judge().outcome(every()["start-migration without effect phase"])
    assert found.violated == ()
    assert {"step complete", "witness migration-completes"} <= set(found.impossible)
    assert found.caught


def test_a_step_that_the_mutant_shares_with_the_model_is_the_same() -> None:
    # To pause a VM that does not run changes nothing.
    found = judge().outcome(every()["pause without guard running"])
    assert found.same
    assert not found.caught


def mutated(item: Mutant) -> MutatedOnePage:
    return MutatedOnePage(judge().configuration, judge().one, item.changed)


@given(st.data())
@settings(max_examples=8, deadline=None)
def test_without_a_condition_nothing_is_lost(data: st.DataObject) -> None:
    item = data.draw(st.sampled_from([item for item in every().values() if item.kind == "guard"]))
    assert contains(explore(mutated(item)).states, judge().reachable.states).all()


@given(st.data())
@settings(max_examples=8, deadline=None)
def test_the_same_steps_lead_to_the_same_states(data: st.DataObject) -> None:
    item = data.draw(st.sampled_from(list(every().values())))
    same_states = np.array_equal(explore(mutated(item)).states, judge().reachable.states)
    assert same_states >= judge()._same(mutated(item))


# --------------------------------------------------------------------------------------------------------- a small system

SMALL = dataclasses.replace(
    PRECOPY,
    name="small",
    actions=(guest.allocate, guest.free, management.pause, management.resume),
    properties=(
        Property("used-while-running", "A page is in use only while the VM runs.", "always", lambda s, page: s.running | (page.owner == Owner.FREE)),
        Property("used", "A page can be in use.", "sometimes", lambda s, page: page.owner == Owner.USED),
        Property("paused", "The VM can be paused.", "sometimes", lambda s, page: ~s.running),
    ),
)


@cache
def small() -> MutationResult:
    return mutate(SMALL.configure())


def test_all_are_judged_in_the_order_of_the_text() -> None:
    assert [str(mutant) for mutant, _ in small().outcomes] == [str(item) for item in mutants(Judge(SMALL.configure()).one)]
    outcomes = {str(mutant): in_words(outcome) for mutant, outcome in small().outcomes}
    assert outcomes["allocate(own) without effect page.owner"] == "never: step free(own), witness used; the premise fails"
    assert outcomes["pause without effect running"] == "never: step resume, witness paused; the premise fails"


def test_a_property_that_does_not_hold_anyway_is_no_news() -> None:
    assert all(outcome.violated == () for _, outcome in small().outcomes)


def test_the_report_counts_and_names_them() -> None:
    text = "\n".join(mutation_lines(small(), verbose=True))
    assert f"{len(small().outcomes)} mutants" in text
    for mutant, outcome in small().survivors:
        assert str(mutant) in text if outcome.premise_fails else f"{mutant.step.name}: {mutant.part}" in text
    found = json.loads(json.dumps(mutation_json(small())))
    jsonschema.validate(found, json.loads(SCHEMA.read_text()))
    assert (found["format"], found["version"]) == ("balloonproof mutate", 1)
    assert len(found["mutants"]) == len(small().outcomes)


@pytest.mark.parametrize(("words", "near"), [(["precpy"], "did you mean 'precopy'"), (["precopy", "--set", "dirty-lg=manual"], "did you mean 'dirty-log'")])
def test_a_wrong_word_is_one_line_and_exit_2(words: list[str], near: str) -> None:
    result = subprocess.run([sys.executable, "-m", "balloonproof.checker", "mutate", *words], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert near in result.stderr
