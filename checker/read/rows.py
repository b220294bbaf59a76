"""Many rows of numbers and names, kept as columns: like a list of named tuples that takes a tenth of the memory and is filled at once."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar, overload

R = TypeVar("R", bound=tuple[Any, ...])


class Rows(Sequence[R], Generic[R]):
    """A sequence of tuples, which `make` makes of their values when they are asked for.

    `types` has a letter for each value: of a number as :mod:`array` has them, ``n`` for a name.
    """

    def __init__(self, make: Callable[..., R], types: str) -> None:
        self.make, self.types = make, types
        self.columns: list[array[int]] = [array("I" if letter == "n" else letter) for letter in types]
        self.names: list[str] = []
        self._numbers: dict[str, int] = {}

    def number(self, name: str) -> int:
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

    def extend_columns(self, values: Iterable[bytes]) -> None:
        """Adds many rows: of each column the numbers as the machine has them, as many as in the others."""
        for column, more in zip(self.columns, values, strict=True):
            column.frombytes(more)

    def __len__(self) -> int:
        return len(self.columns[0])

    def __iter__(self) -> Iterator[R]:
        return map(self.make, *map(self._values, self.types, self.columns))

    def _values(self, letter: str, column: Iterable[int]) -> Iterable[Any]:
        return map(self.names.__getitem__, column) if letter == "n" else column

    @overload
    def __getitem__(self, index: int) -> R: ...

    @overload
    def __getitem__(self, index: slice) -> list[R]: ...

    def __getitem__(self, index: int | slice) -> R | list[R]:
        if isinstance(index, slice):
            return list(map(self.make, *(self._values(letter, column[index]) for letter, column in zip(self.types, self.columns, strict=True))))
        return self.make(*(self.names[column[index]] if letter == "n" else column[index] for letter, column in zip(self.types, self.columns, strict=True)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(mine == its for mine, its in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]
