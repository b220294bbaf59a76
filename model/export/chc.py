"""Constrained Horn clauses in CHC-COMP's format, for Spacer (Z3), Golem and Eldarica: sat means that the properties always hold.

Values are integers, because not every solver of Horn clauses reads datatypes or bit-vectors; of definitions Golem reads none, so there are none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from balloonproof.model.export.lines import about_step, conjunction, conjuncts, guard_and_effects, unchanged, wrapped
from balloonproof.model.export.transition_system import TransitionSystem
from balloonproof.model.smtlib import Encoding, express
from balloonproof.model.terms import BOOL, Sort, negate

INTEGERS = Encoding(
    lambda sort: "Bool" if sort is BOOL else "Int",
    lambda sort, value: sort.values[value] if sort is BOOL else str(value),
    lambda name: name,
)
"""A value is its index in its sort."""


def chc_text(system: TransitionSystem) -> str:
    """`system` as a script in the logic HORN."""
    return "\n".join(_lines(system)) + "\n"


def _lines(system: TransitionSystem) -> Iterator[str]:
    yield from wrapped(system.about, "; ")
    yield from ("; Answer: sat if every property holds in every reachable state, unsat if one is violated.", "(set-logic HORN)", "")
    for sort in system.sorts:
        if sort is not BOOL and not sort.values[0].isdigit():
            yield from wrapped([f"{sort.name}: " + ", ".join(f"{value} {name}" for value, name in enumerate(sort.values))], "; ")
    yield "\n; The reachable states."
    yield "(declare-fun reachable ("
    for item in system.variables:
        yield f"  {INTEGERS.sort(item.sort):4}  ; {item.name}" + (f": {item.meaning}" if item.meaning else "")
    yield ") Bool)"
    here = {item.name: item.sort for item in system.variables}
    start = [express(part, INTEGERS) for part in conjuncts(system.initial)]
    start += [line for item in system.variables if item.initial is None for line in _in_sort(item.name, item.sort)]
    yield from _clause(["Initial states."], here, start, _reachable(here))
    yield from _any_step(system, here)
    for predicate in system.always:
        body = [_reachable(here), express(negate(predicate.term), INTEGERS)]
        yield from _clause([f"always, {predicate.name}: {predicate.meaning}"], here, body, "false")
    yield "\n(check-sat)"


def _any_step(system: TransitionSystem, here: Mapping[str, Sort]) -> Iterator[str]:
    """All steps in one clause: Spacer decides it where it gives up on a clause for each step."""
    inputs = {term.name: term.sort for term in system.inputs}
    body = [_reachable(here), *(line for name, sort in {**here, **inputs}.items() for line in _in_sort(name, sort)), "(or"]
    for step in system.steps:
        parts = guard_and_effects(step, INTEGERS, _next) + unchanged(system, step, INTEGERS, _next)
        body += [f"  {line}" for line in (*wrapped(about_step(step), "; "), *conjunction(parts, indent=""))]
    body.append(")")
    yield from _clause(["A step."], {**here, **{_next(name): sort for name, sort in here.items()}, **inputs}, body, _reachable(map(_next, here)))


def _next(name: str) -> str:
    return f"{name}.next"


def _in_sort(name: str, sort: Sort) -> list[str]:
    return [] if sort is BOOL else [f"(<= 0 {name})", f"(< {name} {sort.size})"]


def _reachable(names: Iterable[str]) -> str:
    return f"(reachable {' '.join(names)})"


def _clause(about: Iterable[str], variables: Mapping[str, Sort], body: Iterable[str], head: str) -> Iterator[str]:
    yield ""
    yield from wrapped(about, "; ")
    yield f"(assert (forall ({' '.join(f'({name} {INTEGERS.sort(sort)})' for name, sort in variables.items())}) (=>"
    yield from conjunction(body)
    yield f"  {head})))"
