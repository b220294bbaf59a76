"""Feeds a trace to a monitor: event by event, or (a long one, where numba is installed) as columns of numbers.

The two ways come to the same judgements; everything after them is told from single events, which `events_for` picks from either.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from balloonproof.checker import jit
from balloonproof.checker.monitor import Monitor, PageMonitor
from balloonproof.checker.observe import DETAILED, IGNORED, UnusableEvent
from balloonproof.checker.read import Event, Source, Trace
from balloonproof.checker.read.event_batches import EventColumns
from balloonproof.checker.read.native import NativeFile
from balloonproof.checker.read.places import refusal
from balloonproof.grammar import TraceInputError
from balloonproof.model.language import Configuration
from balloonproof.model.workers import Progress

if TYPE_CHECKING:
    from balloonproof.checker.column_monitor import ColumnMonitor
    from balloonproof.checker.read.event_batches import EventBatch
    from balloonproof.checker.read.scanner import Batch

Columns = NativeFile | EventColumns


@dataclass(frozen=True)
class Kept:
    """Events without those that are hidden; like `Trace.events` it can be iterated over again."""

    events: Iterable[Event]
    is_hidden: Callable[[str], bool]

    def __iter__(self) -> Iterator[Event]:
        return (event for event in self.events if not self.is_hidden(event.name))


@dataclass
class Followed:
    """What following a trace leaves behind; `stopped` is the event that it was not followed beyond, if any."""

    monitor: PageMonitor
    counts: Counter[str] = field(default_factory=Counter)
    sources: set[str] = field(default_factory=set)
    stopped: Event | None = None
    end: Source | None = None
    """Where the last event that was followed stands."""


AtHint = Callable[[PageMonitor, Event], None]


def follow(trace: Trace, configuration: Configuration, progress: Progress, at_hint: AtHint | None = None) -> Followed:
    """Follow a trace up to its end or the start of post-copy.  TraceSyntaxError as check_trace.

    `at_hint`, if given, is called before the host takes a hint, instead of looking whether it is a stale one.
    """
    columns = _columns(trace)
    if columns is not None:
        return _follow_columns(trace, *columns, configuration, progress, at_hint)
    check_beginning(trace.events)
    result = Followed(monitor := Monitor(configuration, trace.header, page_count(trace)))
    check_host_pages(trace, monitor)
    _call_at_hints(monitor, at_hint)
    for number, event in enumerate(trace.events):
        if number % 4096 == 0:
            progress(f"event {number:,}")
        if not follow_event(result, monitor, event):
            break
    monitor.finish()
    return result


def _call_at_hints(monitor: PageMonitor, at_hint: AtHint | None) -> None:
    if at_hint is not None:
        monitor.at_hint = partial(at_hint, monitor)


def follow_event(result: Followed, monitor: Monitor, event: Event) -> bool:
    """Follow one event more; no if it is one beyond which a trace is not followed.  TraceSyntaxError if it means nothing."""
    result.counts[event.name] += 1
    result.sources.add(event.source.path)
    result.end = event.source
    if monitor.vocabulary.ends_at(event.name):
        result.stopped = event
        return False
    try:
        monitor.step(event)
    except UnusableEvent as error:
        raise refusal(event, error.found, error.expected, error.word) from None
    return True


def _columns(trace: Trace) -> tuple[Columns, Callable[[str], bool]] | None:
    """What is behind a trace, and which of its events are hidden, if it is to be followed as columns."""
    events, is_hidden = (trace.events.events, trace.events.is_hidden) if isinstance(trace.events, Kept) else (trace.events, lambda name: False)
    if trace.header.pages_in_host_page > 1:
        return None
    if not jit.is_available():
        return None
    if isinstance(events, NativeFile):
        return (events, is_hidden) if events.is_long() else None
    columns = EventColumns(events)
    return (columns, is_hidden) if columns.is_long(trace.header.pages or 1) else None


def _follow_columns(
    trace: Trace, file: Columns, is_hidden: Callable[[str], bool], configuration: Configuration, progress: Progress, at_hint: AtHint | None
) -> Followed:
    progress("getting ready")
    from balloonproof.checker.column_monitor import ColumnMonitor

    check_beginning(_firsts_of_kinds(file, is_hidden))
    pages = trace.header.pages
    if pages is None:
        ends = (int((batch.firsts + batch.counts).max(initial=1)) for batch in file.batches(DETAILED))
        pages = max(ends, default=1)
    monitor = ColumnMonitor(configuration, trace.header, pages, is_hidden)
    check_host_pages(trace, monitor)
    _call_at_hints(monitor, at_hint)
    result = Followed(monitor)
    for batch in file.batches(DETAILED):
        progress(f"event {monitor.event_counts.total():,}")
        if not follow_batch(result, monitor, batch):
            break
    monitor.finish()
    return result


def follow_batch(result: Followed, monitor: ColumnMonitor, batch: Batch | EventBatch) -> bool:
    """Follow some events more; no if there is one beyond which a trace is not followed.  TraceSyntaxError if one means nothing."""
    try:
        monitor.follow(batch)
    except UnusableEvent as error:
        raise refusal(batch.event(monitor.position), error.found, error.expected, error.word) from None
    result.counts, result.stopped = monitor.event_counts, monitor.stopped
    result.sources |= batch.paths()
    result.end = monitor.stopped.source if monitor.stopped is not None else _last_shown(batch, monitor.is_hidden) or result.end
    return monitor.stopped is None


def _last_shown(batch: Batch | EventBatch, is_hidden: Callable[[str], bool]) -> Source | None:
    """Where the last event of a batch that is not hidden stands."""
    hidden: set[int] = set()
    for number in reversed(range(len(batch))):
        kind = int(batch.kinds[number])
        if kind not in hidden:
            if not is_hidden(batch.kinds_seen.event(kind).name):
                return batch.source(number)
            hidden.add(kind)
    return None


def _firsts_of_kinds(file: Columns, is_hidden: Callable[[str], bool]) -> Iterator[Event]:
    """The first event of each kind, in order."""
    import numpy as np

    for batch in file.batches(DETAILED):
        _, numbers = np.unique(batch.kinds, return_index=True)
        for number in sorted(numbers.tolist()):
            event = batch.event(number)
            if not is_hidden(event.name):
                yield event


def page_count(trace: Trace) -> int:
    """The guest's pages: as the header says, else as many as the events name."""
    if trace.header.pages is not None:
        return trace.header.pages
    return max((first + count for event in trace.events for first, count in event.pages), default=1)


