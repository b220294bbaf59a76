"""The shortest run that tells a mutant from the model: it is a run of one, and not of the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balloonproof.model.engines.correspondence import takes_same_steps
from balloonproof.model.engines.equivalence import told_apart_after
from balloonproof.model.engines.mutants import Mutant, MutatedExplicit, MutatedOnePage, mutants
from balloonproof.model.engines.mutation import told_from_model
from balloonproof.model.engines.page_progress import ALONE, explore_pages
from balloonproof.model.engines.reachability import explore
from balloonproof.model.engines.telling import telling_run
from balloonproof.model.explicit import Explicit
from balloonproof.model.one_page import OnePage
from balloonproof.model.steps import Step
from balloonproof.model.systems import PRECOPY
from balloonproof.model.terms import evaluate

CONFIGURATION = PRECOPY.configure()
GUARDS = [guard.name for guard in PRECOPY.guards]
VALUES = {item.name: st.sampled_from(item.values) for item in PRECOPY.settings}
ROUND = ("start-migration", "stop-hints", "fetch", "merge", "request-hints")


@cache
def every() -> dict[str, Mutant]:
    return {str(item): item for item in mutants(OnePage(CONFIGURATION))}


@pytest.mark.parametrize(
    ("name", "steps", "what"),
    [
        ("pause without guard s.running", ("pause", "pause"), "only in the mutant"),
        ("end-round without guard s.send == Send.IDLE", (*ROUND, "arm-log(page0)", "end-round"), "only in the mutant"),
        ("resume without effect s.running = True", ("pause", "resume", "allocate(page0)"), "only in the model"),
    ],
)
def test_it_is_the_shortest(name: str, steps: tuple[str, ...], what: str) -> None:
    found = told_from_model(CONFIGURATION, every()[name])
    assert found is not None
    assert (found.steps, found.what) == (steps, what)


def test_a_violation_tells_too() -> None:
    name = "free without effect page.relied = fills"
    configuration = PRECOPY.configure({"memslot-removal": "vcpus-run"})
    mutant = next(item for item in mutants(OnePage(configuration)) if str(item) == name)
    found = told_from_model(configuration, mutant)
    assert found is not None
    assert found.what == "violates no-page-lost only in the mutant"
    assert found.steps[-1] == "complete"


def test_of_what_cannot_be_told_there_is_none() -> None:
    assert told_from_model(CONFIGURATION, every()["arm-log without effect page.fetched = page.fetched & ~pending"]) is None


def test_a_configuration_is_told_too_and_bisimulation_says_the_same() -> None:
    """By a run of 24 steps: in each of the two by itself no class of states is split any more long before."""
    one, other = Explicit(CONFIGURATION, ALONE), Explicit(PRECOPY.configure(without=["clear-only-fetched"]), ALONE)
    found = telling_run(one, other)
    assert found is not None
    assert (found.steps[-1], found.what) == ("arm-log(page0)", "only in the model")
    assert told_apart_after(explore_pages(one), explore_pages(other)) == len(found.steps) == 24


@given(st.data())
@settings(deadline=None, max_examples=8)
def test_there_is_a_run_where_bisimulation_tells_them_apart(data: st.DataObject) -> None:
    one, other = (PRECOPY.configure(data.draw(st.fixed_dictionaries(VALUES)), data.draw(st.sets(st.sampled_from(GUARDS), max_size=1))) for _ in range(2))
    found = telling_run(Explicit(one, ALONE), Explicit(other, ALONE))
    if found is None or "violates" not in found.what:
        apart = told_apart_after(*(explore_pages(Explicit(item, ALONE)) for item in (one, other)))
        assert apart == (len(found.steps) if found else None)


@given(st.data())
@settings(deadline=None, max_examples=15)
def test_it_is_a_run_of_one_and_not_of_the_other(data: st.DataObject) -> None:
    mutant = data.draw(st.sampled_from(list(every().values())))
    one = OnePage(CONFIGURATION)
    found = told_from_model(CONFIGURATION, mutant)
    if found is None:
        return
    assert not takes_same_steps(MutatedOnePage(CONFIGURATION, one, mutant), explore(one).states)
    own = Explicit(CONFIGURATION, ALONE)
    steps = [step for item in CONFIGURATION.system.actions for step in own.steps_of(item)]
    changed = MutatedExplicit(CONFIGURATION, ALONE, mutant=mutant).written_steps
    possible = [tuple(can_take(named(which), begin, found.steps) for which in (steps, changed)) for begin in beginnings(own)]
    assert {"only in the model": (True, False), "only in the mutant": (False, True)}.get(found.what, (True, True)) in possible


def named(steps: Iterable[Step]) -> dict[str, Step]:
    return {step.name: step for step in steps}


def beginnings(explicit: Explicit) -> Iterator[dict[str, int]]:
    values = explicit.first_values
    for ring in (0, 1):
        yield {name: ring if value is None else value for name, value in values.items()}


def can_take(steps: dict[str, Step], state: dict[str, int], names: Iterable[str]) -> bool:
    """Can these steps be taken, one after the other, by the slow evaluator?"""
    for name in names:
        if name not in steps or not evaluate(steps[name].guard, state):
            return False
        state = state | {cell: evaluate(term, state) for cell, term in steps[name].updates.items()}
    return True
