"""Equivalence: can any run tell two one-page systems apart?

They are equivalent if their initial states are bisimilar: the same properties hold, the same actions can happen in the same roles, and whatever happens the
states after it are bisimilar again.  States are sorted into classes by what can be told of them so far, and again by the classes that their steps
lead to, until no class is split.  Ways of one action to one class are counted, so two systems that differ only in that are told apart: an
answer "equivalent" is exact up to a collision of 64-bit hashes, the other may be too strict.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from balloonproof.model.compiled import Layout, compile_predicate, compile_steps
from balloonproof.model.engines.reachability import Reachable, contains, holds, initial_states
from balloonproof.model.one_page import OTHERS, OnePage

Classes = NDArray[np.uint64]
Positions = NDArray[np.intp]

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


@dataclass
class _Graph:
    """The reachable states of a system by position, their steps, and each state's class."""

    edges: list[tuple[np.uint64, Positions, Positions]]
    classes: Classes
    initial: Positions

    def refine(self) -> None:
        """Tell states apart by where their steps lead."""
        mixed = _mixed(self.classes)
        for label, sources, targets in self.edges:
            mixed[sources] += _mixed(self.classes[targets] ^ label)
        self.classes = mixed

    @property
    def count(self) -> int:
        return len(np.unique(self.classes))


def are_equivalent(one: Reachable, other: Reachable) -> bool:
    """Is every initial state of each system bisimilar to one of the other?"""
    names = dict.fromkeys(step.name for item in (one, other) for step in item.system.steps)
    labels = {name: _mixed(np.array([number], dtype=np.uint64))[0] for number, name in enumerate(names)}
    graphs = [_graph(item, labels) for item in (one, other)]
    counts = [0, 0]
    while True:
        for graph in graphs:
            graph.refine()
        if set(graphs[0].classes[graphs[0].initial].tolist()) != set(graphs[1].classes[graphs[1].initial].tolist()):
            return False
        if counts == (counts := [graph.count for graph in graphs]):
            return True


def _graph(reachable: Reachable, labels: dict[str, np.uint64]) -> _Graph:
    system, states, layout = reachable.system, reachable.states, reachable.layout
    edges = []
    for move in compile_steps([step for step in system.steps if step.updates or step.role not in OTHERS], layout, keep_idle=True):
        sources = np.flatnonzero(holds(move.enabled, states))
        targets = np.searchsorted(states, np.asarray(np.broadcast_to(move.after(states[sources]), sources.shape)))
        edges.append((labels[move.name], sources, targets))
    initial = np.flatnonzero(contains(initial_states(system, layout), states))
    return _Graph(edges, _judged(system, layout, reachable), initial)


def _judged(system: OnePage, layout: Layout, reachable: Reachable) -> Classes:
    """Classes by which properties hold."""
    classes = np.zeros(len(reachable.states), dtype=np.uint64)
    for number, item in enumerate(system.configuration.system.properties):
        for offset, term in enumerate((system.predicate(item), system.given(item))):
            classes += holds(compile_predicate(term, layout), reachable.states).astype(np.uint64) << np.uint64(2 * number + offset)
    return classes


def _mixed(values: Classes) -> Classes:
    """A hash of each value (splitmix64)."""
    values = (values + np.uint64(1)) * _MULTIPLIER
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
