"""How near did a trace come to a known race?

A race has a window: it `opens` when a message is under way, and `closes` when its reader has taken it.  What `strikes` while it is open makes
the race; what strikes soon after was a near miss.  For each window that opened in the trace, the distance from its close to the first strike
is measured, in time and in events; the smallest one is the closest approach.  Below zero the strike came first: the race was on.

`RACES` is all that this file knows of the protocol; the rest counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from balloonproof.checker.neighbours import DEFAULT_CHUNK
from balloonproof.checker.read import Event, Trace
from balloonproof.model.language import Configuration

_TAKEN_BACK = frozenset({"guest.shrink", "guest.release", "guest.allocate", "guest.write", "guest.dirty"})
_WRITTEN = frozenset({"guest.write", "guest.dirty"})
_STARTED = frozenset({"guest.start", "guest.start-reread"})


@dataclass(frozen=True)
class Race:
    """One race by the events at the ends of its window, and the settings without which it does not exist.

    `scope`: the ends name the same "page"; or the close is about any page of its "chunk", and a window opens only while such a close is due,
    which `due` makes it; or the window is of one message of the "queue", first in, first out.
    """

    name: str
    meaning: str
    opens: frozenset[str]
    closes: frozenset[str]
    strikes: frozenset[str]
    exists_if: Mapping[str, str]
    scope: str = "page"
    due: frozenset[str] = frozenset()


RACES = (
    Race(
        "lost write",
        "a hinted page is taken back, and may be written, before the device has read its hint",
        opens=frozenset({"guest.hint"}),
        closes=frozenset({"host.hint", "host.drop"}),
        strikes=_TAKEN_BACK,
        exists_if={"dirty-log": "manual"},
    ),
    Race(
        "stale start",
        "a start command is read after the next one has overwritten the buffer that both share",
        opens=_STARTED,
        closes=frozenset({"host.start"}),
        strikes=_STARTED,
        exists_if={"command-id-buffer": "shared"},
        scope="queue",
    ),
    Race(
        "late clear",
        "a page is written after its hint was read, and before the send of another page clears their chunk's log",
        opens=frozenset({"host.hint"}),
        closes=frozenset({"migration.arm", "migration.send"}),
        strikes=_WRITTEN,
        exists_if={"dirty-log": "manual", "hint-clears-log": "no"},
        scope="chunk",
        due=frozenset({"migration.merge", "migration.sync-end"}),
    ),
)


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
    """One race on one trace: how many windows opened, how many of them were struck, and the closest approach.

    `exists`: with these settings it is a race; `missing`: event names that the trace would need to show for a measure, if it shows none of them.
    """

    race: Race
    exists: bool
    opened: int
    measured: int
    closest: Approach | None
    missing: tuple[str, ...] = ()


def near_misses(trace: Trace, configuration: Configuration) -> list[NearMiss]:
    """Each race that the system can have, on this trace."""
    settings = dict(configuration.settings)
    races = [race for race in RACES if race.exists_if.keys() <= settings.keys()]
    counters = [_Counter(race, trace.header.chunk_pages or DEFAULT_CHUNK) for race in races]
    seen: set[str] = set()
    for number, event in enumerate(trace.events):
        kind = kind_of(event)
        seen.add(kind)
        for counter in counters:
            counter.take(number, kind, event)
    found = []
    for counter in counters:
        race = counter.race
        missing = tuple(min(ends) for ends in (race.opens, race.closes, race.strikes) if not ends & seen)
        exists = all(settings[name] == value for name, value in race.exists_if.items())
        found.append(NearMiss(race, exists, counter.opened, counter.measured, counter.closest, missing))
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
class _Window:
    """One opening of a race's window, and what came first of either end."""

    page: int | None
    close: End | None = None
    strike: End | None = None


@dataclass
class _Counter:
    """One race's windows in a trace that is being read."""

    race: Race
    chunk: int
    opened: int = 0
    measured: int = 0
    closest: Approach | None = None
    _open: dict[int, list[_Window]] = field(default_factory=dict)
    _due: set[int] = field(default_factory=set)
    _all_due: bool = False

    def take(self, number: int, kind: str, event: Event) -> None:
        """Take the next event in: ends of the windows that are open first, then new ones."""
        race = self.race
        if kind in race.strikes:
            self._end("strike", (number, event))
        if kind in race.closes:
            self._end("close", (number, event))
            if race.scope == "chunk":
                self._settle(event)
        if kind in race.due:  # what a sync fetches is not lost any more
            self._all_due, self._due = True, set()
            self._open.clear()
        if kind in race.opens:
            for key, page in self._keys(event):
                if race.scope != "chunk" or (self._all_due and key // self.chunk not in self._due):
                    self.opened += 1
                    windows = self._open.setdefault(key, [])
                    if race.scope != "queue":
                        windows.clear()
                    windows.append(_Window(page))

    def _keys(self, event: Event) -> Iterator[tuple[int, int | None]]:
        if self.race.scope == "queue":
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
        for key, window in list(self._ended(end, at[1])):
            if getattr(window, end) is None:
                setattr(window, end, at)
                if window.close is not None and window.strike is not None:
                    self._measure(window, window.close, window.strike)
                    self._open[key].remove(window)

    def _ended(self, end: str, event: Event) -> Iterator[tuple[int, _Window]]:
        """The open windows that an event ends."""
        if self.race.scope == "queue":
            waiting = [window for window in self._open.get(0, ()) if getattr(window, end) is None]
            yield from ((0, window) for window in (waiting[:1] if end == "close" else waiting))
        elif self.race.scope == "chunk" and end == "close":
            chunks = {chunk for first, count in event.pages for chunk in range(first // self.chunk, (first + count - 1) // self.chunk + 1)}
            yield from ((key, window) for key, windows in self._open.items() if key // self.chunk in chunks for window in windows)
        else:
            yield from ((key, window) for key, _ in self._keys(event) for window in self._open.get(key, ()))

    def _measure(self, window: _Window, close: End, strike: End) -> None:
        self.measured += 1
        found = Approach(strike[1].time - close[1].time, strike[0] - close[0], close[1], strike[1], window.page)
        if self.closest is None or (found.nanoseconds, found.events) < (self.closest.nanoseconds, self.closest.events):
            self.closest = found
