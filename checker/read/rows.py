"""Many rows of numbers and names, kept as columns: like a list of named tuples that takes a tenth of the memory and is filled at once.

Of more rows than fit into a block only the last ones are in memory, the others in a temporary file (in the folder that TMPDIR names)
without a name: what is read of a log does not grow with the log.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Generic, TypeVar, overload

from .put_away import PutAway

R = TypeVar("R", bound=tuple[Any, ...])

BLOCK = 1 << 16
"""Rows in a block."""

Columns = list["array[int]"]


class Rows(Sequence[R], Generic[R]):
    """A sequence of tuples, which `make` makes of their values when they are asked for.

    `types` has a letter for each value: of a number as :mod:`array` has them, ``n`` for a name, or whatever has few values.
    """

    def __init__(self, make: Callable[..., R], types: str) -> None:
        self.make, self.types = make, types
        self.columns: Columns = [array("I" if letter == "n" else letter) for letter in types]
        """The last rows."""
        self.names: list[Any] = []
        self._numbers: dict[Hashable, int] = {}
        self._file = PutAway()
        self._blocks = 0
        self._read: tuple[int, Columns] = (-1, [])

    @classmethod
    def of(cls, make: Callable[..., R], types: str, rows: Iterable[R]) -> Rows[R]:
        """These rows.  OverflowError for a number that is too large for its column."""
        found, more = cls(make, types), iter(rows)
        while some := list(islice(more, BLOCK)):
            columns = [map(found.number, values) if letter == "n" else values for letter, values in zip(types, zip(*some, strict=True), strict=True)]
            found.extend_columns([array(column.typecode, values).tobytes() for column, values in zip(found.columns, columns, strict=True)])
        return found

    def number(self, name: Hashable) -> int:
        """The number that stands for a name in its column."""
        number = self._numbers.setdefault(name, len(self.names))
        if number == len(self.names):
            self.names.append(name)
        return number

    def append(self, row: R) -> None:
        """Adds a row. OverflowError for a number that is too large for its column."""
        numbers = [self.number(value) if letter == "n" else value for letter, value in zip(self.types, row, strict=True)]
        single = [array(column.typecode, [value]) for column, value in zip(self.columns, numbers, strict=True)]
        for column, more in zip(self.columns, single, strict=True):
            column.extend(more)
        self._put_away()

    def extend_columns(self, values: Iterable[bytes]) -> None:
        """Adds many rows: of each column the numbers as the machine has them, as many as in the others."""
        for column, more in zip(self.columns, values, strict=True):
            column.frombytes(more)
        self._put_away()

    def _put_away(self) -> None:
        """Moves whole blocks into the file."""
        while len(self.columns[0]) >= BLOCK:
            self._file.add(b"".join(column[:BLOCK].tobytes() for column in self.columns))
            for column in self.columns:
                del column[:BLOCK]
            self._blocks += 1

    def _block(self, number: int) -> Columns:
        """The columns of a block; the last one is in memory."""
        if number == self._blocks:
            return self.columns
        if self._read[0] != number:
            columns: Columns = [array(column.typecode) for column in self.columns]
            at = number * BLOCK * sum(column.itemsize for column in columns)
            for column in columns:
                column.frombytes(self._file.read(BLOCK * column.itemsize, at))
                at += BLOCK * column.itemsize
            self._read = number, columns
        return self._read[1]

    def __len__(self) -> int:
        return self._blocks * BLOCK + len(self.columns[0])

    def __iter__(self) -> Iterator[R]:
        for number in range(self._blocks + 1):
            yield from map(self.make, *map(self._values, self.types, self._block(number)))

    def _values(self, letter: str, column: Iterable[int]) -> Iterable[Any]:
        return map(self.names.__getitem__, column) if letter == "n" else column

    @overload
    def __getitem__(self, index: int) -> R: ...

    @overload
    def __getitem__(self, index: slice) -> list[R]: ...

    def __getitem__(self, index: int | slice) -> R | list[R]:
        if isinstance(index, slice):
            return [self._row(number) for number in range(*index.indices(len(self)))]
        number = index + len(self) if index < 0 else index
        if not 0 <= number < len(self):
            raise IndexError(index)
        return self._row(number)

    def _row(self, number: int) -> R:
        columns, at = self._block(number // BLOCK), number % BLOCK
        return self.make(*(self.names[column[at]] if letter == "n" else column[at] for letter, column in zip(self.types, columns, strict=True)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(mine == its for mine, its in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]
