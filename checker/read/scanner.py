"""Reads long native traces as columns of numbers, by a table made from the grammar and a compiled loop.

Events come in batches; in place of its name, arguments and flags each has the number of its *kind*, which says all of the
event that matters but when it happened and on which pages. What the loop does not read, a header line or an error, say, is read by
``native.py``, which stays the only definition.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ...grammar import TraceInputError, line_parser
from ...grammar.line_automaton import LineAutomaton
from ...grammar.regular import Label
from .events import COMMAND_IDS, Event, Source, with_plain_ids
from .kind_table import CELLS, COUNT, FIRST, FRACTION, NOWHERE, SECONDS, KindTable, Note
from .native import LineReader, parse_event
from .scan_loops import EVENTS, KIND, LAST_TIME, LINE, NO_ENTRY, NO_ROOM, NO_TOTAL, OTHER_LINE, PLACE, POSITION, RANGES, TOTAL, scan_lines
from .sources import decode, unfinished_line

_EVENTS, _RANGES = 1 << 14, 1 << 15
"""Room for so many events and ranges: batches that stay in a processor's cache."""
_NO_LIMIT, _LAST_TIME = 1 << 62, (1 << 63) - 1
_LEFT_OUT, _LEFT_TO_GRAMMAR = "-", "?"
"""The value of an argument in a kind where values do not matter, and of a command id where they do: of these there may be as many as lines."""


class Kinds(KindTable):
    """The kinds of events seen: name, flags, arguments; of events named in `detailed` the arguments' values (:func:`.with_plain_ids`) and how many pages."""

    def __init__(self, detailed: Collection[str]) -> None:
        super().__init__(_automaton(frozenset(detailed)), lambda text: _name(text) in detailed, lambda text: _LEFT_TO_GRAMMAR in text)
        self.detailed = detailed

    def event(self, kind: int) -> Event:
        """An event of this kind: at time 0, on the first page or (if its number of pages matters) as many as it names, if any."""
        _, text, names_range, total = self.kinds[kind]
        pages = ((0, 1 if total is None else total),) if names_range else ()
        return parse_event(f"0 {text}", Source("", 0))._replace(pages=pages)

    def kind_of_line(self, event: Event, text: str) -> int:
        """The number of the kind of an event, and of its line."""
        words, plain = [event.name], with_plain_ids(event.arguments)
        for one in text.split("#")[0].split()[2:]:
            key, equals, value = one.partition("=")
            if equals:
                value = _LEFT_OUT if event.name not in self.detailed else str(plain[key]) if key in COMMAND_IDS else value
            if key != "pages" or not equals:
                words.append(f"{key}{equals}{value}")
        return self.kind_of("event", " ".join(words), sum(count for _, count in event.pages))


def _name(text: str) -> str:
    return text.partition(" ")[0]


def _is_id(text: str) -> bool:
    """Does the kind of a line that begins so go on with the value of a command id?"""
    return text.rpartition(" ")[2].partition("=")[0] in COMMAND_IDS


@cache
def _automaton(detailed: frozenset[str]) -> LineAutomaton[Note]:
    """The grammar's line rules: times and page ranges go into cells, names, arguments and flags into the text of the kind."""

    def split(note: Note, label: Label, character: str) -> Note:
        text, word, was_in, base, names_range, _ = note
        field, terminal = label
        cell, begins_another = NOWHERE, False
        if field == "time":
            cell = FRACTION if character == "." else was_in or SECONDS
        elif terminal == "EVENT_NAME":
            text += character
        elif terminal == "NUMBER":
            cell, begins_another = FIRST, names_range and was_in != FIRST
            base, names_range = (16 if character == "x" else base if was_in == FIRST else 10), True
        elif terminal == "COUNT":
            cell, base = COUNT, 10
        elif terminal in ("KEY", "FLAG"):
            text += character if word == terminal else " " + character
        elif terminal == "VALUE":
            if _name(text) in detailed and not _is_id(text):
                text += character
            elif word != terminal:
                text += _LEFT_TO_GRAMMAR if _name(text) in detailed else _LEFT_OUT
        elif word == "KEY":
            text += character
        if not cell:
            base = 10
        return Note(text, terminal if terminal in ("KEY", "FLAG", "VALUE") else "", cell, base, names_range, begins_another)

    return line_parser("trace").automaton(Note(), split, only=("event",))


