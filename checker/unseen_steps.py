"""What steps that a trace does not show can make of states: their graph, worked out once for each state, not for each set of states.

The sets that a trace leads to overlap widely, and what unseen steps make of a set is what they make of its states.  So a set is followed along edges that
were found for others, some hundred times faster than by making the steps anew.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from balloonproof.model.compiled import Move
from balloonproof.model.engines.reachability import States, Transition, blocks, contains, holds, sorted_unique, step_into

_BITS = 32
"""An edge is the number of the state that it leaves, and in so many bits below it the one that it leads to."""


class UnseenSteps:
    """The states that were asked for, and all that `moves` lead to from them.  A state's number says when it was met."""

    def __init__(self, moves: Sequence[Move]) -> None:
        self.moves = moves
        self._states: States = np.zeros(0, dtype=np.int64)
        """Sorted."""
        self._numbers = np.zeros(0, dtype=np.int64)
        """Of the sorted states."""
        self._met: States = np.zeros(0, dtype=np.int64)
        """The states by number."""
        self._targets = np.zeros(0, dtype=np.int32)
        """Of all edges, those that leave one state beside each other, by its number."""
        self._ends = np.zeros(1, dtype=np.int64)
        """Where the edges of a state begin, and behind its place where they end."""

    def closure(self, states: States) -> States:
        """Sorted `states`, and all that the moves lead to from them."""
        self._meet(states[~contains(self._states, states)])
        reached = np.zeros(len(self._states), dtype=bool)
        frontier = self._numbered(states)
        while len(frontier):
            reached[frontier] = True
            after = self._after(frontier)
            frontier = sorted_unique(after[~reached[after]])
        return self._states[reached[self._numbers]]

    def path(self, start: States, target: int) -> list[Transition]:
        """A shortest run from one of the sorted states `start` to `target`.  AssertionError if there is none."""
        self._meet(start[~contains(self._states, start)])
        reached = np.zeros(len(self._states), dtype=bool)
        levels = [self._numbered(start)]
        while target not in self._met[levels[-1]]:
            reached[levels[-1]] = True
            after = self._after(levels[-1])
            levels.append(sorted_unique(after[~reached[after]]))
            assert len(levels[-1]), "no unseen run leads there"
        steps: list[Transition] = []
        for level in reversed(levels[:-1]):
            step = step_into(self.moves, self._leading_to(target, level), target)
            assert step, "an edge that no move has made"
            steps.insert(0, step)
            target = step.before
        return steps

    def _leading_to(self, target: int, numbers: NDArray[np.int64]) -> States:
        """Those of these states that have an edge to `target`."""
        leaving = np.repeat(numbers, self._ends[numbers + 1] - self._ends[numbers])
        return sorted_unique(self._met[leaving[self._met[self._after(numbers)] == target]])

    def _numbered(self, states: States) -> NDArray[np.int64]:
        return self._numbers[np.searchsorted(self._states, states)]

    def _after(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where the edges of these states lead."""
        begins = self._ends[numbers]
        counts = self._ends[numbers + 1] - begins
        places = np.arange(counts.sum()) + np.repeat(begins - (np.cumsum(counts) - counts), counts)
        after: NDArray[np.int64] = self._targets[places].astype(np.int64)
        return after

    def _meet(self, states: States) -> None:
        """Adds states that are not known, and all others that the moves lead to from them."""
        met = frontier = states
        before: list[States] = []
        after: list[States] = []
        while len(frontier):
            found = len(after)
            for block in blocks(frontier):
                for move in self.moves:
                    enabled = block[holds(move.enabled, block)]
                    before.append(enabled)
                    after.append(np.broadcast_to(np.asarray(move.after(enabled), dtype=np.int64), enabled.shape))
            reached = sorted_unique(np.concatenate([frontier[:0], *after[found:]]))
            frontier = reached[~contains(met, reached)]
            frontier = frontier[~contains(self._states, frontier)]
            met = np.concatenate([met, frontier])
            met.sort(kind="stable")
        if len(met):
            self._add(met, np.concatenate([met[:0], *before]), np.concatenate([met[:0], *after]))

    def _add(self, met: States, before: States, after: States) -> None:
        """Numbers states that were met, and keeps the edges that leave them."""
        first, self._met = len(self._states), np.concatenate([self._met, met])
        states = np.concatenate([self._states, met])
        order = np.argsort(states, kind="stable")
        self._states, self._numbers = states[order], np.concatenate([self._numbers, np.arange(first, len(states))])[order]
        moved = before != after
        edges = sorted_unique(self._numbered(before[moved]) << _BITS | self._numbered(after[moved]))
        self._targets = np.concatenate([self._targets, (edges & ((1 << _BITS) - 1)).astype(np.int32)])
        counts = np.bincount((edges >> _BITS) - first, minlength=len(met))
        self._ends = np.concatenate([self._ends, self._ends[-1] + np.cumsum(counts)])
