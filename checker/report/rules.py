"""What the machine-readable reports have in common: which rules a trace is checked against, and where a finding points.

A rule is a property that must always hold, or `trace-explained`: some run of the model shows exactly these events.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from balloonproof.checker.read.events import Source
from balloonproof.checker.report.check_text import headline
from balloonproof.checker.verdict import HINTS_IN_THEIR_ROUND, Finding, Report
from balloonproof.model.language import System

TRACE_EXPLAINED = "trace-explained"


class Rule(NamedTuple):
    """A rule by its name, and what it says."""

    name: str
    meaning: str


_HINTS_IN_THEIR_ROUND = Rule(HINTS_IN_THEIR_ROUND, "The host honours a hint only in the round that queued it.")


def rules_of(systems: Sequence[System], findings: Iterable[Finding] = ()) -> list[Rule]:
    """The rules of these systems, and those that only some logs are asked about where a finding is about one; each once."""
    rules = {TRACE_EXPLAINED: Rule(TRACE_EXPLAINED, "Some run of the model shows exactly the events of the trace.")}
    for system in systems:
        for item in system.properties:
            if item.kind == "always":
                rules.setdefault(item.name, Rule(item.name, " ".join(item.meaning.split())))
    if any(item.property_name == HINTS_IN_THEIR_ROUND for item in findings):
        rules[HINTS_IN_THEIR_ROUND] = _HINTS_IN_THEIR_ROUND
    return list(rules.values())


def rule_of(finding: Finding) -> str:
    """The name of the rule that a finding is about."""
    return TRACE_EXPLAINED if finding.property_name is None else finding.property_name


def place_of(report: Report, finding: Finding) -> Source | None:
    """Where to look first: the event that nothing explains, the send or hint that lost the page, else the last event of the trace."""
    if finding.kind == "impossible" and finding.event is not None:
        return finding.event.source
    event = finding.lost_at or finding.event
    return report.end if event is None else event.source


def relative(path: str) -> str:
    """A path as a repository's tools want it: from the current folder, with slashes, where it lies below it."""
    where = Path(os.path.abspath(path))
    here = Path.cwd()
    return where.relative_to(here).as_posix() if where.is_relative_to(here) else where.as_posix()


def message_of(finding: Finding) -> str:
    """A finding in one line."""
    return headline(finding) + (f" (the same for {finding.count:,} pages in all)" if finding.count > 1 else "")