@dataclass(frozen=True)
class Batch:
    """Events that follow each other; the arrays are overwritten when the next batch is read.

    Event number i names the ranges from ``range_ends[i - 1]`` (0 for the first) to ``range_ends[i]``: ``counts`` pages from ``firsts`` on.
    Its line has the number ``lines[i]`` and starts at ``starts[i]`` in ``buffer``.
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

    def paths(self) -> set[str]:
        """The files that the events come from."""
        return {self.path}

    def source(self, number: int) -> Source:
        """Where an event of the batch stands."""
        return Source(self.path, int(self.lines[number]))

    def event(self, number: int) -> Event:
        """An event of the batch as such."""
        start = int(self.starts[number])
        text = self.buffer[start : self.buffer.index(b"\n", start)].decode().rstrip()
        return parse_event(text, self.source(number))


@dataclass
class Columns:
    """Where the loop writes."""

    table: KindTable
    state: NDArray[np.int64] = field(default_factory=lambda: np.zeros(8, dtype=np.int64))
    cells: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(2 * CELLS, dtype=np.uint64))
    times: NDArray[np.int64] = field(default_factory=lambda: np.zeros(_EVENTS, dtype=np.int64))
    kinds: NDArray[np.int32] = field(default_factory=lambda: np.zeros(_EVENTS, dtype=np.int32))
    lines: NDArray[np.int64] = field(default_factory=lambda: np.zeros(_EVENTS, dtype=np.int64))
    starts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(_EVENTS, dtype=np.int64))
    range_ends: NDArray[np.int64] = field(default_factory=lambda: np.zeros(_EVENTS, dtype=np.int64))
    firsts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(_RANGES, dtype=np.int64))
    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(_RANGES, dtype=np.int64))

    def scan(self, buffer: NDArray[np.uint8], stop: int, limit: int, in_order: bool = True) -> int:
        """Runs the loop; says why it stopped: what it asked for is there when it is run again.

        Lines that name a page from `limit` on, or with `in_order` an earlier time than the line before, are left to the caller.
        """
        table = self.table
        while True:
            reason = scan_lines(
                buffer, stop, self.state, limit, in_order, table.entries, table.texts, self.cells, table.keys, table.found,
                self.times, self.kinds, self.lines, self.starts, self.range_ends, self.firsts, self.counts,
            )  # fmt: skip
            if table.is_full or reason not in (NO_ENTRY, NO_TOTAL):
                return reason
            if reason == NO_ENTRY:
                table.make(int(self.state[PLACE]))
            else:
                table.add_total(int(self.state[KIND]), int(self.state[TOTAL]))

    def start(self) -> None:
        """A batch starts here."""
        self.table.learn()
        self.state[EVENTS] = self.state[RANGES] = 0


_kept: dict[frozenset[str], Kinds] = {}
"""The kinds that traces read before were of, and the table made on the way; whoever reads by them takes them out, as tables grow while they are used."""


class _Events(Columns):
    """The columns of a native trace."""

    def __init__(self, detailed: Collection[str]) -> None:
        kept = _kept.pop(frozenset(detailed), None)
        self.seen = Kinds(detailed) if kept is None else kept
        super().__init__(self.seen)

    def keep_kinds(self) -> None:
        """Whoever reads next may go on with the table."""
        if not self.seen.is_full:
            _kept[frozenset(self.seen.detailed)] = self.seen

    def forget_kinds(self) -> None:
        self.table = self.seen = Kinds(self.seen.detailed)

    def add(self, event: Event, text: str, start: int) -> int:
        """Adds one event that the loop could not read; as :meth:`scan`, says if there was no room."""
        number, ranges = int(self.state[EVENTS]), int(self.state[RANGES])
        if number == len(self.times) or ranges + len(event.pages) > len(self.firsts):
            return NO_ROOM
        for first, count in event.pages:
            if first + count > _NO_LIMIT:
                raise TraceInputError(event.source.path, f"line {event.source.line}: page {first:#x} is beyond any guest's memory")
            self.firsts[ranges], self.counts[ranges] = first, count
            ranges += 1
        time = min(event.time, _LAST_TIME)  # events after such a time are read by the grammar, which compares them exactly
        self.times[number], self.kinds[number] = time, self.seen.kind_of_line(event, text)
        self.lines[number], self.starts[number], self.range_ends[number] = event.source.line, start, ranges
        self.state[EVENTS], self.state[RANGES], self.state[LAST_TIME] = number + 1, ranges, time
        return -1

    def batch(self, path: str, buffer: bytes) -> Batch:
        """What was read since the batch started."""
        events, ranges = int(self.state[EVENTS]), int(self.state[RANGES])
        return Batch(
            path, self.seen, buffer, self.times[:events], self.kinds[:events], self.lines[:events], self.starts[:events],
            self.range_ends[:events], self.firsts[:ranges], self.counts[:ranges],
        )  # fmt: skip

    def grow(self) -> None:
        """Room for one line that names more ranges than any before."""
        self.firsts, self.counts = (np.zeros(2 * len(column), dtype=np.int64) for column in (self.firsts, self.counts))


def scan(blocks: Iterable[bytes], path: str, detailed: Collection[str] = ()) -> Iterator[Batch]:
    """The events of a native trace whose text comes in blocks; memory does not grow with its length.

    Of events named in `detailed` the kind says the values of arguments and the number of pages too.
    Raises as :func:`~balloonproof.checker.read.native.read_native` does, once the events before the error were handed out.
    """
    reader, columns = LineReader(path), _Events(detailed)
    columns.state[LINE] = 1
    rest, empty = b"", True
    try:
        for block in blocks:
            empty = empty and not block
            buffer = rest + block
            stop = buffer.rfind(b"\n") + 1
            yield from _scan_lines(buffer, stop, reader, columns)
            rest = buffer[stop:]
    finally:
        columns.keep_kinds()
    if rest:
        raise unfinished_line(rest, path, int(columns.state[LINE]))
    if empty:
        raise TraceInputError(path, "the file is empty")
    reader.finish()


def _scan_lines(buffer: bytes, stop: int, reader: LineReader, columns: _Events) -> Iterator[Batch]:
    """The whole lines of a buffer."""
    state, view = columns.state, np.frombuffer(buffer, dtype=np.uint8)
    state[POSITION] = 0
    columns.start()
    while state[POSITION] < stop:
        reason = OTHER_LINE
        if reader.begun:
            limit = reader.header.get("pages")
            reason = columns.scan(view, stop, limit if isinstance(limit, int) else _NO_LIMIT)
        if reason == OTHER_LINE:
            reason = _read_line(buffer, reader, columns)
        if reason == NO_ROOM and not state[EVENTS]:
            columns.grow()
        elif reason == NO_ROOM or (columns.table.is_full and state[EVENTS]):
            yield columns.batch(reader.path, buffer)
            columns.start()
        if columns.table.is_full:
            columns.forget_kinds()
    if state[EVENTS]:
        yield columns.batch(reader.path, buffer)


def _read_line(buffer: bytes, reader: LineReader, columns: _Events) -> int:
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
