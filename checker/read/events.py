"""What a trace is, once read: a header that says what could be observed, and events in order of time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

Pages = tuple[tuple[int, int], ...]
"""Ranges of guest pages, each (first page number, count)."""

NO_ARGUMENTS: Mapping[str, str | int] = {}
NO_FLAGS: frozenset[str] = frozenset()


GUEST_CLOCK = "the guest's clock"
"""What an estimated place rests on, where the clock of the guest's log was fitted to the source's."""


class Source(NamedTuple):
    """Where an event was read: the file and its line (from 1)."""

    path: str
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


class Event(NamedTuple):
    """One observed event. Names are ``family.name``, as in ``migration.send``."""

    time: int
    """Nanoseconds since the start of the trace."""
    name: str
    pages: Pages = ()
    arguments: Mapping[str, str | int] = NO_ARGUMENTS
    flags: frozenset[str] = NO_FLAGS
    source: Source = Source("", 0)


class Loss(NamedTuple):
    """A stretch of time, in nanoseconds of some clock, in which a source of events lost some; and where it says so."""

    begin: int
    end: int
    line: int
    events: int


@dataclass(frozen=True)
class Expectation:
    """The verdict that the author of a trace expects, and of a reject the page and the property, if stated."""

    verdict: str
    page: int | None = None
    property: str | None = None


@dataclass(frozen=True)
class Header:
    """What is known before the first event.

    ``observed`` holds event names ("host.hint") and families ("migration.*"): every event of these is in the trace,
    and any other may have happened unseen. ``without`` names the guards that the recorded system lacked. Sizes are in bytes,
    `page_size` that of the guest's pages (4096 unless said otherwise), `host_page_size` that of what the host discards at a time.
    """

    pages: int | None = None
    page_size: int | None = None
    chunk_pages: int | None = None
    system: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    observed: tuple[str, ...] = ()
    expect: Expectation | None = None
    host_page_size: int | None = None
    estimated: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By what it rests on, the events (or families) whose place among the others is an estimate: a reject that needs them is not given."""
    unfinished: str = ""
    """Why the trace does not show how the last migration ended, if so: then that it is safe cannot be said."""

    @property
    def pages_in_host_page(self) -> int:
        """How many guest pages a host page holds; 1 unless it is known to hold more."""
        return max(1, (self.host_page_size or 0) // (self.page_size or 4096))

    @property
    def has_host_pages_of_one(self) -> bool:
        """Is it known that no two guest pages share a host page?"""
        return self.host_page_size is not None and self.pages_in_host_page == 1

    def observes(self, name: str) -> bool:
        """Whether every event of this name is in the trace."""
        return name in self.observed or f"{name.split('.')[0]}.*" in self.observed


@dataclass
class Trace:
    """A header, the events in order of time, and notes on what the reader skipped, counted, matched or aligned.

    ``events`` can be iterated over any number of times; what is held in memory is a list, a long file is read anew.
    """

    header: Header
    events: Iterable[Event]
    notes: list[str] = field(default_factory=list)


COMMAND_IDS = frozenset({"id", "current"})
"""Arguments that are ids of the balloon's hinting commands: 0 stops, 1 is done, the others count up from one round to the next."""


def with_plain_ids(arguments: Mapping[str, str | int]) -> Mapping[str, str | int]:
    """Arguments of which a long trace has few: command ids other than 0 and 1 become 2, 3, ..., as all that an event says is which of its ids are the same."""
    if COMMAND_IDS.isdisjoint(arguments):
        return arguments
    others: dict[int, int] = {}
    return {
        key: others.setdefault(value, 2 + len(others)) if key in COMMAND_IDS and isinstance(value, int) and value > 1 else value
        for key, value in arguments.items()
    }


def merge_ranges(pages: Pages) -> Pages:
    """Joins each range to the one before it where it continues it; order and repetitions stay."""
    merged: list[tuple[int, int]] = []
    for first, count in pages:
        if merged and merged[-1][0] + merged[-1][1] == first:
            merged[-1] = (merged[-1][0], merged[-1][1] + count)
        else:
            merged.append((first, count))
    return tuple(merged)
