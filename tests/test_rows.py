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


def test_a_row_with_too_large_a_number_is_not_added() -> None:
    found = Rows(Row, "qnQ")
    with pytest.raises(OverflowError):
        found.append(Row(1, "a", 1 << 64))
    assert list(found) == []
