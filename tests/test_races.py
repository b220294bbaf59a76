"""The catalogue: its entries are sound, and the trace of each is rejected for its page and property."""

from __future__ import annotations

from pathlib import Path

import pytest

from balloonproof.checker import check
from balloonproof.checker.model_trace import all_events
from balloonproof.checker.read import read_trace
from balloonproof.model.catalogue import ELSEWHERE, RACES, Race, find_races
from balloonproof.model.engines.races import decide_races
from balloonproof.model.language import UnknownName

TRACES = Path(__file__).parent.parent / "traces" / "races"


def test_there_are_more_than_forty_entries_with_names_of_their_own() -> None:
    names = [race.name for race in RACES]
    assert len(names) == len(set(names)) >= 40


def identifiers(*listed: str) -> list[str]:
    return [item.strip() for items in listed for item in items.split(",") if item]


def test_what_is_listed_elsewhere_is_not_in_the_catalogue() -> None:
    assert not set(identifiers(*(race.listed for race in RACES))) & set(identifiers(*(item.listed for item in ELSEWHERE)))


LISTS = {"H": 4, "B": 17, "I": 16, "D": 16, "R": 9, "guest B": 7}
"""The fact lists, by what their entries are called, and how many they have."""


@pytest.mark.parametrize("kind", LISTS)
def test_every_entry_of_the_fact_lists_is_in_the_catalogue_or_elsewhere(kind: str) -> None:
    found = set(identifiers(*(race.listed for race in RACES), *(item.listed for item in ELSEWHERE)))
    assert {f"{kind}{number}" for number in range(1, LISTS[kind] + 1)} <= found


@pytest.mark.parametrize("race", RACES, ids=lambda race: race.name)
def test_an_entry_names_what_its_system_has(race: Race) -> None:
    broken, fixed = race.broken(), race.fixed()
    assert any(item.name == race.violates and item.kind == "always" for item in broken.system.properties)
    assert fixed is None or str(fixed) != str(broken)
    assert (race.fix is None) == race.era.startswith("open at")


@pytest.mark.parametrize("race", RACES, ids=lambda race: race.name)
def test_the_trace_of_an_entry_is_rejected_for_its_page_and_property(race: Race) -> None:
    path = TRACES / f"{race.name}.trace"
    expect = read_trace(path).header.expect
    assert expect is not None
    assert (expect.verdict, expect.property) == ("reject", race.violates)
    report = check(path)
    assert report.configuration == race.broken()
    assert ("violated", 0, race.violates) in [(item.kind, item.page, item.property_name) for item in report.findings]


@pytest.mark.parametrize("race", RACES, ids=lambda race: race.name)
def test_the_trace_of_an_entry_is_as_it_would_be_written_now(race: Race) -> None:
    path = TRACES / f"{race.name}.trace"
    assert path.read_text().splitlines()[1:3] == [f"# {race.sentence}", f"# {race.era}; {race.commits}"]
    assert set(read_trace(path).header.observed) == set(all_events(race.broken()))


def test_an_open_race_is_closed_by_what_closes_it() -> None:
    (result,) = decide_races(find_races(RACES, ["slot-removal"]))
    assert result.problems == ()
    assert result.closed_by == ("dirty-log=tcg", "memslot-removal=none", "memslot-removal=vcpus-paused")


def test_an_entry_off_its_expectation_is_told() -> None:
    race = Race(
        "wrong", "A race that is none.", "precopy", "no-page-lost", "never", "none", settings={"dirty-log": "get-and-clear"}, without=("clear-only-fetched",)
    )
    (result,) = decide_races([race])
    assert len(result.problems) == 1
    assert "expected refuted" in result.problems[0]


def test_an_unknown_race_is_met_with_the_nearest_name() -> None:
    with pytest.raises(UnknownName, match="lost-write"):
        find_races(RACES, ["lost-writ"])
