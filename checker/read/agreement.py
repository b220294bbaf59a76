"""Do two logs show the same sequence?  Those of one migration do: where they differ, one of them has less.

A log may begin late, end early or lack kinds of lines; then the other has more there.  Logs of two migrations each have, at the same place, what the
other lacks, and that again and again: similar guests send the same pages at first, and then others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from .alignment import aligned

ENOUGH = 16
"""So many items that stand against others show that two sequences of pages are not the same; one or two may stand so by an error of the system."""
_RUN = 32
"""Where so many items follow each other in both sequences they may begin to be the same."""
_PLACES = 8
"""Of a sequence that begins somewhere in another, so many places are tried."""
_COMPARED = 1 << 15

Sequence = Callable[[], Iterator[Hashable]]


class Agreement(NamedTuple):
    """How many items two sequences have in common, and how many stand `against` another one: at the same place each has what the other lacks."""

    common: int = 0
    against: int = 0

    @property
    def is_contradicted(self) -> bool:
        """Are these not parts of one sequence?"""
        return self.against >= ENOUGH and self.against * ENOUGH >= self.common


def agreement(sides: Iterable[int], longest: int | None = None) -> Agreement:
    """Of sequences that were aligned: each of `sides` says that an item is in both (0), in the first only (-1) or in the second only (1).

    Differences of more than `longest` items do not count.
    """
    common = against = 0
    alone = [0, 0]

    def told() -> int:
        return min(alone) if longest is None or sum(alone) <= longest else 0

    for side in sides:
        if side:
            alone[side > 0] += 1
        else:
            common, against = common + 1, against + told()
            alone = [0, 0]
    return Agreement(common, against + told())


def agreement_of(first: Iterable[Hashable], second: Iterable[Hashable], longest: int | None = None) -> Agreement:
    """The same of two sequences that begin at the same place."""
    return agreement((_side(a, b) for a, b in aligned(first, second, _itself, _itself)), longest)


def agreement_somewhere(first: Sequence, second: Sequence) -> Agreement:
    """Of two sequences of which either may begin in the middle of the other: the best of all places where one begins; of these, of so many items."""
    found: list[Agreement] = []
    for one, other in ((first, second), (second, first)):
        begin = list(islice(one(), _RUN))
        if len(begin) < _RUN:
            return Agreement()
        for place in islice(_places(other(), begin), _PLACES + 1):
            found.append(agreement_of(islice(one(), _COMPARED), islice(other(), place, place + _COMPARED)))
            if not found[-1].is_contradicted or len(found) > 2 * _PLACES:
                return Agreement(found[-1].common)
    return min(found, key=lambda item: item.against, default=Agreement())


def _places(items: Iterator[Hashable], begin: list[Hashable]) -> Iterator[int]:
    """Where these items follow each other."""
    last: deque[Hashable] = deque(maxlen=len(begin))
    for number, item in enumerate(items):
        last.append(item)
        if item == begin[-1] and len(last) == len(begin) and list(last) == begin:
            yield number + 1 - len(begin)


def _itself(item: Hashable) -> Hashable:
    return item


def _side(first: object, second: object) -> int:
    return (first is None) - (second is None)
