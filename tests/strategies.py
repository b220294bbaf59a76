"""Helpers that several tests share."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from balloonproof.model.compiled import Layout, compile_predicate, compile_steps
from balloonproof.model.engines.reachability import States, apply, contains, holds, sorted_unique
from balloonproof.model.explicit import Explicit
from balloonproof.model.terms import Term


def levels(explicit: Explicit) -> Iterator[States]:
    """Brute force, without solver and without abstraction: the states of an explicit instance, by the least number of steps that lead there."""
    layout = Layout.of(explicit.variables)
    assert layout.width <= 63
    moves = compile_steps(explicit.steps, layout)
    seen = frontier = np.array(layout.states(explicit.initial_values), dtype=np.int64)
    while len(frontier):
        yield frontier
        after = sorted_unique(np.concatenate([apply(move, frontier) for move in moves]))
        frontier = after[~contains(seen, after)]
        seen = np.sort(np.concatenate([seen, frontier]), kind="stable")


def shortest(explicit: Explicit, goal: Term) -> int | None:
    """The least number of steps into `goal`, by brute force; None if no run leads there."""
    test = compile_predicate(goal, Layout.of(explicit.variables))
    return next((depth for depth, states in enumerate(levels(explicit)) if holds(test, states).any()), None)
