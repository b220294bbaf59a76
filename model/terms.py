"""Terms: the small finite-domain expression language that every reading of the model shares.

An action of the model (see `language`) is executed once, on terms.  What it leaves behind, a guard and a next-state term
per variable, is then read by everything else: Z3 (`prove.z3_terms`), SMT-LIB text (`smtlib`), compiled Python
and numpy code (`compiled`).  No reading re-states a step, so none can disagree about it except through a bug in one of these
printers, and `tests/test_readings.py` compares them on random states.

All sorts are finite: Booleans, enumerations and small integer ranges.  A value is its index in its sort.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import ClassVar


@dataclass(frozen=True, eq=False)
class Sort:
    """A finite sort: `name` and the printed names of its values, in order of their index."""

    name: str
    values: tuple[str, ...]

    @property
    def size(self) -> int:
        return len(self.values)

    @property
    def width(self) -> int:
        """Bits that a packed value needs (at least one)."""
        return max(1, (self.size - 1).bit_length())

    def __repr__(self) -> str:
        return self.name


BOOL = Sort("Bool", ("false", "true"))

_SORTS: dict[type[enum.Enum], Sort] = {}


def enum_sort(kind: type[enum.Enum]) -> Sort:
    """The sort of a Python enumeration; member order gives the values."""
    if kind not in _SORTS:
        _SORTS[kind] = Sort(kind.__name__, tuple(member.name for member in kind))
    return _SORTS[kind]


@cache
def range_sort(name: str, size: int) -> Sort:
    """Integers 0 .. size-1 under a name of their own (page numbers, queue lengths, explicit command ids)."""
    return Sort(name, tuple(str(value) for value in range(size)))


class Term:
    """An interned expression; two structurally equal terms are the same object.

    `&`, `|`, `~` combine Boolean terms; `==` and `!=` build equalities.  A term has no truth value: `if term:` and
    `and`/`or` raise TypeError, because a step of the model must not depend on which reading executes it.
    """

    __slots__ = ("args", "name", "op", "sort", "value")
    _table: ClassVar[dict[tuple[object, ...], Term]] = {}

    op: str
    args: tuple[Term, ...]
    sort: Sort
    value: int
    name: str

    @classmethod
    def _make(cls, op: str, sort: Sort, args: tuple[Term, ...] = (), value: int = -1, name: str = "") -> Term:
        key = (op, sort, tuple(id(arg) for arg in args), value, name)
        term = cls._table.get(key)
        if term is None:
            term = object.__new__(cls)
            term.op, term.sort, term.args, term.value, term.name = op, sort, args, value, name
            cls._table[key] = term
        return term

    @classmethod
    def restored(cls, op: str, sort: Sort, args: tuple[Term, ...], value: int, name: str) -> Term:
        """A term from its parts as they were written down before; what makes terms anew is below, and simplifies them."""
        return cls._make(op, sort, args, value, name)

    def __bool__(self) -> bool:
        raise TypeError(f"a model term has no truth value of its own: {self!r}; use &, |, ~ or choose()")

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> Term:  # type: ignore[override]
        return equal(self, as_term(other, self.sort))

    def __ne__(self, other: object) -> Term:  # type: ignore[override]
        return negate(equal(self, as_term(other, self.sort)))

    def __and__(self, other: Term | bool) -> Term:
        return conj(self, as_term(other, BOOL))

    def __rand__(self, other: Term | bool) -> Term:
        return conj(as_term(other, BOOL), self)

    def __or__(self, other: Term | bool) -> Term:
        return disj(self, as_term(other, BOOL))

    def __ror__(self, other: Term | bool) -> Term:
        return disj(as_term(other, BOOL), self)

    def __invert__(self) -> Term:
        return negate(self)

    def __repr__(self) -> str:
        if self.op == "const":
            return self.sort.values[self.value]
        if self.op == "var":
            return self.name
        return f"({self.op} {' '.join(map(repr, self.args))})"


Value = Term | bool | int | enum.Enum


def const(value: bool | int | enum.Enum, sort: Sort) -> Term:
    """The constant `value` of `sort`; ValueError if the sort has no such value."""
    if isinstance(value, enum.Enum):
        if enum_sort(type(value)) is not sort:
            raise ValueError(f"{value} is not a value of {sort}")
        index = list(type(value)).index(value)
    else:
        index = int(value)
    if not 0 <= index < sort.size:
        raise ValueError(f"{value!r} is not a value of {sort}: expected one of {', '.join(sort.values)}")
    return Term._make("const", sort, value=index)


def _check_sort(term: Term, sort: Sort) -> None:
    if term.sort is not sort:
        raise TypeError(f"expected a {sort}, found {term!r} of sort {term.sort}")


def as_term(value: object, sort: Sort) -> Term:
    """`value` as a term of `sort`; TypeError if it is a term of another sort."""
    if isinstance(value, Term):
        _check_sort(value, sort)
        return value
    if isinstance(value, bool | int | enum.Enum):
        return const(value, sort)
    raise TypeError(f"expected a {sort}, found {value!r}")


TRUE = const(True, BOOL)
FALSE = const(False, BOOL)


def variable(name: str, sort: Sort) -> Term:
    return Term._make("var", sort, name=name)


def negate(term: Term) -> Term:
    _check_sort(term, BOOL)
    if term is TRUE:
        return FALSE
    if term is FALSE:
        return TRUE
    if term.op == "not":
        return term.args[0]
    return Term._make("not", BOOL, (term,))


def _flatten(op: str, terms: Iterable[Term], neutral: Term, absorbing: Term) -> Term:
    parts: dict[Term, None] = {}
    for term in terms:
        _check_sort(term, BOOL)
        for part in term.args if term.op == op else (term,):
            if part is absorbing or negate(part) in parts:
                return absorbing
            if part is not neutral:
                parts[part] = None
    if not parts:
        return neutral
    return next(iter(parts)) if len(parts) == 1 else Term._make(op, BOOL, tuple(parts))


def conj(*terms: Term) -> Term:
    return _flatten("and", terms, TRUE, FALSE)


def disj(*terms: Term) -> Term:
    return _flatten("or", terms, FALSE, TRUE)


def implies(left: Term, right: Term) -> Term:
    return disj(negate(left), right)


def equal(left: Term, right: Term) -> Term:
    _check_sort(right, left.sort)
    if left is right:
        return TRUE
    if left.op == "const" and right.op == "const":
        return FALSE
    if left.op == "const":
        left, right = right, left
    if left.sort is BOOL and right.op == "const":
        return left if right is TRUE else negate(left)
    if left.op == "ite" and right.op == "const":
        condition, then, otherwise = left.args
        if then.op == "const" or otherwise.op == "const":
            return choose(condition, equal(then, right), equal(otherwise, right))
    return Term._make("eq", BOOL, (left, right))


def has_values(values: Mapping[str, int | None], sorts: Mapping[str, Sort]) -> Term:
    """Each variable has its value; None where any will do."""
    return conj(*(equal(variable(name, sorts[name]), const(value, sorts[name])) for name, value in values.items() if value is not None))


def choose(condition: Term | bool, then: Value, otherwise: Value, sort: Sort | None = None) -> Term:
    """`then` where `condition` holds, else `otherwise`; `sort` is needed only if neither branch is a term or enum."""
    for branch in (then, otherwise):
        if sort is None and isinstance(branch, Term):
            sort = branch.sort
        elif sort is None and isinstance(branch, enum.Enum):
            sort = enum_sort(type(branch))
    sort = sort or BOOL
    left, right = as_term(then, sort), as_term(otherwise, sort)
    test = as_term(condition, BOOL)
    if test is TRUE or left is right:
        return left
    if test is FALSE:
        return right
    if sort is BOOL:
        if left is TRUE:
            return disj(test, right)
        if left is FALSE:
            return conj(negate(test), right)
        if right is FALSE:
            return conj(test, left)
        if right is TRUE:
            return disj(negate(test), left)
    return Term._make("ite", sort, (test, left, right))


def increment(term: Term) -> Term:
    """The next value of a range sort; the last value stays (guards keep explicit instances below it)."""
    result = term
    for value in range(term.sort.size - 1):
        result = choose(term == value, const(value + 1, term.sort), result)
    return result


def decrement(term: Term) -> Term:
    """The previous value of a range sort; zero stays."""
    result = term
    for value in range(1, term.sort.size):
        result = choose(term == value, const(value - 1, term.sort), result)
    return result


_REBUILD: dict[str, Callable[..., Term]] = {"not": negate, "and": conj, "or": disj, "eq": equal, "ite": choose}


def substitute(term: Term, mapping: Mapping[Term, Term], memo: dict[Term, Term] | None = None) -> Term:
    """`term` with variables replaced and constants folded; pass one `memo` for many terms with the same mapping."""
    if not mapping:
        return term
    memo = {} if memo is None else memo
    done = memo.get(term)
    if done is None:
        if term.op == "var":
            done = mapping.get(term, term)
        elif term.op == "const":
            done = term
        else:
            done = _REBUILD[term.op](*(substitute(arg, mapping, memo) for arg in term.args))
        memo[term] = done
    return done


def exists(inputs: Iterable[Term], term: Term) -> Term:
    """`term` for some value of each of the variables `inputs`."""
    for item in inputs:
        term = disj(*(substitute(term, {item: const(value, item.sort)}) for value in range(item.sort.size)))
    return term


def variables_of(terms: Iterable[Term]) -> list[Term]:
    """Every variable in `terms`, in order of first occurrence."""
    seen: set[Term] = set()
    found: list[Term] = []
    stack = list(terms)[::-1]
    while stack:
        term = stack.pop()
        if term in seen:
            continue
        seen.add(term)
        if term.op == "var":
            found.append(term)
        stack.extend(reversed(term.args))
    return found


def evaluate(term: Term, values: Mapping[str, int]) -> int:
    """The value of `term` where variable `name` has the index `values[name]`: the slow reading that tests compare with."""
    match term.op:
        case "const":
            return term.value
        case "var":
            return values[term.name]
        case "not":
            return 1 - evaluate(term.args[0], values)
        case "and":
            return int(all(evaluate(arg, values) for arg in term.args))
        case "or":
            return int(any(evaluate(arg, values) for arg in term.args))
        case "eq":
            return int(evaluate(term.args[0], values) == evaluate(term.args[1], values))
        case _:
            return evaluate(term.args[1 if evaluate(term.args[0], values) else 2], values)


def show_value(sort: Sort, value: int) -> str:
    return ("no", "yes")[value] if sort is BOOL else sort.values[value].lower().replace("_", " ")


def topological(terms: Sequence[Term]) -> list[Term]:
    """Every subterm once, arguments before the terms that use them."""
    order: dict[Term, None] = {}

    def visit(term: Term) -> None:
        if term not in order:
            for arg in term.args:
                visit(arg)
            order[term] = None

    for term in terms:
        visit(term)
    return list(order)
