"""The loop over the bytes of a log: lines become columns of numbers, by a :class:`KindTable`.

Compiled; see ``scanner.py`` for what calls it. A line that cannot be read so (a header line, an error, a number too large for
a machine word) is left to the caller.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from balloonproof.checker.jit import compiled, unsigned, word
from balloonproof.checker.read.kind_table import (
    CELLS,
    COUNT,
    COUNTED,
    DIGIT_SHIFT,
    EVENT,
    FACTOR_SHIFT,
    FIRST,
    FRACTION,
    GO,
    LEAP,
    LENGTH_BITS,
    MOMENT,
    NEXT_RANGE,
    NEXT_SHIFT,
    OPERATION_SHIFT,
    PLACE_BITS,
    SECONDS,
    SILENT,
    TOTAL_BITS,
    UNKNOWN,
)

POSITION, LINE, EVENTS, RANGES, LAST_TIME, PLACE, KIND, TOTAL = range(8)
"""Where the state of reading stands in its array: next byte and its line, events and ranges so far, time of the last event; of the entry
that is missing its place, or its kind and total."""

END_OF_BUFFER, OTHER_LINE, NO_ROOM, NO_ENTRY, NO_TOTAL = range(5)
"""Why reading stopped."""

Numbers = NDArray[Any]
Small = NDArray[Any]
Bytes = NDArray[np.uint8]

_CELL, _OPERATION, _FIVE_BITS = unsigned(7), unsigned(7 << OPERATION_SHIFT), unsigned(31)
_TO_OPERATION, _TO_FACTOR, _TO_DIGIT, _TO_NEXT = unsigned(OPERATION_SHIFT), unsigned(FACTOR_SHIFT), unsigned(DIGIT_SHIFT), unsigned(NEXT_SHIFT)
_ZERO, _ONE, _TOO_LARGE = unsigned(0), unsigned(1), unsigned(58)
_GO, _NEXT_RANGE = unsigned(GO << OPERATION_SHIFT), unsigned(NEXT_RANGE << OPERATION_SHIFT)
_LEAP, _LENGTH, _TO_PLACE = unsigned(LEAP), unsigned((1 << LENGTH_BITS) - 1), unsigned(LENGTH_BITS)
_PLACE, _TO_ROW = unsigned((1 << PLACE_BITS) - 1), unsigned(LENGTH_BITS + PLACE_BITS)
_SHORTEST_SHARED, _LONGEST_SHARED = unsigned(4), unsigned(64)
_NONE = unsigned((1 << 64) - 1)
_LENGTHS = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_TENS = np.array([10**n for n in range(10)])


@compiled
def nanoseconds(seconds: int, fraction: int) -> int:
    """A time from its seconds, and its decimals (at most nine) behind a 1; -1 if it may not fit into a machine word."""
    if seconds >> 33:
        return -1
    digits = 0
    for index in range(1, 10):
        if fraction >= _TENS[index]:
            digits += 1
    return seconds * 1_000_000_000 + (fraction - _TENS[digits]) * _TENS[9 - digits]


@compiled
def seconds_of(moment: int) -> int:
    """Seconds since 1970 at year, month, day, hour, minute and second (UTC), two digits each behind the year; -1 if there is no such time."""
    second, minute, hour = moment % 100, moment // 100 % 100, moment // 10_000 % 100
    day, month, year = moment // 1_000_000 % 100, moment // 100_000_000 % 100, moment // 10_000_000_000
    if year < 1970 or not 1 <= month <= 12 or hour > 23 or minute > 59 or second > 59:
        return -1
    is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    length = _LENGTHS[month - 1] + (1 if is_leap and month == 2 else 0)
    if not 1 <= day <= length:
        return -1
    before = year - 1
    days = 365 * (year - 1970) + before // 4 - before // 100 + before // 400 - 477
    for index in range(month - 1):
        days += _LENGTHS[index]
    if is_leap and month > 2:
        days += 1
    return (days + day - 1) * 86_400 + hour * 3_600 + minute * 60 + second


@compiled
def kind_with(kind: int, total: int, keys: Numbers, found: Small) -> int:
    """The kind of a line that is of this kind and names so many pages; -1 if it is not known."""
    key = kind << TOTAL_BITS | total
    mask = len(keys) - 1
    slot = word((unsigned(key) * unsigned(0x9E3779B97F4A7C15) >> unsigned(40)) & unsigned(mask))
    while keys[slot]:
        if keys[slot] == key + 1:
            return found[slot]
        slot = (slot + 1) & mask
    return -1


@compiled
def stands_at(buffer: Bytes, at: int, texts: Bytes, text: int, length: int) -> bool:
    """Does the same text of so many bytes stand in both places?"""
    difference = np.uint8(0)
    for index in range(length):
        difference |= buffer[at + index] ^ texts[text + index]
    return difference == 0


@compiled
def shared_length(buffer: Bytes, at: int, previous: int, end: int) -> int:
    """How much of two lines' beginnings is the same, less a byte as the last digit in common is soon another; 0 if it is hardly anything."""
    length = _ZERO
    while length < _LONGEST_SHARED and at + length < end and buffer[at + length] == buffer[previous + length]:
        length += _ONE
    return length - _ONE if length > _SHORTEST_SHARED else _ZERO


