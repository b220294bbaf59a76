"""Long traces that are not accepted: memory does not grow with them, what is told of them is how the whole story ends, and what is left out is counted."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from test_streaming import HOLD_LITTLE, LARGE, measured

from balloonproof.checker import check, explain, monitor, stale_hints
from balloonproof.checker.report.as_json import report_json
from balloonproof.checker.report.check_text import report_lines
from balloonproof.checker.verdict import Finding

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))

from make_rejected import write_rejected

TRACES = Path(__file__).parent.parent / "traces"
REJECTED = [*sorted((TRACES / "hand").glob("*.reject.trace")), TRACES / "hand" / "unobserved.inconclusive.trace", TRACES / "recorded" / "r1_cancel_stalled"]
LISTING_LITTLE = HOLD_LITTLE + "from balloonproof.checker import monitor\nmonitor.LISTED = 100\n"


@pytest.mark.parametrize("kind", ["hints", "unexplained", "undecided", "stale-lost", "losses"])
def test_memory_does_not_grow_with_the_length_of_a_trace_that_is_not_accepted(tmp_path: Path, kind: str) -> None:
    found = []
    for events in (10_000, 10_000, 50_000):  # the first may have to compile
        write_rejected(tmp_path / "long.trace", kind, events)
        found.append(measured(str(tmp_path / "long.trace"), before=LISTING_LITTLE))
    _, (first, short, small), (second, long, large) = found
    assert first == second == ("inconclusive" if kind == "undecided" else "reject")
    assert long - short > 35_000
    assert large - small < LARGE // 8


def story(finding: Finding) -> list[str]:
    return [str(line) for line in finding.history]


@pytest.mark.parametrize("path", REJECTED, ids=lambda path: path.stem)
def test_what_is_told_is_how_the_whole_story_ends(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = check(path)
    monkeypatch.setattr(explain, "KEPT", 4)
    ends = check(path)
    assert ends.verdict == whole.verdict
    for all_of_it, end in zip(whole.findings, ends.findings, strict=True):
        assert (end.lost_at, end.forbidden_by, end.needed, end.stale_hints) == (
            all_of_it.lost_at, all_of_it.forbidden_by, all_of_it.needed, all_of_it.stale_hints,
        )  # fmt: skip
        assert all_of_it.untold == 0
        assert story(end) == story(all_of_it)[-len(end.history) :]
        assert bool(end.untold) == (len(end.history) < len(all_of_it.history))


def test_a_long_story_says_how_much_of_it_is_not_told(tmp_path: Path) -> None:
    path = tmp_path / "long.trace"
    write_rejected(path, "writes", 3 * explain.KEPT)
    report = check(path)
    (finding,) = report.findings
    assert sum(line.source is not None for line in finding.history) == explain.KEPT
    assert finding.untold > explain.KEPT
    assert f"      {finding.untold:,} earlier events that it sees are not told" in list(report_lines(report))
    assert report_json(report)["findings"][0]["events_untold"] == finding.untold


def test_the_host_step_to_blame_is_found_however_long_ago_it_was(tmp_path: Path) -> None:
    path = tmp_path / "long.trace"
    path.write_text(
        "balloonproof trace 1\nguest pages=1 page-size=4096\nsystem precopy dirty-log=get-and-clear\nobserved guest.* device.* management.*\n"
        "observed migration.start migration.sync-end migration.send migration.end-round migration.stop-vm migration.complete\n"
        "0 guest.allocate pages=0x0\n0 guest.write pages=0x0\n0 migration.start\n0 migration.sync-end\n1 migration.send pages=0x0\n"
        + "2 guest.write pages=0x0\n" * (2 * explain.KEPT)
        + "3 migration.stop-vm\n3 migration.complete\n"
    )
    report = check(path, without=["final-sync"])
    (finding,) = report.findings
    assert finding.untold
    assert finding.lost_at is not None
    assert (finding.lost_at.name, finding.lost_at.source.line) == ("migration.send", 10)


def test_of_many_stale_hints_the_first_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "long.trace"
    for kind, most in (("stale", 8), ("stale-lost", 8)):
        write_rejected(path, kind, 22 * 12)
        every = check(path).findings[0].stale_hints
        assert len(every) >= 12
        monkeypatch.setattr(stale_hints, "NAMED", most)
        assert check(path).findings[0].stale_hints == [*every[:most], f"and {len(every) - most} more stale hints"]
        monkeypatch.undo()


def test_of_many_findings_the_first_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "long.trace"
    write_rejected(path, "losses", 3 * 40)
    assert len(check(path).findings) == 40
    monkeypatch.setattr(monitor, "LISTED", 25)
    report = check(path)
    assert (len(report.findings), report.unlisted) == (25, 15)
    assert "  and 15 more findings that are not listed" in list(report_lines(report))
    assert report_json(report)["findings_unlisted"] == 15
