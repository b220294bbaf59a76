"""VMT-LIB: a transition system for ic3ia, nuXmv, Pono and others; SMT-LIB 2 with annotations for next state, init, trans and properties.

Values are bit-vectors with names (`Phase.ROUND`), because most of these tools read no datatypes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from balloonproof.model.export.lines import about_step, conjunction, conjuncts, guard_and_effects, step_name, unchanged, wrapped
from balloonproof.model.export.transition_system import TransitionSystem
from balloonproof.model.smtlib import Encoding, express
from balloonproof.model.terms import BOOL, Sort

BIT_VECTORS = Encoding(
    lambda sort: "Bool" if sort is BOOL else f"(_ BitVec {sort.width})",
    lambda sort, value: sort.values[value] if sort is BOOL else f"{sort.name}.{sort.values[value]}",
    lambda name: name,
)
"""A value is a named bit-vector, defined at the top of the file."""


def vmt_text(system: TransitionSystem) -> str:
    """`system` in VMT-LIB; property k of the file is the k-th `always` property."""
    return "\n".join(_lines(system)) + "\n"


def _lines(system: TransitionSystem) -> Iterator[str]:
    yield from wrapped(system.about, "; ")
    yield "\n; Values."
    for sort in system.sorts:
        if sort is not BOOL:
            yield from (f"(define-fun {BIT_VECTORS.literal(sort, value)} () {BIT_VECTORS.sort(sort)} #b{value:0{sort.width}b})" for value in range(sort.size))
    yield "\n; State variables, now and in the next state."
    for item in system.variables:
        yield from wrapped([item.meaning] if item.meaning else [], "; ")
        yield from (f"(declare-fun {name} () {BIT_VECTORS.sort(item.sort)})" for name in (item.name, _next(item.name)))
        yield f"(define-fun .{item.name} () {BIT_VECTORS.sort(item.sort)} (! {item.name} :next {_next(item.name)}))"
    yield "\n; Inputs: what a step may choose freely."
    yield from (f"(declare-fun {term.name} () {BIT_VECTORS.sort(term.sort)})" for term in system.inputs)
    for step in system.steps:
        body = guard_and_effects(step, BIT_VECTORS, _next) + unchanged(system, step, BIT_VECTORS, _next)
        yield from _define(step_name(step), body, about_step(step))
    inputs = [(term.name, term.sort) for term in system.inputs]
    within = [line for name, sort in [*((item.name, item.sort) for item in system.variables), *inputs] for line in _in_sort(name, sort)]
    yield from _define("in-sort", within, ["Every variable holds a value of its sort."])
    yield from _define("initial", ["in-sort", *(express(part, BIT_VECTORS) for part in conjuncts(system.initial))], ["The initial states."])
    yield "(define-fun .init () Bool (! initial :init true))"
    yield "\n; Any step.\n(define-fun transition () Bool (and in-sort (or"
    yield from (f"  {step_name(step)}" for step in system.steps)
    yield ")))\n(define-fun .trans () Bool (! transition :trans true))"
    for number, predicate in enumerate(system.always):
        yield from _define(f"property.{predicate.name}", [express(predicate.term, BIT_VECTORS)], [f"always: {predicate.meaning}"])
        yield f"(define-fun .property-{number} () Bool (! property.{predicate.name} :invar-property {number}))"
    for predicate in system.sometimes:
        about = f"sometimes: {predicate.meaning}  A witness is a counterexample to its negation, which is therefore not among the properties."
        yield from _define(f"witness.{predicate.name}", [express(predicate.term, BIT_VECTORS)], [about])


def _next(name: str) -> str:
    return f"{name}.next"


def _in_sort(name: str, sort: Sort) -> list[str]:
    if sort is BOOL or sort.size == 1 << sort.width:
        return []
    return [f"(bvule {name} {BIT_VECTORS.literal(sort, sort.size - 1)})"]


def _define(name: str, body: Iterable[str], about: Iterable[str]) -> Iterator[str]:
    yield ""
    yield from wrapped(about, "; ")
    yield f"(define-fun {name} () Bool"
    yield from conjunction(body)
    yield ")"
