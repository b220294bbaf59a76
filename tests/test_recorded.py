"""Real migrations: each record's verdict, and what small changes to a good one do."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from balloonproof.checker import check
from balloonproof.checker.checking import check_trace, configuration_of
from balloonproof.checker.hiding import hidden
from balloonproof.checker.judging import guest_clock_decides, judge, judge_as_given
from balloonproof.checker.read import Event, Trace, read_trace
from balloonproof.checker.report.junit import junit_xml
from balloonproof.checker.report.sarif import sarif_json
from balloonproof.checker.verdict import Report

RECORDED = Path(__file__).parent.parent / "traces" / "recorded"
RECORDS = sorted(path.parent for path in RECORDED.glob("*/expected.json"))


@pytest.fixture(scope="module")
def good() -> Trace:
    return read_trace(str(RECORDED / "b_hint_q10"))


@pytest.fixture(scope="module")
def hinted(good: Trace) -> set[int]:
    named = (event for event in good.events if event.name in ("host.hint", "guest.hint"))
    return {page for event in named for first, count in event.pages for page in range(first, first + count)}


def verdict_on(trace: Trace, events: Sequence[Event]) -> Report:
    changed = Trace(trace.header, events, trace.notes)
    return check_trace(changed, configuration_of(changed))


def sends_by_page(trace: Trace) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for index, event in enumerate(trace.events):
        if event.name == "migration.send":
            found.setdefault(event.pages[0][0], []).append(index)
    return found


def rejected_pages(report: Report) -> set[int]:
    found = [item for item in report.findings if item.kind in ("impossible", "violated")]
    return {page for item in found for first, count in item.pages for page in range(first, first + count)}


def expectation(record: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((record / "expected.json").read_text())
    return found


FAST = [record for record in RECORDS if not expectation(record).get("slow")]
"""The others are checked by benchmarks/records.py."""


def test_post_copy_is_followed_only_where_it_is_part_of_the_system() -> None:
    report = check(str(RECORDED / "f1_postcopy_paused_q10"), system="precopy")
    assert report.verdict == "inconclusive"
    assert any("post-copy begins at" in reason for reason in report.reasons)


@pytest.mark.parametrize("record", FAST, ids=lambda path: path.name)
def test_record_gets_its_expected_verdict(record: Path) -> None:
    expected = expectation(record)
    report = check(str(record))
    assert report.verdict == expected["verdict"]
    assert report.completed == expected["completed"]
    assert rejected_pages(report) == pages_of(expected.get("pages", []))
    if expected["verdict"] == "reject":
        finding = report.findings[0]
        assert finding.property_name == expected["property"]
        assert len(finding.stale_hints) == expected.get("stale_hints", 0)
        assert all("host_uprobe.log.zst:" in line for line in finding.stale_hints)


def pages_of(ranges: Sequence[str]) -> set[int]:
    pairs = [(int(first, 16), int(count)) for first, _, count in (text.partition("+") for text in ranges)]
    return {page for first, count in pairs for page in range(first, first + count)}


def without(record: Path, folder: Path, *left_out: str) -> str:
    """A copy of a record that lacks some files."""
    for path in record.iterdir():
        if path.name not in (*left_out, "expected.json"):
            (folder / path.name).symlink_to(path)
    return str(folder)


def test_stale_hints_are_found_without_the_comparison_of_memories(tmp_path: Path) -> None:
    report = check(without(RECORDED / "r1_cancel_stalled", tmp_path, "diff_pages.tsv.zst"))
    assert report.verdict == "reject"
    lost = pages_of(expectation(RECORDED / "r1_cancel_stalled")["pages"])
    assert rejected_pages(report) >= lost
    assert report.findings[0].property_name == "hints-in-their-round"
    assert len(report.findings[0].stale_hints) == 40
    for written in (sarif_json([report], 1)["runs"][0]["results"][0]["ruleId"], junit_xml([report])):
        assert "hints-in-their-round" in written


@pytest.mark.parametrize("name", ["h1_forced", "h1_natural"])
def test_without_hints_and_comparison_a_lost_write_stays_open(tmp_path: Path, name: str) -> None:
    report = check(without(RECORDED / name, tmp_path, "diff_pages.tsv"))
    assert report.verdict == "inconclusive"
    assert {"host.hint", "guest.hint"} <= {event for item in report.findings for event in item.to_decide}


def test_lost_pages_are_those_that_the_memory_comparison_shows() -> None:
    trace = read_trace(str(RECORDED / "r1_cancel_stalled"))
    lost = {
        page
        for event in trace.events
        if event.name == "memory.differs" and event.arguments["class"] == "used"
        for first, count in event.pages
        for page in range(first, first + count)
    }
    assert rejected_pages(check_trace(trace, configuration_of(trace))) == lost


def test_a_last_send_that_is_removed_is_missed(good: Trace, hinted: set[int]) -> None:
    sends = sends_by_page(good)
    for page in random.Random(1).sample(sorted(set(sends) - hinted), 3):
        last = sends[page][-1]
        report = verdict_on(good, [*good.events[:last], *good.events[last + 1 :]])
        assert report.verdict == "reject"
        assert rejected_pages(report) == {page}


def test_a_page_sent_twice_without_being_dirtied_is_rejected(good: Trace, hinted: set[int]) -> None:
    sends = sends_by_page(good)
    once = [page for page in sorted(set(sends) - hinted) if len(sends[page]) == 1]
    for page in random.Random(2).sample(once, 3):
        position = sends[page][0]
        again = good.events[position]._replace(time=good.events[position + 5].time)
        report = verdict_on(good, [*good.events[: position + 5], again, *good.events[position + 5 :]])
        assert report.verdict == "reject"
        assert rejected_pages(report) == {page}


def test_a_hint_for_a_page_in_use_is_rejected(good: Trace, hinted: set[int]) -> None:
    sends = sends_by_page(good)
    hints = [index for index, event in enumerate(good.events) if event.name == "host.hint"]
    dice = random.Random(3)
    for position in (hints[2], hints[-2]):
        page = dice.choice([item for item in sorted(set(sends) - hinted) if sends[item][-1] < position])
        changed = good.events[position]._replace(pages=((page, 1),), arguments={})
        report = verdict_on(good, [*good.events[:position], changed, *good.events[position + 1 :]])
        assert report.verdict == "reject"
        assert page in rejected_pages(report)


def test_a_hint_that_cleared_bits_that_were_clear_is_rejected_by_the_host_alone(good: Trace, hinted: set[int]) -> None:
    trace = hidden(good, ["guest.hint", "guest.start", "guest.stop"])
    trace = replace(trace, events=list(trace.events))
    sends = sends_by_page(trace)
    position = next(index for index, event in enumerate(trace.events) if (event.name == "host.hint" and event.time > 5 * 10**8) or index > 20_000)
    hints = [index for index, event in enumerate(trace.events) if event.name == "host.hint" and index >= position]
    page = next(item for item in sorted(set(sends) - hinted) if sends[item][-1] < hints[0])
    changed = trace.events[hints[0]]._replace(pages=((page, 1),), arguments={"cleared": 1})
    report = verdict_on(trace, [*trace.events[: hints[0]], changed, *trace.events[hints[0] + 1 :]])
    assert report.verdict == "reject"
    assert page in rejected_pages(report)


def test_without_hints_the_record_is_not_rejected_and_says_what_is_open(good: Trace) -> None:
    assert check_trace(hidden(good, ["host.hint"]), configuration_of(good)).verdict == "accept"
    blind = hidden(good, ["host.*", "guest.*", "memory.*"])
    report = check_trace(blind, configuration_of(blind))
    assert report.verdict == "inconclusive"
    assert all("host.hint" in item.to_decide for item in report.findings if item.history)


def test_a_send_that_the_destination_never_loaded_is_rejected(good: Trace) -> None:
    position = next(index for index, event in enumerate(good.events) if event.name == "migration.send")
    changed = good.events[position]._replace(flags=frozenset({"unreceived"}))
    report = verdict_on(good, [*good.events[:position], changed, *good.events[position + 1 :]])
    assert report.verdict == "reject"
    assert rejected_pages(report) == {changed.pages[0][0]}


def test_a_reject_that_hangs_on_the_guests_clock_is_not_given(good: Trace) -> None:
    events = list(good.events)
    start = next(index for index, event in enumerate(events) if event.name == "guest.start")
    begin = next(index for index, event in enumerate(events) if event.name == "migration.start")
    early = events.pop(start)._replace(time=events[begin].time)
    trace = Trace(replace(good.header), [*events[: begin + 1], early, *events[begin + 1 :]], good.notes)
    judged = judge_as_given(trace, configuration_of(trace))
    assert judged.verdict == "reject"
    assert guest_clock_decides(judged)
    again = judge(trace, configuration_of(trace))
    assert again.verdict == "inconclusive"
    assert "guest's clock" in again.reasons[-1]
