"""Records whose logs begin late, end early, lack kinds of lines, lie there twice or belong to another migration: nothing wrong is concluded from that."""

from __future__ import annotations

import gzip
from contextlib import suppress
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from balloonproof.checker import check
from balloonproof.checker.read import TraceInputError, read_trace

RECORDED = Path(__file__).parent.parent / "traces" / "recorded"
PAGES = 80
COMMAND = "qemu-system-x86_64 -accel tcg -m 320k\n"


def both_sides(rounds: int = 3, step: int = 1, first: int = 0, starts: bool = True) -> dict[str, list[str]]:
    """The lines of both sides' logs of a migration: in each round every page is sent, each second one empty, from `first` in steps of `step` pages.

    `starts`: the destination logs the beginning of each section of RAM, as QEMU does from 8.0 on.
    """
    source, destination = ["1@100.000000:migrate_set_state new state setup\n"], ["9@100.000001:migrate_set_state new state active\n"]
    destination += ["9@100.000002:ram_load_start \n"] if starts else []

    def say(log: list[str], thread: int, event: str) -> None:
        log.append(f"{thread}@100.{10 * (len(source) + len(destination)):06d}:{event}\n")

    for number in range(rounds):
        if number == rounds - 1:
            say(source, 2, "vm_state_notify running 0 reason 7 (finish-migrate)")
        say(source, 2, "migration_bitmap_sync_start ")
        say(source, 2, f"migration_bitmap_sync_end dirty_pages {PAGES}")
        if number == 0:
            say(source, 2, "migrate_set_state new state active")
        say(source, 2, "savevm_section_start ram, section_id 2")
        if starts:
            say(destination, 9, "ram_load_start ")
        for index in range(PAGES):
            page = (first + index * step) % PAGES
            if page % 2 == 0:
                say(source, 2, f"ram_save_page pc.ram: offset: {page << 12:#x} host: 0x7f0000000000")
            flags = 0x02 if page % 2 else 0x08
            say(destination, 9, f"ram_load_loop pc.ram: addr: {page << 12:#x} flags: {flags:#x} host: 0x7f0000000000")
        say(source, 2, "savevm_section_end ram, section_id 2 -> 0")
        for page in range(PAGES) if number < rounds - 1 else ():
            say(source, 3, f"memory_notdirty_write_access 0x1 ram_addr {page << 12:#x} size 8")
    say(source, 2, "migrate_set_state new state completed")
    say(source, 1, "savevm_state_cleanup ")
    say(destination, 9, "migrate_set_state new state completed")
    return {"src.log": source, "dst.log": destination, "src.cmdline": [COMMAND]}


def record(folder: Path, logs: dict[str, list[str]]) -> Path:
    for name, lines in logs.items():
        (folder / name).write_text("".join(lines))
    return folder


def test_the_whole_record_is_accepted(tmp_path: Path) -> None:
    assert check(record(tmp_path, both_sides())).verdict == "accept"


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 99), st.booleans(), st.booleans())
def test_a_destinations_log_that_is_cut_is_no_reason_to_reject(tmp_path_factory: pytest.TempPathFactory, percent: int, has_end: bool, starts: bool) -> None:
    """It was copied while QEMU had not yet written all of it, or only its end was kept."""
    logs = both_sides(starts=starts)
    at = len(logs["dst.log"]) * percent // 100
    logs["dst.log"] = logs["dst.log"][at:] if has_end else logs["dst.log"][:at]
    folder = record(tmp_path_factory.mktemp("record"), logs)
    if has_end and not starts:  # it could be the log of another migration as well
        with suppress(TraceInputError):
            assert check(folder).verdict != "reject"
        return
    report = check(folder)
    assert report.verdict != "reject"
    assert any("begins in the middle of the migration" in note or "does not reach as far as the source's log" in note for note in report.notes)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 99))
