"""Events that are held, or made one after another, as columns of numbers: the same batches as of a native trace's text, for the same fast monitor."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from .. import jit
from .events import Event, Source, with_plain_ids

_EVENTS = 1 << 14
_PAGES_OF_AN_EVENT = 1 << 12
"""So many pages take as long as an event by itself, where all of them are looked at."""


@dataclass
class EventKinds:
    """The kinds of events met: name, flags, arguments; of events named in `detailed` also the arguments' values (:func:`.with_plain_ids`) and pages."""

    detailed: Collection[str]
    kinds: list[Event] = field(default_factory=list)
    """An example of each, at time 0."""
    _numbers: dict[object, int] = field(default_factory=dict)

    def event(self, kind: int) -> Event:
        """An event of this kind: at time 0, on the first page or (if its number of pages matters) as many as it names, if any."""
        return self.kinds[kind]

    def number(self, event: Event) -> int:
        """The number of an event's kind, a new one if it was not met before."""
        is_detailed = event.name in self.detailed
        total = sum(count for _, count in event.pages) if is_detailed else min(len(event.pages), 1)
        arguments = tuple(with_plain_ids(event.arguments).items() if is_detailed else event.arguments)
        key = (event.name, event.flags, arguments, total)
        number = self._numbers.setdefault(key, len(self.kinds))
        if number == len(self.kinds):
            self.kinds.append(event._replace(time=0, pages=((0, total),) if total else ()))
        return number


@dataclass(frozen=True)
class EventBatch:
    """Events that follow each other, with the same columns as :class:`.scanner.Batch`."""

    kinds_seen: EventKinds
    events: list[Event]
    kinds: NDArray[np.int32]
    range_ends: NDArray[np.int64]
    firsts: NDArray[np.int64]
    counts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.events)

    def paths(self) -> set[str]:
        """The files that the events come from."""
        return {event.source.path for event in self.events}

    def source(self, number: int) -> Source:
        """Where an event of the batch stands."""
        return self.events[number].source

    def event(self, number: int) -> Event:
        """An event of the batch as such."""
        return self.events[number]


class HeldEvents(list[Event]):
    """Events that are held and do not change any more: what they are as columns is worked out once, for all who follow or look through them."""

    _batches: tuple[Collection[str], list[EventBatch]] | None = None

    def batches(self, detailed: Collection[str]) -> list[EventBatch]:
        """As :meth:`EventColumns.batches`."""
        if self._batches is None or self._batches[0] != detailed:
            self._batches = detailed, list(EventColumns(iter(self)).batches(detailed))
        return self._batches[1]


@dataclass(frozen=True)
class EventColumns:
    """Events that can be iterated over again, as columns."""

    events: Iterable[Event]

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events)

    def is_long(self, pages: int) -> bool:
        """Is it worth while to follow them, on so many pages, as columns?  An event that all pages learn of costs more the more there are."""
        return next(islice(self.events, jit.worthwhile("events") // (1 + pages // _PAGES_OF_AN_EVENT), None), None) is not None

    def batches(self, detailed: Collection[str]) -> Iterable[EventBatch]:
        """The events, some at a time."""
        return self.events.batches(detailed) if isinstance(self.events, HeldEvents) else self._made(detailed)

    def _made(self, detailed: Collection[str]) -> Iterator[EventBatch]:
        kinds, events = EventKinds(detailed), iter(self.events)
        while held := list(islice(events, _EVENTS)):
            yield batch_of(held, kinds)


def batch_of(events: list[Event], kinds: EventKinds) -> EventBatch:
    """These events as a batch."""
    ranges = [one for event in events for one in event.pages]
    pages = np.array(ranges, dtype=np.int64).reshape(-1, 2)
    ends = np.cumsum([len(event.pages) for event in events], dtype=np.int64)
    numbers = np.array([kinds.number(event) for event in events], dtype=np.int32)
    return EventBatch(kinds, events, numbers, ends, np.ascontiguousarray(pages[:, 0]), np.ascontiguousarray(pages[:, 1]))
