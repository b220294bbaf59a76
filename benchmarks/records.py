"""Checks every recorded migration and holds the verdict against what is expected of it: exit status 1 if one is off.

    python benchmarks/records.py [--without-comparison] [RECORD...]

Without RECORDs, all of traces/recorded, the slow ones too, which the tests leave out.  With --without-comparison the
comparison of both memories is not taken into account: what does the log alone show?
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from balloonproof.checker.checking import check_paths
from balloonproof.checker.verdict import Report

RECORDED = Path(__file__).parents[1] / "traces" / "recorded"


def rejected(report: Report) -> set[int]:
    """The pages that no run explains, or that every run loses."""
    found = [item for item in report.findings if item.kind in ("impossible", "violated")]
    return {page for item in found for first, count in item.pages for page in range(first, first + count)}


def expected_pages(expected: dict[str, object]) -> set[int]:
    """The pages that are to be rejected, from ranges FIRST+COUNT."""
    ranges = expected.get("pages", [])
    assert isinstance(ranges, list)
    pairs = [(int(first, 16), int(count)) for first, _, count in (text.partition("+") for text in ranges)]
    return {page for first, count in pairs for page in range(first, first + count)}


def main(arguments: list[str]) -> int:
    """Prints a line for each record."""
    hide = ["memory.*"] if "--without-comparison" in arguments else []
    records = [Path(path) for path in arguments if not path.startswith("--")] or sorted(path.parent for path in RECORDED.glob("*/expected.json"))
    off = 0
    for record in records:
        report = check_paths(str(record), hide=hide)
        line = f"{record.name:30} {report.verdict:13} {report.configuration.system.name:8} {report.events:>8,} events {report.seconds:6.1f} s"
        pages = rejected(report)
        told = RECORDED / record.name / "expected.json"
        if told.exists() and not hide:
            expected = json.loads(told.read_text())
            right = report.verdict == expected["verdict"] and pages == expected_pages(expected)
            off += not right
            line += "  as expected" if right else f"  EXPECTED {expected['verdict']}"
        print(f"{line}, {len(pages):,} pages rejected", flush=True)
    return min(off, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
