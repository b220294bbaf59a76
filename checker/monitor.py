"""Follows a trace: which states can each page be in?

`Monitor` is the reference, an event at a time; `column_monitor.ColumnMonitor` comes to the same judgements on long traces.
A page stores only the number of its set of possible states (`automaton`).  An event about all pages moves set numbers, not pages,
so it costs one look-up per
distinct set; an event about a page costs one look-up per page of its range.  Exact for one page's view of the trace; relations between hidden
global steps as different pages see them are not kept, which can only accept more.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from balloonproof.checker.automaton import IMPOSSIBLE, Automaton
from balloonproof.checker.known_systems import one_page_of
from balloonproof.checker.neighbours import Neighbours
from balloonproof.checker.observe import LOST_SOME, Meaning, Vocabulary
from balloonproof.checker.read.events import Event, Header, Pages, merge_ranges
from balloonproof.checker.stale_hints import StaleHints
from balloonproof.checker.transitions import transitions_of
from balloonproof.model.language import Configuration

CHECKPOINTS = frozenset({"start-migration", "switch-over", "end-postcopy"})
"""Actions before which it is said what was violated so far, and what a comparison of both sides says: they begin something new."""
COMPLETING = frozenset({"complete", "end-postcopy", "finish-snapshot"})
"""Actions by which a migration, or a snapshot, has completed."""


LISTED = 10_000
"""So many judgements of a kind are listed; others are counted.  There may be as many as pages, and after each loss of events anew."""

WHAT_TELLS_STALE_HINTS = ("host.hint", "host.command", "guest.hint", "guest.start")
"""Without the guest's side no hint is certainly of an earlier round."""


@dataclass(frozen=True)
class Judgement:
    """At `event` (None: the end) these pages' sets are `kind`: impossible, violated or undecided, and it was set `number` before."""

    kind: str
    pages: Pages
    event: Event | None
    number: int
    property: str | None = None
    in_sync: bool = False


_BLOCK = 1 << 22
"""Pages that are looked at together: copies of all pages' numbers would not fit into memory for a large guest."""


class Block(NamedTuple):
    """Some pages that follow each other, and the numbers of their sets; `chosen` are those that count (None: all)."""

    first: int
    numbers: NDArray[np.int32]
    chosen: NDArray[np.bool_] | None


Places = Iterable[Block]


