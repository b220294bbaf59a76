"""TCG's dirty memory as QEMU's log of first writes and the migration's bitmap show it."""

from __future__ import annotations

from pathlib import Path

from balloonproof.checker import check
from balloonproof.checker.verdict import Report

HEADER = """balloonproof trace 1
guest pages=2 page-size=4096
system hinting dirty-log=tcg
observed guest.dirty host.hint migration.start migration.cancel migration.fail migration.sync-begin migration.sync-end migration.bitmap migration.send \
migration.stop-vm migration.complete memory.compared memory.differs
0.00 migration.start
0.01 migration.sync-begin
0.02 migration.sync-end
0.03 migration.bitmap pages=0x0+2
0.04 migration.send pages=0x0
0.05 migration.send pages=0x1
"""


def report_on(tmp_path: Path, events: str) -> Report:
    path = tmp_path / "tcg.trace"
    path.write_text(HEADER + events)
    return check(str(path))


def test_a_write_while_a_sync_goes_through_memory_may_be_left_to_the_next_sync(tmp_path: Path) -> None:
    """Regression: the sync's end is logged when all of memory was gone through, long after the page's own mark was looked at."""
    in_sync = """0.10 migration.sync-begin
0.11 guest.dirty pages=0x0
0.12 migration.sync-end
0.13 migration.bitmap
0.20 migration.stop-vm
0.21 migration.sync-begin
0.22 migration.sync-end
"""
    kept = "0.23 migration.bitmap pages=0x0\n0.24 migration.send pages=0x0\n0.25 migration.complete\n"
    assert report_on(tmp_path, in_sync + kept).verdict == "accept"
    lost = report_on(tmp_path, in_sync + "0.23 migration.bitmap\n")
    assert lost.verdict == "reject"
    assert {item.page for item in lost.findings} == {0}


def test_a_write_before_a_sync_is_found_by_it(tmp_path: Path) -> None:
    report = report_on(tmp_path, "0.06 guest.dirty pages=0x0\n0.10 migration.sync-begin\n0.12 migration.sync-end\n0.13 migration.bitmap\n")
    assert [(item.kind, item.page) for item in report.findings] == [("impossible", 0)]


def test_a_lost_write_that_no_event_shows_went_through_an_old_tlb_entry(tmp_path: Path) -> None:
    """QEMU 7.2.22 loses pages so: nothing is logged after the send, and the two sides differ."""
    end = "0.20 migration.stop-vm\n0.21 migration.sync-begin\n0.22 migration.sync-end\n0.23 migration.bitmap\n0.25 migration.complete\n"
    report = report_on(tmp_path, end + "0.30 memory.compared pages=0x0+2\n0.31 memory.differs pages=0x1 class=used\n")
    assert [(item.kind, item.page) for item in report.findings] == [("impossible", 1)]
    assert "reset-tlb-at-sync" in report.findings[0].forbidden_by
    told = [(item.text, item.source is not None) for item in report.findings[0].history]
    send = max(number for number, item in enumerate(told) if item == ("migration thread: read-page this page", True))
    assert any(text in ("guest: write this page", "guest: finish-store this page") and not shown for text, shown in told[send:])
