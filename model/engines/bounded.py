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
from balloonproof.model.explicit import Explicit, Shape
from balloonproof.model.language import Configuration
from balloonproof.model.steps import Step
from balloonproof.model.terms import Term

PlainRun = tuple[Shape, list[tuple[str, dict[str, int], dict[str, int]]]]


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

    def plain(self) -> PlainRun:
        """The run without its terms and actions, for another process."""
        return self.explicit.shape, [(item.step.name, item.before, item.after) for item in self.steps]

    @staticmethod
    def of(configuration: Configuration, plain: PlainRun) -> Run:
        """The run that `plain` was made of."""
        explicit = Explicit(configuration, plain[0])
        steps = {step.name: step for step in explicit.steps}
        return Run(explicit, tuple(RunStep(steps[name], before, after) for name, before, after in plain[1]))


class BoundedSearch:
    """An explicit instance unrolled step by step, on demand.

    The relation between one state and the next is built once; each layer of the unrolling is a copy with its own variables.
    """

    def __init__(self, explicit: Explicit) -> None:
        self.explicit, self.steps = explicit, explicit.steps
        self.solver = z3.SolverFor("QF_FD")
        self.now, self.then = Z3Terms(), Z3Terms(lambda name: f"{name}'")
        self.selector = z3.BitVec("step", max(1, (len(self.steps) - 1).bit_length()))
        self.relation = self._relation()
        self.layers: list[list[Any]] = []
        self.selectors: list[Any] = []
        self._layer()
        self.solver.add(self.at(0, self.now.translate(explicit.initial)))

    def _relation(self) -> Any:
        """The selected step is enabled, and every variable has the value that it leaves."""
        taken = [self.selector == index for index in range(len(self.steps))]
        parts = [z3.Or(*taken)]
        updated: dict[str, list[int]] = {}
        for index, step in enumerate(self.steps):
            parts.append(z3.Implies(taken[index], self.now.translate(step.guard)))
            for name in step.updates:
                updated.setdefault(name, []).append(index)
        for name, sort in self.explicit.variables.items():
            value = self.now.variable(name, sort)
            for index in updated.get(name, ()):
                value = z3.If(taken[index], self.now.translate(self.steps[index].updates[name]), value)
            parts.append(self.then.variable(name, sort) == value)
        return z3.And(*parts)

    def _layer(self) -> None:
        """The variables of the next state."""
        depth = len(self.layers)
        here = Z3Terms(lambda name: f"{name}@{depth}")
        self.layers.append([here.variable(name, sort) for name, sort in self.explicit.variables.items()])
        self.solver.add(*(here.in_sort(name, sort) for name, sort in self.explicit.variables.items()))

    def at(self, depth: int, expression: Any) -> Any:
        """An expression over the variables of one state, about the state after `depth` steps."""
        variables = (self.now.variable(name, sort) for name, sort in self.explicit.variables.items())
        return z3.substitute(expression, *zip(variables, self.layers[depth], strict=True))

    def extend(self) -> None:
        """One more step."""
        depth = len(self.selectors)
        self.selectors.append(z3.BitVec(f"step@{depth}", self.selector.size()))
        self._layer()
        after = (self.then.variable(name, sort) for name, sort in self.explicit.variables.items())
        before = (self.now.variable(name, sort) for name, sort in self.explicit.variables.items())
        renamed = [*zip(before, self.layers[depth], strict=True), *zip(after, self.layers[depth + 1], strict=True)]
        self.solver.add(z3.substitute(self.relation, (self.selector, self.selectors[depth]), *renamed))

    def run_of(self, length: int, goal: Term) -> Run | None:
        """A run of exactly `length` steps from an initial state into `goal`; None if there is none."""
        while len(self.selectors) < length:
            self.extend()
        if len(self.selectors) > length:
            raise ValueError("lengths must not decrease")
        if self.solver.check(self.at(length, self.now.translate(goal))) != z3.sat:
            return None
        model = self.solver.model()
        names = list(self.explicit.variables)
        states = [{name: value_of(model, variable) for name, variable in zip(names, layer, strict=True)} for layer in self.layers]
        taken: Sequence[int] = [value_of(model, selector) for selector in self.selectors]
        pairs = zip(taken, states, states[1:], strict=False)
        return Run(self.explicit, tuple(RunStep(self.steps[index], before, after) for index, before, after in pairs))
