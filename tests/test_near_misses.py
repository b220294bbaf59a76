"""Near misses: the hand-made races, the catalogue's windows on its own traces, and the counting against a slow and plain reference."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_cli import run

from balloonproof.checker.checking import configuration_of, open_trace
from balloonproof.checker.near_misses import NearMiss, near_misses, windows
from balloonproof.checker.observe import COARSE_NAMES
from balloonproof.checker.read import Event, Header, Trace
from balloonproof.checker.report.near_miss_text import near_miss_lines
from balloonproof.model.catalogue import RACES, Race, Window
from balloonproof.model.catalogue.windows import LOST_WRITE
from balloonproof.model.systems import HINTING, SYSTEMS, find_system

TRACES = Path(__file__).parent.parent / "traces"


def measure(path: Path, race: str) -> NearMiss:
    return next(item for item in near_misses(*open_trace(path)) if item.window.name == race)


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
        return next(item for item in near_misses(trace, configuration_of(trace)) if item.window.name == "late clear")

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
    header = Header(pages=4)  # which observes nothing: a window that does not close is not measured
    found = next(item for item in near_misses(Trace(header, events), HINTING.configure()) if item.window is LOST_WRITE)
    plain = []
    for page in range(4):
        own = [(number, event) for number, event in enumerate(events) if any(a <= page < a + n for a, n in event.pages)]
        openings: list[dict[str, tuple[int, Event]]] = []
        for number, event in own:
            if event.name in LOST_WRITE.strikes:
                for one in openings:
                    one.setdefault("strike", (number, event))
            if event.name in LOST_WRITE.closes:
                for one in [one for one in openings if "close" not in one][:1]:
                    one["close"] = (number, event)
            plain += [one for one in openings if len(one) == 2]
            openings = [one for one in openings if len(one) < 2]
            if event.name in LOST_WRITE.opens:
                openings = [*(one for one in openings if "strike" in one), {}]
    distances = [(one["strike"][1].time - one["close"][1].time, one["strike"][0] - one["close"][0]) for one in plain]
    assert found.measured == len(plain)
    assert (found.closest and (found.closest.nanoseconds, found.closest.events)) == min(distances, default=None)


@pytest.mark.parametrize("race", [race for race in RACES if race.window is not None], ids=lambda race: race.name)
def test_the_trace_of_a_race_enters_its_window(race: Race) -> None:
    found = next(item for item in near_misses(*open_trace(TRACES / "races" / f"{race.name}.trace")) if item.window == race.window)
    assert found.exists
    assert found.closest is not None
    assert found.closest.nanoseconds <= 0


@pytest.mark.parametrize("window", windows(), ids=lambda window: window.name)
def test_a_window_names_events_and_settings_that_exist(window: Window) -> None:
    systems = [find_system(race.system) for race in windows()[window]]
    known = {action.event for system in SYSTEMS for action in system.actions} | set(COARSE_NAMES) | {"host.drop", "migration.sync-begin"}
    assert frozenset().union(*window.ends, window.due) <= known
    for system in systems:
        assert all(end & {action.event for action in system.actions} for end in window.ends)
        for name, values in window.exists_if.items():
            for value in values:
                system.configure({name: value})


def test_a_fixed_race_says_what_it_takes() -> None:
    race = next(race for race in RACES if race.name == "deflate-before-inflate")
    fixed = race.fixed()
    assert fixed is not None
    assert race.lacks(fixed) == ["without inflate-before-deflate"]
    assert race.lacks(race.broken()) == []


def test_a_race_that_cannot_be_measured_says_what_is_missing() -> None:
    trace = Trace(Header(pages=4), [Event(0, "guest.hint", ((0, 1),))])
    text = "\n".join(near_miss_lines("a", near_misses(trace, HINTING.configure())))
    assert "not measured: the trace shows no host.drop or host.hint, and no guest.allocate" in text


def test_the_command_line_prints_text_and_json() -> None:
    path = str(TRACES / "hand" / "stale_start.reject.trace")
    assert "ENTERED by 100.000 us and 1 events" in run("near-misses", path).stdout
    document = json.loads(run("near-misses", path, "--format", "json").stdout)
    assert "stale start" in [item["window"] for item in document["traces"][0]["windows"]]
