"""Unseen steps: what they make of states does not depend on what was asked before."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balloonproof.checker.automaton import Automaton
from balloonproof.checker.observe import Vocabulary
from balloonproof.checker.read.events import Header
from balloonproof.checker.unseen_steps import UnseenSteps
from balloonproof.model.engines.reachability import States, apply, levels, sorted_unique
from balloonproof.model.one_page import OnePage
from balloonproof.model.systems import PRECOPY

HEADER = Header(observed=("migration.start", "migration.sync-begin", "migration.send", "management.*"))


@cache
def automaton() -> Automaton:
    one_page = OnePage(PRECOPY.configure())
    return Automaton(one_page, Vocabulary(one_page, HEADER))


@cache
def possible() -> States:
    """Everything that the system can be in."""
    seen = automaton()
    return seen.sets[seen.everything()]


@given(st.booleans(), st.lists(st.sets(st.integers(0, 1 << 30), max_size=5), min_size=1, max_size=5))
@settings(max_examples=30, deadline=None)
def test_the_closure_is_what_steps_lead_to_level_by_level(in_sync: bool, asked: list[set[int]]) -> None:
    seen, states = automaton(), possible()
    unseen = UnseenSteps(seen.unseen[in_sync].moves)
    for places in asked:
        chosen = sorted_unique(np.array([states[place % len(states)] for place in places], dtype=np.int64))
        expected = sorted_unique(np.concatenate([chosen, *levels(unseen.moves, chosen)]))
        assert np.array_equal(unseen.closure(chosen), expected)


def test_states_from_nowhere_have_a_closure_too() -> None:
    seen = automaton()
    for number in (3, 0, 12345):
        chosen = np.array([number], dtype=np.int64)
        assert np.array_equal(seen.closure(chosen, in_sync=True), sorted_unique(np.concatenate(list(levels(seen.unseen[True].moves, chosen)))))


@pytest.mark.parametrize("in_sync", [False, True])
def test_without_windows_it_does_not_matter_whether_a_sync_goes_on(in_sync: bool) -> None:
    one_page = OnePage(PRECOPY.configure())
    blind = Automaton(one_page, Vocabulary(one_page, Header(observed=("migration.start",))))
    assert blind.unseen[in_sync] is blind.unseen[True]


@given(st.booleans(), st.sets(st.integers(0, 1 << 30), min_size=1, max_size=3), st.integers(0, 1 << 30))
@settings(max_examples=30, deadline=None)
def test_a_path_is_a_shortest_run_of_moves(in_sync: bool, places: set[int], place: int) -> None:
    unseen, states = automaton().unseen[in_sync], possible()
    start = sorted_unique(np.array([states[place % len(states)] for place in places], dtype=np.int64))
    by_level = list(levels(unseen.moves, start))
    reached = np.concatenate(by_level)
    target = int(reached[place % len(reached)])
    path = unseen.path(start, target)
    assert len(path) == next(depth for depth, level in enumerate(by_level) if target in level)
    assert [step.before for step in path[1:]] == [step.after for step in path[:-1]]
    assert (path[0].before in start and path[-1].after == target) if path else target in start
    assert all(apply(step.move, np.array([step.before])).tolist() == [step.after] for step in path)
