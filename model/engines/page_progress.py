"""Progress on real pages: what `progress` shows of the one-page system, checked once more on an explicit instance.

The premise turns steps of the explicit model into steps of the one-page system, which carries safety over to any number of pages.  A way
on goes the other way: what other pages do is chosen freely in the one-page system, and real pages must be able to do it.  So ways are sought here among the
real steps, exactly, for the instance's number of pages; that the same holds for more pages is not claimed.

An instance has so many queue slots and command ids.  Once the last id is issued, what needs another id cannot happen, so the ways on are asked for where
ids are left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from balloonproof.model.compiled import Layout, Move, compile_predicate, compile_steps
from balloonproof.model.engines.progress import ProgressCheck, in_words, is_fair, stuck_states
from balloonproof.model.engines.reachability import Searched, States, holds, initial_states, levels
from balloonproof.model.explicit import Explicit, Shape
from balloonproof.model.language import Property
from balloonproof.model.terms import Term, const, disj, equal

ALONE = Shape((0,), slots=3, ids=5)
"""One page with room for a few messages: small enough for exact search of every system."""

IDS_LEFT = 1
"""The command ids that a state must have left to be asked for a way on: a migration that is started again needs one."""


@dataclass(frozen=True, eq=False)
class ReachablePages(Searched):
    """All reachable states of an explicit instance."""

    system: Explicit
    layout: Layout
    moves: Sequence[Move]
    levels: Sequence[States]


def explore_pages(explicit: Explicit) -> ReachablePages:
    """Exact search of the instance; ValueError if its state does not fit into 63 bits."""
    layout = Layout.of(explicit.variables)
    if layout.width > 63:
        raise ValueError(f"a state of {explicit.shape.pages} pages of {explicit.configuration} has {layout.width} bits, more than 63")
    moves = compile_steps(explicit.steps, layout)
    return ReachablePages(explicit, layout, moves, list(levels(moves, initial_states(explicit, layout))))


def check_page_progress(reachable: ReachablePages, item: Property) -> ProgressCheck:
    """Do real steps of the fair actors lead on from each state where `item` asks for it of page 0?"""
    explicit, layout, states = reachable.system, reachable.layout, reachable.states
    moves = [move for move in reachable.moves if is_fair(move.step.action, item)]
    concerned = holds(compile_predicate(explicit.given(item) & _ids_left(explicit), layout), states)
    goal = holds(compile_predicate(explicit.predicate(item), layout), states)
    stuck = states[stuck_states(states, moves, concerned, goal)]
    return ProgressCheck(item.name, int(np.count_nonzero(concerned)), len(stuck), in_words(layout, int(stuck[0])) if len(stuck) else "")


def _ids_left(explicit: Explicit) -> Term:
    """Enough ids are left to be issued."""
    current, sort = explicit.state().transaction.read("command_id"), explicit.shape.id_sort
    return disj(*(equal(current, const(value, sort)) for value in range(sort.size - IDS_LEFT)))
