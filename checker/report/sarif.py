"""SARIF 2.1.0: one run for all traces; a result per finding, at the line to look at first, with the story as a code flow.

What a trace does not decide has kind `open`, as the standard names it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import quote

from balloonproof.checker.read.events import Source
from balloonproof.checker.report.check_text import finding_lines
from balloonproof.checker.report.rules import message_of, place_of, relative, rule_of, rules_of
from balloonproof.checker.verdict import Finding, Report

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def sarif_json(reports: Sequence[Report], exit_status: int) -> dict[str, Any]:
    """The reports as a SARIF log; `exit_status` is that of the command."""
    findings = [item for report in reports for item in report.findings]
    rules = rules_of(list(dict.fromkeys(report.configuration.system for report in reports)), findings)
    index = {rule.name: number for number, rule in enumerate(rules)}
    driver = {
        "name": "balloonproof",
        "version": metadata.version("balloonproof"),
        "rules": [{"id": rule.name, "shortDescription": {"text": rule.meaning}, "defaultConfiguration": {"level": "error"}} for rule in rules],
    }
    results = [_result(report, finding, index) for report in reports for finding in report.findings]
    notes = [{"level": "warning", "message": {"text": f"{report.name}: {reason}"}} for report in reports for reason in report.reasons]
    invocation: dict[str, Any] = {"executionSuccessful": True, "exitCode": exit_status}
    if notes:
        invocation["toolExecutionNotifications"] = notes
    run = {"tool": {"driver": driver}, "invocations": [invocation], "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _result(report: Report, finding: Finding, index: dict[str, int]) -> dict[str, Any]:
    rule, place = rule_of(finding), place_of(report, finding)
    undecided = finding.kind == "undecided"
    _, *story = finding_lines(finding, verbose=False)
    result: dict[str, Any] = {
        "ruleId": rule,
        "ruleIndex": index[rule],
        "kind": "open" if undecided else "fail",
        "level": "none" if undecided else "error",
        "message": {"text": "\n".join([message_of(finding), *story])},
        "partialFingerprints": {"finding/v1": _fingerprint(report, finding, place)},
        "properties": {"trace": report.name, "verdict": report.verdict, "page": finding.page, "pageCount": finding.count},
    }
    if place is not None:
        result["locations"] = [_location(place)]
    steps = [item for item in finding.history if item.source is not None]
    if steps:
        told = [{"location": _location(item.source, item.text)} for item in steps if item.source is not None]
        result["codeFlows"] = [{"threadFlows": [{"locations": told}]}]
    return result


def _location(place: Source, message: str | None = None) -> dict[str, Any]:
    """A line of a file; standard input has a name of its own, and what has no line is the file as a whole."""
    path = relative(place.path) if place.path not in ("-", "") else "stdin"
    uri = Path(path).as_uri() if Path(path).is_absolute() else quote(os.fsencode(path))
    physical: dict[str, Any] = {"artifactLocation": {"uri": uri}}
    if place.line > 0:
        physical["region"] = {"startLine": place.line}
    return {"physicalLocation": physical} | ({"message": {"text": message}} if message is not None else {})


def _fingerprint(report: Report, finding: Finding, place: Source | None) -> str:
    """The same for the same finding when lines of the trace move: rule, kind, file, event and page, but not the line."""
    event = finding.lost_at or finding.event
    parts = (rule_of(finding), finding.kind, relative(place.path) if place else report.name, event.name if event else "", f"{finding.page:#x}")
    return hashlib.sha256("\n".join(parts).encode(errors="surrogateescape")).hexdigest()[:32]
