"""A step that a log shows may have happened there, or not at all: QEMU logs a guest's write before it sets the page's dirty bit."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_monitor import draw_hidden, many, pages_of, runs, with_events

from balloonproof.checker import check
from balloonproof.checker.checking import check_trace
from balloonproof.checker.read import TraceSyntaxError
from balloonproof.model.engines.bounded import Run


@many
@given(runs, st.data())
def test_an_unsure_step_is_possible_where_the_trace_is_with_it_or_without_it(run: Run, data: st.DataObject) -> None:
    trace, configuration = draw_hidden(data, run), run.explicit.configuration
    events = list(trace.events)
    about_pages = {action.event for action in configuration.system.actions if action.per_page}
    steps = [number for number, event in enumerate(events) if event.name in about_pages and event.pages]
    if not steps:
        return
    at = data.draw(st.sampled_from(steps))
    unsure = [*events[:at], events[at]._replace(flags=events[at].flags | {"unsure"}), *events[at + 1 :]]
    with_it, without_it, either = (
        pages_of(check_trace(with_events(trace, chosen), configuration), "impossible") for chosen in (events, events[:at] + events[at + 1 :], unsure)
    )
    assert either == with_it & without_it


def test_only_a_step_about_pages_can_be_unsure(tmp_path: Path) -> None:
    path = tmp_path / "x.trace"
    path.write_text("balloonproof trace 1\nguest pages=4\nsystem precopy\nobserved migration.*\n0.0 migration.start unsure\n")
    with pytest.raises(TraceSyntaxError, match=r"x\.trace:5:21: expected unsure only where an event is a step about pages, found migration.start unsure"):
        check(path)


PAGES, SENT = 1024, 5


def record(folder: Path, after_the_write: str = "") -> Path:
    """A page is sent, and written right before a sync, whose bitmap lacks it; the next one has it. The writer's thread may log something else in between."""
    log = ["1@100.000000:migrate_set_state new state setup"]
    probes = []

    def sync(moment: int, is_set: bool) -> None:
        words = ["0xffffffffffffffff" if number or is_set else f"{(1 << 64) - 1 - (1 << SENT):#x}" for number in range(PAGES // 64)]
        head = f"  live_migration-2       (    1) [000] DBZff {moment}.{{:06d}}: "
        probes.append(head.format(50) + "precopy: (0x5500) list=0x5600 reason=1")
        log.extend([f"2@{moment}.000100:migration_bitmap_sync_start ", f"2@{moment}.000200:migration_bitmap_sync_end dirty_pages 0"])
        for part in range(4):
            said = " ".join(f"b{number}={{{words[4 * part + number]}}}" for number in range(4))
            probes.append(head.format(300 + part) + f"bmap{part}: (0x5500) reason=2 {said}")
        probes.append(head.format(310) + "precopy: (0x5500) list=0x5600 reason=2")

    sync(101, is_set=True)
    log.append(f"2@101.500000:ram_save_page pc.ram: offset: {SENT << 12:#x} host: 0x7f0000000000")
    probes.append(f"  live_migration-2       (    1) [000] DBZff 101.500000: put_be64: (0x5508) f=0x5600 v={SENT << 12 | 8:#x}")
    log.append(f"3@101.900000:memory_notdirty_write_access 0x1 ram_addr {SENT << 12:#x} size 8")
    log.extend([after_the_write] if after_the_write else [])
    log.append("2@101.950000:savevm_section_start ram, section_id 2")
    sync(102, is_set=False)
    sync(103, is_set=True)
    log.append("2@103.500000:migrate_set_state new state cancelling")
    folder.mkdir()
    (folder / "src.cmdline").write_text("qemu-system-x86_64 -accel tcg -m 4M\n")
    (folder / "src.log").write_text("\n".join(log) + "\n")
    (folder / "host.log").write_text("\n".join(probes) + "\n")
    return folder


def test_a_write_that_its_thread_logged_last_before_a_sync_may_count_for_the_next_one(tmp_path: Path) -> None:
    assert check(record(tmp_path / "waiting")).verdict == "accept"


def test_a_write_counts_for_the_sync_if_its_thread_has_logged_another_since(tmp_path: Path) -> None:
    folder = record(tmp_path / "done", "3@101.900100:memory_notdirty_write_access 0x1 ram_addr 0x9000 size 8")
    report = check(folder)
    assert report.verdict == "reject"
    assert pages_of(report, "impossible") == {SENT}