@compiled
def scan_lines(
    buffer: Bytes, stop: int, state: Numbers, limit: int, in_order: bool,
    entries: Numbers, texts: Bytes, cells: Numbers, keys: Numbers, found: Small,
    times: Numbers, kinds: Small, lines: Numbers, starts: Numbers, range_ends: Numbers, firsts: Numbers, counts: Numbers,
) -> int:  # fmt: skip
    """Reads lines from ``state[POSITION]`` on, up to `stop` (behind a line's end) or to one that it cannot read; says why it stopped.

    Each byte leads from a row of the table to another, one after the other. Two things spare steps: text that lines usually go on with
    is compared as a whole, and a line that begins as one before (its time does) is taken up where the state behind that was kept.
    """
    start, line, number, ranges, last_time = state[POSITION], state[LINE], state[EVENTS], state[RANGES], state[LAST_TIME]
    reason, end = END_OF_BUFFER, unsigned(stop)
    previous, shared, kept_row, kept_value, kept_union = unsigned(start), _ZERO, _ZERO, _ZERO, _ZERO
    while start < stop:
        if number == len(times) or ranges == len(firsts):
            reason = NO_ROOM
            break
        at, row, value, union, before, keep_at = unsigned(start), _ZERO, _ZERO, _ZERO, ranges, _NONE
        if shared and at + shared < end and stands_at(buffer, at, buffer, previous, shared):
            at, row, value, union = at + shared, kept_row, kept_value, kept_union
            for index in range(CELLS):
                cells[index] = cells[CELLS + index]
        else:
            cells[FIRST], cells[COUNT], cells[FRACTION], cells[SECONDS] = _NONE, _ONE, _ONE, _NONE
            length = shared_length(buffer, at, previous, end)
            keep_at = at + length if length else _NONE
            previous, shared = at, _ZERO
        while True:
            if at >= keep_at:
                keep_at = _NONE
                if ranges == before:
                    shared, kept_row, kept_value, kept_union = at - previous, row, value, union
                    for index in range(CELLS):
                        cells[CELLS + index] = cells[index]
            leap = entries[row + _LEAP]
            if leap:
                length, text = leap & _LENGTH, leap >> _TO_PLACE & _PLACE
                if at + length < end and stands_at(buffer, at, texts, text, length):
                    at, row, value = at + length, leap >> _TO_ROW, _ZERO
            place = row + unsigned(buffer[at])
            entry = entries[place]
            at += _ONE
            if entry & _OPERATION != _GO:
                if entry & _OPERATION != _NEXT_RANGE or ranges == len(firsts) - 1:
                    break
                firsts[ranges], counts[ranges] = cells[FIRST], cells[COUNT]
                ranges += 1
                cells[COUNT] = _ONE
            value = value * (entry >> _TO_FACTOR & _FIVE_BITS) + (entry >> _TO_DIGIT & _FIVE_BITS)
            union |= value
            cells[entry & _CELL] = value
            row = entry >> _TO_NEXT
        operation = word((entry & _OPERATION) >> _TO_OPERATION)
        if operation == SILENT:
            start, line, ranges = word(at), line + 1, before
            continue
        reason = OTHER_LINE
        if operation in (EVENT, COUNTED):
            seconds = word(cells[SECONDS]) if cells[SECONDS] != _NONE else seconds_of(word(cells[MOMENT]))
            time = nanoseconds(seconds, word(cells[FRACTION]))
            if cells[FIRST] != _NONE:
                firsts[ranges], counts[ranges] = cells[FIRST], cells[COUNT]
                ranges += 1
            total = 0
            is_usual = time >= (last_time if in_order else 0) and union >> _TOO_LARGE == _ZERO
            for index in range(before, ranges):
                total += counts[index]
                is_usual = is_usual and firsts[index] + counts[index] <= limit
            kind = word(entry >> _TO_NEXT)
            if is_usual and operation == COUNTED:
                is_usual = total >> TOTAL_BITS == 0
                if is_usual:
                    state[KIND], state[TOTAL] = kind, total
                    kind = kind_with(kind, total, keys, found)
            if is_usual and kind >= 0:
                times[number], kinds[number], lines[number], starts[number], range_ends[number] = time, kind, line, start, ranges
                number += 1
                start, line, last_time, reason = word(at), line + 1, time, END_OF_BUFFER
                continue
            if is_usual:
                reason = NO_TOTAL
        elif operation == UNKNOWN:
            reason = NO_ENTRY
            state[PLACE] = word(place)
        elif operation == NEXT_RANGE:
            reason = NO_ROOM
        ranges = before
        break
    state[POSITION], state[LINE], state[EVENTS], state[RANGES], state[LAST_TIME] = start, line, number, ranges, last_time
    return reason
