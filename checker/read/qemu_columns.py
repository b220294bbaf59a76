"""Reads long logs of QEMU as columns of numbers: the same :class:`QemuLog` as line by line, an order of magnitude faster.

Lines about single pages, and those of no interest, are read by a compiled loop, which notes thread, block, offset and flags; any
other line, and any error, is left to ``qemu.py`` and the grammar.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...grammar import line_parser
from ...grammar.line_automaton import LineAutomaton
from ...grammar.regular import Label
from .kind_table import COUNT, FIRST, FRACTION, MOMENT, NOWHERE, SECONDS, Kind, KindTable, Note
from .qemu import PAGE_FLAGS, Collector, QemuLog, log_lines
from .rows import Rows
from .scan_loops import EVENTS, LINE, OTHER_LINE, POSITION
from .scanner import Columns
from .sources import decode, unfinished_line

_FREQUENT = ("memory_notdirty_write_access", "ram_save_page", "ram_load_loop", "other")
_NO_LIMIT = 1 << 62


@cache
def _automaton() -> LineAutomaton[Note]:
    """The grammar's rules for frequent lines: times, offsets and flags go into cells, thread and block into the text of the kind."""

    def split(note: Note, label: Label, character: str) -> Note:
        text, word, was_in, base, names_range, _ = note
        field, _ = label
        cell = NOWHERE
        if field in ("seconds", "microseconds"):
            cell = was_in or SECONDS
        elif field == "iso_time":
            cell = FRACTION if character == "." else was_in or MOMENT
        elif was_in == SECONDS and character == ".":
            cell = FRACTION
        elif field in ("ram_addr", "offset", "flags"):
            cell, names_range = (COUNT if field == "flags" else FIRST), True
            base = 16 if character == "x" else base if was_in == cell else 10
        elif field in ("tid", "block"):
            text += character if word == field else f"\n{field}={character}"
        return Note(text, field if field in ("tid", "block") else "", cell, base if cell else 10, names_range)

    return line_parser("qemu_log").automaton(Note(), split, only=_FREQUENT)


class _Reader:
    """One log that is being read."""

    def __init__(self, collector: Collector) -> None:
        self.collector, self.path = collector, collector.log.path
        self.table = KindTable(_automaton())
        self.columns = Columns(self.table)
        self.columns.state[LINE] = 1
        self.buffer = b""

    def read(self, buffer: bytes, stop: int) -> None:
        """The whole lines of a buffer."""
        columns, view, self.buffer = self.columns, np.frombuffer(buffer, dtype=np.uint8), buffer
        columns.state[POSITION] = 0
        columns.start()
        while columns.state[POSITION] < stop:
            reason = columns.scan(view, stop, _NO_LIMIT, in_order=False)
            self.collect()
            if self.table.is_full:
                self.table = columns.table = KindTable(_automaton())
            elif reason == OTHER_LINE:
                self.read_line()
            columns.start()

    def read_line(self) -> None:
        """One line by its pattern or the grammar, and errors with it."""
        state = self.columns.state
        start, number = int(state[POSITION]), int(state[LINE])
        end = self.buffer.index(b"\n", start)
        text = decode(self.buffer[start:end], self.path, number)
        for line in log_lines([(number, text)], self.path):
            self.collector.add(line)
        state[POSITION], state[LINE] = end + 1, number + 1

    def collect(self) -> None:
        """What the lines that follow each other in the columns say."""
        columns, collector, log = self.columns, self.collector, self.collector.log
        count = int(columns.state[EVENTS])
        if not count:
            return
        kinds, seen, times, lines = self.table.kinds, columns.kinds[:count], columns.times[:count], columns.lines[:count]
        self.follow_threads(seen, times, lines)
        log.first, collector.time = log.first or int(times[0]), int(times[-1])
        frequent = np.array([_FREQUENT.index(kind.line) for kind in kinds])[seen]
        log.other += int(np.count_nonzero(frequent == 3))
        told: tuple[Rows[Any], ...] = (log.dirty, log.saves, log.loads)
        for number, rows in enumerate(told):
            self.add_rows(rows, np.flatnonzero(frequent == number))

    def follow_threads(self, seen: NDArray[np.int32], times: NDArray[np.int64], lines: NDArray[np.int64]) -> None:
        """As :meth:`.Collector.follow` for each of these lines: only those are looked at that are the first or the last of their thread, or go back."""
        threads: dict[str | None, int] = {}
        numbers = np.zeros(len(self.table.kinds), dtype=np.uint16)
        for kind in np.flatnonzero(np.bincount(seen)).tolist():
            numbers[kind] = threads.setdefault(_words(self.table.kinds[kind])[0], len(threads))
        thread_of, names = numbers[seen], list(threads)
        order = np.argsort(thread_of, kind="stable")
        mine, at = thread_of[order], times[order]
        ends = np.flatnonzero(mine[1:] != mine[:-1])
        back = np.flatnonzero(at[1:] < at[:-1])  # or another thread's begins
        for index in np.sort(order[np.unique([0, *ends, *(ends + 1), *back, *(back + 1), len(order) - 1])]).tolist():
            self.collector.follow(names[thread_of[index]], int(times[index]), int(lines[index]))

    def add_rows(self, rows: Rows[Any], found: NDArray[np.intp]) -> None:
        """Adds what lines of one kind say: time, line, block if it is named, offset, and of loads the flags and the section."""
        columns, ranges = self.columns, self.columns.range_ends[found] - 1
        if rows is self.collector.log.loads:
            found, ranges = (places[columns.counts[ranges] & PAGE_FLAGS != 0] for places in (found, ranges))
        values: list[NDArray[Any]] = [columns.times[found], columns.lines[found], columns.firsts[ranges]]
        if len(found):
            word = 0 if rows is self.collector.log.dirty else 1
            names = {kind: rows.number(_words(self.table.kinds[kind])[word]) for kind in np.unique(columns.kinds[found]).tolist()}
            known = np.zeros(len(self.table.kinds), dtype=np.uint32)
            known[list(names)] = list(names.values())
            values.insert(rows.types.index("n"), known[columns.kinds[found]])
        if rows is self.collector.log.loads:
            self.collector.log.load_flags |= int(np.bitwise_or.reduce(columns.counts[ranges]))
            values += [columns.counts[ranges], np.full(len(found), self.collector.log.load_sections - 1)]
        if len(found):
            rows.extend_columns(column.tobytes() for column in values)


def _words(kind: Kind) -> tuple[str | None, str]:
    """The thread (if the log names it) and the block in the text of a kind."""
    words = dict(part.split("=", 1) for part in kind.text.split("\n")[1:])
    return words.get("tid"), words.get("block", "")


def read_blocks(log: QemuLog, blocks: Iterable[bytes]) -> QemuLog:
    """Fills a log from its text, which comes in blocks; memory does not grow with lines of no interest."""
    reader = _Reader(Collector(log))
    rest = b""
    for block in blocks:
        buffer = rest + block
        stop = buffer.rfind(b"\n") + 1
        reader.read(buffer, stop)
        rest = buffer[stop:]
    if rest:
        raise unfinished_line(rest, log.path, int(reader.columns.state[LINE]))
    return reader.collector.finish()
