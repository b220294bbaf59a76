"""Follows a trace: which states can each page be in?

A page stores only the number of its set of possible states (`automaton`).  An event about all pages moves set numbers, not pages,
so it costs one look-up per
distinct set; an event about a page costs one look-up per page of its range.  Exact for one page's view of the trace; relations between hidden
global steps as different pages see them are not kept, which can only accept more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from balloonproof.checker.automaton import IMPOSSIBLE, Automaton
from balloonproof.checker.observe import Meaning, Vocabulary
from balloonproof.checker.read.events import Event, Header, Pages
from balloonproof.model.language import Configuration
from balloonproof.model.one_page import OnePage

CHECKPOINTS = frozenset({"start-migration", "switch-over"})
"""Actions before which the properties are judged: they begin something new."""

DEFAULT_CHUNK = 1 << 18
"""Pages in a chunk of the dirty log unless the header says otherwise (QEMU clear_bmap_shift 18)."""


@dataclass(frozen=True)
class Judgement:
    """At `event` (None: the end) these pages' sets are `kind`: impossible, violated or undecided, and it was set `number` before."""

    kind: str
    pages: Pages
    event: Event | None
    number: int
    property: str | None = None
    in_sync: bool = False


class Monitor:
    """Follows the events of one trace on all pages of a guest."""

    def __init__(self, configuration: Configuration, header: Header, pages: int) -> None:
        self.one_page = OnePage(configuration)
        self.vocabulary = Vocabulary(self.one_page, header)
        self.automaton = Automaton(self.one_page, self.vocabulary)
        self.page_count = pages
        self.chunk = header.chunk_pages or DEFAULT_CHUNK
        self.state: NDArray[np.int32] = np.full(pages, self.automaton.initial(), dtype=np.int32)
        self.in_sync = False
        self.completed = False
        self.judgements: list[Judgement] = []
        self._comparison: tuple[Event, Meaning] | None = None
        self.compared = np.zeros(pages, dtype=bool)
        self.differing = np.zeros(pages, dtype=bool)
        self._bad = self.one_page.violated()

    def feed(self, events: Iterable[Event]) -> None:
        """Follow `events`; what is wrong is collected in `judgements`."""
        for event in events:
            self.step(event)

    def step(self, event: Event) -> None:
        """Follow one event."""
        if event.name == "trace.dropped":
            self.state[:] = self.automaton.everything()
            return
        meaning = self.vocabulary.meaning(event)
        if meaning is None or not (meaning.actions or meaning.is_statement or meaning.opens_sync):
            return
        if CHECKPOINTS.intersection(meaning.actions):
            self.judge(event)
        if meaning.opens_sync:
            self.in_sync = True
        if event.name in ("memory.compared", "memory.differs"):
            for first, count in event.pages:
                (self.compared if event.name == "memory.compared" else self.differing)[first : first + count] = True
            if event.name == "memory.compared":  # holds for the pages that no memory.differs names: see finish()
                self._comparison = (event, meaning)
                return
        if event.pages or meaning.is_statement:
            self._about_pages(event, meaning)
        else:
            self._about_all(event, meaning, "own")
        if "merge" in meaning.actions:
            self.in_sync = False
        if "complete" in meaning.actions:
            self.completed = True

    def finish(self) -> None:
        """The trace ends: pages that were compared and are not said to differ are equal; judge the properties."""
        if self._comparison is not None:
            self._about_all(*self._comparison, "own", self.compared & ~self.differing)
        self.judge()

    def _about_all(self, event: Event, meaning: Meaning, role: str, where: NDArray[np.bool_] | None = None) -> None:
        """An event that every page (or every page of `where`) learns of."""
        chosen = self.state if where is None else self.state[where]
        old = np.unique(chosen)
        new = np.array([self.automaton.after(int(n), meaning, role, self.in_sync) if n else IMPOSSIBLE for n in old], dtype=np.int32)
        for before, after in zip(old, new, strict=True):
            if before != IMPOSSIBLE and after == IMPOSSIBLE:
                hit = self.state == before if where is None else (self.state == before) & where
                self._impossible(event, np.flatnonzero(hit), int(before))
        moved = new[np.searchsorted(old, chosen)]
        if where is None:
            self.state = moved
        else:
            self.state[where] = moved

    def _about_pages(self, event: Event, meaning: Meaning) -> None:
        """An event about the pages that it names."""
        for first, count in event.pages:
            self._named(event, meaning, first, count)
        if meaning.others:
            self._tell_others(event, meaning)

    def _named(self, event: Event, meaning: Meaning, first: int, count: int) -> None:
        if count == 1:
            before = int(self.state[first])
            after = self.automaton.after(before, meaning, "own", self.in_sync) if before else IMPOSSIBLE
            self.state[first] = after
            if before and not after:
                self._impossible(event, np.array([first]), before)
            return
        part = self.state[first : first + count]
        for number in np.unique(part):
            if number == IMPOSSIBLE:
                continue
            hit = part == number
            after = self.automaton.after(int(number), meaning, "own", self.in_sync)
            if after == IMPOSSIBLE:
                self._impossible(event, np.flatnonzero(hit) + first, int(number))
            part = np.where(hit, -after, part)  # negative: already moved
        self.state[first : first + count] = np.abs(part)

    def _tell_others(self, event: Event, meaning: Meaning) -> None:
        named = np.zeros(self.page_count, dtype=bool)
        peers = np.zeros(self.page_count, dtype=bool)
        for first, count in event.pages:
            named[first : first + count] = True
            low = first // self.chunk * self.chunk
            peers[low : (first + count - 1) // self.chunk * self.chunk + self.chunk] = True
        for role, where in (("peer", peers & ~named), ("stranger", ~peers & ~named)):
            if where.any():
                self._about_all(event, meaning, role, where)

    def _impossible(self, event: Event, pages: NDArray[np.intp], before: int) -> None:
        self.judgements.append(Judgement("impossible", ranges(pages), event, before, in_sync=self.in_sync))

    def judge(self, event: Event | None = None) -> None:
        """Judge the properties on what is possible now."""
        for number in np.unique(self.state):
            states = self.automaton.sets[int(number)]
            for name, bad in self._bad.items():
                count = len(self.automaton.holding(bad, states))
                if count:
                    kind = "violated" if count == len(states) else "undecided"
                    pages = ranges(np.flatnonzero(self.state == number))
                    self.judgements.append(Judgement(kind, pages, event, int(number), name))


def ranges(pages: NDArray[np.intp]) -> Pages:
    """Sorted page numbers as (first, count) ranges."""
    if not len(pages):
        return ()
    starts = np.flatnonzero(np.diff(pages, prepend=pages[0] - 2) != 1)
    ends = np.append(starts[1:], len(pages))
    return tuple((int(pages[start]), int(end - start)) for start, end in zip(starts, ends, strict=True))
