"""Terms as SMT-LIB 2 text, written from the model's terms and not by Z3, so that another solver can check without trusting it.

How sorts, values and variables are spelled is an `Encoding`.  An `obligation` has enumerations as datatypes; it is complete in itself and its
expected answer is `unsat`.  The exports (`export`) have encodings of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from balloonproof.model.terms import BOOL, Sort, Term, topological


def symbol(name: str) -> str:
    """A quoted SMT-LIB symbol."""
    return f"|{name}|"


def _literal(sort: Sort, value: int) -> str:
    return sort.values[value] if sort is BOOL else symbol(f"{sort.name}.{sort.values[value]}")


def _sort_name(sort: Sort) -> str:
    return "Bool" if sort is BOOL else symbol(sort.name)


@dataclass(frozen=True)
class Encoding:
    """How a sort, a value of a sort (by its index) and a variable are spelled."""

    sort: Callable[[Sort], str]
    literal: Callable[[Sort, int], str]
    name: Callable[[str], str]


DATATYPES = Encoding(_sort_name, _literal, symbol)
"""Sorts are datatypes of constants, and are to be declared (`declare_sort`)."""


def declare_sort(sort: Sort) -> str:
    """The declaration of a sort in the encoding `DATATYPES`."""
    values = " ".join(f"({_literal(sort, value)})" for value in range(sort.size))
    return f"(declare-datatype {_sort_name(sort)} ({values}))"


def declare(terms: Iterable[Term]) -> list[str]:
    """Declarations of every sort and every variable that occurs in `terms`."""
    parts = topological(list(terms))
    lines = [declare_sort(sort) for sort in dict.fromkeys(part.sort for part in parts) if sort is not BOOL]
    return lines + [f"(declare-const {symbol(part.name)} {_sort_name(part.sort)})" for part in parts if part.op == "var"]


def express(term: Term, encoding: Encoding = DATATYPES) -> str:
    """`term` as one expression; shared subterms are bound by `let`."""
    order = topological([term])
    uses: dict[Term, int] = {}
    for part in order:
        for arg in part.args:
            uses[arg] = uses.get(arg, 0) + 1
    texts: dict[Term, str] = {}
    bindings: list[tuple[str, str]] = []
    for part in order:
        text = _node(part, texts, encoding)
        if part.args and uses.get(part, 0) > 1:
            bindings.append((f"?{len(bindings)}", text))
            text = bindings[-1][0]
        texts[part] = text
    result = texts[term]
    for name, text in reversed(bindings):
        result = f"(let (({name} {text})) {result})"
    return result


def _node(term: Term, texts: Mapping[Term, str], encoding: Encoding) -> str:
    if term.op == "const":
        return encoding.literal(term.sort, term.value)
    if term.op == "var":
        return encoding.name(term.name)
    name = {"eq": "="}.get(term.op, term.op)
    return f"({name} {' '.join(texts[arg] for arg in term.args)})"


def obligation(title: str, assertions: Iterable[tuple[str, Term]]) -> str:
    """A whole SMT-LIB 2 file: the conjunction of the commented `assertions` must be unsatisfiable."""
    parts = list(assertions)
    lines = [f"; {line}" for line in title.splitlines()]
    lines += ["(set-info :status unsat)", "(set-logic ALL)", *declare(term for _, term in parts)]
    for comment, term in parts:
        lines += [f"; {comment}", f"(assert {express(term)})"]
    return "\n".join([*lines, "(check-sat)", ""])
