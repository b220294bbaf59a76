"""Mutants of the model: its text without one statement.

A mutant lacks one effect (an assignment, or what a call does to the queue or to the ids) or one condition of one action, in every role that a page
can have towards the step: what someone would have done who forgot that line.  Where actions share a helper, each is mutated on its own.  What a
setting or a guard decides stays decided: another configuration is no mistake.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property

import numpy as np

from balloonproof.model.compiled import Layout
from balloonproof.model.engines.reachability import States, sorted_unique
from balloonproof.model.explicit import Explicit
from balloonproof.model.language import Action, Transaction
from balloonproof.model.one_page import OnePage, declared_fields
from balloonproof.model.steps import Step
from balloonproof.model.terms import FALSE, TRUE, Term, as_term, conj

TEXT = "balloonproof.model.actions."
"""The modules that are mutated begin with this."""


@dataclass(frozen=True)
class Part:
    """A part of the text: `kind` is `effect` or `guard`; `index` counts the conditions of one `require`."""

    kind: str
    module: str
    line: int
    index: int = 0

    @property
    def place(self) -> str:
        """File and line, as in `migration.py:27`."""
        return f"{self.module.rsplit('.', 1)[1]}.py:{self.line}"

    @property
    def text(self) -> str:
        """The statement, or of a `require` the condition."""
        statement = _statement(self.module, self.line)
        return ast.unparse(conditions[self.index] if (conditions := _required(statement)) else statement)

    @property
    def is_condition(self) -> bool:
        """Does the text ask for it?  A `require` does, and what takes an element from the queue; others are the reading's own, such as a bound."""
        statement = _statement(self.module, self.line)
        called = {node.attr for node in ast.walk(statement) if isinstance(node, ast.Attribute)}
        return self.kind == "guard" and bool(_required(statement) or called & {"pop_start", "pop_stop", "pop_hint"})


@dataclass(frozen=True)
class Mutant:
    """The model without `part` of `action`."""

    action: Action
    part: Part

    def __str__(self) -> str:
        return f"{self.action.name} without {self.part.kind} {self.part.text}"


@cache
def _statements(module: str) -> list[ast.stmt]:
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return [node for node in ast.walk(tree) if isinstance(node, ast.stmt)]


def _statement(module: str, line: int) -> ast.stmt:
    """The innermost statement that has this line."""
    around = (item for item in _statements(module) if item.lineno <= line <= (item.end_lineno or item.lineno))
    return max(around, key=lambda item: item.lineno)


def _required(statement: ast.stmt) -> list[ast.expr]:
    """The conditions of a `require`; of another statement none."""
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Name(id="require"), args=args)):
            return args
    return []


def _part(kind: str, index: int = 0) -> Part:
    """The part of the text that is being executed: the innermost frame that belongs to it.  Only a `require` has several conditions."""
    frame = sys._getframe(1)
    while not frame.f_globals["__name__"].startswith(TEXT):
        assert frame.f_back is not None, "an action is executed outside of the model's text"
        frame = frame.f_back
    module = frame.f_globals["__name__"]
    statement = _statement(module, frame.f_lineno)
    return Part(kind, module, statement.lineno, index if _required(statement) else 0)


class Recording(Transaction):
    """Notes which parts of the text were executed: what each condition requires, in all that it was executed for; an effect requires nothing."""

    def __init__(self, cells: Mapping[str, Term]) -> None:
        super().__init__(cells)
        self.parts: dict[Part, Term] = {}

    def write(self, cell: str, value: Term) -> None:
        self.parts[_part("effect")] = TRUE
        super().write(cell, value)

    def require(self, conditions: Sequence[Term]) -> None:
        for index, term in enumerate(conditions):
            part = _part("guard", index)
            self.parts[part] = conj(self.parts.get(part, TRUE), term)
        super().require(conditions)


