"""Progress: from every reachable state where a property's `given` holds, steps of the fair actors alone lead to one where it holds.

Assumed fair are the actors and actions that the property names, in the strong sense: a step of theirs that can be taken in a state to which the run
comes again and again is taken there in the end, whatever the others do meanwhile.  As a way is found from *every* reachable state, no step of anybody
else can take it away for good; that somebody undoes what they do every time, the assumption rules out.  The ways are those of the one-page
system, where what other pages' messages leave to choose is chosen in favour of progress; `page_progress` seeks them among the steps of real pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from balloonproof.model.compiled import Layout, Move, compile_predicate
from balloonproof.model.engines.reachability import Reachable, States, blocks, holds
from balloonproof.model.language import Action, Property
from balloonproof.model.terms import show_value

Positions = NDArray[np.intp]


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
    leads = holds(compile_predicate(system.predicate(item), reachable.layout), states)
    stuck = states[stuck_states(states, [move for move in reachable.moves if is_fair(move.step.action, item)], concerned, leads)]
    return ProgressCheck(item.name, int(np.count_nonzero(concerned)), len(stuck), in_words(reachable.layout, int(stuck[0])) if len(stuck) else "")


def stuck_states(states: States, moves: Sequence[Move], concerned: NDArray[np.bool_], goal: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Those of `states` that are `concerned` and from which no way of `moves` leads to the `goal`; `states` are sorted and closed under `moves`.

    Moves are taken up one after the other, each for the states that those before it do not lead on from.
    """
    leads = goal.copy()
    edges: list[tuple[Positions, Positions]] = []
    for move in moves:
        if concerned[~leads].any():
            edges.append(_edges(states, move, np.flatnonzero(~leads)))
            _follow(edges, leads)
    return concerned & ~leads


def _follow(edges: list[tuple[Positions, Positions]], leads: NDArray[np.bool_]) -> None:
    """Mark in `leads` whatever has a way of `edges` to what is marked; edges from what is marked are dropped."""
    grows = True
    while grows:
        grows = False
        for position, (source, target) in enumerate(edges):
            found = leads[target]
            if found.any():
                grows = True
                leads[source[found]] = True
                waiting = ~leads[source]
                edges[position] = source[waiting], target[waiting]


def is_fair(action: Action, item: Property) -> bool:
    return action.actor in item.fair or action.name in item.fair


def _edges(states: States, move: Move, among: Positions) -> tuple[Positions, Positions]:
    """All steps of `move` from those of `states` that are at the positions `among`: positions of the states before and of the states after."""
    sources, targets = [among[:0]], [among[:0]]
    for block in blocks(among):
        source = block[holds(move.enabled, states[block])]
        if len(source):
            sources.append(source)
            targets.append(np.searchsorted(states, move.after(states[source])))
    return np.concatenate(sources), np.concatenate(targets)


def in_words(layout: Layout, state: int) -> str:
    """The value of each variable in a packed state."""
    return ", ".join(f"{name} {show_value(layout.sorts[name], value)}" for name, value in layout.unpack(state).items())
