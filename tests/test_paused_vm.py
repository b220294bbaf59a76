"""A VM that is paused is migrated as well: that the migration stops it can only be seen from its run state."""

from __future__ import annotations

from pathlib import Path

import pytest

from balloonproof.checker import check
from balloonproof.checker.read import read_trace

BEGINNING = """\
1@99.000000:vm_state_notify running 1 reason 9 (running)
1@99.000001:runstate_set current_run_state 6 (prelaunch) new_state 9 (running)
1@100.000000:migrate_set_state new state setup
2@100.000100:migration_bitmap_sync_start \n2@100.000200:migration_bitmap_sync_end dirty_pages 0
2@100.000300:migrate_set_state new state active
"""
PAUSE = """\
1@100.500000:runstate_set current_run_state 9 (running) new_state 4 (paused)
1@100.500001:vm_state_notify running 0 reason 4 (paused)
"""
RESUME = """\
1@100.600000:runstate_set current_run_state 4 (paused) new_state 9 (running)
1@100.600001:vm_state_notify running 1 reason 9 (running)
"""
STOPS = {
    "paused": "2@101.000000:runstate_set current_run_state 4 (paused) new_state 7 (finish-migrate)\n",
    "running": "2@101.000000:runstate_set current_run_state 9 (running) new_state 7 (finish-migrate)\n"
    "2@101.000001:vm_state_notify running 0 reason 7 (finish-migrate)\n",
}
ENDING = """\
2@101.000200:migration_bitmap_sync_start \n2@101.000300:migration_bitmap_sync_end dirty_pages 0
2@103.000000:migrate_set_state new state completed
"""
CASES = {"paused": PAUSE + STOPS["paused"], "paused and resumed": PAUSE + RESUME + STOPS["running"], "never paused": STOPS["running"]}


@pytest.mark.parametrize("recorded", [("runstate_set",), ("vm_state_notify",), ("runstate_set", "vm_state_notify"), ()], ids="+".join)
@pytest.mark.parametrize("case", CASES)
def test_a_vm_that_is_paused_may_be_migrated(tmp_path: Path, case: str, recorded: tuple[str, ...]) -> None:
    text = BEGINNING + CASES[case] + ENDING
    left_out = {"runstate_set", "vm_state_notify"} - set(recorded)
    (tmp_path / "src.cmdline").write_text("qemu-system-x86_64 -accel tcg -m 1M\n")
    (tmp_path / "src.log").write_text("".join(line for line in text.splitlines(keepends=True) if not any(kind in line for kind in left_out)))
    report = check(tmp_path)
    assert (report.verdict, report.completed) == ("accept", True)
    names = [event.name for event in read_trace(tmp_path).events]
    assert names.count("migration.stop-vm") == (1 if "runstate_set" in recorded or (recorded and case != "paused") else 0)
    assert names.count("management.resume") == (1 if recorded and case == "paused and resumed" else 0)
