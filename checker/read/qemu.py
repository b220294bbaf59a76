"""Reads QEMU's own traces into what they say about a migration, on either side: text (``grammar/qemu_log.lark``) here,
the binary form of the same events in ``simple``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from ...grammar import Line, TraceInputError, TraceSyntaxError, line_parser
from .. import jit
from .events import Loss
from .rows import Rows
from .sources import is_long, lines, text_blocks
from .spool import Spool

PAGE_BITS = 12
# RAM_SAVE_FLAG_* of QEMU's migration/ram.c
FLAG_ZERO, FLAG_PAGE, FLAG_CONTINUE, FLAG_XBZRLE, FLAG_COMPRESSED = 0x02, 0x08, 0x20, 0x40, 0x100
PAGE_FLAGS = FLAG_ZERO | FLAG_PAGE | FLAG_XBZRLE | FLAG_COMPRESSED

_STEPS = frozenset(
    {"migrate_set_state", "vm_state_notify", "runstate_set", "savevm_state_cleanup", "migration_bitmap_sync_start",
     "migration_bitmap_sync_end", "cpu_throttle_dirty_sync"}
)  # fmt: skip


class LogLine(NamedTuple):
    """One event of a trace: line (or record), time in nanoseconds, thread if it is known, name, and arguments as text."""

    number: int
    time: int
    thread: str | None
    kind: str
    fields: Mapping[str, str]


class Step(NamedTuple):
    """A line about the migration as a whole. Times are nanoseconds since the epoch."""

    time: int
    line: int
    thread: str | None
    kind: str
    fields: Mapping[str, str]
    previous: tuple[int, int]
    """Time and line of what the same thread logged before; of this line itself if that is not known."""


class Dirty(NamedTuple):
    """The guest writes to a page whose dirty bit is clear (``memory_notdirty_write_access``): this thread is about to set it."""

    time: int
    line: int
    address: int
    thread: str | None


OUT_OF_ORDER = 1_000_000_000
"""Nanoseconds by which the line of a thread may be later than its time says, where threads are not named."""


class Save(NamedTuple):
    """The source sends a page that is not zero (``ram_save_page``)."""

    time: int
    line: int
    block: str
    offset: int


class Load(NamedTuple):
    """The destination loads a page (``ram_load_loop``); ``section`` counts the sections of RAM from 0."""

    time: int
    line: int
    block: str
    offset: int
    flags: int
    section: int


def no_loads() -> Rows[Load]:
    """Where loads are collected."""
    return Rows(Load, "qqnQQq")


class Section(NamedTuple):
    """A section of the stream that holds RAM, as the source wrote it."""

    start: int
    line: int
    end: int


def sections_of(sections: Iterable[Section]) -> Rows[Section]:
    """These sections, which may be many."""
    return Rows.of(Section, "qqq", sections)


@dataclass
class QemuLog:
    """What one log tells, each list in the order of the log."""

    path: str
    steps: Spool[Step] = field(default_factory=lambda: Spool(Step))
    kinds: set[str] = field(default_factory=set)
    """Those of the steps."""
    threads_that_sync: set[str] = field(default_factory=set)
    """The ids of the migration threads."""
    dirty: Rows[Dirty] = field(default_factory=lambda: Rows(Dirty, "qqQn"))
    saves: Rows[Save] = field(default_factory=lambda: Rows(Save, "qqnQ"))
    loads: Rows[Load] = field(default_factory=no_loads)
    sections: Rows[Section] = field(default_factory=lambda: sections_of(()))
    load_flags: int = 0
    """The flags that any load carried."""
    load_sections: int = 0
    postcopy_loads: int = 0
    other: int = 0
    """Lines of events that are of no interest here."""
    lost: Spool[Loss] = field(default_factory=lambda: Spool(Loss))
    """Where events were dropped as the trace's buffer was full."""
    first: int = 0
    last: int = 0

    @property
    def is_source(self) -> bool:
        """Whether this is the log of the side that sends (or of a guest that was never received)."""
        if self.saves or "migration_bitmap_sync_start" in self.kinds:
            return True
        receives = self.load_sections or self.loads or self.postcopy_loads
        return not receives and not any("inmigrate" in step.fields.values() for step in self.steps)


def read_qemu_log(path: str) -> QemuLog:
    """Reads a text log of either side. Raises :class:`TraceSyntaxError` at a malformed line."""
    if jit.is_available() and is_long(path):
        from .qemu_columns import read_blocks

        return read_blocks(QemuLog(path), text_blocks(path))
    return collect(QemuLog(path), log_lines(lines(path), path))


