"""Many events in order of time, without holding them: lines of a log are out of order by little, and events of several logs are merged."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .events import Event


class Placed(NamedTuple):
    """An event with its place: absolute time (nanoseconds since the epoch), rank, and the order within a rank."""

    order: tuple[int, int, float]
    event: Event


def place_of(placed: Placed) -> tuple[int, int, float]:
    return placed.order


def disorder(times: Iterable[int]) -> int:
    """By how much, at most, one of these times lies before another that stands in front of it."""
    latest = most = 0
    for time in times:
        if time < latest:
            most = max(most, latest - time)
        else:
            latest = time
    return most


@dataclass(frozen=True)
class InOrder:
    """What `make` makes, sorted; it can be iterated over again.  No more is held than what is made within `slack`, see :func:`disorder`."""

    make: Callable[[], Iterator[Placed]]
    slack: int = 0
    """Nanoseconds."""

    def __iter__(self) -> Iterator[Placed]:
        if not self.slack:
            yield from self.make()
            return
        waiting: list[tuple[tuple[int, int, float], int, Placed]] = []
        latest = 0
        for number, placed in enumerate(self.make()):
            heapq.heappush(waiting, (placed.order, number, placed))
            latest = max(latest, placed.order[0])
            while waiting[0][0][0] < latest - self.slack:
                yield heapq.heappop(waiting)[2]
        while waiting:
            yield heapq.heappop(waiting)[2]


@dataclass(frozen=True)
class Merged:
    """The events of several sources, in order of time since the first of them; it can be iterated over again.

    In the `gaps` a source lost events: nothing is kept of these times but what is `said_always`.  `closing` come last, at the time of the last event.
    """

    held: Sequence[Placed]
    """Few events, sorted."""
    many: Sequence[Iterable[Placed]]
    """Sources of many events, each sorted."""
    gaps: Sequence[tuple[int, int]] = ()
    said_always: frozenset[str] = frozenset()
    closing: Sequence[Event] = ()

    def placed(self) -> Iterator[Placed]:
        """All events with their places, also those in gaps."""
        return heapq.merge(self.held, *self.many, key=place_of)

    def is_known(self, placed: Placed) -> bool:
        """Is it kept?"""
        return placed.event.name in self.said_always or not any(begin <= placed.order[0] < end for begin, end in self.gaps)

    def __iter__(self) -> Iterator[Event]:
        origin, time = None, 0
        for placed in self.placed():
            if self.gaps and not self.is_known(placed):
                continue
            origin = placed.order[0] if origin is None else origin
            time = placed.order[0] - origin
            yield Event(time, *placed.event[1:])
        for event in self.closing:
            yield event._replace(time=time)
