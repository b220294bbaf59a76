"""What a record says of itself: QMP logs, inferred systems and settings, clocks that differ."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balloonproof.checker import check
from balloonproof.checker.read import Trace, TraceInputError, TraceSyntaxError, format_event, read_trace
from balloonproof.checker.read.qmp import read_qmp_log

COMMAND = "/usr/bin/qemu-system-x86_64 -accel {} -m 256 -device virtio-balloon-pci,{}\n"
SOURCE = """\
1@100.000000:vm_state_notify running 1 reason 9 (running)
1@100.000010:migrate_set_state new state setup
2@100.000120:migration_bitmap_sync_start \n\
2@100.000200:migration_bitmap_sync_end dirty_pages 0
2@100.000210:migrate_set_state new state active
2@100.000300:savevm_section_start ram, section_id 2
2@100.000310:ram_save_page pc.ram: offset: 0x0 host: 0x7f0000000000
2@100.000330:ram_save_page pc.ram: offset: 0x3000 host: 0x7f0000003000
2@100.000350:ram_save_page pc.ram: offset: 0x7000 host: 0x7f0000003000
2@100.000400:savevm_section_end ram, section_id 2 -> 0
2@100.000610:vm_state_notify running 0 reason 7 (finish-migrate)
2@100.000900:migrate_set_state new state completed
"""
THREAD = "    mig/src/main-2       (      1) [001] DBZff "


def greeting(major: int, minor: int) -> str:
    return json.dumps({"QMP": {"version": {"qemu": {"major": major, "minor": minor, "micro": 1}}, "capabilities": []}}) + "\n"


def happened(name: str, seconds: int, micros: int, **data: Any) -> str:
    return json.dumps({"timestamp": {"seconds": seconds, "microseconds": micros}, "event": name, "data": data}) + "\n"


def asked(name: str, **arguments: Any) -> str:
    return json.dumps({"execute": name, "arguments": arguments}) + "\n"


def read(folder: Path, **files: str) -> Trace:
    for name, text in files.items():
        (folder / name).write_text(text)
    return read_trace(folder)


def names(trace: Trace) -> list[str]:
    return [format_event(event) for event in trace.events]


@pytest.mark.parametrize(
    ("command", "qmp", "system", "settings", "without"),
    [
        (COMMAND.format("tcg", "free-page-hint=on"), "", "hinting", {"dirty-log": "tcg"}, ()),
        (COMMAND.format("kvm", "free-page-hint=on"), greeting(10, 0), "hinting", {"dirty-log": "manual"}, ()),
        (COMMAND.format("kvm", "id=b"), greeting(10, 0), "precopy", {"dirty-log": "manual"}, ()),
        (COMMAND.format("kvm", "free-page-hint=on"), greeting(6, 0), "hinting", {"dirty-log": "manual", "hint-clears-log": "no"}, ()),
        (
            COMMAND.format("kvm", "free-page-hint=on"),
            greeting(4, 2),
            "hinting",
            {"dirty-log": "manual", "hint-clears-log": "no", "initially-set": "no"},
            ("start-only-when-requested", "done-on-cleanup"),
        ),
        (COMMAND.format("kvm", "id=b"), greeting(4, 0), "precopy", {"dirty-log": "get-and-clear", "initially-set": "no"}, ("fresh-bitmap",)),
        ("", greeting(10, 0), "hinting", {}, ()),
        (
            COMMAND.format("tcg", "free-page-hint=on"),
            greeting(10, 0) + asked("migrate-set-capabilities", capabilities=[{"capability": "postcopy-ram", "state": True}]),
            "precopy",
            {"dirty-log": "tcg"},
            (),
        ),
    ],
)
def test_what_was_recorded_is_inferred_and_said(
    tmp_path: Path, command: str, qmp: str, system: str, settings: dict[str, str], without: tuple[str, ...]
) -> None:
    trace = read(tmp_path, src=SOURCE, **({"cmd": command} if command else {}), **({"qmp": qmp} if qmp else {}))
    assert (trace.header.system, trace.header.settings, trace.header.without) == (system, settings, without)
    assert trace.notes[-1].startswith(f"checked as {system}")


def test_a_sync_by_the_timer_of_auto_converge_is_inferred_and_said(tmp_path: Path) -> None:
    trace = read(tmp_path, src=f"{SOURCE}1@100.001000:cpu_throttle_dirty_sync \n")
    assert trace.header.settings["mid-round-sync"] == "yes"
    assert "checked as hinting mid-round-sync=yes" in trace.notes[-1]
    assert "cpu_throttle_dirty_sync in the source's log" in trace.notes[-1]


def test_a_dirty_ring_has_no_manual_protection(tmp_path: Path) -> None:
    trace = read(tmp_path, src=SOURCE, cmd=COMMAND.format("kvm,dirty-ring-size=4096", "id=b"))
    assert trace.header.settings["dirty-log"] in ("ring", "get-and-clear")
    assert "KVM with a dirty ring" in trace.notes[-1]


def test_qmp_stands_in_for_what_the_log_does_not_show(tmp_path: Path) -> None:
    log = "".join(line for line in SOURCE.splitlines(keepends=True) if "save" in line)
    qmp = (
        greeting(10, 0)
        + asked("migrate-set-capabilities", capabilities=[{"capability": "events", "state": True}])
        + happened("MIGRATION", 100, 11, status="setup")
        + happened("MIGRATION_PASS", 100, 201, **{"pass": 1})
        + happened("MIGRATION", 100, 212, status="active")
        + happened("STOP", 100, 612)
        + happened("MIGRATION", 100, 901, status="completed")
    )
    trace = read(tmp_path, src=log, qmp=qmp)
    assert names(trace) == [
        "0.000000 migration.start",
        "0.000190 migration.sync-end round=1",
        "0.000201 migration.active",
        "0.000299 migration.send pages=0x0 partial",
        "0.000319 migration.send pages=0x3 partial",
        "0.000339 migration.send pages=0x7 partial",
        "0.000601 migration.stop-vm",
        "0.000890 migration.complete",
    ]
    assert any("5 events stand in for lines" in note for note in trace.notes)


def test_a_log_of_a_migration_whose_start_is_missing_is_refused(tmp_path: Path) -> None:
    syncs = [line for line in SOURCE.splitlines(keepends=True) if "sync" in line]
    (tmp_path / "src").write_text("".join(syncs))
    with pytest.raises(TraceSyntaxError, match=r"before any migration\.start"):
        check(str(tmp_path))


def test_qmp_adds_nothing_where_the_log_shows_it(tmp_path: Path) -> None:
    alone = names(read(tmp_path, src=SOURCE))
    qmp = happened("MIGRATION", 100, 11, status="setup") + happened("STOP", 100, 612)
    assert names(read(tmp_path, qmp=qmp)) == alone


def test_a_stop_that_was_asked_for_is_a_pause(tmp_path: Path) -> None:
    log = "".join(line for line in SOURCE.splitlines(keepends=True) if "vm_state_notify" not in line)
    qmp = "100.000250 > " + asked("stop") + "100.000260 < " + happened("STOP", 100, 255) + happened("RESUME", 100, 280) + happened("STOP", 100, 611)
    states = happened("MIGRATION", 100, 11, status="setup")
    trace = read(tmp_path, src=log, qmp=states + qmp)
    assert [name for name in names(trace) if "pause" in name or "resume" in name or "stop" in name] == [
        "0.000245 management.pause",
        "0.000270 management.resume",
        "0.000601 migration.stop-vm",
    ]


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [("{\n", 1, 1), (greeting(10, 0) + '{"event": }\n', 2, 11), (greeting(10, 0) + "1.5 > {}x\n", 2, 9)],
)
def test_a_line_that_is_no_qmp_message_is_an_error(tmp_path: Path, text: str, line: int, column: int) -> None:
    (tmp_path / "qmp").write_text(text)
    with pytest.raises(TraceSyntaxError) as error:
        read_qmp_log(str(tmp_path / "qmp"))
    assert (error.value.line, error.value.column) == (line, column)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=6
    )
)
def test_any_json_object_is_a_message(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "qmp"
    messages = ({"QMP": value}, {"event": value, "data": value, "timestamp": value}, {"execute": value, "arguments": value})
    path.write_text("".join(json.dumps(one) + "\n" for one in messages))
    log = read_qmp_log(str(path))
    assert (len(log.events), len(log.commands)) == (1, 1)


def test_two_qmp_sessions_of_the_source_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TraceInputError, match="a second QMP log of the source"):
        read(tmp_path, src=SOURCE, qmp=greeting(10, 0), again=greeting(9, 2))


def test_the_destinations_session_is_not_the_sources(tmp_path: Path) -> None:
    destination = greeting(4, 0) + asked("migrate-incoming", uri="unix:x")
    assert read(tmp_path, src=SOURCE, cmd=COMMAND.format("kvm", "id=b"), q=greeting(10, 0), qd=destination).header.settings == {"dirty-log": "manual"}


# ---------------------------------------------------------------- clocks


def probes(begin: int) -> str:
    """Host probes of the same migration by a clock that began ``begin`` seconds before: 37 for TAI, or many for the time since boot."""
    times = ((111, "precopy: (0x1) list=0xa reason=1"), (205, "precopy: (0x1) list=0xa reason=2"))
    pages = ((315, "0x8"), (335, "0x3028"), (355, "0x7028"))
    lines = [*times, *((at, f"put_be64: (0x1) f=0x5 v={value}") for at, value in pages)]
    return "".join(f"{THREAD}{100 + begin}.{micros:06d}: {text}\n" for micros, text in lines)


@pytest.mark.parametrize("begin", [0, 37, -60])
def test_a_clock_that_counts_from_another_moment_is_brought_to_the_sources(tmp_path: Path, begin: int) -> None:
    trace = read(tmp_path, src=SOURCE, up=probes(begin))
    found = {event.name: event.time for event in trace.events if event.arguments.get("reason") in ("before-sync", "after-sync")}
    notices = [event.time for event in trace.events if event.name == "migration.notify"]
    # the truth is 0.101 and 0.195 ms; pages bound the shift to 11 us above it and 16 below
    assert len(notices) == 2
    assert abs(notices[0] - 101_000) <= 15_000
    assert abs(notices[1] - notices[0] - 94_000) <= 1
    assert found
    assert trace.header.estimated == ({} if begin == 0 else {"the fitted clock of host probes": ("migration.notify",)})
    words = "by the clock of" if begin == 0 else "times moved by"
    assert any(words in note for note in trace.notes)


@pytest.mark.parametrize(("begin", "verdict"), [(0, "reject"), (37, "inconclusive")])
def test_a_reject_that_hangs_on_a_fitted_clock_is_not_given(tmp_path: Path, begin: int, verdict: str) -> None:
    late = f"{THREAD}{100 + begin}.000800: hint_clear: (0x1) start=0x400 npages=1024\n"  # after the VM has stopped
    final = "2@100.000650:migration_bitmap_sync_start \n2@100.000700:migration_bitmap_sync_end dirty_pages 0\n2@100.000900:migrate_set"
    (tmp_path / "src").write_text(SOURCE.replace("2@100.000900:migrate_set", final))
    (tmp_path / "up").write_text(probes(begin) + late)
    (tmp_path / "cmd").write_text(COMMAND.format("tcg", "free-page-hint=on").replace("256", "8"))
    report = check(str(tmp_path))
    assert report.verdict == verdict
    assert any("fitted clock" in reason for reason in report.reasons) == (begin != 0)


def test_probes_of_another_migration_are_not_used(tmp_path: Path) -> None:
    other = f"{THREAD}999.000111: put_be64: (0x1) f=0x5 v=0x9008\n"
    trace = read(tmp_path, src=SOURCE, up=other)
    assert any("its times mean nothing: not used" in note for note in trace.notes)