def log_lines(numbered: Iterable[tuple[int, str]], path: str) -> Iterator[LogLine]:
    """What every line of the text says. Raises :class:`TraceSyntaxError` at one that is malformed, or of a day that there is not."""
    for line in line_parser("qemu_log").parse(numbered, path):
        yield LogLine(line.number, _nanoseconds(line, path), line.fields["tid"], line.kind, line.fields)


def collect(log: QemuLog, events: Iterable[LogLine]) -> QemuLog:
    """Fills a log with what its events say."""
    collector = Collector(log)
    for event in events:
        collector.add(event)
    return collector.finish()


class Collector:
    """Fills a log, an event at a time."""

    def __init__(self, log: QemuLog) -> None:
        self.log, self.time = log, 0
        self.last_of_thread: dict[str | None, tuple[int, int]] = {}
        self._open_section: tuple[int, int] | None = None

    def add(self, event: LogLine) -> None:
        """One event.  TraceInputError if it holds a number that QEMU cannot have written."""
        try:
            self._add(event)
        except OverflowError:
            raise TraceInputError(self.log.path, f"line {event.number}: a number of more than 64 bits") from None

    def _add(self, event: LogLine) -> None:
        number, at, thread, kind, fields = event
        log = self.log
        if kind == "dropped":
            log.lost.append(Loss(self.time, max(self.time, at), number, int(fields["count"])))
            return
        previous = self.last_of_thread.get(thread, (at, number)) if thread is not None else (at, number)
        self.follow(thread, at, number)
        self.time = time = at
        log.first = log.first or time
        if kind == "memory_notdirty_write_access":
            log.dirty.append(Dirty(time, number, int(fields["ram_addr"], 16), thread))
        elif kind == "ram_save_page":
            log.saves.append(Save(time, number, fields["block"], int(fields["offset"], 16)))
        elif kind == "ram_load_loop":
            flags = int(fields["flags"], 16)
            if flags & PAGE_FLAGS:
                log.load_flags |= flags
                log.loads.append(Load(time, number, fields["block"], int(fields["offset"], 16), flags, log.load_sections - 1))
        elif kind in _STEPS:
            log.steps.append(Step(time, number, thread, kind, fields, previous))
            log.kinds.add(kind)
            if kind == "migration_bitmap_sync_start" and thread is not None:
                log.threads_that_sync.add(thread)
        elif kind == "ram_load_start":
            log.load_sections += 1
        elif kind == "savevm_section_start":
            self._open_section = (time, number) if fields["section"] == "ram" else None
        elif kind == "savevm_section_end" and self._open_section is not None:
            self._add_section(time)
        elif kind == "ram_load_postcopy_loop":
            log.postcopy_loads += bool(int(fields["flags"], 16) & PAGE_FLAGS)
        else:
            log.other += 1

    def follow(self, thread: str | None, time: int, line: int) -> None:
        """The next line.  TraceInputError if it is of a time before the last one of its thread: the clock was set back, so the order of lines is not known."""
        last, last_line = self.last_of_thread.get(thread, (time, line))
        if time < last - (0 if thread is not None else OUT_OF_ORDER):
            expected = f"expected a time not before that of line {last_line}" + (f", of the same thread {thread}" if thread is not None else "")
            found = f"found one {(last - time) / 1e9:.6f} s earlier: the clock was set back, or this is the log of several runs"
            raise TraceInputError(self.log.path, f"line {line}: {expected}, {found}")
        self.last_of_thread[thread] = (time, line)

    def _add_section(self, end: int) -> None:
        assert self._open_section is not None
        section = Section(*self._open_section, end)
        self._open_section = None
        try:
            self.log.sections.append(section)
        except OverflowError:
            raise TraceInputError(self.log.path, f"line {section.line}: a number of more than 64 bits") from None

    def finish(self) -> QemuLog:
        """The events have ended.  TraceInputError as :meth:`add`."""
        self.log.last = self.time
        if self._open_section is not None:
            self._add_section(self.time)
        return self.log


def _nanoseconds(line: Line, path: str) -> int:
    """The time of a line, with either prefix, in nanoseconds since the epoch."""
    fields = line.fields
    if fields["tid"] is not None:
        return int(fields["seconds"]) * 1_000_000_000 + int(fields["microseconds"]) * 1000
    try:
        moment = datetime.fromisoformat(fields["iso_time"])
    except ValueError:
        expected = ("a date and time of day that exist",)
        raise TraceSyntaxError(path, line.number, 1, repr(fields["iso_time"]), expected, f"{fields['iso_time']} {line.kind}") from None
    return int(moment.replace(microsecond=0).timestamp()) * 1_000_000_000 + moment.microsecond * 1000