class PageMonitor(ABC):
    """What the monitors share: what is said, and how it is judged.  How pages' sets are stored is theirs."""

    def __init__(self, configuration: Configuration, header: Header, pages: int, automaton: Automaton | None = None) -> None:
        self.one_page = automaton.one_page if automaton else one_page_of(configuration)
        self.vocabulary = Vocabulary(self.one_page, header)
        self.automaton = automaton or Automaton(self.one_page, self.vocabulary, transitions_of(configuration, header))
        self.page_count = pages
        self.neighbours = Neighbours.of(header)
        self.in_sync = False
        self.completed = False
        self.judgements: list[Judgement] = []
        """What was found, the first ones of each kind."""
        self.unlisted = 0
        """How many more there are."""
        self._said: Counter[str] = Counter()
        self._comparison: tuple[Event, Meaning] | None = None
        self.compared = np.zeros(pages, dtype=bool)
        self.differing = np.zeros(pages, dtype=bool)
        self.at_hint: Callable[[Event], None] | None = self.look_at_hint if all(map(header.observes, WHAT_TELLS_STALE_HINTS)) else None
        """What is done before the host takes a hint."""
        self.stale_hints = StaleHints(pages)
        """Hints that were honoured although, in every run that explains the trace, an earlier round had queued them."""
        self._told: dict[str, NDArray[np.bool_]] = {}
        """Of which pages it was said that a property is violated."""

    @abstractmethod
    def numbers(self, pages: slice) -> NDArray[np.int32]:
        """The numbers of these pages' sets."""

    @abstractmethod
    def numbers_in_use(self) -> list[int]:
        """The numbers of all pages' sets, sorted."""

    @abstractmethod
    def say_equal(self, event: Event, meaning: Meaning, where: NDArray[np.bool_]) -> None:
        """The pages of `where` are equal on both sides."""

    def meaning_of(self, event: Event) -> Meaning | None:
        """What the event says; None if there is nothing to follow.  Raises UnknownEvent or MissingPages."""
        meaning = self.vocabulary.meaning(event)
        return meaning if meaning is not None and (meaning.actions or meaning.is_statement or meaning.opens_sync) else None

    def look_at_hint(self, event: Event) -> None:
        """The host takes a hint: is it certainly one that an earlier round had queued?  Told by its first page."""
        if event.pages and self.is_stale(event, event.pages[0][0]):
            self.stale_hints.add(event)

    def is_stale(self, event: Event, page: int) -> bool:
        """Is a hint that the host honours now and that names `page` certainly one that an earlier round had queued?"""
        meaning = self.meaning_of(event)
        if meaning is None or "dropped" in event.flags:
            return False
        number = int(self.numbers(slice(page, page + 1))[0])
        return number != IMPOSSIBLE and self.automaton.is_stale_hint(number, meaning)

    def say_differs(self, event: Event) -> None:
        """These pages were found to differ."""
        for first, count in event.pages:
            self.differing[first : first + count] = True

    def say_compared(self, event: Event) -> None:
        """These pages were compared; it tells of those that no memory.differs names, see conclude()."""
        for first, count in event.pages:
            self.compared[first : first + count] = True
        meaning = self.meaning_of(event)
        assert meaning is not None
        self._comparison = (event, meaning)

    def finish(self) -> None:
        """The trace ends."""
        self.conclude()

    def conclude(self, event: Event | None = None) -> None:
        """Up to `event` (None: the end): pages that were compared and are not said to differ are equal; judge the properties."""
        if self._comparison is not None:
            self.say_equal(*self._comparison, self.compared & ~self.differing)
            self._comparison = None
        self.judge(event)

    def judge(self, event: Event | None = None) -> None:
        """Say what every run violates that explains the trace up to `event`; at the end (None) also what some do and some do not."""
        found: dict[tuple[int, str], str] = {}
        for number in self.numbers_in_use():
            states = self.automaton.sets[number]
            for name, bit in self.automaton.violated.items():
                count = len(self.automaton.holding(bit, states))
                if count and (event is None or count == len(states)):
                    found[number, name] = "violated" if count == len(states) else "undecided"
        judged = [
            Judgement(kind, pages, event, number, name)
            for name in self.automaton.violated
            for number, pages in self._untold(name, {number for number, item in found if item == name}).items()
            for kind in [found[number, name]]
        ]
        for item in sorted(judged, key=lambda item: (item.pages, item.property)):
            self._say(item)
            if item.kind == "violated" and item.property is not None and event is not None:
                told = self._told.setdefault(item.property, np.zeros(self.page_count, dtype=bool))
                for first, count in item.pages:
                    told[first : first + count] = True

    def _untold(self, name: str, numbers: Collection[int]) -> dict[int, Pages]:
        """The pages whose sets have these numbers, without those of which it was said before that they violate the property."""
        told = self._told.get(name)
        return pages_by_number(self.places(where=None if told is None else ~told), numbers) if numbers else {}

    def say_impossible(self, event: Event, places: Places, numbers: Collection[int]) -> None:
        """Nothing explains the event for the pages whose sets have these numbers."""
        pages = pages_by_number(places, numbers)
        for number in sorted(pages, key=lambda number: pages[number]):
            self._say(Judgement("impossible", pages[number], event, number, in_sync=self.in_sync))

    def _say(self, item: Judgement) -> None:
        self._said[item.kind] += 1
        if self._said[item.kind] <= LISTED:
            self.judgements.append(item)
        else:
            self.unlisted += 1

    def places(self, pages: range | None = None, where: NDArray[np.bool_] | None = None) -> Iterator[Block]:
        """The pages of a range (None: all), block by block; of these, `where` says which count."""
        pages = range(self.page_count) if pages is None else pages
        for first in range(pages.start, pages.stop, _BLOCK):
            part = slice(first, min(first + _BLOCK, pages.stop))
            yield Block(first, self.numbers(part), None if where is None else where[part])


