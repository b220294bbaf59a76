"""Bounded search: a shortest run of an explicit instance into a bad state, by Z3.

One selector variable per step says which explicit step is taken; the next state is a function of it.  Lengths are tried one after the other,
from the one-page system's shortest on: no explicit run is shorter (`engines.premise`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import z3

from balloonproof.model.engines.z3_terms import Z3Terms, value_of
from balloonproof.model.explicit import Explicit
from balloonproof.model.language import Step
from balloonproof.model.terms import Term


@dataclass(frozen=True)
class RunStep:
    """One step of an explicit run: which, and the values of all variables before and after it."""

    step: Step
    before: dict[str, int]
    after: dict[str, int]


@dataclass(frozen=True)
class Run:
    """A run of an explicit instance from an initial state."""

    explicit: Explicit
    steps: tuple[RunStep, ...]

    def __len__(self) -> int:
        return len(self.steps)


class BoundedSearch:
    """An explicit instance unrolled step by step, on demand."""

    def __init__(self, explicit: Explicit) -> None:
        self.explicit, self.steps = explicit, explicit.steps
        self.solver = z3.SolverFor("QF_FD")
        self.layers: list[Z3Terms] = []
        self.selectors: list[Any] = []
        self._layer()
        self.solver.add(self.layers[0].translate(explicit.initial))

    def _layer(self) -> None:
        depth = len(self.layers)
        layer = Z3Terms(lambda name, depth=depth: f"{name}@{depth}")  # type: ignore[misc]
        self.layers.append(layer)
        for name, sort in self.explicit.variables.items():
            self.solver.add(layer.in_sort(name, sort))

    def _extend(self) -> None:
        """One more step."""
        depth = len(self.selectors)
        width = max(1, (len(self.steps) - 1).bit_length())
        selector = z3.BitVec(f"step@{depth}", width)
        self.selectors.append(selector)
        before = self.layers[depth]
        self._layer()
        after = self.layers[depth + 1]
        taken = [selector == index for index in range(len(self.steps))]
        self.solver.add(z3.Or(*taken))
        updated: dict[str, list[int]] = {}
        for index, step in enumerate(self.steps):
            self.solver.add(z3.Implies(taken[index], before.translate(step.guard)))
            for name in step.updates:
                updated.setdefault(name, []).append(index)
        for name, sort in self.explicit.variables.items():
            value = before.variable(name, sort)
            for index in updated.get(name, ()):
                value = z3.If(taken[index], before.translate(self.steps[index].updates[name]), value)
            self.solver.add(after.variable(name, sort) == value)

    def run_of(self, length: int, goal: Term) -> Run | None:
        """A run of exactly `length` steps from an initial state into `goal`; None if there is none."""
        while len(self.selectors) < length:
            self._extend()
        if len(self.selectors) > length:
            raise ValueError("lengths must not decrease")
        if self.solver.check(self.layers[-1].translate(goal)) != z3.sat:
            return None
        model = self.solver.model()
        states = []
        for layer in self.layers:
            items = self.explicit.variables.items()
            states.append({name: value_of(model, layer.variable(name, sort)) for name, sort in items})
        taken: Sequence[int] = [value_of(model, selector) for selector in self.selectors]
        pairs = zip(taken, states, states[1:], strict=False)
        return Run(self.explicit, tuple(RunStep(self.steps[index], before, after) for index, before, after in pairs))
