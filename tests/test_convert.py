"""A record that was converted to a native trace gets the verdict of the record, for the same reasons."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_cut_logs import both_sides, record
from test_cut_logs import without as without_lines
from test_read_mutated import FILES, changed_files

from balloonproof.checker import check
from balloonproof.checker.read import TraceInputError, TraceSyntaxError, read_trace, write_native_file
from balloonproof.checker.verdict import Report

RECORDED = Path(__file__).parent.parent / "traces" / "recorded"


def told(report: Report) -> object:
    """What a report comes to, without where it was read."""
    findings = [(item.kind, item.pages, item.count, item.event and item.event[:5], item.property_name, item.to_decide) for item in report.findings]
    return report.verdict, report.completed, report.reasons, report.event_counts, findings


def outcome(path: Path) -> object:
    """The same of a trace or record, or that it is bad input."""
    try:
        return told(check(path))
    except (TraceInputError, TraceSyntaxError):
        return "bad input"


def is_kept(folder: Path) -> None:
    """The record in the folder is converted and means what it meant."""
    try:
        trace = read_trace(folder)
    except (TraceInputError, TraceSyntaxError):
        return
    converted = folder.parent / f"{folder.name}.trace"
    write_native_file(trace, converted)
    assert outcome(converted) == outcome(folder)


@given(changed_files())
@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
def test_a_changed_record_keeps_its_verdict(tmp_path_factory: pytest.TempPathFactory, files: dict[str, str]) -> None:
    folder = tmp_path_factory.mktemp("record")
    for name, text in files.items():
        (folder / name).write_text(text)
    is_kept(folder)


@given(st.integers(0, 100), st.integers(0, 100), st.sampled_from([(), ("savevm_section_",), ("savevm_section_", "ram_load_start"), ("migrate_set_state",)]))
@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
def test_a_record_that_is_cut_keeps_its_verdict(tmp_path_factory: pytest.TempPathFactory, source: int, destination: int, lacking: tuple[str, ...]) -> None:
    """Logs that end in the migration, and zero pages of which it is not known at which side of a sync they were sent."""
    logs = without_lines(both_sides(first=1), *lacking)
    for name, percent in (("src.log", source), ("dst.log", destination)):
        logs[name] = logs[name][: len(logs[name]) * percent // 100]
    is_kept(record(tmp_path_factory.mktemp("record"), logs))


def test_a_hint_of_less_than_a_page_is_none(tmp_path: Path) -> None:
    folder = tmp_path / "record"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text.replace("npages=1024", "npages=0"))
    is_kept(folder)
    assert all(event.name != "host.hint" for event in read_trace(folder).events)


@pytest.mark.parametrize("name", ["h1_forced", "r1_cancel_control", "r1_cancel_stalled"])
def test_a_recorded_migration_keeps_its_verdict(tmp_path: Path, name: str) -> None:
    trace = read_trace(RECORDED / name)
    write_native_file(trace, tmp_path / "x.trace")
    assert outcome(tmp_path / "x.trace") == outcome(RECORDED / name)


EARLY_START = """\
balloonproof trace 1
guest pages=2048
system hinting
observed migration.start migration.sync-begin migration.sync-end guest.hint guest.start guest.stop host.hint host.command
{}
0 migration.start
0 guest.start id=0x80000000
0.1 migration.sync-begin round=1
0.2 migration.sync-end round=1
"""


def checked(folder: Path, header: str) -> Report:
    (folder / "x.trace").write_text(EARLY_START.format(header))
    return check(folder / "x.trace")


def test_an_event_whose_place_is_an_estimate_is_no_reason_to_reject(tmp_path: Path) -> None:
    """The guest cannot start before it is asked to, but its clock may be off."""
    assert checked(tmp_path, "").verdict == "reject"
    report = checked(tmp_path, 'estimated "the guest\'s clock" guest.hint guest.start guest.stop')
    assert report.verdict == "inconclusive"
    assert report.reasons == ["rejected only if the guest's clock is taken at its word: its events were left out"]
    assert checked(tmp_path, 'estimated "another log\'s clock" guest.*').verdict == "inconclusive"
    assert checked(tmp_path, 'estimated "another log\'s clock" host.hint').verdict == "reject"


def test_a_trace_that_ends_inside_a_migration_is_judged_as_far_as_it_goes_unless_it_says_that_more_happened(tmp_path: Path) -> None:
    log = EARLY_START.replace("0 guest.start id=0x80000000\n", "")
    (tmp_path / "x.trace").write_text(log.format(""))
    assert check(tmp_path / "x.trace").verdict == "accept"
    (tmp_path / "x.trace").write_text(log.format('unfinished "the disk was full"'))
    report = check(tmp_path / "x.trace")
    assert (report.verdict, report.reasons) == ("inconclusive", ["the disk was full"])


@pytest.mark.parametrize(
    ("header", "error"),
    [
        ('estimated "a clock" guest.hnt', r"x\.trace:5:21: .*did you mean 'guest\.hint'.*found 'guest\.hnt'"),
        ('unfinished "a"\nunfinished "b"', r"x\.trace:6:1: .*a second 'unfinished' line"),
        ("unfinished early", r"x\.trace:5:12: .*'early'"),
    ],
)
def test_a_header_line_that_cannot_be_used_is_refused_with_its_place(tmp_path: Path, header: str, error: str) -> None:
    with pytest.raises(TraceSyntaxError, match=error):
        checked(tmp_path, header)