class Monitor(PageMonitor):
    """Follows the events of one trace on all pages of a guest.

    `automaton` may be that of another system than the configuration's, and may have followed traces before that observe the same events.
    """

    def __init__(self, configuration: Configuration, header: Header, pages: int, automaton: Automaton | None = None) -> None:
        super().__init__(configuration, header, pages, automaton)
        self.state: NDArray[np.int32] = np.full(pages, self.automaton.initial(), dtype=np.int32)

    def numbers(self, pages: slice) -> NDArray[np.int32]:
        return self.state[pages]

    def numbers_in_use(self) -> list[int]:
        numbers: list[int] = distinct(self.state).tolist()
        return numbers

    def step(self, event: Event) -> None:
        """Follow one event; what is wrong is collected in `judgements`."""
        if event.name == LOST_SOME:
            self.judge(event)
            self.state[:] = self.automaton.everything()
            return
        meaning = self.meaning_of(event)
        if meaning is None:
            return
        if CHECKPOINTS.intersection(meaning.actions):
            self.conclude(event)
        if self.at_hint is not None and event.name == "host.hint":
            self.at_hint(event)
        if meaning.opens_sync:
            self.in_sync = True
        if event.name == "memory.compared":
            self.say_compared(event)
            return
        if event.name == "memory.differs":
            self.say_differs(event)
        if event.pages or meaning.is_statement:
            self._move_named(event, meaning)
        else:
            self._move(event, meaning, "own", slice(0, self.page_count))
        if "merge" in meaning.actions:
            self.in_sync = False
        if COMPLETING.intersection(meaning.actions):
            self.completed = True

    def say_equal(self, event: Event, meaning: Meaning, where: NDArray[np.bool_]) -> None:
        self._move(event, meaning, "own", slice(0, self.page_count), where)

    def _move(self, event: Event, meaning: Meaning, role: str, pages: slice, where: NDArray[np.bool_] | None = None) -> None:
        """An event that these pages (or those of them that are in `where`) learn of in `role`."""
        part = self.state[pages]
        chosen = part if where is None else part[where[pages]]
        old = distinct(chosen)
        new = np.array([self.automaton.after(int(n), meaning, role, self.in_sync) if n else IMPOSSIBLE for n in old], dtype=np.int32)
        bad = {int(before) for before, after in zip(old, new, strict=True) if before != IMPOSSIBLE and after == IMPOSSIBLE}
        if bad:
            self.say_impossible(event, self.places(range(pages.start, pages.stop), where), bad)
        moved = new if len(chosen) == 1 else new[np.searchsorted(old, chosen)]
        if where is None:
            self.state[pages] = moved
        else:
            part[where[pages]] = moved

    def _move_named(self, event: Event, meaning: Meaning) -> None:
        """An event that names pages, of which others learn as well where `meaning` says so."""
        alone = self.neighbours.host_page == 1
        if alone:
            for first, count in event.pages:
                self._move(event, meaning, "own", slice(first, first + count))
        if meaning.others or not alone:
            for role, where in self.neighbours.parts(self.page_count, event.pages, meaning.is_statement):
                if (meaning.others if role != "own" else not alone) and where.any():
                    self._move(event, meaning, role, slice(0, self.page_count), where)


def distinct(numbers: NDArray[np.int32]) -> NDArray[np.signedinteger]:
    """The numbers of sets that occur, sorted. (They are small, so they need not be sorted themselves as `np.unique` does.)"""
    return numbers if len(numbers) == 1 else np.flatnonzero(np.bincount(numbers))


def pages_by_number(places: Places, numbers: Collection[int]) -> dict[int, Pages]:
    """The pages whose sets have these numbers, as ranges, by number."""
    found: dict[int, list[tuple[int, int]]] = {}
    for block in places:
        for number in numbers:
            hit = block.numbers == number
            if block.chosen is not None:
                hit &= block.chosen
            if hit.any():
                found.setdefault(number, []).extend((block.first + first, count) for first, count in ranges(np.flatnonzero(hit)))
    return {number: merge_ranges(tuple(pages)) for number, pages in found.items()}


def ranges(pages: NDArray[np.intp]) -> Pages:
    """Sorted page numbers as (first, count) ranges."""
    if not len(pages):
        return ()
    starts = np.flatnonzero(np.diff(pages, prepend=pages[0] - 2) != 1)
    ends = np.append(starts[1:], len(pages))
    return tuple((int(pages[start]), int(end - start)) for start, end in zip(starts, ends, strict=True))
