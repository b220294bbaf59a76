"""How near did a trace come to a known race?

The races of the catalogue have windows (`model.catalogue.windows`): one opens when a message is under way, and closes when its reader has taken it.
What strikes while it is open makes the race; what strikes soon after was a near miss.  For each window that opened in the trace, the distance from
its close to the first strike is measured, in time and in events; the smallest one is the closest approach.  Below zero the strike came first: the
race was on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from balloonproof.checker.known_systems import one_page_of
from balloonproof.checker.neighbours import DEFAULT_CHUNK
from balloonproof.checker.observe import Vocabulary
from balloonproof.checker.read import Event, Trace
from balloonproof.model.catalogue import RACES, Race, Scope, Window
from balloonproof.model.language import Configuration


@dataclass(frozen=True)
class Approach:
    """How near a trace came: from the close of the window to the strike, in nanoseconds and in events; negative if the strike came first."""

    nanoseconds: int
    events: int
    close: Event
    strike: Event
    page: int | None


@dataclass(frozen=True)
class NearMiss:
    """One window on one trace: how often it opened, how many openings had both a close and a strike, and the closest approach.

    `races` are the catalogue's that have this window; `takes` says what would have to change before it makes one of them, nothing if it does as things
    are.  `missing`: what the trace would need to show for a measure and does not.
    """

    window: Window
    races: tuple[Race, ...]
    takes: tuple[str, ...]
    opened: int
    measured: int
    closest: Approach | None
    missing: tuple[str, ...] = ()

    @property
    def exists(self) -> bool:
        """Is it a race as things are?"""
        return not self.takes


def windows() -> dict[Window, tuple[Race, ...]]:
    """The catalogue's windows, each with its races."""
    found: dict[Window, tuple[Race, ...]] = {}
    for race in RACES:
        if race.window is not None:
            found[race.window] = (*found.get(race.window, ()), race)
    return found


def near_misses(trace: Trace, configuration: Configuration) -> list[NearMiss]:
    """Each window that the system can have, on this trace."""
    vocabulary = Vocabulary(one_page_of(configuration), trace.header)
    known = vocabulary.by_event.keys()
    counters = [
        _Counter(window, races, trace.header.chunk_pages or DEFAULT_CHUNK, any(map(trace.header.observes, window.closes)))
        for window, races in windows().items()
        if all(end & known for end in window.ends) and window.exists_if.keys() <= dict(configuration.settings).keys()
    ]
    seen: set[str] = set()
    for number, event in enumerate(trace.events):
        kind = kind_of(event)
        seen.add(kind)
        if not event.pages and vocabulary.is_about_pages(event.name):
            continue  # the log counts pages and does not say which
        for counter in counters:
            counter.take(number, kind, event)
    found = []
    for counter in counters:
        counter.finish()
        missing = tuple(" or ".join(sorted(end & known)) for end in counter.window.ends if not end & seen)
        takes = min((race.lacks(configuration) for race in counter.races), key=len)
        found.append(NearMiss(counter.window, counter.races, tuple(takes), counter.opened, counter.measured, counter.closest, missing))
    return found


def kind_of(event: Event) -> str:
    """An event's name; a command that uprobes saw is the start or the stop that its id tells it to be, a dropped hint is none that was honoured."""
    if event.name == "host.command":
        number = event.arguments.get("id")
        return "host.stop" if number in (0, "0") else "host.start"
    if event.name == "host.hint" and "dropped" in event.flags:
        return "host.drop"
    return event.name


End = tuple[int, Event]


@dataclass
class _Opening:
    """One opening of a window, and what came first of either end."""

    page: int | None
    close: End | None = None
    strike: End | None = None


@dataclass
class _Counter:
    """One kind of window in a trace that is being read; `shows_closes`: no close goes unseen."""

    window: Window
    races: tuple[Race, ...]
    chunk: int
    shows_closes: bool
    opened: int = 0
    measured: int = 0
    closest: Approach | None = None
    _open: dict[int, list[_Opening]] = field(default_factory=dict)
    _due: set[int] = field(default_factory=set)
    _all_due: bool = False
    _last: End | None = None

    def take(self, number: int, kind: str, event: Event) -> None:
        """Take the next event in: ends of what is open first, then new openings."""
        window = self.window
        self._last = (number, event)
        if kind in window.strikes:
            self._end("strike", (number, event))
        if kind in window.closes:
            self._end("close", (number, event))
            if window.scope is Scope.CHUNK:
                self._settle(event)
        if kind in window.due:  # what a sync fetches is not lost any more
            self._all_due, self._due = True, set()
            self._open.clear()
        if kind in window.opens:
            for key, page in self._keys(event):
                if window.scope is not Scope.CHUNK or (self._all_due and key // self.chunk not in self._due):
                    self.opened += 1
                    kept = [one for one in self._open.get(key, ()) if window.scope is Scope.QUEUE or one.strike is not None]
                    self._open[key] = [*kept, _Opening(page)]

    def finish(self) -> None:
        """The trace ends; what was struck and has not closed is closed now, if its close would have been seen."""
        if self.shows_closes and self._last is not None and self.window.scope is not Scope.CHUNK:
            for openings in self._open.values():
                for one in openings:
                    if one.strike is not None and one.close is None:
                        self._measure(one, self._last, one.strike)

    def _keys(self, event: Event) -> Iterator[tuple[int, int | None]]:
        if self.window.scope in (Scope.QUEUE, Scope.SPAN):
            yield 0, None
        else:
            for first, count in event.pages:
                for page in range(first, first + count):
                    yield page, page

    def _settle(self, event: Event) -> None:
        """These chunks have been cleared: no clear is due there until the next sync."""
        for first, count in event.pages:
            self._due.update(range(first // self.chunk, (first + count - 1) // self.chunk + 1))

    def _end(self, end: str, at: End) -> None:
        for key, one in list(self._ended(end, at[1])):
            if getattr(one, end) is None:
                setattr(one, end, at)
                if one.close is not None and one.strike is not None:
                    self._measure(one, one.close, one.strike)
                    self._open[key].remove(one)

    def _ended(self, end: str, event: Event) -> Iterator[tuple[int, _Opening]]:
        """What an event ends; a message that is read is the first of those that wait."""
        scope = self.window.scope
        if scope is Scope.CHUNK and end == "close":
            chunks = {chunk for first, count in event.pages for chunk in range(first // self.chunk, (first + count - 1) // self.chunk + 1)}
            keys = [key for key in self._open if key // self.chunk in chunks]
        elif scope is Scope.PAGE and not event.pages:
            keys = list(self._open)
        else:
            keys = [key for key, _ in self._keys(event) if key in self._open]
        for key in keys:
            waiting = [one for one in self._open[key] if getattr(one, end) is None]
            for one in waiting[:1] if end == "close" and scope in (Scope.PAGE, Scope.QUEUE) else waiting:
                yield key, one

    def _measure(self, one: _Opening, close: End, strike: End) -> None:
        self.measured += 1
        found = Approach(strike[1].time - close[1].time, strike[0] - close[0], close[1], strike[1], one.page)
        if self.closest is None or (found.nanoseconds, found.events) < (self.closest.nanoseconds, self.closest.events):
            self.closest = found
