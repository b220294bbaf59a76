"""Pages may be sent in ways that logs show otherwise, or not at all: that is no reason to reject."""

from __future__ import annotations

from pathlib import Path

import pytest
import test_cut_logs
from test_cut_logs import both_sides, record, without

from balloonproof.checker import check

Logs = dict[str, list[str]]


def later(lines: list[str], seconds: float) -> list[str]:
    """The same lines by a clock that is ahead."""
    return [f"{thread}@{float(moment) + seconds:.6f}:{rest}" for thread, moment, rest in (line.replace("@", ":", 1).split(":", 2) for line in lines)]


def with_xbzrle() -> Logs:
    """From the second round on pages are sent as what has changed of them; of each third one nothing has."""
    logs, round_number, number, loaded = both_sides(), 0, 0, []
    for line in logs["dst.log"]:
        round_number += "ram_load_start" in line
        is_changed = round_number > 2 and "flags: 0x8 " in line
        number += is_changed
        if not is_changed or number % 3:
            loaded.append(line.replace("flags: 0x8 ", "flags: 0x40 ") if is_changed else line)
    return logs | {"dst.log": loaded}


def with_multifd() -> Logs:
    """Pages that are not empty take channels of their own."""
    logs = both_sides()
    return logs | {"src.log": without(logs, "ram_save_page")["src.log"], "dst.log": [line for line in logs["dst.log"] if "flags: 0x8 " not in line]}


def of_another_machine() -> Logs:
    return {name: [line.replace("pc.ram", "mach-virt.ram") for line in lines] for name, lines in both_sides().items()}


@pytest.mark.parametrize("logs", [with_xbzrle, with_multifd, of_another_machine], ids=lambda logs: logs.__name__)
def test_a_safe_migration_is_accepted(tmp_path: Path, logs: object) -> None:
    assert callable(logs)
    assert check(record(tmp_path, logs())).verdict == "accept"


def test_a_page_of_another_machines_memory_that_is_not_sent_is_missed(tmp_path: Path) -> None:
    logs = of_another_machine()
    for name in ("src.log", "dst.log"):
        del logs[name][max(number for number, line in enumerate(logs[name]) if ": 0x4000 " in line and "mach-virt.ram" in line)]
    report = check(record(tmp_path, logs))
    assert (report.verdict, report.findings[0].pages) == ("reject", ((4, 1),))


def test_a_destination_that_did_not_log_its_loads_does_not_show_that_there_were_none(tmp_path: Path) -> None:
    logs = both_sides()
    report = check(record(tmp_path, logs | {"dst.log": without(logs, "ram_load_loop")["dst.log"]}))
    assert report.verdict == "accept"
    assert not report.header.observes("migration.send")
    assert any("no load of a page was traced" in note for note in report.notes)


@pytest.mark.parametrize("seconds", [0.00005, 0.0005, 50])
def test_when_the_destination_loads_a_page_is_not_when_it_was_sent(tmp_path: Path, seconds: float) -> None:
    """The source's log has neither pages nor sections, and the destination is behind, or its clock is another."""
    logs = without(both_sides(), "ram_save_page", "savevm_section_")
    report = check(record(tmp_path, logs | {"dst.log": later(logs["dst.log"], seconds)}))
    assert report.verdict == "inconclusive"
    assert report.reasons == ["rejected only if the destination's clock is taken at its word: its events were left out"]


def test_many_pages_in_a_row_that_xbzrle_finds_unchanged_are_no_reason_to_reject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it is not certain which saves of the source are the loads that follow."""
    monkeypatch.setattr(test_cut_logs, "PAGES", 600)
    monkeypatch.setattr(test_cut_logs, "COMMAND", "qemu-system-x86_64 -accel tcg -m 2400k\n")
    logs, round_number, number, loaded = both_sides(), 0, 0, []
    for line in logs["dst.log"]:
        is_new = "ram_load_start" in line
        round_number, number = round_number + is_new, 0 if is_new else number + ("flags: 0x8 " in line)
        if not (round_number > 2 and "flags: 0x8 " in line and 20 < number < 220):
            loaded.append(line.replace("flags: 0x8 ", "flags: 0x40 ") if round_number > 2 else line)
    report = check(record(tmp_path, logs | {"dst.log": loaded}))
    assert report.verdict == "inconclusive"
    assert any("is taken at its word" in reason for reason in report.reasons)
