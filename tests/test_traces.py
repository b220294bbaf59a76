"""The traces in traces/hand: each gets the verdict that stands in it, and each rule's rejected trace is rejected because of that rule."""

from __future__ import annotations

from pathlib import Path

import pytest

from balloonproof.checker import check
from balloonproof.checker.model_trace import trace_of
from balloonproof.checker.read import Expectation, read_trace, write_native_file
from balloonproof.checker.verdict import Report
from balloonproof.model.engines.verdict import prove_system
from balloonproof.model.systems import HINTING

HAND = Path(__file__).parent.parent / "traces" / "hand"
TRACES = sorted(HAND.glob("*.trace"))
GUARDS = [item.name for item in HINTING.guards]
RACES = ["lost_write", "stale_start"]

LEGACY = {"dirty-log": "get-and-clear", "command-id-buffer": "per-round"}
COUNTEREXAMPLES = [
    ("precopy", {}, "final-sync"),
    ("precopy", {"dirty-log": "get-and-clear"}, "fresh-bitmap"),
    ("hinting", LEGACY, "done-on-cleanup"),
    ("hinting", LEGACY, "block-when-stopped"),
    ("hinting", {"dirty-log": "get-and-clear"}, None),
]


def expectation(path: Path) -> Expectation:
    expect = read_trace(path).header.expect
    assert expect is not None, f"{path.name} has no expect line"
    return expect


def guards_named(report: Report) -> set[str]:
    return {guard for item in report.findings for guard in item.forbidden_by}


def line_of(path: Path, text: str) -> int:
    """The line of the last event in a trace that begins so."""
    return max(number for number, line in enumerate(path.read_text().splitlines(), 1) if text in line)


def test_there_are_hand_made_traces() -> None:
    assert TRACES


@pytest.mark.parametrize("path", TRACES, ids=lambda path: path.stem)
def test_a_trace_gets_the_verdict_that_stands_in_it(path: Path) -> None:
    expect, report = expectation(path), check(path)
    assert report.verdict == expect.verdict
    assert path.stem.split(".")[-1] == expect.verdict
    if expect.verdict == "reject":
        first = report.findings[0]
        assert (first.page, first.property_name) == (expect.page, expect.property)


@pytest.mark.parametrize("path", TRACES, ids=lambda path: path.stem)
def test_a_trace_is_short_and_begins_with_its_story(path: Path) -> None:
    magic, *rest = path.read_text().splitlines()
    story = next(number for number, line in enumerate(rest) if not line.startswith("# "))
    assert magic == "balloonproof trace 1"
    assert 2 <= story <= 6
    assert 10 <= len(list(read_trace(path).events)) <= 30


@pytest.mark.parametrize("guard", GUARDS)
def test_a_rule_has_an_accepted_and_a_rejected_trace_of_one_configuration(guard: str) -> None:
    accepted, rejected = (read_trace(HAND / f"{guard}.{verdict}.trace").header for verdict in ("accept", "reject"))
    assert (accepted.system, accepted.settings, accepted.observed) == ("hinting", rejected.settings, rejected.observed)
    assert accepted.without == rejected.without == ()


@pytest.mark.parametrize("guard", GUARDS)
def test_the_rejected_trace_of_a_rule_is_forbidden_by_that_rule(guard: str) -> None:
    first = check(HAND / f"{guard}.reject.trace").findings[0]
    assert first.kind == "impossible"
    assert guard in first.forbidden_by


@pytest.mark.parametrize("guard", GUARDS)
def test_without_its_rule_the_rejected_trace_is_possible_and_loses_the_page(guard: str) -> None:
    path = HAND / f"{guard}.reject.trace"
    report = check(path, without=[guard])
    assert guard not in guards_named(report)
    assert [(item.kind, item.page, item.property_name) for item in report.findings] == [("violated", expectation(path).page, "no-page-lost")]


@pytest.mark.parametrize("guard", GUARDS)
def test_the_accepted_trace_of_a_rule_completes_a_migration(guard: str) -> None:
    assert check(HAND / f"{guard}.accept.trace").completed


@pytest.mark.parametrize("race", RACES)
def test_a_race_breaks_no_rule_and_loses_the_page_all_the_same(race: str) -> None:
    report = check(HAND / f"{race}.reject.trace")
    assert {item.kind for item in report.findings} == {"violated"}
    assert not guards_named(report)


@pytest.mark.parametrize("race", RACES)
def test_the_two_traces_of_a_race_have_the_same_steps_of_the_guest_and_the_driver(race: str) -> None:
    accepted, rejected = (
        [(event.name, event.pages) for event in read_trace(HAND / f"{race}.{verdict}.trace").events if event.name.startswith("guest.")]
        for verdict in ("accept", "reject")
    )
    assert accepted == rejected


def test_the_stale_hint_is_named_with_its_line_and_its_lost_pages() -> None:
    path = HAND / "stale_start.reject.trace"
    (finding,) = check(path).findings
    assert finding.pages == ((0x4, 2),)
    assert list(finding.stale_hints) == [f"stale hint of pages 0x4+4 honoured, 2 of them lost [{path}:{line_of(path, 'host.hint')}]"]


def test_the_lost_write_is_told_in_the_order_that_loses_it() -> None:
    path = HAND / "lost_write.reject.trace"
    (finding,) = check(path).findings
    told = [line.text for line in finding.history]
    write, hint = told.index("guest: write this page"), told.index("balloon device: accept-hint this page")
    assert write < hint
    assert finding.history[hint].source == (str(path), line_of(path, "host.hint"))
    assert finding.lost_at is not None
    assert finding.lost_at.source == finding.history[hint].source


def test_an_undecided_trace_says_what_to_record() -> None:
    (finding,) = check(HAND / "unobserved.inconclusive.trace").findings
    assert finding.kind == "undecided"
    assert finding.pages == ((0x4, 4),)
    assert {"guest.shrink", "guest.write"} <= set(finding.to_decide)


@pytest.mark.parametrize(("system", "settings", "guard"), COUNTEREXAMPLES, ids=lambda value: str(value) if isinstance(value, str) else None)
def test_a_counterexample_written_as_a_trace_is_rejected_for_its_page_and_property(
    system: str, settings: dict[str, str], guard: str | None, tmp_path: Path
) -> None:
    result = prove_system(system, settings, [guard] if guard else [])
    assert result.verdict == "refuted"
    for counterexample in result.counterexamples:
        path = tmp_path / f"{counterexample.property}.trace"
        write_native_file(trace_of(counterexample.run, expect=Expectation("reject", 0, counterexample.property)), path)
        report = check(path)
        assert report.verdict == "reject"
        assert ("violated", 0, counterexample.property) in [(item.kind, item.page, item.property_name) for item in report.findings]
