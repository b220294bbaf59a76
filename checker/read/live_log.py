"""The source's log of QEMU while it is being written, as a trace that grows.

What a whole log shows is known only when it has ended: which kinds of lines it has at all (every event of such a kind is in it), how much memory
the guest has, how far lines are out of order.  Here it is what was seen so far.  Where a line shows more, :class:`Learned` is raised, and
the log is read again from its beginning with that in mind; so in the end it means what it means when it is read as a whole.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ...grammar import TraceInputError
from .events import NO_ARGUMENTS, NO_FLAGS, Event, Header, Source
from .growing import PAUSE
from .host import LOG_RANK, SEND_RANK, MigrationSteps, shown_by
from .inference import Inferred, infer
from .ordering import Placed
from .qemu import PAGE_BITS, Collector, QemuLog, log_lines
from .record import CHUNK_PAGES, PAGE_SIZE, RAM

_DIRTY, _SAVE, _LOADS = "memory_notdirty_write_access", "ram_save_page", frozenset({"ram_load_start", "ram_load_loop"})
_PARTIAL = frozenset({"partial"})


@dataclass(frozen=True)
class Known:
    """What a log has shown so far: its kinds of lines that say something, the guest's pages, and by how much (ns) its lines are out of order at most."""

    kinds: frozenset[str] = frozenset()
    pages: int = 1
    slack: int = 100_000_000


class Learned(Exception):
    """A log shows more than was known of it."""

    def __init__(self, known: Known) -> None:
        super().__init__(known)
        self.known = known


Numbered = Iterable[tuple[int, str]]


def learn(numbered: Numbered, path: str, known: Known) -> Known:
    """What is known when these lines, all that there are so far, were read."""
    latest = 0
    for kind, placed in _placed(numbered, path, known):
        if not kind:
            continue
        slack = max(known.slack, latest - placed.order[0]) if placed else known.slack
        latest = max(latest, placed.order[0]) if placed else latest
        known = Known(known.kinds | {kind}, _pages(placed, known), slack)
    return known


def live_header(known: Known) -> tuple[Header, Inferred]:
    """The header of a log of which so much is known, and the model that it is to be checked against."""
    observed = shown_by(known.kinds) | ({"guest.dirty"} if _DIRTY in known.kinds else set())
    inferred = infer("", None, observed, known.kinds)
    header = Header(known.pages, PAGE_SIZE, CHUNK_PAGES, inferred.system, inferred.settings, inferred.without, tuple(sorted(observed)))
    return header, inferred


def live_events(numbered: Numbered, path: str, known: Known) -> Iterator[Event]:
    """The events of the lines, in order of time from the first migration on; the last ones when the lines end.  Raises :class:`Learned`."""
    waiting: list[Placed] = []
    latest, origin, last, idle_since = 0, None, (0, 0, 0.0), None

    def taken() -> Event:
        nonlocal origin, last
        last, event = heapq.heappop(waiting)
        origin = last[0] if origin is None else origin
        return event._replace(time=last[0] - origin)

    for kind, placed in _placed(numbered, path, known):
        if not kind:
            idle_since = idle_since or time.monotonic_ns()
            while waiting and time.monotonic_ns() - idle_since >= known.slack:  # what is written from now on is later than all of this
                yield taken()
            continue
        idle_since = None
        if kind not in known.kinds or (placed and _pages(placed, known) > known.pages):
            raise Learned(replace(known, kinds=known.kinds | {kind}, pages=_pages(placed, known)))
        if placed is None:
            continue
        if placed.order < last:
            raise Learned(replace(known, slack=max(2 * known.slack, latest - placed.order[0])))
        heapq.heappush(waiting, placed)
        latest = max(latest, placed.order[0])
        while waiting[0].order[0] < latest - known.slack:
            yield taken()
    while waiting:
        yield taken()


def _pages(placed: Placed | None, known: Known) -> int:
    """The pages of the guest, if an event names some: a power of two."""
    top = max((first + count for first, count in placed.event.pages), default=1) if placed else 1
    return max(known.pages, 1 << (top - 1).bit_length())


def _placed(numbered: Numbered, path: str, known: Known) -> Iterator[tuple[str, Placed | None]]:
    """What each line that says something is, and the event in it from the first migration on, if there is one; nothing at a pause."""
    collector, steps = Collector(QemuLog(path)), MigrationSteps(path, known.kinds)
    sends = sent = 0
    for one in numbered:
        if one == PAUSE:
            yield "", None
            continue
        line = next(log_lines([one], path))
        if line.kind in _LOADS:
            raise TraceInputError(path, f"line {line.number}: {line.kind}: this is the log of a destination; follow that of the source")
        collector.add(line)
        log = collector.log
        if not (log.steps or log.dirty or log.saves):
            continue
        collector.log = QemuLog(path)
        for step in log.steps:
            events = list(steps.place(step))
            sent = step.time if any(placed.event.name == "migration.start" for placed in events) else sent
            yield from ((step.kind, placed) for placed in events or (None,))
        for dirty in log.dirty:
            page, source = ((dirty.address >> PAGE_BITS, 1),), Source(path, dirty.line)
            is_seen = steps.started and dirty.address >> PAGE_BITS < known.pages
            yield _DIRTY, Placed((dirty.time, LOG_RANK, dirty.line), Event(0, "guest.dirty", page, NO_ARGUMENTS, NO_FLAGS, source)) if is_seen else None
        for save in log.saves:
            sends, sent = sends + 1, max(sent, save.time)
            send = Event(0, "migration.send", ((save.offset >> PAGE_BITS, 1),), NO_ARGUMENTS, _PARTIAL, Source(path, save.line))
            yield _SAVE, Placed((sent, SEND_RANK, float(sends)), send) if steps.started and save.block == RAM else None
