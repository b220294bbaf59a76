"""The concrete reading: steps compiled to Python functions on packed states.

A state is one integer, each variable a field of bits.  The generated source uses only `&`, `|`, `^`, shifts and comparisons, so the same
function takes a Python int or a numpy array of states.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from balloonproof.model.steps import Step
from balloonproof.model.terms import BOOL, FALSE, Sort, Term, const, substitute, topological


@dataclass(frozen=True)
class Layout:
    """Where each variable lies in a packed state; at most 63 bits in all for numpy."""

    sorts: Mapping[str, Sort]
    offsets: Mapping[str, int]
    width: int

    @staticmethod
    def of(sorts: Mapping[str, Sort]) -> Layout:
        offsets: dict[str, int] = {}
        position = 0
        for name, sort in sorts.items():
            offsets[name] = position
            position += sort.width
        return Layout(dict(sorts), offsets, position)

    def mask(self, name: str) -> int:
        return ((1 << self.sorts[name].width) - 1) << self.offsets[name]

    def pack(self, values: Mapping[str, int]) -> int:
        return sum(int(values[name]) << offset for name, offset in self.offsets.items())

    def states(self, values: Mapping[str, int | None]) -> list[int]:
        """Every packed state with these values, in rising order; None where a variable may have any."""
        states = [0]
        for name, value in values.items():
            every = range(self.sorts[name].size) if value is None else [value]
            states = [state | (one << self.offsets[name]) for state in states for one in every]
        return sorted(states)

    def unpack(self, state: int) -> dict[str, int]:
        return {name: (int(state) & self.mask(name)) >> offset for name, offset in self.offsets.items()}


def _expressions(terms: Sequence[Term], layout: Layout, state: str = "s") -> tuple[list[str], dict[Term, str]]:
    """Python assignments that compute `terms`, and the name or literal of each subterm."""
    lines: list[str] = []
    names: dict[Term, str] = {}
    for term in topological(terms):
        args = [names[arg] for arg in term.args]
        match term.op:
            case "const":
                names[term] = str(bool(term.value)) if term.sort is BOOL else str(term.value)
                continue
            case "var":
                offset, size = layout.offsets[term.name], (1 << term.sort.width) - 1
                text = f"({state} >> {offset}) & {size}" + (" != 0" if term.sort is BOOL else "")
                text = f"(({state} >> {offset}) & {size}) != 0" if term.sort is BOOL else text
            case "not":
                text = f"{args[0]} ^ True"
            case "and":
                text = " & ".join(args)
            case "or":
                text = " | ".join(args)
            case "eq":
                text = f"{args[0]} == {args[1]}"
            case _:
                text = f"{args[0]} * {args[1]} + ({args[0]} ^ True) * {args[2]}"
                if term.sort is BOOL:
                    text = f"({args[0]} & {args[1]}) | (({args[0]} ^ True) & {args[2]})"
        names[term] = f"t{len(lines)}"
        lines.append(f"{names[term]} = {text}")
    return lines, names


def _compile(name: str, lines: Sequence[str], result: str) -> Callable[[Any], Any]:
    source = f"def {name}(s):\n" + "".join(f"    {line}\n" for line in lines) + f"    return {result}\n"
    namespace: dict[str, Any] = {}
    exec(compile(source, f"<{name}>", "exec"), namespace)
    function: Callable[[Any], Any] = namespace[name]
    return function


def compile_predicate(term: Term, layout: Layout) -> Callable[[Any], Any]:
    """A function from packed state(s) to whether `term` holds."""
    lines, names = _expressions([term], layout)
    return _compile("predicate", lines, names[term])


@dataclass(frozen=True, eq=False)
class Move:
    """A step with its free inputs decided: `enabled(s)` and `after(s)` on packed states, compiled when they are first asked for."""

    step: Step
    inputs: Mapping[str, int]
    guard: Term
    updates: Mapping[str, Term]
    layout: Layout

    @property
    def name(self) -> str:
        return self.step.name

    @cached_property
    def enabled(self) -> Callable[[Any], Any]:
        """Can the move be made?"""
        return compile_predicate(self.guard, self.layout)

    @cached_property
    def after(self) -> Callable[[Any], Any]:
        """The state after it."""
        lines, names = _expressions(list(self.updates.values()), self.layout)
        clear = ((1 << self.layout.width) - 1) & ~sum(self.layout.mask(name) for name in self.updates)
        parts = []
        for name, term in self.updates.items():
            if term.op == "const":
                parts.append(str(term.value << self.layout.offsets[name]))
            else:
                parts.append(f"({names[term]} << {self.layout.offsets[name]})")
        return _compile("after", lines, " | ".join([f"(s & {clear})", *parts]))


def _decided(step: Step) -> Iterator[tuple[dict[str, int], Term, dict[str, Term]]]:
    """The step for every choice of its inputs, without duplicates and without choices that disable it."""
    seen: set[tuple[object, ...]] = set()
    names = list(step.inputs)
    for values in itertools.product(*(range(step.inputs[name].sort.size) for name in names)):
        chosen = dict(zip(names, values, strict=True))
        mapping = {step.inputs[name]: const(value, step.inputs[name].sort) for name, value in chosen.items()}
        memo: dict[Term, Term] = {}
        guard = substitute(step.guard, mapping, memo)
        updates = {name: substitute(term, mapping, memo) for name, term in step.updates.items()}
        key = (guard, *updates.items())
        if guard is not FALSE and key not in seen:
            seen.add(key)
            yield chosen, guard, updates


def compile_steps(steps: Sequence[Step], layout: Layout, keep_idle: bool = False) -> list[Move]:
    """All moves of `steps`; a step that changes nothing has none unless `keep_idle`."""
    moves: list[Move] = []
    for step in steps:
        if not step.updates and not keep_idle:
            continue
        moves += [Move(step, chosen, guard, updates, layout) for chosen, guard, updates in _decided(step)]
    return moves
