"""Correspondence: does a mutant differ from the model only in what nothing asks for?  That is seen from the model's states, without a search of the mutant.

A state of the mutant corresponds to the one that the model is in after the same steps with the same inputs.  If from there on the same moves can be made in
both and the same properties hold, whatever comes, then these pairs, with each state of the model beside itself, make a bisimulation.  Only pairs that
differ are followed, so it costs what the difference costs: without a reset of what is not read any more there are few.

That pairs do not correspond proves nothing, for others may be bisimilar (`equivalence` decides).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from balloonproof.model.compiled import Layout, Move, compile_predicate, compile_steps
from balloonproof.model.engines.equivalence import mixed_pairs, told_terms
from balloonproof.model.engines.mutants import MutatedOnePage
from balloonproof.model.engines.reachability import States, blocks, holds
from balloonproof.model.one_page import OTHERS
from balloonproof.model.steps import Step

Pairs = tuple[States, States]
"""States of the mutant, and the states of the model that they correspond to."""


class _Told(Exception):
    """A pair does not correspond."""


def takes_same_steps(system: MutatedOnePage, states: States) -> bool:
    """Has the action that was changed, in each of these states of the model, the steps that it has there originally?"""
    both = _Both(system)
    try:
        return not any(len(one) for block in both.identical(states) for one, _ in both.after_change(block))
    except _Told:
        return False


def corresponds(system: MutatedOnePage, states: States) -> bool:
    """Can nothing be told of the mutant and of the model, whose reachable `states` these are?  False if the pairs do not show it."""
    both = _Both(system)
    seen = np.zeros(0, dtype=np.uint64)
    try:
        new = _joined(pairs for block in both.identical(states) for pairs in both.after_change(block))
        while len(new[0]):
            keys, first = np.unique(mixed_pairs(*new), return_index=True)
            first = first[~np.isin(keys, seen, assume_unique=True)]
            seen = np.union1d(seen, keys)
            new = _joined(pairs for block in blocks(first) for pairs in both.after((new[0][block], new[1][block])))
    except _Told:
        return False
    return True


def _joined(pairs: Iterable[Pairs]) -> Pairs:
    parts = [*pairs, (np.zeros(0, dtype=np.int64),) * 2]
    return np.concatenate([one for one, _ in parts]), np.concatenate([other for _, other in parts])


class _Both:
    """The moves of the mutant and of the model.  `_Told` is raised where a pair does not correspond."""

    def __init__(self, system: MutatedOnePage) -> None:
        self.system, self.layout = system, Layout.of(system.variables)
        mutant, model = self._moves(system.changed_steps), self._moves(system.original_steps)
        self.changed = [(move, _matching(move, model)) for move in mutant], [(move, _matching(move, mutant)) for move in model]
        self.others = self._moves(step for step in system.steps if step.action is not system.mutant.action)
        self.told = [compile_predicate(term, self.layout) for term in told_terms(system)]

    def _moves(self, steps: Iterable[Step]) -> list[Move]:
        """Moves that a page can tell of: it takes them itself, or they change what it sees."""
        return compile_steps([step for step in steps if step.updates or step.role not in OTHERS], self.layout, keep_idle=True)

    def identical(self, states: States) -> Iterator[Pairs]:
        """Each of these states of the model beside itself."""
        for block in blocks(self.system.relaid(states, Layout.of(self.system.original.variables))):
            yield block, block

    def after(self, pairs: Pairs) -> Iterator[Pairs]:
        """What differs after every move."""
        one, other = pairs
        for holding in self.told:
            _must_be_equal(holds(holding, one), holds(holding, other))
        for move in self.others:
            enabled = holds(move.enabled, one)
            _must_be_equal(enabled, holds(move.enabled, other))
            yield _differing(_after(move, one[enabled]), _after(move, other[enabled]))
        yield from self.after_change(pairs)

    def after_change(self, pairs: Pairs) -> Iterator[Pairs]:
        """What differs after the moves of the action that was changed: each of one side is answered by one of the other, an equal one if there is one."""
        mutant, model = pairs
        for move, answers in self.changed[0]:
            yield from _answered(move, answers, mutant, model)
        for move, answers in self.changed[1]:
            yield from ((one, other) for other, one in _answered(move, answers, model, mutant))


def _matching(move: Move, others: Sequence[Move]) -> list[Move]:
    """The moves of the other side in the same role, those with the same inputs first."""
    same_role = [other for other in others if other.step.role == move.step.role]
    return sorted(same_role, key=lambda other: sum(other.inputs.get(name, value) != value for name, value in move.inputs.items()))


def _answered(move: Move, answers: Sequence[Move], own: States, others: States) -> Iterator[Pairs]:
    """Pairs of a state that `move` leads to and a different one that an answer leads to."""
    enabled = holds(move.enabled, own)
    states, target = others[enabled], _after(move, own[enabled])
    possible = [holds(answer.enabled, states) for answer in answers]
    open_cases = np.ones(len(states), dtype=bool)
    for answer, enabled in zip(answers, possible, strict=True):
        open_cases &= ~(enabled & (_after(answer, states) == target))
    for answer, enabled in zip(answers, possible, strict=True):
        taken = open_cases & enabled
        open_cases &= ~taken
        yield target[taken], _after(answer, states[taken])
    if open_cases.any():
        raise _Told


def _after(move: Move, states: States) -> States:
    return np.broadcast_to(np.asarray(move.after(states), dtype=np.int64), states.shape)


def _differing(one: States, other: States) -> Pairs:
    differ = one != other
    return one[differ], other[differ]


def _must_be_equal(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> None:
    if not np.array_equal(one, other):
        raise _Told
