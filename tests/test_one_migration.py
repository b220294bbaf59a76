"""Logs of two migrations in one folder are bad input: whatever followed from both would be wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_cut_logs import both_sides, record

from balloonproof.checker import check
from balloonproof.checker.read import TraceInputError
from balloonproof.checker.read.agreement import agreement_of, agreement_somewhere

START = 1_795_000_000
THREAD = "     live_migration-2       (    1) [000] DBZff "
Logs = dict[str, list[str]]


def dated(lines: list[str], after: float = 0) -> list[str]:
    """The same lines at a time of day of our days."""
    return [f"{thread}@{START + after + float(moment):.6f}:{rest}" for thread, moment, rest in (line.replace("@", ":", 1).split(":", 2) for line in lines)]


def probes(source: list[str], late: float = 0) -> list[str]:
    """What uprobes in QEMU show of this migration: pages, each second one empty, and syncs."""
    found = []
    for line in source:
        moment, _, event = line.partition("@")[2].partition(":")
        at = f"{THREAD}{float(moment) + late + 2e-6:.6f}"
        before = f"{THREAD}{float(moment) + late - 2e-6:.6f}"
        if event.startswith("ram_save_page"):
            offset = int(event.split()[3], 16)
            found += [f"{at}: put_be64: (0x5508) f=0x5600 v={value:#x}\n" for value in (offset | 8, (offset + 0x1000) % 0x50000 | 2)]
        elif event.startswith("migration_bitmap_sync_start"):
            found.append(f"{before}: precopy: (0x5500) list=0x5600 reason=1\n")
        elif event.startswith("migration_bitmap_sync_end"):
            found.append(f"{at}: precopy: (0x5500) list=0x5600 reason=2\n")
    return found


def slower(source: list[str], by: float) -> list[str]:
    """The same migration, each sync so much later than the one before."""
    found, late = [], 0.0
    for line in source:
        thread, _, rest = line.partition("@")
        moment, _, event = rest.partition(":")
        late += by if "sync_start" in event else 0
        found.append(f"{thread}@{float(moment) + late:.6f}:{event}")
    return found


def qmp(source: list[str], late: float = 0) -> list[str]:
    found = ['{"QMP": {"version": {"qemu": {"micro": 2, "minor": 0, "major": 10}}}}\n']
    for line in source:
        moment, _, event = line.partition("@")[2].partition(":")
        if event.startswith("migrate_set_state"):
            seconds, micros = divmod(round((float(moment) + late) * 1e6), 10**6)
            status = event.split()[-1]
            found.append(f'{{"timestamp": {{"seconds": {seconds}, "microseconds": {micros}}}, "event": "MIGRATION", "data": {{"status": "{status}"}}}}\n')
    return found


def comparison(sent: int, content: str) -> list[str]:
    return ["pfn\tclass\tsrc\tdst\tsent_count\n", *(f"{page:#x}\tbuddy10\tdata\t{content}\t{sent}\n" for page in range(1, 80, 2))]


def migration(step: int) -> Logs:
    """Both sides' logs; the first round is the same for all steps."""
    one, other = both_sides(), both_sides(step=step)
    for name, begins in (("src.log", "sync_start"), ("dst.log", "ram_load_start")):
        second = [number for number, line in enumerate(one[name]) if begins in line][-2]
        one[name] = dated(one[name][:second] + other[name][second:])
    return one


SOURCE, OTHER = migration(step=3), migration(step=7)


def whole(**changed: list[str]) -> Logs:
    return SOURCE | {name.replace("_", "."): lines for name, lines in changed.items()}


def genuine() -> Logs:
    source = SOURCE["src.log"]
    command = ["qemu-system-x86_64 -m 320k -incoming defer\n"]
    return whole(host_log=probes(source), src_qmp=qmp(source), diff_tsv=comparison(3, "zero"), dst_cmdline=command)


def test_logs_of_one_migration_are_read(tmp_path: Path) -> None:
    report = check(record(tmp_path, genuine()))
    assert not any("not used" in note for note in report.notes)
    assert report.verdict == "accept"


@pytest.mark.parametrize(
    ("name", "lines", "error"),
    [
        ("dst.log", lambda: OTHER["dst.log"], r"dst\.log: is not of the same migration"),
        ("host.log", lambda: probes(OTHER["src.log"]), r"host\.log: is not of the same migration as .*src\.log: .* each shows another"),
        ("host.log", lambda: probes(OTHER["src.log"], late=-9000), r"host\.log: is not of the same migration as .*src\.log: .* each shows another"),
        ("host.log", lambda: [line for line in probes(slower(SOURCE["src.log"], 0.5), late=-9000) if "precopy" in line], "shows syncs at other intervals"),
        ("src.qmp", lambda: qmp(SOURCE["src.log"], late=5000), r"src\.qmp: is not of the same migration as .*src\.log: its migration is 5000 s away from it"),
        ("diff.tsv", lambda: comparison(3, "data"), r"diff\.tsv: is not of the same migration as .*: of 40 of 40 pages"),
        ("diff.tsv", lambda: comparison(1, "zero"), r"diff\.tsv: is not of the same migration as .*: of 40 of 40 pages"),
        ("dst.cmdline", lambda: ["qemu-system-x86_64 -m 640k -incoming defer\n"], "its guest has 160 pages of memory, the other's 80"),
        ("cmd.txt", lambda: ["qemu-system-x86_64 -accel kvm -m 320k\n"], "a second command line of the source"),
    ],
)  # fmt: skip
def test_a_log_of_another_migration_is_refused(tmp_path: Path, name: str, lines: Callable[[], list[str]], error: str) -> None:
    with pytest.raises(TraceInputError, match=error):
        check(record(tmp_path, genuine() | {name: lines()}))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 100), st.integers(0, 100), st.sampled_from([0, -9000]), st.booleans(), st.booleans())
def test_probes_of_the_same_migration_are_never_refused(
    tmp_path_factory: pytest.TempPathFactory, begin: int, end: int, late: int, has_pages: bool, ends_early: bool
) -> None:
    """However they are cut, whatever they lack, whatever their clock, and wherever the source's log ends."""
    lines = [line for line in probes(SOURCE["src.log"], late=late) if has_pages or "precopy" in line]
    logs = whole(host_log=lines[len(lines) * min(begin, end) // 100 : len(lines) * max(begin, end) // 100] or ["# nothing\n"])
    if ends_early:
        logs["src.log"] = logs["src.log"][: len(logs["src.log"]) * 2 // 3]
    assert check(record(tmp_path_factory.mktemp("record"), logs)).verdict != "reject"


PART = st.tuples(st.integers(0, 400), st.integers(0, 400)).map(sorted)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=400, max_size=400), PART, PART, st.sets(st.integers(0, 399), max_size=30))
def test_parts_of_one_sequence_are_not_against_each_other(whole: list[int], first: list[int], second: list[int], lacking: set[int]) -> None:
    """Of which one may lack single items."""
    one, other = whole[slice(*first)], [item for number, item in enumerate(whole) if number not in lacking][slice(*second)]
    assert not agreement_somewhere(lambda: iter(one), lambda: iter(other)).is_contradicted


def test_similar_sequences_are_against_each_other() -> None:
    one, other = list(range(500)), [*range(100), *range(1000, 1400)]
    assert agreement_of(one, other).is_contradicted
    assert agreement_somewhere(lambda: iter(one), lambda: iter(other)).is_contradicted
