"""Checks a log while it is being written, until it is rejected, the migration has completed, or nobody waits any longer.

What has been followed is in the end told and explained as that of a finished log is; the file is read again for it, up to the last line that was followed.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from balloonproof.checker import jit
from balloonproof.checker.checking import chosen_configuration, explained
from balloonproof.checker.following import Followed, check_beginning, check_host_pages, follow_batch, follow_event
from balloonproof.checker.hiding import hidden
from balloonproof.checker.judging import beyond_estimates, judged
from balloonproof.checker.monitor import Monitor, PageMonitor
from balloonproof.checker.observe import DETAILED, IGNORED
from balloonproof.checker.read import Event, Header, Trace
from balloonproof.checker.read.event_batches import EventKinds, batch_of
from balloonproof.checker.read.extent import is_under_way, unfinished
from balloonproof.checker.read.growing import GrowingFile
from balloonproof.checker.read.live_log import Known, Learned, learn, live_events, live_header
from balloonproof.checker.read.native import LineReader
from balloonproof.checker.read.sources import Kind, lines, recognise_lines
from balloonproof.checker.verdict import Report
from balloonproof.grammar import TraceInputError
from balloonproof.model.language import Configuration
from balloonproof.model.workers import Progress, silent

if TYPE_CHECKING:
    from balloonproof.checker.column_monitor import ColumnMonitor

Numbered = Iterator[tuple[int, str]]

_TOGETHER = 1 << 12
"""So many events, at most, are followed together."""
_SNIFFED_LINES = 100
"""A file that has said nothing of a known form in so many lines is not followed."""


class _Format(Protocol):
    """How the lines of a file become a trace."""

    def read(self, numbered: Numbered) -> tuple[Header, list[str], Iterator[Event]]:
        """The header, notes, and the events as they come."""


@dataclass
class _Native:
    path: str

    def read(self, numbered: Numbered) -> tuple[Header, list[str], Iterator[Event]]:
        reader = LineReader(self.path)
        events = (event for number, text in numbered if number for event in [reader.read(number, text)] if event is not None)
        first = next(events, None)
        reader.finish()
        header = reader.read_header()
        if header.pages is None:
            raise TraceInputError(self.path, "to be followed while it is written a trace has to say how many pages there are: 'guest pages=...'")
        return header, [], iter(()) if first is None else _chain(first, events)


@dataclass
class _QemuLog:
    path: str
    known: Known = field(default_factory=Known)

    def read(self, numbered: Numbered) -> tuple[Header, list[str], Iterator[Event]]:
        header, inferred = live_header(self.known)
        notes = [f"{header.pages} pages of guest memory are assumed, or as many as events name", *inferred.notes]
        return header, notes, live_events(numbered, self.path, self.known)


def _chain(first: Event, others: Iterator[Event]) -> Iterator[Event]:
    yield first
    yield from others


@dataclass
class _Prefix:
    """The first events of a file, of its first lines; like `Trace.events` it can be iterated over again."""

    format: _Format
    path: str
    lines: int = 0
    events: int = 0

    def __iter__(self) -> Iterator[Event]:
        return islice(self.format.read(islice(lines(self.path), self.lines))[2], self.events)

    def counted(self, numbered: Numbered) -> Numbered:
        """The same lines; they count from now on."""
        for number, text in numbered:
            self.lines = number or self.lines
            yield number, text


@dataclass
class _Watch:
    """Shall it go on?  Not after an interrupt, nor when nothing has come for `timeout` seconds (None: however long), nor if `caught_up` says no.

    That is asked whenever all that was written has been read.
    """

    timeout: float | None
    progress: Progress
    caught_up: Callable[[], bool] = lambda: True
    told: Callable[[], str] = lambda: "waiting"
    ended_by: str = ""
    _idle_since: float | None = None

    def __call__(self, has_more: bool) -> bool:
        if has_more:
            self._idle_since = None
        else:
            now = time.monotonic()
            self._idle_since = self._idle_since or now
            if not self.ended_by and self.timeout is not None and now - self._idle_since >= self.timeout:
                self.ended_by = f"nothing was written for {self.timeout:g} seconds"
            if not self.caught_up():
                return False
        self.progress(self.told())
        return not self.ended_by


class _Follower:
    """Follows events as they come, many together where there are many."""

    def __init__(self, trace: Trace, configuration: Configuration) -> None:
        self.fast: ColumnMonitor | None = None
        pages = trace.header.pages or 1
        if jit.is_available() and trace.header.pages_in_host_page == 1:
            from balloonproof.checker.column_monitor import ColumnMonitor

            self.fast = ColumnMonitor(configuration, trace.header, pages)
        self.slow = Monitor(configuration, trace.header, pages) if self.fast is None else None
        self.monitor: PageMonitor = self.fast or self.slow  # type: ignore[assignment]
        check_host_pages(trace, self.monitor)
        self.followed = Followed(self.monitor)
        self.kinds = EventKinds(DETAILED)
        self.waiting: list[Event] = []
        self.has_begun = False
        self.under_way = False
        """Has a migration begun that has not ended?"""
        self.why = ""
        """Why it is not followed any further, if so."""

    def add(self, event: Event) -> bool:
        """One event more; shall it go on?"""
        if not self.has_begun:
            check_beginning([event])
            self.has_begun = event.name.startswith("migration.") and event.name not in IGNORED
        self.under_way = is_under_way([event], self.under_way)
        self.waiting.append(event)
        return self.catch_up() if len(self.waiting) == _TOGETHER else not self.why

    def catch_up(self) -> bool:
        """Follow what has come; shall it go on?"""
        events, self.waiting = self.waiting, []
        if self.fast is not None and events:
            follow_batch(self.followed, self.fast, batch_of(events, self.kinds))
        if self.slow is not None:
            for event in events:
                if not follow_event(self.followed, self.slow, event) or self._ends():
                    break
        self.why = self._ends()
        return not self.why

    def _ends(self) -> str:
        if any(item.kind != "undecided" for item in self.monitor.judgements):
            return "rejected"
        if self.followed.stopped is not None:
            return "post-copy begins"
        return "the migration has completed" if self.monitor.completed else ""

    def __str__(self) -> str:
        counts = self.followed.counts
        return f"{counts.total():,} events, round {counts['migration.sync-end'] or counts['migration.merge']}, nothing wrong so far"


def check_growing(
    path: str,
    system: str | None = None,
    settings: Mapping[str, str] | None = None,
    without: Sequence[str] = (),
    hide: Sequence[str] = (),
    timeout: float | None = None,
    progress: Progress = silent,
) -> Report:
    """Check a native trace, or the source's log of QEMU, while it is being written; the report is on the lines read up to its end.

    It ends at the first event that rejects the trace, when a migration completes, where post-copy begins, when nothing was written for `timeout`
    seconds, or by an interrupt (SIGINT).
    Raises as :func:`.checking.check_paths` does, and TraceInputError if the file does not only grow.
    """
    started = time.perf_counter()
    watch = _Watch(timeout, progress)
    with _interrupts(watch):
        form = _format(path, watch)
        while True:
            try:
                report = _follow(path, form, lambda trace: chosen_configuration(trace, system, settings, without), hide, watch)
                break
            except Learned as more:
                assert isinstance(form, _QemuLog)
                form.known = learn(GrowingFile(path, lambda has_more: has_more).lines(), path, more.known)
    report.seconds, report.name = time.perf_counter() - started, path
    return report


@contextmanager
def _interrupts(watch: _Watch) -> Iterator[None]:
    """The first interrupt ends the watch, and the verdict so far is given; another one ends the program, as ever."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupted(number: int, frame: object) -> None:
        if watch.ended_by:
            raise KeyboardInterrupt
        watch.ended_by = "interrupted"

    before = signal.signal(signal.SIGINT, interrupted)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _format(path: str, watch: _Watch) -> _Format:
    """What is being written, by its first lines."""
    first: list[str] = []
    for number, text in GrowingFile(path, watch).lines():
        if not number:
            continue
        first.append(text)
        kind = recognise_lines(first)
        if kind is Kind.NATIVE:
            return _Native(path)
        if kind is Kind.QEMU_LOG:
            return _QemuLog(path)
        if len(first) >= _SNIFFED_LINES:
            raise TraceInputError(path, "cannot be followed while it is written: expected a native trace or a QEMU trace log")
    raise TraceInputError(path, f"nothing to check: {watch.ended_by or 'the file is empty'}")


def _follow(path: str, form: _Format, choose: Callable[[Trace], Configuration], hide: Sequence[str], watch: _Watch) -> Report:
    """Follow the lines as they come; Learned if the log has to be read again."""
    prefix = _Prefix(form, path)
    header, notes, events = form.read(prefix.counted(GrowingFile(path, watch).lines()))
    trace = hidden(Trace(header, events, notes), hide)
    configuration = choose(trace)
    follower = _Follower(trace, configuration)
    watch.caught_up, watch.told = follower.catch_up, follower.__str__
    for event in trace.events:
        if not follower.add(event):
            break
    follower.catch_up()
    follower.monitor.finish()
    followed, why = follower.followed, follower.why
    prefix.events = followed.counts.total()
    open_end = unfinished(path) if follower.under_way and isinstance(form, _QemuLog) else ""
    told = hidden(Trace(replace(header, unfinished=open_end or header.unfinished), prefix, notes), hide)
    report = explained(beyond_estimates(judged(told, followed, configuration), watch.progress), watch.progress)
    report.notes = [*report.notes, f"followed up to line {prefix.lines}: {why or watch.ended_by or 'its end'}"]
    return report
