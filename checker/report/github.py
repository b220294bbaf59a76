"""GitHub annotations: workflow commands that put each finding at its line of the trace, then one plain line per trace for the log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from balloonproof.checker.report.check_text import finding_lines, summary
from balloonproof.checker.report.rules import message_of, place_of, relative, rule_of
from balloonproof.checker.verdict import Finding, Report


def github_lines(reports: Sequence[Report]) -> Iterator[str]:
    """The lines to print: `::error` for what is wrong, `::warning` for what is not decided."""
    for report in reports:
        for finding in report.findings:
            yield _annotation(report, finding)
        name = "".join(character if character.isprintable() else repr(character)[1:-1] for character in report.name)
        yield f"balloonproof: {name}: {summary(report)}"  # begins with a word of its own: a name may look like a command


def _annotation(report: Report, finding: Finding) -> str:
    level = "warning" if finding.kind == "undecided" else "error"
    place = place_of(report, finding)
    properties = {"title": f"balloonproof: {rule_of(finding)}"}
    if place is not None:
        properties = {"file": relative(place.path), "line": str(place.line)} | properties
    _, *story = finding_lines(finding, verbose=False)
    said = ",".join(f"{key}={escape(value, in_property=True)}" for key, value in properties.items())
    message = "\n".join([message_of(finding), *story])
    return f"::{level} {said}::{escape(message)}"


def escape(text: str, in_property: bool = False) -> str:
    """Text as a workflow command carries it; a property also hides the characters that end it."""
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return text.replace(":", "%3A").replace(",", "%2C") if in_property else text
