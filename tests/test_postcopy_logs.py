"""Logs of migrations that switch to post-copy are followed to their end."""

from __future__ import annotations

from pathlib import Path

import pytest

from balloonproof.checker import check
from balloonproof.checker.read import format_event, read_trace

BEGINNING = """\
1@100.000000:migrate_set_state new state setup
2@100.000100:migration_bitmap_sync_start \n2@100.000200:migration_bitmap_sync_end dirty_pages 0
2@100.000300:migrate_set_state new state active
"""
STOP = "2@101.000100:vm_state_notify running 0 reason 7 (finish-migrate)\n"
SYNC = "2@101.000200:migration_bitmap_sync_start \n2@101.000300:migration_bitmap_sync_end dirty_pages 0\n"
SWITCH = "2@101.000{}:migrate_set_state new state postcopy-active\n"
ENDING = "2@103.000000:migrate_set_state new state completed\n2@103.000100:savevm_state_cleanup \n"
ORDERS = {"7.2": SWITCH.format("000") + STOP + SYNC, "10.0": STOP + "2@101.000150:migrate_set_state new state device\n" + SYNC + SWITCH.format("400")}
"""Up to QEMU 7.2 the state is set before the VM stops, later after the last sync."""
PAUSED = "2@101.000100:runstate_set current_run_state 4 (paused) new_state 7 (finish-migrate)\n"
ORDERS |= {"7.2, paused before": SWITCH.format("000") + PAUSED + SYNC, "7.2, no run states recorded": SWITCH.format("000") + SYNC}


def record(folder: Path, switch: str, more: str = "", ending: str = ENDING, comparison: str | None = None) -> Path:
    (folder / "src.cmdline").write_text("qemu-system-x86_64 -accel tcg -m 1M\n")
    (folder / "src.log").write_text(BEGINNING + switch + more + ending)
    if comparison is not None:
        (folder / "diff_pages.tsv").write_text("pfn\tclass\theld_by_balloon\n" + comparison)
    return folder


@pytest.mark.parametrize("order", ORDERS)
def test_the_switch_comes_after_the_last_sync(tmp_path: Path, order: str) -> None:
    trace = read_trace(record(tmp_path, ORDERS[order]))
    names = [event.name for event in trace.events]
    assert names[-5:] == ["migration.sync-begin", "migration.sync-end", "migration.postcopy", "migration.complete", "migration.cleanup"]
    assert trace.header.system == "postcopy"


def test_a_connection_that_breaks_may_come_back(tmp_path: Path) -> None:
    more = "2@102.000000:migrate_set_state new state postcopy-paused\n2@102.100000:migrate_set_state new state postcopy-recover\n"
    folder = record(tmp_path, ORDERS["10.0"], more + "2@102.200000:migrate_set_state new state postcopy-active\n")
    shown = [format_event(event).split(" ", 1)[1] for event in read_trace(folder).events if event.name.startswith("postcopy.")]
    assert shown == ["postcopy.lose-channel", "postcopy.recover"]
    assert check(folder).verdict == "accept"


@pytest.mark.parametrize(("comparison", "verdict"), [("", "accept"), ("0x5\tbuddy3\tFalse\n", "accept"), ("0x5\tused\tFalse\n", "reject")])
def test_memory_is_compared_before_the_pages_are_the_destination_s_own(tmp_path: Path, comparison: str, verdict: str) -> None:
    """Whatever is sent after the switch is taken as possible: a page in use that differs is lost all the same."""
    report = check(record(tmp_path, ORDERS["10.0"], comparison=comparison))
    assert (report.verdict, report.completed) == (verdict, True)
    assert [item.pages for item in report.findings] == ([((5, 1),)] if verdict == "reject" else [])


def test_a_log_that_ends_in_post_copy_decides_nothing(tmp_path: Path) -> None:
    report = check(record(tmp_path, ORDERS["10.0"], ending="", comparison="0x5\tused\tFalse\n"))
    assert report.verdict == "inconclusive"
    assert any("ends while the migration is under way" in reason for reason in report.reasons)