class _Lacking(Transaction):
    """Executes an action without one part of it."""

    def __init__(self, cells: Mapping[str, Term], lacks: Part) -> None:
        super().__init__(cells)
        self.lacks = lacks

    def write(self, cell: str, value: Term) -> None:
        if self.lacks.kind != "effect" or _part("effect") != self.lacks:
            super().write(cell, value)

    def require(self, conditions: Sequence[Term]) -> None:
        if self.lacks.kind == "guard":
            conditions = [term for index, term in enumerate(conditions) if _part("guard", index) != self.lacks]
        super().require(conditions)


@dataclass(frozen=True, eq=False)
class Recorded:
    """A reading whose `recordings` get one of each execution of an action."""

    recordings: list[Recording] = field(default_factory=list)

    def transaction(self, cells: Mapping[str, Term]) -> Transaction:
        """What an action is executed in."""
        self.recordings.append(Recording(cells))
        return self.recordings[-1]


@dataclass(frozen=True, eq=False)
class RecordedOnePage(Recorded, OnePage):
    """The one-page reading, recorded."""


@dataclass(frozen=True, eq=False)
class RecordedExplicit(Recorded, Explicit):
    """The explicit reading, recorded."""


@dataclass(frozen=True, eq=False)
class MutatedExplicit(Explicit):
    """A mutant with explicit pages."""

    mutant: Mutant = field(kw_only=True)

    def steps_of(self, item: Action) -> list[Step]:
        return super().steps_of(item) if item is self.mutant.action else Explicit(self.configuration, self.shape).steps_of(item)

    def transaction(self, cells: Mapping[str, Term]) -> Transaction:
        return _Lacking(cells, self.mutant.part)


@dataclass(frozen=True, eq=False)
class MutatedOnePage(OnePage):
    """The one-page system of a mutant.  It has all variables of the original, and those that only the mutant changes."""

    original: OnePage
    mutant: Mutant

    def transaction(self, cells: Mapping[str, Term]) -> Transaction:
        return _Lacking(cells, self.mutant.part)

    @cached_property
    def written_steps(self) -> list[Step]:
        others = [step for step in self.original.written_steps if step.action is not self.mutant.action]
        return others + self.steps_of(self.mutant.action)

    @cached_property
    def constants(self) -> Mapping[Term, Term]:
        own, before = super().constants, self.original.constants
        return before if own.keys() >= before.keys() else {term: value for term, value in own.items() if term in before}

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        if self.constants is not self.original.constants:
            return super().steps
        return (*(step for step in self.original.steps if step.action is not self.mutant.action), *self.changed_steps)

    @cached_property
    def changed_steps(self) -> tuple[Step, ...]:
        """The mutant's steps of the action that it changes."""
        taken = map(self._without_constants, self.steps_of(self.mutant.action))
        return tuple(step for step in taken if step.guard is not FALSE)

    @cached_property
    def original_steps(self) -> tuple[Step, ...]:
        """The original's steps of that action, over this system's variables."""
        own = tuple(step for step in self.original.steps if step.action is self.mutant.action)
        return own if self.constants is self.original.constants else tuple(map(self._without_constants, own))

    def relaid(self, states: States, layout: Layout) -> States:
        """States of the original, packed as those of this system are."""
        own = Layout.of(self.variables)
        if own == layout:
            return states
        result = np.zeros(len(states), dtype=np.int64)
        for name, offset in own.offsets.items():
            if name in layout.offsets:
                result |= ((states & layout.mask(name)) >> layout.offsets[name]) << offset
            else:
                result |= as_term(declared_fields()[name].initial, own.sorts[name]).value << offset
        return sorted_unique(result)


def mutants(one: OnePage) -> Iterator[Mutant]:
    """The mutants of a system: each action that it can take without each of its effects, and without each of its conditions."""
    for action in one.configuration.system.actions:
        recorded = RecordedOnePage(one.configuration)
        if recorded.steps_of(action):
            parts = dict.fromkeys(part for item in recorded.recordings for part, term in item.parts.items() if part.kind == "effect" or term.op != "const")
            yield from (Mutant(action, part) for part in parts)
