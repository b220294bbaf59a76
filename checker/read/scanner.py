"""Reads long native traces as columns of numbers, by the table that the grammar makes and compiled loops.

Events come in batches; in place of its name, arguments and flags each has the number of its *kind*, which says all of the
event but when it happened and on which pages. What the loops do not read, a header line or an error, say, is read by
``native.py``, which stays the only definition.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...grammar import TraceInputError, TraceSyntaxError, line_parser
from .events import Event, Source
from .native import LineReader, parse_event
from .scan_loops import (
    EVENTS,
    KINDS,
    LAST_TIME,
    LINE,
    NO_ROOM,
    OTHER_LINE,
    POSITION,
    RANGES,
    TEXT,
    TOO_MANY_KINDS,
    find_kind,
    scan_events,
)  # fmt: skip
from .sources import decode

_EVENTS, _RANGES = 1 << 17, 1 << 18
_KINDS, _TEXTS, _LONGEST = 1 << 16, 1 << 23, 1 << 12
_NO_LIMIT, _LAST_TIME = 1 << 62, (1 << 63) - 1


class Kinds:
    """The kinds of events seen: text (name, arguments and flags) and number of pages named, under small numbers."""

    def __init__(self) -> None:
        self.slots = np.full(2 * _KINDS, -1, dtype=np.int32)
        self.totals = np.zeros(_KINDS, dtype=np.int64)
        self.ends = np.zeros(_KINDS, dtype=np.int64)
        self.texts = np.zeros(_TEXTS, dtype=np.uint8)

    def event(self, kind: int) -> Event:
        """An event of this kind: at time 0, on as many pages as it names, if any (the first ones)."""
        start = int(self.ends[kind - 1]) if kind else 0
        text = self.texts[start : self.ends[kind]].tobytes().decode()
        total = int(self.totals[kind])
        return parse_event(f"0 {text}", Source("", 0))._replace(pages=((0, total),) if total else ())


@dataclass(frozen=True)
class Batch:
    """Events that follow each other; the arrays are overwritten when the next batch is read.

    Event number i names the ranges from ``range_ends[i - 1]`` (0 for the first) to ``range_ends[i]``: ``counts`` pages from ``firsts`` on.
    ``starts`` says where its line stands in ``buffer``.
    """

    path: str
    kinds_seen: Kinds
    buffer: bytes
    times: NDArray[np.int64]
    kinds: NDArray[np.int32]
    lines: NDArray[np.int64]
    starts: NDArray[np.int64]
    range_ends: NDArray[np.int64]
    firsts: NDArray[np.int64]
    counts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.kinds)

    def event(self, number: int) -> Event:
        """An event of the batch as such."""
        start = int(self.starts[number])
        text = self.buffer[start : self.buffer.index(b"\n", start)].decode().rstrip()
        return parse_event(text, Source(self.path, int(self.lines[number])))


class _Table(NamedTuple):
    """The scan table as arrays."""

    classes: NDArray[np.uint8]
    entries: NDArray[np.uint32]
    shift: int
    start: int
    ends: NDArray[np.int32]
    event_kind: int
    silent_kind: int
    registers: NDArray[np.int64]


@cache
def _table() -> _Table:
    table = line_parser("trace").scan_table()
    columns = [table.fields.index(name) for name in ("time", "name", "arguments")]
    ends = [(kind, *(tags[2 * column + side] for column in columns for side in (0, 1))) for kind, tags in table.ends]
    return _Table(
        np.frombuffer(table.classes, dtype=np.uint8),
        np.array(table.entries, dtype=np.uint32),
        table.shift,
        table.start,
        np.array(ends, dtype=np.int32),
        table.kinds.index("event"),
        table.kinds.index(""),
        np.zeros(table.registers, dtype=np.int64),
    )


@dataclass
class _Columns:
    """Where the loop writes."""

    kinds_seen: Kinds = field(default_factory=Kinds)
    state: NDArray[np.int64] = field(default_factory=lambda: np.zeros(7, dtype=np.int64))
    text: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(_LONGEST, dtype=np.uint8))
    times: NDArray[np.int64] = field(default_factory=lambda: np.zeros(_EVENTS, dtype=np.int64))
    kinds: NDArray[np.int32] = field(default_factory=lambda: np.zeros(_EVENTS, dtype=np.int32))
    lines: NDArray[np.int64] = field(default_factory=lambda: np.zeros(_EVENTS, dtype=np.int64))
    starts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(_EVENTS, dtype=np.int64))
    range_ends: NDArray[np.int64] = field(default_factory=lambda: np.zeros(_EVENTS, dtype=np.int64))
    firsts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(_RANGES, dtype=np.int64))
    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(_RANGES, dtype=np.int64))

    def scan(self, buffer: NDArray[np.uint8], stop: int, limit: int) -> int:
        """Runs the loop; says why it stopped."""
        table, seen = _table(), self.kinds_seen
        return scan_events(
            buffer, stop, self.state, limit,
            table.classes, table.entries, table.shift, table.start, table.ends, table.event_kind, table.silent_kind, table.registers,
            seen.slots, seen.totals, seen.ends, seen.texts, self.text,
            self.times, self.kinds, self.lines, self.starts, self.range_ends, self.firsts, self.counts,
        )  # fmt: skip

    def add(self, event: Event, text: str, start: int) -> int:
        """Adds one event that the loop could not read; as :meth:`scan`, says if there was no room."""
        number, ranges = int(self.state[EVENTS]), int(self.state[RANGES])
        if number == len(self.times):
            return NO_ROOM
        if ranges + len(event.pages) > len(self.firsts):
            return NO_ROOM
        for first, count in event.pages:
            if first + count > _NO_LIMIT:
                raise TraceInputError(event.source.path, f"line {event.source.line}: page {first:#x} is beyond any guest's memory")
            self.firsts[ranges], self.counts[ranges] = first, count
            ranges += 1
        words = [event.name, *(word for word in text.split("#")[0].split()[2:] if not word.startswith("pages="))]
        spelled = np.frombuffer(" ".join(words).encode(), dtype=np.uint8)
        seen = self.kinds_seen
        kind = find_kind(spelled, len(spelled), sum(count for _, count in event.pages), seen.slots, seen.totals, seen.ends, seen.texts, self.state)
        if kind < 0:
            return TOO_MANY_KINDS
        time = min(event.time, _LAST_TIME)  # events after such a time are read by the grammar, which compares them exactly
        self.times[number], self.kinds[number], self.lines[number] = time, kind, event.source.line
        self.starts[number], self.range_ends[number] = start, ranges
        self.state[EVENTS], self.state[RANGES], self.state[LAST_TIME] = number + 1, ranges, time
        return -1

    def batch(self, path: str, buffer: bytes) -> Batch:
        """What was read since the last batch."""
        events, ranges = int(self.state[EVENTS]), int(self.state[RANGES])
        self.state[EVENTS] = self.state[RANGES] = 0
        return Batch(
            path, self.kinds_seen, buffer,
            self.times[:events], self.kinds[:events], self.lines[:events], self.starts[:events], self.range_ends[:events],
            self.firsts[:ranges], self.counts[:ranges],
        )  # fmt: skip

    def grow(self) -> None:
        """Room for one line that names more ranges than any before."""
        self.firsts, self.counts = (np.zeros(2 * len(column), dtype=np.int64) for column in (self.firsts, self.counts))

    def forget_kinds(self) -> None:
        self.kinds_seen = Kinds()
        self.state[KINDS] = self.state[TEXT] = 0


def scan(blocks: Iterable[bytes], path: str) -> Iterator[Batch]:
    """The events of a native trace whose text comes in blocks; memory does not grow with its length.

    Raises as :func:`~balloonproof.checker.read.native.read_native` does, once the events before the error were handed out.
    """
    reader, columns = LineReader(path), _Columns()
    columns.state[LINE] = 1
    rest, empty = b"", True
    for block in blocks:
        empty = empty and not block
        buffer = rest + block
        stop = buffer.rfind(b"\n") + 1
        yield from _scan_lines(buffer, stop, reader, columns)
        rest = buffer[stop:]
    if rest:
        text = decode(rest, path, int(columns.state[LINE]))
        expected = ("end of line (the file ends inside a line)",)
        raise TraceSyntaxError(path, int(columns.state[LINE]), len(text) + 1, "end of file", expected, text)
    if empty:
        raise TraceInputError(path, "the file is empty")
    reader.finish()


def _scan_lines(buffer: bytes, stop: int, reader: LineReader, columns: _Columns) -> Iterator[Batch]:
    """The whole lines of a buffer."""
    state, view = columns.state, np.frombuffer(buffer, dtype=np.uint8)
    state[POSITION] = 0
    while state[POSITION] < stop:
        reason = OTHER_LINE
        if reader.begun:
            limit = reader.header.get("pages")
            reason = columns.scan(view, stop, limit if isinstance(limit, int) else _NO_LIMIT)
        while reason == OTHER_LINE:
            reason = _read_line(buffer, reader, columns)
        if reason in (NO_ROOM, TOO_MANY_KINDS):
            if state[EVENTS]:
                yield columns.batch(reader.path, buffer)
            elif reason == NO_ROOM:
                columns.grow()
            if reason == TOO_MANY_KINDS:
                columns.forget_kinds()
    if state[EVENTS]:
        yield columns.batch(reader.path, buffer)


def _read_line(buffer: bytes, reader: LineReader, columns: _Columns) -> int:
    """Reads one line by the grammar, and errors with it; -1, or why it could not be added."""
    state = columns.state
    start, line = int(state[POSITION]), int(state[LINE])
    end = buffer.index(b"\n", start)
    text = decode(buffer[start:end], reader.path, line)
    reader.last = max(reader.last, int(state[LAST_TIME]))
    event = reader.read(line, text)
    reason = -1 if event is None else columns.add(event, text, start)
    if reason < 0:
        state[POSITION], state[LINE] = end + 1, line + 1
    return reason
