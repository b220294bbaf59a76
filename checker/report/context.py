"""Where it stands: the line that a finding points to, with a caret under the page, in the shape of a parse error."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from balloonproof.checker.read.events import Event, Source
from balloonproof.checker.read.native import format_event
from balloonproof.checker.read.places import column_of, texts_at
from balloonproof.checker.verdict import Finding
from balloonproof.grammar.errors import excerpt


def lines_of(findings: Iterable[Finding]) -> dict[Source, str]:
    """The text of each line that these findings point to."""
    events = (event for finding in findings for event in (finding.event, finding.lost_at))
    return texts_at(event.source for event in events if event is not None)


def context_lines(event: Event, page: int, texts: Mapping[Source, str]) -> Iterator[str]:
    """The event's line and its caret; a line that cannot be read again is shown as the event that was read from it."""
    text = texts.get(event.source) or format_event(event)
    yield from excerpt(text, column_of(event, text, page)).split("\n")
