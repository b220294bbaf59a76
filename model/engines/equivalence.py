"""Equivalence: can any run tell two systems apart?

They are equivalent if their initial states are bisimilar: the same properties hold, the same actions can happen in the same roles, and whatever happens the
states after it are bisimilar again.  States are sorted into classes by what can be told of them so far, and again by the classes that their steps
lead to, until no class is split.  Both answers are exact up to a collision of 64-bit hashes.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from balloonproof.model.compiled import compile_predicate, compile_steps
from balloonproof.model.engines.reachability import Searched, States, contains, holds, sorted_unique
from balloonproof.model.explicit import Explicit
from balloonproof.model.one_page import OTHERS, OnePage
from balloonproof.model.terms import Term

Classes = NDArray[np.uint64]
Positions = NDArray[np.intp]

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class _Edges:
    """The steps of one action in one role: positions of the states before and after; `functional`: no state has two."""

    label: np.uint64
    sources: Positions
    targets: Positions
    functional: bool

    @staticmethod
    def of(label: np.uint64, sources: list[Positions], targets: list[Positions]) -> _Edges:
        before, after = np.concatenate(sources), np.concatenate(targets)
        return _Edges(label, before, after, len(sources) == 1 or len(np.unique(before)) == len(before))


@dataclass
class _Graph:
    """The reachable states of a system by position, their steps, and each state's class."""

    edges: list[_Edges]
    classes: Classes
    initial: Positions

    def refine(self) -> Classes:
        """Tell states apart by where their steps lead; the classes that there were before."""
        known, numbers = np.unique(self.classes, return_inverse=True)
        refined = mixed(self.classes)
        for item in self.edges:
            if item.functional:
                refined[item.sources] += mixed(self.classes[item.targets] ^ item.label)
            elif len(item.sources):  # several ways to one class count once
                pairs = sorted_unique(item.sources * len(known) + numbers[item.targets])
                sources, first = np.unique(pairs // len(known), return_index=True)
                refined[sources] += np.add.reduceat(mixed(known[pairs % len(known)] ^ item.label), first)
        self.classes = refined
        return known

    def beginnings(self) -> set[int]:
        """The classes of the initial states."""
        return set(self.classes[self.initial].tolist())


def are_equivalent(one: Searched, other: Searched) -> bool:
    """Is every initial state of each system bisimilar to one of the other?"""
    return told_apart_after(one, other) is None


def told_apart_after(one: Searched, other: Searched) -> int | None:
    """How many steps it takes to tell the systems apart, as long as either may choose the next; None if nothing ever does.

    Classes are counted in both systems together: in each by itself no class may be split any more while the two still come apart.
    """
    names = dict.fromkeys(step.name for item in (one, other) for step in item.system.steps)
    labels = {name: mixed(np.array([number], dtype=np.uint64))[0] for number, name in enumerate(names)}
    graphs = [_graph(item, labels) for item in (one, other)]
    steps, count = 0, 0
    while graphs[0].beginnings() == graphs[1].beginnings():
        if count == (count := len(np.union1d(*(graph.refine() for graph in graphs)))):
            return None
        steps += 1
    return steps


def _graph(searched: Searched, labels: dict[str, np.uint64]) -> _Graph:
    states = searched.states
    ends: dict[str, list[tuple[Positions, Positions]]] = defaultdict(list)
    seen = [step for step in searched.system.steps if step.updates or step.role not in OTHERS]
    for move in compile_steps(seen, searched.layout, keep_idle=True):
        sources = np.flatnonzero(holds(move.enabled, states))
        targets = np.searchsorted(states, np.asarray(np.broadcast_to(move.after(states[sources]), sources.shape)))
        ends[move.name].append((sources, targets))
    edges = [_Edges.of(labels[name], *map(list, zip(*found, strict=True))) for name, found in ends.items()]
    return _Graph(edges, _judged(searched), np.flatnonzero(contains(searched.levels[0], states)))


def _judged(searched: Searched) -> Classes:
    """Classes by which properties hold."""
    classes = np.zeros(len(searched.states), dtype=np.uint64)
    for number, term in enumerate(told_terms(searched.system)):
        classes += holds(compile_predicate(term, searched.layout), searched.states).astype(np.uint64) << np.uint64(number)
    return classes


def told_terms(system: OnePage | Explicit) -> list[Term]:
    """What can be told of a single state: which properties hold in it.  A witness says that there is a state, not which, so nothing is asked of each."""
    asked = [item for item in system.configuration.system.properties if item.kind != "sometimes"]
    return [term for item in asked for term in (system.predicate(item), system.given(item))]


def mixed(values: Classes) -> Classes:
    """A hash of each value (splitmix64), another for each."""
    values = (values + np.uint64(1)) * _MULTIPLIER
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def mixed_pairs(one: States, other: States) -> Classes:
    """A hash of each pair of states."""
    return mixed(mixed(one.astype(np.uint64)) ^ other.astype(np.uint64))
