"""Near misses: the hand-made races, and the counting against a slow and plain reference."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_cli import run

from balloonproof.checker.checking import configuration_of, open_trace
from balloonproof.checker.near_misses import RACES, NearMiss, near_misses
from balloonproof.checker.observe import COARSE_NAMES
from balloonproof.checker.read import Event, Header, Trace
from balloonproof.checker.report.near_miss_text import near_miss_lines
from balloonproof.model.systems import HINTING

TRACES = Path(__file__).parent.parent / "traces"


def measure(path: Path, race: str) -> NearMiss:
    return next(item for item in near_misses(*open_trace(path)) if item.race.name == race)


@pytest.mark.parametrize("name", ["lost_write", "stale_start"])
def test_the_two_traces_of_a_race_lie_on_either_side_of_it(name: str) -> None:
    accepted, rejected = (measure(TRACES / "hand" / f"{name}.{verdict}.trace", name.replace("_", " ")).closest for verdict in ("accept", "reject"))
    assert accepted is not None
    assert rejected is not None
    assert accepted.nanoseconds > 0 > rejected.nanoseconds
    assert accepted.events > 0 > rejected.events


def test_both_lines_and_the_page_are_named() -> None:
    path = TRACES / "hand" / "lost_write.reject.trace"
    closest = measure(path, "lost write").closest
    assert closest is not None
    text = path.read_text().splitlines()
    assert (closest.page, closest.nanoseconds, closest.events) == (2, -2_200_000, -4)
    assert "guest.shrink pages=0x2+2" in text[closest.strike.source.line - 1]
    assert "host.hint pages=0x2+2" in text[closest.close.source.line - 1]


def test_the_recorded_race_was_entered_and_its_control_was_not() -> None:
    stalled, control = (measure(TRACES / "recorded" / name, "stale start").closest for name in ("r1_cancel_stalled", "r1_cancel_control"))
    assert stalled is not None
    assert control is not None
    assert stalled.nanoseconds < 0 < control.nanoseconds
    assert (Path(stalled.close.source.path).name, stalled.close.source.line) == ("host_uprobe.log.zst", 11)


def test_a_late_clear_needs_a_clear_that_is_due() -> None:
    def found(*names: str) -> NearMiss:
        events = [Event(number, name, ((page, 1),) if page >= 0 else ()) for number, (name, page) in enumerate(map(parse, names))]
        header = Header(pages=8, chunk_pages=4, settings={"hint-clears-log": "no"})
        trace = Trace(header, events)
        return next(item for item in near_misses(trace, configuration_of(trace)) if item.race.name == "late clear")

    def parse(text: str) -> tuple[str, int]:
        name, _, page = text.partition(" ")
        return name, int(page or -1)

    hit = found("migration.merge", "host.hint 1", "guest.write 1", "migration.arm 2")
    assert hit.exists
    assert hit.closest is not None
    assert hit.closest.events == -1
    near = found("migration.merge", "host.hint 1", "migration.arm 2", "guest.allocate 1", "guest.write 1").closest
    assert near is not None
    assert near.events == 2
    assert found("migration.merge", "migration.arm 2", "host.hint 1", "guest.write 1", "migration.arm 3").opened == 0
    assert found("migration.merge", "host.hint 1", "guest.write 1", "migration.arm 5").closest is None
    assert found("migration.merge", "host.hint 1", "guest.write 1", "migration.merge", "migration.arm 2").closest is None


names = st.sampled_from(["guest.hint", "host.hint", "guest.shrink", "guest.write", "migration.send"])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 5), names, st.integers(0, 2), st.integers(1, 2)), max_size=14))
def test_the_closest_approach_is_that_of_a_plain_search(steps: list[tuple[int, str, int, int]]) -> None:
    events, time = [], 0
    for delay, name, first, count in steps:
        time += delay
        events.append(Event(time, name, ((first, count),)))
    race = RACES[0]
    found = near_misses(Trace(Header(pages=4), events), HINTING.configure())[0]
    plain = []
    for page in range(4):
        own = [(number, event) for number, event in enumerate(events) if any(a <= page < a + n for a, n in event.pages)]
        opens = [place for place, (_, event) in enumerate(own) if event.name in race.opens]
        for start, end in zip(opens, [*opens[1:], len(own)][: len(opens)], strict=True):
            window = own[start + 1 : end]
            close = next((item for item in window if item[1].name in race.closes), None)
            strike = next((item for item in window if item[1].name in race.strikes), None)
            if close is not None and strike is not None:
                plain.append((strike[1].time - close[1].time, strike[0] - close[0]))
    assert found.measured == len(plain)
    assert (found.closest and (found.closest.nanoseconds, found.closest.events)) == min(plain, default=None)


def test_the_table_names_events_and_settings_that_exist() -> None:
    known = {action.event for action in HINTING.actions} | set(COARSE_NAMES)
    for race in RACES:
        assert race.opens | race.closes | race.strikes | race.due <= known
        HINTING.configure(race.exists_if)


def test_a_race_that_cannot_be_measured_says_what_is_missing() -> None:
    trace = Trace(Header(pages=4), [Event(0, "guest.hint", ((0, 1),))])
    text = "\n".join(near_miss_lines("a", near_misses(trace, HINTING.configure())))
    assert "not measured: the trace shows no host.drop" in text or "not measured: the trace shows no host.hint" in text


def test_the_command_line_prints_text_and_json() -> None:
    path = str(TRACES / "hand" / "stale_start.reject.trace")
    assert "ENTERED by 100.000 us and 1 events" in run("near-misses", path).stdout
    document = json.loads(run("near-misses", path, "--format", "json").stdout)
    assert [race["race"] for race in document["traces"][0]["races"]] == [race.name for race in RACES]
