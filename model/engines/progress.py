"""Progress: from every reachable state where a property's `given` holds, steps of the fair actors alone lead to one where it holds.

Assumed fair are the actors and actions that the property names: whatever the others do meanwhile, these steps are taken in the end.  As a way is
found from *every* reachable state, no step of anybody else can take it away for good.  The ways are those of the one-page
system, where what other pages' messages leave to choose is chosen in favour of progress.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from balloonproof.model.compiled import Move, compile_predicate
from balloonproof.model.engines.reachability import Reachable, holds
from balloonproof.model.language import Action, Property
from balloonproof.model.terms import show_value


@dataclass(frozen=True)
class ProgressCheck:
    """Of `states` reachable states where the property must lead somewhere, `stuck` do not; `example` is one of these in words."""

    name: str
    states: int
    stuck: int
    example: str = ""

    def __str__(self) -> str:
        if not self.stuck:
            return f"{self.name}: from each of {self.states:,} states"
        return f"{self.name}: no way on from {self.stuck:,} of {self.states:,} states, for instance {self.example}"


def check_progress(reachable: Reachable, item: Property) -> ProgressCheck:
    """Is there a way of fair steps from each state where `item` asks for one?"""
    states, system = reachable.states, reachable.system
    concerned = holds(compile_predicate(system.given(item), reachable.layout), states)
    leads = holds(compile_predicate(system.predicate(item), reachable.layout), states).copy()
    edges = [_edges(reachable, move) for move in reachable.moves if is_fair(move.step.action, item)]
    while concerned[~leads].any():
        before = np.count_nonzero(leads)
        for source, target in edges:
            leads[source[leads[target]]] = True
        if np.count_nonzero(leads) == before:
            break
    stuck = states[concerned & ~leads]
    return ProgressCheck(item.name, int(np.count_nonzero(concerned)), len(stuck), _in_words(reachable, int(stuck[0])) if len(stuck) else "")


def is_fair(action: Action, item: Property) -> bool:
    return action.actor in item.fair or action.name in item.fair


def _edges(reachable: Reachable, move: Move) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Every step of `move` between reachable states, as positions of the state before and the state after."""
    states = reachable.states
    source = np.flatnonzero(holds(move.enabled, states)).astype(np.int32)
    if not len(source):
        return source, source
    return source, np.searchsorted(states, move.after(states[source])).astype(np.int32)


def _in_words(reachable: Reachable, state: int) -> str:
    sorts = reachable.system.variables
    return ", ".join(f"{name} {show_value(sorts[name], value)}" for name, value in reachable.layout.unpack(state).items())
