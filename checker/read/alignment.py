"""Pairs what two logs show of the same sequence, where either may lack something."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from operator import itemgetter
from typing import Generic, TypeVar

A = TypeVar("A")
B = TypeVar("B")

LOOK_AHEAD = 64
_HOPELESS = 500


def align(source: Iterable[Hashable], destination: Iterable[Hashable]) -> list[tuple[int | None, int | None]]:
    """Pairs the places of two sequences that should be equal, as :func:`aligned` does."""
    pairs = aligned(enumerate(source), enumerate(destination), itemgetter(1), itemgetter(1))
    return [(None if i is None else i[0], None if j is None else j[0]) for i, j in pairs]


def aligned(
    source: Iterable[A], destination: Iterable[B], key: Callable[[A], Hashable], other_key: Callable[[B], Hashable]
) -> Iterator[tuple[A | None, B | None]]:
    """Pairs two sequences whose keys should be equal; what one of them lacks is paired with None.

    Linear in the length: after a mismatch, the nearest place (at most 64 on either side) where both agree again.  Only so many are held.
    """
    first, second = Ahead(source, key), Ahead(destination, other_key)
    failures = 0
    while first.has(0) and second.has(0):
        if first.key(0) == second.key(0):
            yield first.take(), second.take()
            continue
        skip = _resynchronise(first, second)
        if skip is None:
            failures += 1
            if failures > _HOPELESS:
                break
        skip_first, skip_second = skip or (1, 1)
        for _ in range(skip_first):
            yield first.take(), None
        for _ in range(skip_second):
            yield None, second.take()
    while first.has(0):
        yield first.take(), None
    while second.has(0):
        yield None, second.take()


class Ahead(Generic[A]):
    """What comes next in a sequence, with keys."""

    def __init__(self, items: Iterable[A], key: Callable[[A], Hashable]) -> None:
        self._items, self._key = iter(items), key
        self._next: deque[tuple[Hashable, A]] = deque()

    def has(self, ahead: int) -> bool:
        """Is there an item so many ahead of the next?"""
        while len(self._next) <= ahead:
            for item in self._items:
                self._next.append((self._key(item), item))
                break
            else:
                return False
        return True

    def key(self, ahead: int) -> Hashable:
        return self._next[ahead][0]

    def item(self, ahead: int) -> A:
        return self._next[ahead][1]

    def take(self) -> A:
        return self._next.popleft()[1]


def _resynchronise(first: Ahead[A], second: Ahead[B]) -> tuple[int, int] | None:
    for total in range(1, LOOK_AHEAD + 1):
        for x in range(total, -1, -1):
            y = total - x
            if first.has(x) and second.has(y) and first.key(x) == second.key(y):
                follows = not first.has(x + 1) or not second.has(y + 1) or first.key(x + 1) == second.key(y + 1)
                if follows:
                    return x, y
    return None
