"""The loop over the bytes of a native trace: lines are recognised by a :class:`ScanTable` and become columns of numbers.

Compiled; see ``scanner.py`` for what calls it. A line that is not an event in the usual form (a header line, an error,
a number too large for a machine word) is left to the caller.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from balloonproof.checker.jit import compiled, word
from balloonproof.grammar.scan_table import DEAD, LINE_END

POSITION, LINE, EVENTS, RANGES, LAST_TIME, KINDS, TEXT = range(7)
"""Where the state of reading stands in its array: next byte and its line, events and ranges so far, time of the last event,
kinds of events known, bytes of their texts."""

END_OF_BUFFER, OTHER_LINE, NO_ROOM, TOO_MANY_KINDS = range(4)
"""Why reading stopped."""

_BLANK, _TAB, _PLUS, _COMMA, _DOT = 32, 9, 43, 44, 46

Numbers = NDArray[Any]
Small = NDArray[Any]
Bytes = NDArray[np.uint8]


@compiled
def find_kind(text: Bytes, size: int, total: int, slots: Small, totals: Numbers, ends: Numbers, texts: Bytes, state: Numbers) -> int:
    """The number of the kind of event with this text that names `total` pages, a new one if it is not known; -1 if there is no room."""
    code = np.uint64(14695981039346656037) ^ np.uint64(total)
    for index in range(size):
        code = (code ^ np.uint64(text[index])) * np.uint64(1099511628211)
    code ^= code >> np.uint64(29)
    mask = len(slots) - 1
    slot = word(code & np.uint64(mask))
    while slots[slot] >= 0:
        kind = slots[slot]
        start = ends[kind - 1] if kind > 0 else 0
        if totals[kind] == total and ends[kind] - start == size:
            same = True
            for index in range(size):
                if texts[start + index] != text[index]:
                    same = False
                    break
            if same:
                return kind
        slot = (slot + 1) & mask
    kind, start = state[KINDS], state[TEXT]
    if kind == len(totals) or start + size > len(texts):
        return -1
    for index in range(size):
        texts[start + index] = text[index]
    slots[slot], totals[kind], ends[kind] = kind, total, start + size
    state[KINDS], state[TEXT] = kind + 1, start + size
    return kind


@compiled
def number_at(buffer: Bytes, start: int, stop: int) -> tuple[int, int]:
    """The number (hexadecimal with 0x, or decimal) at `start`, and where it ends; -1 if it may not fit into a machine word."""
    value = 0
    at = start
    if stop - start > 2 and buffer[start] == 48 and buffer[start + 1] == 120:
        at = start + 2
        while at < stop:
            digit = word(buffer[at])
            if 48 <= digit <= 57:
                value = value << 4 | (digit - 48)
            elif 97 <= digit <= 102:
                value = value << 4 | (digit - 87)
            elif 65 <= digit <= 70:
                value = value << 4 | (digit - 55)
            else:
                break
            at += 1
        return (value if at - start <= 17 else -1), at
    while at < stop and 48 <= buffer[at] <= 57:
        value = value * 10 + (word(buffer[at]) - 48)
        at += 1
    return (value if at - start <= 18 else -1), at


@compiled
def ranges_at(buffer: Bytes, at: int, stop: int, limit: int, state: Numbers, firsts: Numbers, counts: Numbers) -> tuple[int, int, int]:
    """Adds the ranges of ``pages=...`` that begin at `at`.

    Returns where they end, how many pages they name (-1: no usual numbers), and the ranges so far (-1: no room).
    """
    total, number = 0, state[RANGES]
    while True:
        first, at = number_at(buffer, at, stop)
        count = 1
        if at < stop and buffer[at] == _PLUS:
            count, at = number_at(buffer, at + 1, stop)
        if first < 0 or count < 0 or first + count > limit:
            return at, -1, number
        if number == len(firsts):
            return at, total, -1
        firsts[number], counts[number] = first, count
        number += 1
        total += count
        if at == stop or buffer[at] != _COMMA:
            return at, total, number
        at += 1


@compiled
def names_pages(buffer: Bytes, at: int, stop: int) -> bool:
    """Does ``pages=`` stand here?"""
    if stop - at < 7 or buffer[at] != 112 or buffer[at + 5] != 61:
        return False
    return buffer[at + 1] == 97 and buffer[at + 2] == 103 and buffer[at + 3] == 101 and buffer[at + 4] == 115


@compiled
def nanoseconds(buffer: Bytes, start: int, stop: int) -> int:
    """A time in seconds with up to nine decimals; -1 if it may not fit into a machine word."""
    value, at = number_at(buffer, start, stop)
    if at - start > 9:
        return -1
    scale = 1_000_000_000
    if at < stop:
        at += 1
        while at < stop:
            value = value * 10 + (word(buffer[at]) - 48)
            scale //= 10
            at += 1
    return value * scale


@compiled
def scan_events(
    buffer: Bytes, stop: int, state: Numbers, limit: int,
    classes: Bytes, entries: NDArray[np.uint32], shift: int, start_state: int, ends: Small, event_kind: int, silent_kind: int, registers: Numbers,
    slots: Small, kind_totals: Numbers, kind_ends: Numbers, kind_texts: Bytes, text: Bytes,
    times: Numbers, kinds: Small, lines: Numbers, starts: Numbers, range_ends: Numbers, firsts: Numbers, counts: Numbers,
) -> int:  # fmt: skip
    """Reads lines from ``state[POSITION]`` on, up to `stop` (behind a line's end) or to one that it cannot read; says why it stopped.

    `ends` has a row per end of the table: the kind, then the registers of time, name and arguments.
    """
    while state[POSITION] < stop:
        start = state[POSITION]
        if state[EVENTS] == len(times):
            return NO_ROOM
        at, row = start, start_state
        registers[1] = start
        while True:
            entry = word(entries[row << shift | word(classes[buffer[at]])])
            row = entry >> 8
            operation = entry & 255
            at += 1
            if operation:
                if operation >= LINE_END:
                    break
                registers[operation] = at
        if operation == DEAD:
            return OTHER_LINE
        if ends[row, 0] != event_kind:
            if ends[row, 0] != silent_kind:
                return OTHER_LINE
            state[POSITION] = at
            state[LINE] += 1
            continue
        time = nanoseconds(buffer, registers[ends[row, 1]], registers[ends[row, 2]])
        if time < state[LAST_TIME]:
            return OTHER_LINE
        first, last = registers[ends[row, 3]], registers[ends[row, 4]]
        if at - first > len(text):
            return OTHER_LINE
        size = 0
        while first < last:
            text[size] = buffer[first]
            size += 1
            first += 1
        total, ranges = 0, state[RANGES]
        if ends[row, 6]:
            first, last = registers[ends[row, 5]], registers[ends[row, 6]]
            before = ranges
            while first < last:
                if buffer[first] == _BLANK or buffer[first] == _TAB:
                    first += 1
                    continue
                if names_pages(buffer, first, last):
                    first, named, ranges = ranges_at(buffer, first + 6, last, limit, state, firsts, counts)
                    if named < 0 or ranges < 0:
                        state[RANGES] = before
                        return OTHER_LINE if named < 0 else NO_ROOM
                    state[RANGES] = ranges
                    total += named
                    continue
                text[size] = _BLANK
                size += 1
                while first < last and buffer[first] != _BLANK and buffer[first] != _TAB:
                    text[size] = buffer[first]
                    size += 1
                    first += 1
            state[RANGES] = before
        kind = find_kind(text, size, total, slots, kind_totals, kind_ends, kind_texts, state)
        if kind < 0:
            return TOO_MANY_KINDS
        number = state[EVENTS]
        times[number], kinds[number], lines[number], starts[number], range_ends[number] = time, kind, state[LINE], start, ranges
        state[EVENTS], state[RANGES], state[LAST_TIME] = number + 1, ranges, time
        state[POSITION] = at
        state[LINE] += 1
    return END_OF_BUFFER
