"""SMT-LIB 2: initial states, transition and properties as functions of states, for any SMT solver.

A state is a record, so a run is `(initial s0) (transition s0 i0 s1) (transition s1 i1 s2) ...`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from balloonproof.model.export.lines import about_step, conjunction, conjuncts, guard_and_effects, step_name, unchanged, wrapped
from balloonproof.model.export.transition_system import Predicate, TransitionSystem
from balloonproof.model.smtlib import DATATYPES, Encoding, declare_sort, express
from balloonproof.model.terms import BOOL, Sort

_STATE, _STEP = "((s State))", "((s State) (i Input) (t State))"


def smt2_text(system: TransitionSystem) -> str:
    """`system` as an SMT-LIB 2 script that checks its initial states and leaves everything defined."""
    return "\n".join(_lines(system)) + "\n"


def _lines(system: TransitionSystem) -> Iterator[str]:
    encoding = _encoding(system)
    yield from wrapped(system.about, "; ")
    yield from ("(set-logic ALL)", "")
    yield from (declare_sort(sort) for sort in system.sorts if sort is not BOOL)
    yield from _records(system)
    yield from _function("initial", _STATE, (express(part, encoding) for part in conjuncts(system.initial)), ["The initial states."])
    for step in system.steps:
        body = guard_and_effects(step, encoding, _next) + unchanged(system, step, encoding, _next)
        yield from _function(step_name(step), _STEP, body, about_step(step))
    taken = "\n".join(f"    ({step_name(step)} s i t)" for step in system.steps)
    yield f"\n; Any step, from s to t.\n(define-fun transition {_STEP} Bool\n  (or\n{taken}\n  ))"
    yield from _predicates(system.always, "property", "always", encoding)
    yield from _function("property", _STATE, (f"(property.{item.name} s)" for item in system.always), ["All of them."])
    yield from _predicates(system.sometimes, "witness", "sometimes", encoding)
    yield from _query()


def _encoding(system: TransitionSystem) -> Encoding:
    """State variables are fields of `s`, inputs of `i`."""
    inputs = {term.name for term in system.inputs}
    return Encoding(DATATYPES.sort, DATATYPES.literal, lambda name: f"({name} {'i' if name in inputs else 's'})")


def _next(name: str) -> str:
    return f"({name} t)"


def _records(system: TransitionSystem) -> Iterator[str]:
    fields = [(item.name, item.sort, item.meaning) for item in system.variables]
    yield from _record("State", "state", fields, "The state variables.")
    yield from _record("Input", "input", [(term.name, term.sort, "") for term in system.inputs], "What a step may choose freely.")


def _record(name: str, constructor: str, fields: list[tuple[str, Sort, str]], title: str) -> Iterator[str]:
    yield f"\n; {title}"
    yield f"(declare-datatype {name} (({constructor}"
    for field, sort, meaning in fields:
        yield f"  ({field} {'Bool' if sort is BOOL else f'|{sort}|'})" + (f"  ; {meaning}" if meaning else "")
    yield ")))"


def _function(name: str, parameters: str, body: Iterable[str], about: Iterable[str]) -> Iterator[str]:
    yield ""
    yield from wrapped(about, "; ")
    yield f"(define-fun {name} {parameters} Bool"
    yield from conjunction(body)
    yield ")"


def _predicates(items: Iterable[Predicate], prefix: str, kind: str, encoding: Encoding) -> Iterator[str]:
    for item in items:
        yield from _function(f"{prefix}.{item.name}", _STATE, [express(item.term, encoding)], [f"{kind}: {item.meaning}"])


def _query() -> Iterator[str]:
    yield "\n; Is an initial state bad?  No: unsat.  To look further, go on with (transition s0 i0 s1) and (not (property s1))."
    yield from ("(push 1)", "(declare-const s0 State)", "(assert (initial s0))", "(assert (not (property s0)))", "(check-sat)", "(pop 1)")
