"""Where it stands: the line of an event, with a caret under the page or the event's name, in the shape of a parse error.

A line that cannot be read again (standard input, a binary log) is shown as the event that was read from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from balloonproof.checker.read.events import Event, Source
from balloonproof.checker.read.native import format_event
from balloonproof.checker.read.sources import lines
from balloonproof.checker.verdict import Finding
from balloonproof.grammar import TraceInputError, TraceSyntaxError
from balloonproof.grammar.errors import excerpt

PAGE_BITS = 12
"""Foreign logs name a page by its address: that of a 4 KiB page, as the readers take it."""

_PAGES = re.compile(r"(?<!\S)pages=(\S+)")
_NAME = re.compile(r"\d:\s*([A-Za-z_]\w*)")


def lines_of(findings: Iterable[Finding]) -> dict[Source, str]:
    """The text of each line that these findings point to, in one pass over each file; what cannot be read is left out."""
    wanted: dict[str, set[int]] = {}
    for finding in findings:
        for event in (finding.event, finding.lost_at):
            if event is not None and event.source.path not in ("-", "") and event.source.line > 0:
                wanted.setdefault(event.source.path, set()).add(event.source.line)
    found: dict[Source, str] = {}
    for path, numbers in wanted.items():
        last = max(numbers)
        try:
            for number, text in lines(path):
                if number in numbers:
                    found[Source(path, number)] = text
                if number == last:
                    break
        except (TraceInputError, TraceSyntaxError):
            continue
    return found


def context_lines(event: Event, page: int, texts: Mapping[Source, str]) -> Iterator[str]:
    """The event's line, and under it a caret at `page` if the line names it, else at what happened."""
    text = texts.get(event.source) or format_event(event)
    yield from excerpt(text, column_of(event, page, text)).split("\n")


def column_of(event: Event, page: int, text: str) -> int:
    """The column (from 1) where the line of an event names the page; else that of the event's name; else 1."""
    native = _PAGES.search(text)
    if native is not None and event.name in text:
        start = native.start(1)
        for part in native[1].split(","):
            first, _, count = part.partition("+")
            if 0 <= page - int(first, 0) < int(count or 1):
                return start + 1
            start += len(part) + 1
    spelled = [number for first, count in event.pages if first <= page < first + count for number in (first, first << PAGE_BITS) if number]
    for number in spelled:
        found = re.search(rf"(?:0x[0-9a-f]*|(?<![0-9a-f])){number:x}(?![0-9a-z])", text)
        if found is not None:
            return found.start() + 1
    if event.name in text:
        return text.index(event.name) + 1
    named = _NAME.search(text)
    return named.start(1) + 1 if named is not None else 1
