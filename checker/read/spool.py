"""Many rows of any kind, of which only the last are in memory, the others in a temporary file.

What rows of numbers take is less as columns, see ``rows``; here a row may hold whatever can be pickled.
"""

from __future__ import annotations

import pickle
from array import array
from collections.abc import Callable, Iterable, Iterator
from heapq import heappop, heappush
from typing import Any, Generic, TypeVar

from .put_away import PutAway

R = TypeVar("R", bound=tuple[Any, ...])

BLOCK = 1 << 11
"""Rows in a block, if they are small."""

Plain = tuple[Any, ...]


class _Blocks:
    """Blocks of plain tuples in a file."""

    def __init__(self) -> None:
        self._file = PutAway()
        self._ends = array("Q", [0])

    def __len__(self) -> int:
        return len(self._ends) - 1

    def add(self, rows: list[Plain]) -> None:
        block = pickle.dumps(rows, pickle.HIGHEST_PROTOCOL)
        self._file.add(block)
        self._ends.append(self._ends[-1] + len(block))

    def read(self, number: int) -> list[Plain]:
        begin, end = self._ends[number : number + 2]
        rows: list[Plain] = pickle.loads(self._file.read(end - begin, begin))
        return rows


class Spool(Generic[R]):
    """Rows in the order in which they were added; `make` makes them of their values when they are asked for.

    A row takes the memory of `weight` small ones.
    """

    def __init__(self, make: Callable[..., R], rows: Iterable[R] = (), weight: int = 1) -> None:
        self.make, self.weight = make, weight
        self._held: list[Plain] = []
        self._weight, self._count = 0, 0
        self._blocks = _Blocks()
        for row in rows:
            self.append(row)

    def append(self, row: R) -> None:
        """Adds a row."""
        self._add(tuple(row), self.weight)

    def _add(self, values: Plain, weight: int) -> None:
        self._held.append(values)
        self._count += 1
        self._weight += weight
        if self._weight >= BLOCK:
            self._put_away()

    def _put_away(self) -> None:
        self._blocks.add(self._held)
        self._held, self._weight = [], 0

    def _plain(self) -> Iterator[Plain]:
        for number in range(len(self._blocks)):
            yield from self._blocks.read(number)
        yield from self._held

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[R]:
        return (self.make(*row) for row in self._plain())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Spool) and len(self) == len(other) and all(mine == its for mine, its in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]


class Sorted(Spool[R]):
    """Rows in the order of their first `by` values, and equal ones in the order in which they were added.

    They are sorted block by block; of blocks that overlap all are in memory at once, so it is cheap if rows are added nearly in order.
    """

    def __init__(self, make: Callable[..., R], by: int, rows: Iterable[R] = ()) -> None:
        self.by = by
        self._firsts: list[Plain] = []
        """The least key of each block."""
        super().__init__(make, rows)

    def _put_away(self) -> None:
        self._held.sort(key=self._key)
        self._firsts.append(self._key(self._held[0]))
        super()._put_away()

    def _key(self, row: Plain) -> Plain:
        return row[: self.by]

    def _plain(self) -> Iterator[Plain]:
        key, blocks = self._key, len(self._blocks)
        held = sorted(self._held, key=key)
        waiting = [(first, number) for number, first in enumerate(self._firsts)] + ([(key(held[0]), blocks)] if held else [])
        waiting.sort(reverse=True)
        opened: list[tuple[Plain, int, int, list[Plain]]] = []
        while waiting or opened:
            while waiting and (not opened or waiting[-1][0] <= opened[0][0]):
                first, number = waiting.pop()
                heappush(opened, (first, number, 0, self._blocks.read(number) if number < blocks else held))
            _, number, at, rows = heappop(opened)
            limits = [some[0][0] for some in (opened[:1], waiting[-1:]) if some]
            limit = min(limits, default=None)
            yield rows[at]
            at += 1
            while at < len(rows) and (limit is None or key(rows[at]) < limit):
                yield rows[at]
                at += 1
            if at < len(rows):
                heappush(opened, (key(rows[at]), number, at, rows))


class Numbers:
    """Numbers in order."""

    def __init__(self) -> None:
        self._rows = Sorted[tuple[int]](lambda *values: values, 1)

    def append(self, number: int) -> None:
        """Adds a number."""
        self._rows.append((number,))

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[int]:
        return (number for (number,) in self._rows)
