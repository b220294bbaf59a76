"""Reads a comparison of guest memory on both sides after a migration: the truth that a verdict is held against.

A table with a header line: ``pfn``, ``class`` (the guest's own use of the page), and either ``held_by_balloon`` or the
order of the last send and the last hint of the page. It lists only pages that differ. All pages of the guest were
compared, unless lines ``# compared FIRST+COUNT ...`` in front of the table name those that were.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from ...grammar import TraceSyntaxError
from .events import Pages, Source
from .sources import lines

HINT_BLOCK = 1024
"""Pages in one hint of a Linux guest: order 10, aligned."""

_COMPARED = "# compared"
_RANGE = re.compile(r"(0x[0-9a-fA-F]+)\+([1-9][0-9]*)")

_USED = frozenset({"used", "tail"})
"""What says that a page is in use. One without a reference (``ref0``) may be part of a larger block, or wait on a processor's list of free pages."""


@dataclass
class Comparison:
    """What a comparison found.

    ``differing``: the pages that differ by class - ``used``, ``free``, ``held``, ``ballooned``, ``unknown`` -, and where
    it says so first. ``held``: inside a block that the balloon driver hinted and still owns, so that its content means
    nothing. ``compared``: the ranges that were compared; none if all were.
    """

    differing: dict[str, tuple[list[int], Source]] = field(default_factory=dict)
    compared: Pages = ()
    rows: list[tuple[int, Mapping[str, str]]] = field(default_factory=list)
    """All that is said of each page that differs."""


def read_comparison(path: str) -> Comparison:
    """Reads one table. Raises :class:`TraceSyntaxError` at a line that is not of the form."""
    found = Comparison()
    columns: list[str] = []
    rows: list[tuple[int, int, Mapping[str, str]]] = []
    for number, text in lines(path):
        if text.startswith("#") and not columns:
            found.compared += _compared(path, number, text)
            continue
        cells = text.split("\t")
        if not columns:
            columns = cells
            continue
        if len(cells) != len(columns):
            raise TraceSyntaxError(path, number, 1, f"{len(cells)} columns", (f"{len(columns)} columns",), text)
        row = dict(zip(columns, cells, strict=True))
        try:
            rows.append((int(row["pfn"], 16), number, row))
        except (ValueError, KeyError):
            raise TraceSyntaxError(path, number, 1, repr(row.get("pfn", "")), ("hex page number",), text) from None
    held = _held_blocks(rows)
    for page, number, cells_of in rows:
        name = _class(page, cells_of, held)
        found.rows.append((page, cells_of))
        found.differing.setdefault(name, ([], Source(path, number)))[0].append(page)
    return found


def _compared(path: str, number: int, text: str) -> Pages:
    """The ranges that a comment names as compared; a comment that says anything else names none."""
    if not text.startswith(_COMPARED):
        return ()
    words = text.removeprefix(_COMPARED).split()
    ranges = [_RANGE.fullmatch(word) for word in words]
    if not words or not all(ranges):
        wrong = next((word for word, match in zip(words, ranges, strict=True) if match is None), "")
        raise TraceSyntaxError(path, number, text.find(wrong) + 1, repr(wrong) if wrong else "end of line", ("ranges FIRST+COUNT",), text)
    return tuple((int(match[1], 16), int(match[2])) for match in ranges if match is not None)


def _class(page: int, row: Mapping[str, str], held: set[int]) -> str:
    guest_class = row["class"]
    if guest_class.startswith("buddy") or guest_class == "pcp":
        return "free"
    if guest_class == "offline":
        return "ballooned"
    if row.get("held_by_balloon") == "True":
        return "held"
    if "held_by_balloon" not in row and page // HINT_BLOCK in held and _hinted_last(row):
        return "held"
    return "used" if guest_class in _USED else "unknown"


def _held_blocks(rows: list[tuple[int, int, Mapping[str, str]]]) -> set[int]:
    """Blocks whose differing pages look like one order-10 page: only the first of them carries a reference."""
    blocks: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for page, _, row in rows:
        blocks[page // HINT_BLOCK].append((page % HINT_BLOCK, row["class"]))
    return {
        block
        for block, pages in blocks.items()
        if any(name == "ref0" for _, name in pages) and all(name == "ref0" or (offset == 0 and name == "used") for offset, name in pages)
    }


def _hinted_last(row: Mapping[str, str]) -> bool:
    try:
        return int(row["last_hint_seq"]) > int(row["last_sent_seq"])
    except (KeyError, ValueError):
        return False
