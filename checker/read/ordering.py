"""Many events in order of time, without holding them: lines of a log are out of order by little, and events of several logs are merged."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, NamedTuple, TypeVar

from .events import Event, Pages, Source
from .spool import Sorted

T = TypeVar("T")


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


def in_order(items: Iterable[T], slack: int, key: Callable[[T], Any], time: Callable[[T], int]) -> Iterator[T]:
    """These items sorted by a key that begins with their time; no more is held than what is made within `slack`, see :func:`disorder`."""
    if not slack:
        yield from items
        return
    waiting: list[tuple[Any, int, T]] = []
    latest = 0
    for number, item in enumerate(items):
        heapq.heappush(waiting, (key(item), number, item))
        latest = max(latest, time(item))
        while time(waiting[0][2]) < latest - slack:
            yield heapq.heappop(waiting)[2]
    while waiting:
        yield heapq.heappop(waiting)[2]


@dataclass(frozen=True)
class InOrder:
    """What `make` makes, sorted; it can be iterated over again."""

    make: Callable[[], Iterator[Placed]]
    slack: int = 0
    """Nanoseconds, see :func:`in_order`."""

    def __iter__(self) -> Iterator[Placed]:
        return in_order(self.make(), self.slack, place_of, lambda placed: placed.order[0])


def _placed(
    time: int, rank: int, number: float, moment: int, name: str, pages: Pages, arguments: Mapping[str, str | int], flags: frozenset[str], path: str, line: int
) -> Placed:
    return Placed((time, rank, number), Event(moment, name, pages, arguments, flags, Source(path, line)))


class PlacedEvents(Sorted[Placed]):
    """Events in the order of their places, however many and in whichever order they are added."""

    def __init__(self, events: Iterable[Placed] = ()) -> None:
        super().__init__(_placed, 3, events)

    def append(self, placed: Placed) -> None:
        order, event = placed
        self._add((*order, *event[:5], *event.source), 1 + len(event.pages))


class Gaps(Sorted[tuple[int, int]]):
    """Stretches of time (begin, end) of which nothing can be relied upon, as a source lost events in them."""

    def __init__(self, gaps: Iterable[tuple[int, int]] = ()) -> None:
        super().__init__(lambda *gap: gap, 2, gaps)


@dataclass(frozen=True)
class Merged:
    """The events of several sources, in order of time since the first of them; it can be iterated over again.

    In the `gaps` a source lost events: nothing is kept of these times but what is `said_always`.  Nothing is kept of what is later than `end`,
    if there is one.  `closing` come last, at the time of the last event.
    """

    sources: Sequence[Iterable[Placed]]
    """Each sorted."""
    gaps: Sequence[Gaps] = ()
    said_always: frozenset[str] = frozenset()
    closing: Sequence[Event] = ()
    end: int | None = None

    def told(self) -> Iterator[tuple[Placed, bool]]:
        """All events up to the end with their places, also those in gaps; and whether they are kept."""
        gaps = heapq.merge(*self.gaps)
        gap, lost_until = next(gaps, None), -inf
        for placed in heapq.merge(*self.sources, key=place_of):
            time = placed.order[0]
            if self.end is not None and time > self.end:
                return
            while gap is not None and gap[0] <= time:
                lost_until = max(lost_until, gap[1])
                gap = next(gaps, None)
            yield placed, time >= lost_until or placed.event.name in self.said_always

    def kept(self) -> Iterator[Placed]:
        """The events that are kept."""
        return (placed for placed, is_kept in self.told() if is_kept)

    def __iter__(self) -> Iterator[Event]:
        origin, time = None, 0
        for placed in self.kept():
            origin = placed.order[0] if origin is None else origin
            time = placed.order[0] - origin
            yield Event(time, *placed.event[1:])
        for event in self.closing:
            yield event._replace(time=time)
