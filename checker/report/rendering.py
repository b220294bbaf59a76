"""Reports on traces in the format that was asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from balloonproof.checker.verdict import Report


def render(reports: Sequence[Report], output: str, verbose: bool = False, exit_status: int = 0) -> str:
    """The reports as text, json, junit, sarif or github (workflow commands), ready to print."""
    if output == "json":
        from balloonproof.checker.report.as_json import check_json

        return json.dumps(check_json(list(reports)), indent=1) + "\n"
    if output == "junit":
        from balloonproof.checker.report.junit import junit_xml

        return junit_xml(reports)
    if output == "sarif":
        from balloonproof.checker.report.sarif import sarif_json

        return json.dumps(sarif_json(reports, exit_status), indent=1) + "\n"
    if output == "github":
        from balloonproof.checker.report.github import github_lines

        return "".join(f"{line}\n" for line in github_lines(reports))
    return "".join(f"{line}\n" for line in _text(reports, verbose))


def _text(reports: Sequence[Report], verbose: bool) -> Iterator[str]:
    from balloonproof.checker.report.check_text import report_lines

    for report in reports:
        first, *rest = report_lines(report, verbose)
        yield f"{report.name}: {first}" if len(reports) > 1 else first
        yield from rest
