"""Back to the text: the line where an event stands, and the column in it that matters."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ...grammar import TraceInputError, TraceSyntaxError
from .events import Event, Source
from .native import format_event
from .sources import lines

PAGE_BITS = 12
"""Foreign logs name a page by its address: that of a 4 KiB page, as the readers take it."""

_PAGES = re.compile(r"(?<!\S)pages=(\S+)")
_NAME = re.compile(r"\d:\s*([A-Za-z_]\w*)")


def texts_at(sources: Iterable[Source]) -> dict[Source, str]:
    """The text of each of these lines, in one pass over each file.

    What cannot be read again (a binary log, a file that has changed) is left out.
    """
    wanted: dict[str, set[int]] = {}
    for path, line in sources:
        if path and line > 0:
            wanted.setdefault(path, set()).add(line)
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


def column_of(event: Event, text: str, page: int | None = None) -> int:
    """The column (from 1) where the line of an event names `page`; else that of the event's name; else 1."""
    column = _column_of_page(event, text, page) if page is not None else 0
    if column:
        return column
    if event.name in text:
        return text.index(event.name) + 1
    named = _NAME.search(text)
    return named.start(1) + 1 if named is not None else 1


def _column_of_page(event: Event, text: str, page: int) -> int:
    """Where the page's number, or the range that holds it, stands; 0 if it does not.

    Native traces name ranges; other logs a number or an address, in hexadecimal.
    """
    native = _PAGES.search(text)
    if native is not None and event.name in text:
        start = native.start(1)
        for part in native[1].split(","):
            first, _, count = part.partition("+")
            if 0 <= page - int(first, 0) < int(count or 1):
                return start + 1
            start += len(part) + 1
    holding = [first for first, count in event.pages if first <= page < first + count]
    for number in (spelled for first in holding for spelled in (first, first << PAGE_BITS) if spelled):
        found = re.search(rf"(?:0x[0-9a-f]*|(?<![0-9a-f])){number:x}(?![0-9a-z])", text)
        if found is not None:
            return found.start() + 1
    return 0


def refusal(event: Event, found: str, expected: str, at: str = "") -> TraceSyntaxError:
    """An error about an event that was read well but cannot be used; the caret stands under `at`, else under the event's name."""
    text = texts_at([event.source]).get(event.source) or format_event(event)
    column = text.find(at) + 1 if at else 0
    return TraceSyntaxError(event.source.path, event.source.line, column or column_of(event, text), found, (expected,), text)


def header_refusal(events: Iterable[Event], found: str, expected: str, word: str) -> TraceSyntaxError | None:
    """The same about a word of the header that stands before these events; None if it stands there in no line."""
    first = next(iter(events), None)
    if first is None:
        return None
    path, end = first.source
    pattern = re.compile(rf"(?<![\w-]){re.escape(word)}(?![\w-])")
    texts = texts_at(Source(path, number) for number in range(1, end))
    for (_, number), text in texts.items():
        at = pattern.search(text.partition("#")[0])
        if at is not None:
            return TraceSyntaxError(path, number, at.start() + 1, found, (expected,), text)
    return None
