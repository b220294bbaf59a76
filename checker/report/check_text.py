"""A report on a trace as text."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from balloonproof.checker.read.events import Pages, Source
from balloonproof.checker.report.context import context_lines, lines_of
from balloonproof.checker.verdict import ACCEPT, Finding, Report, Telling

SHOWN = 3
"""Findings shown in full unless asked for more."""

TOLD = 40
"""Lines of a history that are shown unless asked for more: how it ended."""


def report_lines(report: Report, verbose: bool = False) -> Iterator[str]:
    """The lines to print for one checked trace; files are named from the folder that they share."""
    folder = os.path.commonpath([os.path.dirname(path) or "." for path in report.sources]) if report.sources else ""
    for line in _lines(report, verbose):
        yield line.replace(f"{folder}/", "") if folder else line


def _lines(report: Report, verbose: bool) -> Iterator[str]:
    texts = lines_of(report.findings if verbose else report.findings[:SHOWN])
    yield f"{summary(report)}  ({report.seconds:.1f} s)"
    if report.verdict == ACCEPT:
        end = "the migration completed" if report.completed else "no migration completes in this trace"
        yield f"  every run of the model that explains the trace is safe; {end}"
    yield from (f"  {reason}" for reason in report.reasons)
    for number, finding in enumerate(report.findings):
        if number == SHOWN and not verbose:
            rest = report.findings[SHOWN:]
            yield f"  and {len(rest)} more findings, on {sum(item.count for item in rest):,} pages (-v shows them)"
            break
        yield ""
        yield from finding_lines(finding, verbose, texts)
    if report.unlisted:
        yield f"  and {report.unlisted:,} more findings that are not listed"
    yield ""
    yield f"  taken as possible at any time, because the trace does not show it: {', '.join(report.unseen) or 'nothing'}"
    if verbose:
        counts = ", ".join(f"{name} {count:,}" for name, count in sorted(report.event_counts.items()))
        yield f"  events: {counts}"
        yield from (f"  note: {note}" for note in report.notes)


def summary(report: Report) -> str:
    """The verdict in one line."""
    pages = f"{report.header.pages:,} pages, " if report.header.pages else ""
    return f"{report.verdict}: {report.events:,} events, {pages}checked as {report.configuration}"


def headline(finding: Finding) -> str:
    """What a finding says, in one line, told of its first page."""
    where = f" [{finding.event.source}]" if finding.event is not None else ""
    at = f"event {finding.event.name}{where}" if finding.event is not None else "the end of the trace"
    what = {
        "impossible": f"no run of the model explains {at}",
        "violated": f"{finding.property_name} is violated in every run that explains the trace (judged at {at})",
        "undecided": f"{finding.property_name} holds in some runs that explain the trace, and not in others (judged at {at})",
    }[finding.kind]
    return f"page {finding.page:#x}: {what}"


def finding_lines(finding: Finding, verbose: bool, texts: Mapping[Source, str] | None = None) -> Iterator[str]:
    """One finding with its evidence; with the `texts` of the lines it points to (`context.lines_of`), these are shown."""
    yield f"  {headline(finding)}"
    if texts is not None:
        yield from _where(finding, texts)
    if finding.count > 1:
        yield f"    the same for {finding.count:,} pages in all: {show_pages(finding.pages, 40 if verbose else 6)}"
    if finding.forbidden_by:
        yield f"    forbidden by: {', '.join(finding.forbidden_by)} (without it a run would explain the event)"
    if finding.needed:
        yield f"    it would need {'; or '.join(finding.needed[:3])}"
    if finding.kind == "impossible" and finding.before:
        yield f"    possible before it: {finding.possible_before} states, such as {show_state(finding.before[0])}"
    if finding.history:
        yield f"    {_title(finding)}:"
        if finding.untold:
            yield f"      {finding.untold:,} earlier events that it sees are not told"
        told = list(collapse(finding.history))
        skipped = 0 if verbose else max(0, len(told) - TOLD)
        if skipped:
            yield f"      {skipped} earlier lines (-v shows them)"
        yield from (f"      {line}" for line in told[skipped:])
    for hint in finding.stale_hints:
        yield f"    {hint}"
    if finding.to_decide:
        yield f"    not decided by this trace; a record of {', '.join(finding.to_decide)} would tell"


def _title(finding: Finding) -> str:
    """What a finding's history is."""
    if finding.kind == "impossible":
        guard = next(iter(finding.forbidden_by), None)
        return f"how it can come to that without {guard}, with the steps that the trace does not show" if guard else "what the trace says of this page"
    return "how it was lost, with the steps that the trace does not show" if finding.kind == "violated" else "a run in which it is lost"


def _where(finding: Finding, texts: Mapping[Source, str]) -> Iterator[str]:
    """The line of the event that nothing explains, or by which the page is lost, with a caret."""
    event = finding.event if finding.kind == "impossible" else finding.lost_at
    if event is None:
        return
    if finding.kind != "impossible":
        yield f"    last seen of it at the host: {event.name} [{event.source}]"
    yield from (f"      {line}" for line in context_lines(event, finding.page, texts))


def collapse(history: Sequence[Telling]) -> Iterator[str]:
    """Neighbouring lines that differ only in their source become one."""
    for (text, is_shown), group in groupby(history, key=lambda item: (item.text, item.source is not None)):
        same = list(group)
        if len(same) == 1:
            yield str(same[0])
        else:
            yield f"{text}, {len(same)} times  " + (f"[{same[0].source} ...]" if is_shown else "(not in the trace)")


def show_pages(pages: Pages, most: int) -> str:
    """Page ranges, at most so many."""
    shown = ", ".join(f"{first:#x}" + (f"+{count}" if count > 1 else "") for first, count in pages[:most])
    return shown + (f" and {len(pages) - most} more ranges" if len(pages) > most else "")


def show_state(state: object) -> str:
    """The variables of a possible state that are not at their plain value."""
    assert isinstance(state, dict)
    return ", ".join(f"{name}={value.lower()}" for name, value in state.items() if value not in ("false", "NONE", "IDLE"))
