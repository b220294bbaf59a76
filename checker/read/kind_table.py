"""Numbers the kinds of lines as they are met, by a table that a loop over bytes can run on.

A row of the table is a state of a grammar's :class:`LineAutomaton`, an entry what to do about a byte there. Entries are made when they
are first needed, so a kind of line is found by the state in which its line ends: no text is compared and none is looked up.
What a line says is split in two: numbers, which the loop adds up digit by digit in a few *cells*; and everything else, which is
the text of its *kind*. How lines of a format are split so is said by a function on :class:`Note`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...grammar.line_automaton import LineAutomaton
from ...grammar.regular import Label

NOWHERE, SECONDS, FRACTION, FIRST, COUNT, MOMENT = range(6)
"""The cells: where a digit does not count; a time in seconds and its fraction; the first page of a range and its number of pages; a time as
the fourteen digits of date and time of day."""
CELLS = 6

# An entry: cell (3 bits), operation (3), factor (5), digit (5), and the next row or what the line is.
# A cell becomes itself times the factor plus the digit.  An entry that is not made yet is 0.
UNKNOWN, GO, NEXT_RANGE, SILENT, EVENT, COUNTED, OTHER = range(7)
"""Operations: make the entry; go on; the same, but another range begins here; the line ends and says nothing; it ends, and is
of this kind, or of this kind and as many pages as it names; it is none that can be read so."""

OPERATION_SHIFT, FACTOR_SHIFT, DIGIT_SHIFT, NEXT_SHIFT = 3, 6, 11, 16
ROW = 264
"""Entries of a row: one for each byte, then at LEAP what its lines usually go on with. (Rows that are a power of two apart would share lines of the cache.)"""
LEAP = 256
LENGTH_BITS, PLACE_BITS = 8, 24
"""At LEAP: the row behind the text, where it stands in `texts`, and how long it is; 0 if lines go on in several ways."""
_SHORTEST_LEAP, _LONGEST_LEAP = 4, 64
_MOST_ROWS, _MOST_KINDS, _SLOTS = 1 << 14, 1 << 16, 1 << 18
TOTAL_BITS = 40
"""Kinds that depend on the number of pages do so up to 2 ** 40 pages."""


class Note(NamedTuple):
    """What is noted of the part of a line that was read: the kind's text so far, and what the last character belongs to."""

    text: str = ""
    word: str = ""
    """The terminal of the last character, where that matters."""
    cell: int = NOWHERE
    base: int = 10
    names_range: bool = False
    begins_another: bool = False
    """Is the last character the first of another range?"""


Split = Callable[[Note, Label, str], Note]
"""How lines of a format are split: what a note becomes when a character is read that is part of this field and terminal."""


class Kind(NamedTuple):
    """A kind of line: its kind in the grammar, its text, and how many pages it names (None: this does not matter)."""

    line: str
    text: str
    names_range: bool
    total: int | None = None


