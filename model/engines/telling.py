"""A shortest run that tells a mutant, or another configuration, from the model: the test that is missing, or what a setting is good for.

Both take the same steps side by side, on real pages with the real queue and counted ids, until one of them can take a step that the other cannot, or violates
a property that the other does not.  A step of an explicit instance has one outcome, so all there is to follow is pairs of states.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from balloonproof.model.compiled import Layout, Move, compile_predicate, compile_steps
from balloonproof.model.engines.equivalence import mixed_pairs
from balloonproof.model.engines.reachability import States, contains, holds
from balloonproof.model.explicit import Explicit
from balloonproof.model.steps import Step, constants_of, restricted
from balloonproof.model.terms import FALSE, Term, const, negate, substitute, variable

MOST = 10_000_000
"""Pairs of states beyond which it is given up."""


@dataclass(frozen=True)
class Telling:
    """The steps of a run, and what tells at its end: the last step is possible `only in` one of the two, or a property is violated only there."""

    steps: tuple[str, ...]
    what: str

    def __str__(self) -> str:
        return f"{', '.join(self.steps)} ({self.what})"


@dataclass(frozen=True, eq=False)
class _Level:
    """Pairs of states that the same steps lead to; each came by a step (its number) from a pair of the level before it."""

    model: States
    mutant: States
    before: NDArray[np.intp]
    step: NDArray[np.intp]


class _SideBySide:
    """Both instances over the variables that change in either."""

    def __init__(self, model: Explicit, other: Explicit) -> None:
        sides = [[step for item in side.configuration.system.actions for step in side.steps_of(item)] for side in (model, other)]
        first = {name: const(value, model.declared[name]) for name, value in model.first_values.items() if value is not None}
        constants = constants_of([*sides[0], *sides[1]], first)
        fixed = {term.name for term in constants}
        self.layout = Layout.of({name: sort for name, sort in model.declared.items() if name not in fixed})
        self.first = {name: model.first_values[name] for name in self.layout.sorts}
        self.moves = [self._moves(steps, constants) for steps in sides]
        self.names = list(dict.fromkeys([*self.moves[0], *self.moves[1]]))
        state = model.state({name: variable(name, sort) for name, sort in model.declared.items()})
        always = [item for item in model.configuration.system.properties if item.kind == "always"]
        self.violated = {item.name: compile_predicate(substitute(negate(item.holds(state, state.pages[0])), constants), self.layout) for item in always}

    def _moves(self, steps: Sequence[Step], constants: Mapping[Term, Term]) -> dict[str, Move]:
        taken = [step for step in (restricted(step, constants) for step in steps) if step.guard is not FALSE]
        return {move.name: move for move in compile_steps(taken, self.layout, keep_idle=True)}

    def initial(self) -> _Level:
        states = np.array(self.layout.states(self.first), dtype=np.int64)
        return _Level(states, states, *[np.zeros(len(states), dtype=np.intp)] * 2)

    def difference(self, level: _Level) -> tuple[int, str, str] | None:
        """A pair of this level that is told apart: its position, the step that only one can take (if that is how), and what tells."""
        for name, bad in self.violated.items():
            one, other = holds(bad, level.model), holds(bad, level.mutant)
            for position in np.flatnonzero(one != other)[:1]:
                return int(position), "", f"violates {name} only in the {'model' if one[position] else 'mutant'}"
        for name in self.names:
            one, other = self._enabled(0, name, level.model), self._enabled(1, name, level.mutant)
            for position in np.flatnonzero(one != other)[:1]:
                return int(position), name, f"only in the {'model' if one[position] else 'mutant'}"
        return None

    def _enabled(self, which: int, name: str, states: States) -> NDArray[np.bool_]:
        move = self.moves[which].get(name)
        return holds(move.enabled, states) if move else np.zeros(len(states), dtype=bool)

    def after(self, level: _Level) -> _Level:
        """What all steps lead to; both can take the same ones.  Nothing is asked for beyond a violation."""
        sound = np.ones(len(level.model), dtype=bool)
        for bad in self.violated.values():
            sound &= ~holds(bad, level.model)
        parts = []
        for number, name in enumerate(self.names):
            before = np.flatnonzero(self._enabled(0, name, level.model) & sound)
            if len(before):
                one, other = (np.broadcast_to(moves[name].after(states[before]), before.shape) for moves, states in self._sides(level))
                parts.append(_Level(one, other, before, np.full(len(before), number)))
        return _Level(*(np.concatenate([getattr(part, item.name) for part in parts]) for item in fields(_Level))) if parts else _Level(*[_NONE] * 4)

    def _sides(self, level: _Level) -> Iterator[tuple[dict[str, Move], States]]:
        return zip(self.moves, (level.model, level.mutant), strict=True)


_NONE = np.zeros(0, dtype=np.int64)


def telling_run(model: Explicit, other: Explicit) -> Telling | None:
    """A shortest run that tells two instances of the same shape apart; None if there is none, or none was found within the bound."""
    both = _SideBySide(model, other)
    levels = [both.initial()]
    seen = np.sort(_keys(levels[0]))
    while len(seen) <= MOST and len(levels[-1].model):
        if found := both.difference(levels[-1]):
            position, last, what = found
            return Telling((*_path(both.names, levels, position), *([last] if last else [])), what)
        level = both.after(levels[-1])
        keys, first = np.unique(_keys(level), return_index=True)
        known = contains(seen, keys)
        seen = np.concatenate([seen, keys[~known]])
        seen.sort(kind="stable")
        levels.append(_Level(*(getattr(level, item.name)[first[~known]] for item in fields(_Level))))
    return None


def _keys(level: _Level) -> States:
    """A number for each pair, by which it is known again; two pairs have the same by the chance of a hash."""
    return mixed_pairs(level.model, level.mutant).view(np.int64)


def _path(names: Sequence[str], levels: Sequence[_Level], position: int) -> list[str]:
    path: list[str] = []
    for level in reversed(levels[1:]):
        path.append(names[level.step[position]])
        position = int(level.before[position])
    return path[::-1]
