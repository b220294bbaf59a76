"""Rows kept as columns are the sequence of tuples that they were made of."""

from __future__ import annotations

from array import array
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balloonproof.checker.read.rows import Rows


class Row(NamedTuple):
    place: int
    name: str
    size: int


rows = st.lists(st.builds(Row, st.integers(-(1 << 63), (1 << 63) - 1), st.text(max_size=3), st.integers(0, (1 << 64) - 1)))


@given(rows, st.slices(10), st.integers(0, 9))
def test_rows_are_a_sequence(expected: list[Row], part: slice, index: int) -> None:
    found = Rows(Row, "qnQ")
    for row in expected:
        found.append(row)
    assert (list(found), len(found), found[part]) == (expected, len(expected), expected[part])
    assert found == expected
    assert all(isinstance(row, Row) for row in [*found, *found[part]])
    if index < len(expected):
        assert (found[index], found[-1 - index]) == (expected[index], expected[-1 - index])
        assert found != expected[:index]


@given(rows, rows)
def test_columns_are_added_as_rows_are(first: list[Row], more: list[Row]) -> None:
    found = Rows(Row, "qnQ")
    for row in first:
        found.append(row)
    found.extend_columns(
        [
            array("q", [row.place for row in more]).tobytes(),
            array("I", [found.number(row.name) for row in more]).tobytes(),
            array("Q", [row.size for row in more]).tobytes(),
        ]
    )
    assert found == first + more


@given(st.lists(st.builds(Row, st.integers(0, 9), st.sampled_from("ab"), st.integers(0, 9)), max_size=40), st.slices(40))
def test_rows_that_do_not_fit_into_memory_are_the_same_sequence(expected: list[Row], part: slice) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("balloonproof.checker.read.rows.BLOCK", 4)
        found = Rows(Row, "qnQ")
        for row in expected:
            found.append(row)
        at_once = Rows.of(Row, "qnQ", expected)
        assert found == at_once == expected
        assert found[part] == at_once[part] == expected[part]
        assert [found[index] for index in range(-len(expected), len(expected))] == expected * 2
        interleaved = [row for pair in zip(found, found, strict=True) for row in pair]
        assert interleaved[::2] == interleaved[1::2] == expected


def test_a_row_with_too_large_a_number_is_not_added() -> None:
    found = Rows(Row, "qnQ")
    with pytest.raises(OverflowError):
        found.append(Row(1, "a", 1 << 64))
    assert list(found) == []