def test_a_source_log_that_ends_while_the_migration_goes_on_is_neither_accepted_nor_rejected(tmp_path_factory: pytest.TempPathFactory, percent: int) -> None:
    logs = both_sides()
    logs["src.log"] = logs["src.log"][: len(logs["src.log"]) * percent // 100]
    folder = record(tmp_path_factory.mktemp("record"), logs)
    (folder / "diff.tsv").write_text("pfn\tclass\tsrc\tdst\n0x1\tused\tdata\tzero\n")
    report = check(folder)
    assert report.verdict == "inconclusive"
    assert any("ends while the migration is under way" in reason for reason in report.reasons)


def test_pages_that_the_destination_did_not_get_before_the_migration_was_cancelled_are_no_reason_to_reject(tmp_path: Path) -> None:
    """What was sent last is still on its way when the stream is closed."""
    logs = both_sides(rounds=2)
    half = len(logs["src.log"]) // 2
    logs["src.log"][half:] = ["1@101.000000:migrate_set_state new state cancelling\n", "1@101.000001:migrate_set_state new state cancelled\n"]
    logs["dst.log"][half // 2 :] = []
    assert check(record(tmp_path, logs)).verdict == "accept"


def test_logs_that_show_no_migration_are_refused(tmp_path: Path) -> None:
    """Somebody recorded other events than those that are needed: to accept that would let every migration pass."""
    log = tmp_path / "src.log"
    log.write_text("1@100.000000:virtio_set_status vdev 0x1 val 0\n2@100.000001:memory_notdirty_write_access 0x1 ram_addr 0x0 size 8\n")
    with pytest.raises(TraceInputError, match=r"src\.log: no migration is to be seen here .*migrate_set_state"):
        check(log)


def test_the_log_of_another_migrations_destination_is_refused(tmp_path: Path) -> None:
    logs = both_sides() | {"dst.log": both_sides(step=7)["dst.log"]}
    with pytest.raises(TraceInputError, match=r"dst\.log: is not of the same migration, or begins in its middle"):
        check(record(tmp_path, logs))


def test_a_log_beside_its_compressed_copy_is_read_once(tmp_path: Path) -> None:
    whole = check(record(tmp_path, both_sides()))
    for name in ("src.log", "dst.log"):
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress((tmp_path / name).read_bytes()))
    twice = check(tmp_path)
    assert (twice.verdict, twice.event_counts) == (whole.verdict, whole.event_counts)
    assert f"{tmp_path / 'dst.log.gz'}: holds the same as {tmp_path / 'dst.log'}: not read" in twice.notes


def without(logs: dict[str, list[str]], *kinds: str) -> dict[str, list[str]]:
    """The same logs without the lines of these events."""
    return {name: [line for line in lines if not any(f":{kind}" in line for kind in kinds)] for name, lines in logs.items()}


@pytest.mark.parametrize(
    ("kinds", "verdict"),
    [
        (["savevm_section_"], "accept"),
        (["ram_load_start"], "inconclusive"),
        (["savevm_section_", "ram_load_start"], "inconclusive"),
    ],
)
def test_zero_pages_at_the_beginning_of_a_round_are_not_taken_for_those_of_the_last(tmp_path: Path, kinds: list[str], verdict: str) -> None:
    """The source logs none of them; which round they are of tell the sections of RAM, and where these are not logged nothing is rejected for it."""
    folder = record(tmp_path, without(both_sides(first=1), *kinds))
    report = check(folder)
    assert report.verdict == verdict
    if verdict == "inconclusive":
        assert report.reasons == ["rejected only if the order of zero pages and syncs is taken at its word: its events were left out"]
        assert any("savevm_section_*" in note for note in report.notes)


def test_a_zero_page_that_is_not_sent_again_is_missed_without_the_sections_of_the_source(tmp_path: Path) -> None:
    logs = without(both_sides(first=1), "savevm_section_")
    last = max(number for number, line in enumerate(logs["dst.log"]) if "addr: 0x3000 " in line)
    del logs["dst.log"][last]
    report = check(record(tmp_path, logs))
    assert report.verdict == "reject"
    assert report.findings[0].pages == ((3, 1),)


def cut_record(folder: Path, name: str, percent: int, of: str, has_end: bool) -> Path:
    """A recorded migration of which only a part of one log is left: its beginning, or its end."""
    for path in (RECORDED / name).iterdir():
        if path.name != "expected.json":
            (folder / path.name).write_bytes(path.read_bytes())
    log = folder / f"{of}.zst"
    lines = zstandard.ZstdDecompressor().stream_reader(log.read_bytes()).readall().splitlines(keepends=True)
    log.unlink()
    at = len(lines) * percent // 100
    (folder / of).write_bytes(b"".join(lines[at:] if has_end else lines[:at]))
    return folder


@pytest.mark.parametrize(("percent", "has_end"), [(10, False), (50, False), (50, True)])
def test_a_log_of_host_probes_that_is_cut_is_no_reason_to_reject(tmp_path: Path, percent: int, has_end: bool) -> None:
    """Hints that it does not show may have been handled: it lacks syncs that the source's log shows."""
    report = check(cut_record(tmp_path, "r1_cancel_control", percent, "host_uprobe.log", has_end))
    assert report.verdict == "accept"
    assert not report.header.observes("host.hint")
    assert any("of 4 syncs, so hints and commands that they do not show may have been handled" in note for note in report.notes)


@pytest.mark.parametrize(("percent", "has_end"), [(50, False), (50, True)])
def test_a_log_of_host_probes_without_syncs_that_is_cut_is_no_reason_to_reject(tmp_path: Path, percent: int, has_end: bool) -> None:
    """It does not reach from the first page to the last sync."""
    folder = cut_record(tmp_path, "r1_cancel_control", percent, "host_uprobe.log", has_end)
    log = folder / "host_uprobe.log"
    log.write_text("".join(line for line in log.read_text().splitlines(keepends=True) if ": precopy: " not in line))
    report = check(folder)
    assert report.verdict == "accept"
    assert not report.header.observes("host.hint")


@pytest.mark.parametrize(("percent", "has_end"), [(90, False), (10, True)])
def test_a_log_of_the_guest_that_is_cut_is_no_reason_to_reject(tmp_path: Path, percent: int, has_end: bool) -> None:
    """The host can take no hint that the guest has not queued."""
    report = check(cut_record(tmp_path, "r1_cancel_control", percent, "src.guest_ftrace.log", has_end))
    assert report.verdict == "accept"
    assert not report.header.observes("guest.hint")
    assert any("begins late or ends early: the host took" in note for note in report.notes)


def test_probes_of_the_first_attempt_only_do_not_show_that_the_second_took_no_hints(tmp_path: Path) -> None:
    for name in ("src.qemu_trace.log.zst", "host_uprobe1.tai.log.zst"):
        (tmp_path / name).symlink_to(RECORDED / "e_hint_cancel_retry" / name)
    trace = read_trace(tmp_path)
    assert not trace.header.observes("host.hint")
    assert not trace.header.observes("host.command")