class KindTable:
    """The table.

    `has_totals` tells of the text of a kind that names pages whether their number is part of the kind; lines of whose kind `is_left` says so are none that
    can be read so.
    """

    def __init__(
        self, automaton: LineAutomaton[Note], has_totals: Callable[[str], bool] = lambda text: False, is_left: Callable[[str], bool] = lambda text: False
    ) -> None:
        self.automaton, self.has_totals, self.is_left = automaton, has_totals, is_left
        self.entries: NDArray[np.uint64] = np.zeros(64 * ROW, dtype=np.uint64)
        self.kinds: list[Kind] = []
        self.keys, self.found = np.zeros(_SLOTS, dtype=np.int64), np.zeros(_SLOTS, dtype=np.int32)
        self._numbers: dict[Kind, int] = {}
        self._states: list[Any] = [automaton.start]
        self._rows: dict[Any, int] = {automaton.start: 0}
        self.texts: NDArray[np.uint8] = np.zeros(0, dtype=np.uint8)
        self._made = self._learned = 0

    @property
    def is_full(self) -> bool:
        """Has so much been met that it is better to forget it?"""
        return len(self._states) >= _MOST_ROWS or len(self.kinds) >= _MOST_KINDS

    def number(self, kind: Kind) -> int:
        """The number of a kind, a new one if it was not met before."""
        number = self._numbers.setdefault(kind, len(self.kinds))
        if number == len(self.kinds):
            self.kinds.append(kind)
        return number

    def kind_of(self, line: str, text: str, total: int) -> int:
        """The number of the kind of a line that names so many pages (0: none)."""
        counts = total > 0 and self.has_totals(text)
        return self.number(Kind(line, text, total > 0, total if counts else None))

    def add_total(self, number: int, total: int) -> None:
        """Makes findable the kind of lines that are of kind `number` and name so many pages."""
        kind = self.number(self.kinds[number]._replace(total=total))
        key = number << TOTAL_BITS | total
        slot = slot_of(key)
        while self.keys[slot]:
            slot = (slot + 1) % _SLOTS
        self.keys[slot], self.found[slot] = key + 1, kind

    def make(self, place: int) -> None:
        """Makes the entry at this place, that is, row + byte."""
        self.entries[place] = self._entry(self._states[place // ROW], place % ROW)
        self._made += 1

    def learn(self) -> None:
        """Looks for text that all lines so far went on with, so that it can be passed over at once; cheap if little is new."""
        if self._made <= self._learned + self._learned // 8:
            return
        self._learned = self._made
        rows = self.entries[: len(self._states) * ROW].reshape(-1, ROW)
        known = rows[:, :LEAP]
        only = np.argmax(known != 0, axis=1)
        entries = known[np.arange(len(rows)), only].tolist()
        is_text = (np.count_nonzero(known, axis=1) == 1).tolist()
        texts, bytes_of_rows = bytearray(), only.tolist()
        for start in range(len(rows)):
            text, row = bytearray(), start
            while is_text[row] and entries[row] & ((1 << FACTOR_SHIFT) - 1) == GO << OPERATION_SHIFT and len(text) < _LONGEST_LEAP:
                text.append(bytes_of_rows[row])
                row = (entries[row] >> NEXT_SHIFT) // ROW
            worth = len(text) >= _SHORTEST_LEAP and len(texts) + len(text) < 1 << PLACE_BITS
            rows[start, LEAP] = (row * ROW << PLACE_BITS | len(texts)) << LENGTH_BITS | len(text) if worth else 0
            texts += text if worth else b""
        self.texts = np.frombuffer(texts, dtype=np.uint8)

    def _entry(self, state: Any, byte: int) -> int:
        if byte == 10:
            end = self.automaton.end(state)
            if end is None:
                return OTHER << OPERATION_SHIFT
            line, note = end
            if self.is_left(note.text):
                return OTHER << OPERATION_SHIFT
            if not line:
                return SILENT << OPERATION_SHIFT
            counts = note.names_range and self.has_totals(note.text)
            return self.number(Kind(line, note.text, note.names_range)) << NEXT_SHIFT | (COUNTED if counts else EVENT) << OPERATION_SHIFT
        after = self.automaton.after(state, chr(byte))
        told = {(note.cell, note.base, note.begins_another) for _, note in after}
        if any(cell == MOMENT for cell, _, _ in told):  # may turn out to be none; then there are seconds, which count
            told = {one for one in told if one[0] != NOWHERE}
        if len(told) != 1:  # no line goes on like this, or it is not yet certain which number goes on
            return OTHER << OPERATION_SHIFT
        cell, base, begins_another = told.pop()
        factor, digit = _step(chr(byte), base) if cell else (0, 0)
        operation = NEXT_RANGE if begins_another else GO
        return self._row(after) << NEXT_SHIFT | digit << DIGIT_SHIFT | factor << FACTOR_SHIFT | operation << OPERATION_SHIFT | cell

    def _row(self, state: Any) -> int:
        row = self._rows.get(state)
        if row is None:
            row = self._rows[state] = len(self._states) * ROW
            self._states.append(state)
            if row == len(self.entries):
                self.entries = np.concatenate([self.entries, np.zeros_like(self.entries)])
        return row


def slot_of(key: int) -> int:
    """Where a key is looked for first."""
    return (key * 0x9E3779B97F4A7C15 >> 40) % _SLOTS


def _step(character: str, base: int) -> tuple[int, int]:
    """What a character does to the number that it is part of: the factor, and what is added.

    A fraction begins with a 1, so that its leading zeros count; what stands between digits is passed over, and ``0x`` begins anew.
    """
    if character == ".":
        return 0, 1
    if character == "x":
        return 0, 0
    return (base, int(character, 16)) if character in "0123456789abcdefABCDEF" else (1, 0)