def check_host_pages(trace: Trace, monitor: PageMonitor) -> None:
    """Where a page is told from others of its host page it has to be known which these are."""
    if monitor.automaton.tells_siblings_apart and trace.header.host_page_size is None:
        first = next(iter(trace.events), None)
        raise TraceInputError(first.source.path if first else "", f"{monitor.one_page.configuration} needs host-page-size=BYTES in the trace's 'guest' line")


def check_beginning(events: Iterable[Event]) -> None:
    """A trace is followed from before its first migration on."""
    first = next((event for event in events if event.name.startswith("migration.") and event.name not in IGNORED), None)
    if first is not None and first.name != "migration.start":
        expected = "a trace that begins before the migration (is the source's log missing?)"
        raise refusal(first, f"{first.name} before any migration.start", expected)


def events_for(trace: Trace, monitor: PageMonitor, pages: Collection[int]) -> Iterable[Event]:
    """The events of a trace, without some that name none of `pages` and of which no other page learns."""
    columns = _columns(trace)
    if columns is None:
        return trace.events

    def choice(example: Event) -> int:
        meaning = monitor.vocabulary.meaning(example)
        if meaning is None:
            return 0
        return 1 if not example.pages or meaning.others or meaning.is_statement else 2

    return _selected(*columns, choice, pages)


def _selected(file: Columns, is_hidden: Callable[[str], bool], choice: Callable[[Event], int], pages: Collection[int]) -> Iterator[Event]:
    """Events whose kind is chosen by 1, or by 2 and that name one of `pages`."""
    import numpy as np

    from balloonproof.checker.follow_loops import naming

    wanted = np.array(sorted(pages), dtype=np.int64)
    kinds, chosen = None, np.zeros(0, dtype=np.int32)
    for batch in file.batches(DETAILED):
        if kinds is not batch.kinds_seen:
            kinds, chosen = batch.kinds_seen, np.zeros(0, dtype=np.int32)
        chosen = np.append(chosen, np.full(len(kinds.kinds) - len(chosen), -1, dtype=np.int32))
        for kind in np.unique(batch.kinds).tolist():
            if chosen[kind] < 0:
                example = kinds.event(kind)
                chosen[kind] = 0 if is_hidden(example.name) or not _is_known(choice, example) else choice(example)
        found = np.zeros(len(batch), dtype=np.int64)
        count = naming(batch.kinds, batch.range_ends, batch.firsts, batch.counts, chosen, wanted, found)
        for number in found[:count].tolist():
            yield batch.event(number)


def _is_known(choice: Callable[[Event], int], example: Event) -> bool:
    """Events behind the start of post-copy were never followed, and may be of any name."""
    try:
        choice(example)
    except UnusableEvent:
        return False
    return True
