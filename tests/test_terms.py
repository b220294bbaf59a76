"""Terms: what their constructors simplify keeps its value, a wrong sort or a truth test raises, and a wrong name is met with the right one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum, auto
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balloonproof.model.engines.verdict import prove_system
from balloonproof.model.explicit import Explicit
from balloonproof.model.language import UnknownName
from balloonproof.model.state import Owner
from balloonproof.model.systems import HINTING, PRECOPY, find_system
from balloonproof.model.terms import (
    BOOL,
    FALSE,
    TRUE,
    Term,
    as_term,
    choose,
    conj,
    const,
    decrement,
    disj,
    enum_sort,
    equal,
    evaluate,
    implies,
    increment,
    range_sort,
    substitute,
    variable,
    variables_of,
)


class Colour(Enum):
    RED = auto()
    GREEN = auto()
    BLUE = auto()


COLOUR = enum_sort(Colour)
P, Q = variable("p", BOOL), variable("q", BOOL)
X, Y = variable("x", COLOUR), variable("y", COLOUR)
VARIABLES = (P, Q, X, Y)
EVERYWHERE = [dict(zip("pqxy", values, strict=True)) for values in product(*(range(item.sort.size) for item in VARIABLES))]

Values = Mapping[str, int]
Made = tuple[Term, Callable[[Values], int]]
"""A term, and what it must be worth by the words of whoever built it."""


def naive_variable(term: Term) -> Made:
    return term, lambda v: v[term.name]


def naive_not(a: Made) -> Made:
    return ~a[0], lambda v: 1 - a[1](v)


def naive_and(parts: list[Made]) -> Made:
    return conj(*(term for term, _ in parts)), lambda v: int(all(worth(v) for _, worth in parts))


def naive_or(parts: list[Made]) -> Made:
    return disj(*(term for term, _ in parts)), lambda v: int(any(worth(v) for _, worth in parts))


def naive_operators(a: Made, b: Made) -> Made:
    return (a[0] & b[0]) | (a[0] != b[0]), lambda v: int((a[1](v) and b[1](v)) or a[1](v) != b[1](v))


def naive_implies(a: Made, b: Made) -> Made:
    return implies(a[0], b[0]), lambda v: int(not a[1](v) or b[1](v))


def naive_equal(pair: tuple[Made, Made]) -> Made:
    a, b = pair
    return a[0] == b[0], lambda v: int(a[1](v) == b[1](v))


def naive_choose(test: Made, pair: tuple[Made, Made]) -> Made:
    a, b = pair
    return choose(test[0], a[0], b[0]), lambda v: a[1](v) if test[1](v) else b[1](v)


def naive_next(a: Made) -> Made:
    return increment(a[0]), lambda v: min(a[1](v) + 1, a[0].sort.size - 1)


def naive_previous(a: Made) -> Made:
    return decrement(a[0]), lambda v: max(a[1](v) - 1, 0)


def constants(values: int, make: Callable[[int], Term]) -> st.SearchStrategy[Made]:
    return st.integers(0, values - 1).map(lambda value: (make(value), lambda v: value))


def made(depth: int) -> tuple[st.SearchStrategy[Made], st.SearchStrategy[Made]]:
    """Boolean and colour terms with their worth, nested up to `depth`."""
    truths = constants(2, lambda value: const(value, BOOL)) | st.sampled_from((P, Q)).map(naive_variable)
    colours = constants(3, lambda value: const(value, COLOUR)) | st.sampled_from((X, Y)).map(naive_variable)
    for _ in range(depth):
        pairs = st.tuples(truths, truths) | st.tuples(colours, colours)
        lists = st.lists(truths, max_size=4)
        truths, colours = (
            st.one_of(
                truths,
                truths.map(naive_not),
                lists.map(naive_and),
                lists.map(naive_or),
                st.builds(naive_operators, truths, truths),
                st.builds(naive_implies, truths, truths),
                pairs.map(naive_equal),
                st.builds(naive_choose, truths, st.tuples(truths, truths)),
            ),
            st.one_of(
                colours,
                st.builds(naive_choose, truths, st.tuples(colours, colours)),
                colours.map(naive_next),
                colours.map(naive_previous),
            ),
        )
    return truths, colours


TRUTHS, COLOURS = made(4)
TERMS = TRUTHS | COLOURS


@settings(max_examples=400)
@given(TERMS)
def test_simplification_never_changes_a_value(item: Made) -> None:
    term, worth = item
    for values in EVERYWHERE:
        assert evaluate(term, values) == worth(values)


@settings(max_examples=200)
@given(TERMS, st.fixed_dictionaries({}, optional={P: TRUTHS, Q: TRUTHS, X: COLOURS, Y: COLOURS}))
def test_substituting_is_evaluating_with_the_replaced_values(item: Made, replaced: dict[Term, Made]) -> None:
    term = substitute(item[0], {old: new for old, (new, _) in replaced.items()})
    for values in EVERYWHERE:
        changed = {old.name: worth(values) for old, (_, worth) in replaced.items()}
        assert evaluate(term, values) == item[1]({**values, **changed})


@given(TERMS, st.sampled_from(EVERYWHERE))
def test_a_term_without_variables_is_a_constant(item: Made, values: Values) -> None:
    term = substitute(item[0], {old: const(values[old.name], old.sort) for old in VARIABLES})
    assert term is const(item[1](values), item[0].sort)


@given(TERMS, st.sampled_from(VARIABLES))
def test_a_variable_that_is_not_listed_does_not_matter(item: Made, unlisted: Term) -> None:
    term = item[0]
    if all(found is not unlisted for found in variables_of([term])):
        for values in EVERYWHERE:
            assert evaluate(term, {**values, unlisted.name: 0}) == evaluate(term, values)


@given(TERMS, TERMS)
def test_equal_structure_is_the_same_object(first: Made, second: Made) -> None:
    left, right = first[0], second[0]
    assert (repr(left) == repr(right) and left.sort is right.sort) == (left is right)


@pytest.mark.parametrize(
    ("term", "simple"),
    [
        (conj(), TRUE),
        (disj(), FALSE),
        (conj(P, ~P), FALSE),
        (disj(~(P & Q), P & Q), TRUE),
        (~~P, P),
        (X == X, TRUE),
        (const(0, COLOUR) == Colour.GREEN, FALSE),
        (choose(P, Colour.RED, Colour.RED), const(Colour.RED, COLOUR)),
        (choose(P, Colour.RED, Colour.BLUE) == Colour.GREEN, FALSE),
        (conj(P, Q & P), P & Q),
    ],
)
def test_what_is_always_the_same_is_seen_at_once(term: Term, simple: Term) -> None:
    assert term is simple


@pytest.mark.parametrize(
    "test",
    [bool, lambda term: not term, lambda term: term and P, lambda term: term or P, lambda term: 1 if term else 0, lambda term: term in [Q]],
    ids=["bool", "not", "and", "or", "if", "in"],
)
def test_a_term_has_no_truth_value(test: Callable[[Term], object]) -> None:
    with pytest.raises(TypeError, match="no truth value"):
        test(P)


WRONG_SORTS: dict[str, Callable[[], object]] = {
    "enum == Bool": lambda: X == P,
    "Bool == enum": lambda: P == X,
    "enum != other enum": lambda: variable("owner", enum_sort(Owner)) != X,
    "range == enum": lambda: variable("n", range_sort("N", 3)) == X,
    "equal(enum, Bool)": lambda: equal(X, P),
    "Bool & enum": lambda: P & X,
    "Bool | enum": lambda: P | X,
    "enum & Bool": lambda: X & P,
    "enum | Bool": lambda: X | P,
    "enum & True": lambda: X & True,
    "~enum": lambda: ~X,
    "conj(enum, Bool)": lambda: conj(X, P),
    "disj(enum)": lambda: disj(X),
    "choose(enum, ...)": lambda: choose(X, P, Q),
    "choose(..., enum, Bool)": lambda: choose(P, X, Q),
    "as_term(enum, Bool)": lambda: as_term(X, BOOL),
    "Bool == None": lambda: P == None,  # noqa: E711
    "enum == text": lambda: X == "RED",
}


@pytest.mark.parametrize("build", WRONG_SORTS.values(), ids=WRONG_SORTS)
def test_a_wrong_sort_raises(build: Callable[[], object]) -> None:
    with pytest.raises(TypeError):
        build()


@pytest.mark.parametrize("build", [lambda: P & 2, lambda: X == 3, lambda: X == -1, lambda: X == Owner.FREE, lambda: choose(P, X, 7), lambda: const(3, COLOUR)])
def test_a_value_that_the_sort_lacks_raises(build: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="is not a value of"):
        build()


def test_a_field_takes_only_its_own_sort() -> None:
    state = Explicit(HINTING.configure()).state()
    with pytest.raises(ValueError, match="is not a value of Phase"):
        state.phase = Owner.FREE
    with pytest.raises(TypeError, match="expected a Bool"):
        state.running = state.phase


def test_command_ids_and_page_references_are_compared_only_with_their_like() -> None:
    state = Explicit(HINTING.configure()).state()
    with pytest.raises(TypeError, match="command id"):
        assert state.received == 0
    with pytest.raises(TypeError, match="page reference"):
        assert state.sent_page == 0


@pytest.mark.parametrize(
    ("ask", "kind", "nearest"),
    [
        (lambda: find_system("hintin"), "system", "hinting"),
        (lambda: prove_system("pre-copy"), "system", "precopy"),
        (lambda: HINTING.configure({"dirty_log": "manual"}), "setting of hinting", "dirty-log"),
        (lambda: HINTING.configure({"dirty-log": "get-clear"}), "value of dirty-log", "get-and-clear"),
        (lambda: PRECOPY.configure({"hint-clears-log": "no"}), "setting of precopy", None),
        (lambda: HINTING.configure(without=["done-on-clean-up"]), "guard of hinting", "done-on-cleanup"),
        (lambda: PRECOPY.configure(without=["stop-before-sync"]), "guard of precopy", None),
    ],
)
def test_an_unknown_name_is_met_with_the_nearest_right_one(ask: Callable[[], object], kind: str, nearest: str | None) -> None:
    with pytest.raises(UnknownName) as caught:
        ask()
    assert caught.value.kind == kind
    if nearest is not None:
        assert caught.value.nearest == nearest
        assert f"did you mean {nearest!r}?" in str(caught.value)


def test_a_name_like_no_other_is_met_with_all_of_them() -> None:
    with pytest.raises(UnknownName, match=r"known: precopy, .*hinting") as caught:
        find_system("zzz")
    assert caught.value.nearest is None
