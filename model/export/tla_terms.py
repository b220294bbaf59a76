"""Terms as TLA+ expressions: inline where they are short, else over several lines.

Enumerations are strings, ranges are natural numbers, Booleans are TRUE and FALSE.
"""

from __future__ import annotations

from collections.abc import Callable

from balloonproof.model.export.lines import WIDTH
from balloonproof.model.terms import BOOL, Sort, Term, conj, disj, negate, topological

_SHARED = 12
"""Subterms of at least so many nodes that occur again are named once (LET)."""


def tla_value(sort: Sort, value: int) -> str:
    """A value of `sort`, by its index."""
    text = sort.values[value]
    if sort is BOOL:
        return text.upper()
    return text if is_range(sort) else f'"{text}"'


def is_range(sort: Sort) -> bool:
    """Do the values of `sort` count up from 0?"""
    return sort.values == tuple(map(str, range(sort.size)))


class TlaTerms:
    """Prints terms; `name` spells a variable."""

    def __init__(self, name: Callable[[str], str]) -> None:
        self.name = name
        self.shared: dict[Term, str] = {}

    def expression(self, term: Term, indent: int) -> str:
        """`term`, its first line to stand at column `indent`, its other lines indented so far."""
        self.shared = {}
        definitions: list[str] = []
        for part in self._worth_a_name(term):
            name = f"part{len(self.shared) + 1}"
            prefix = f"LET {name} == " if not definitions else f"    {name} == "
            definitions.append(prefix + self._lines(part, indent + len(prefix)))
            self.shared[part] = name
        if not definitions:
            return self._lines(term, indent)
        return _join(definitions, indent) + "\n" + " " * indent + "IN  " + self._lines(term, indent + 4)

    def implication(self, term: Term, indent: int) -> str:
        """As `expression`; a disjunction with negated parts is written as an implication, as people write invariants."""
        parts = term.args if term.op == "or" else ()
        negated = [part for part in parts if part.op == "not"]
        if not negated or len(negated) == len(parts):
            return self.expression(term, indent)
        self.shared = {}
        left = self._operand(conj(*(negate(part) for part in negated)))
        right = self._operand(disj(*(part for part in parts if part.op != "not")))
        return f"{left} => {right}" if indent + len(left) + len(right) < WIDTH else f"{left}\n{' ' * indent}  => {right}"

    def _worth_a_name(self, term: Term) -> list[Term]:
        """Large subterms that occur more than once, inner ones first."""
        order = topological([term])
        uses: dict[Term, int] = {}
        sizes: dict[Term, int] = {}
        for part in order:
            sizes[part] = 1 + sum(sizes[arg] for arg in part.args)
            for arg in part.args:
                uses[arg] = uses.get(arg, 0) + 1
        return [part for part in order if uses.get(part, 0) > 1 and sizes[part] >= _SHARED]

    def _lines(self, term: Term, indent: int) -> str:
        text = self.inline(term)
        if indent + len(text) <= WIDTH or term in self.shared:
            return text
        match term.op:
            case "and" | "or":
                mark = "/\\ " if term.op == "and" else "\\/ "
                return _join([mark + self._lines(part, indent + 3) for part in term.args], indent)
            case "ite":
                marks = ("IF ", "THEN ", "ELSE ")
                return _join([mark + self._lines(part, indent + len(mark)) for mark, part in zip(marks, term.args, strict=True)], indent)
            case "not":
                return f"~({self._lines(term.args[0], indent + 2)})"
        return text

    def inline(self, term: Term) -> str:
        """`term` on one line."""
        if term in self.shared:
            return self.shared[term]
        match term.op:
            case "const":
                return tla_value(term.sort, term.value)
            case "var":
                return self.name(term.name)
            case "not" if term.args[0].op == "eq":
                left, right = term.args[0].args
                return f"{self._operand(left)} # {self._operand(right)}"
            case "not":
                return f"~{self._operand(term.args[0])}"
            case "and":
                return " /\\ ".join(map(self._operand, term.args))
            case "or":
                return " \\/ ".join(map(self._operand, term.args))
            case "eq":
                return " = ".join(f"({self.inline(part)})" if part.op == "not" else self._operand(part) for part in term.args)
        condition, then, otherwise = map(self.inline, term.args)
        return f"IF {condition} THEN {then} ELSE {otherwise}"

    def _operand(self, term: Term) -> str:
        """`term` as part of a larger expression: in parentheses unless nothing can be mistaken."""
        text = self.inline(term)
        plain = term in self.shared or term.op in ("const", "var") or (term.op == "not" and text.startswith("~"))
        return text if plain else f"({text})"


def _join(parts: list[str], indent: int) -> str:
    return ("\n" + " " * indent).join(parts)
