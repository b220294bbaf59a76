"""Records of any length: what is put away in files comes back as it was, in order; what is read does not depend on how much is held."""

from __future__ import annotations

import hashlib
import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balloonproof.checker.read import Event, Trace, TraceInputError, TraceSyntaxError, format_event, read_trace, record, rows, spool
from balloonproof.checker.read.guest_clock import Handled
from balloonproof.checker.read.spool import Sorted, Spool

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))

from make_record import Contents, write_record

RECORDED = Path(__file__).parent.parent / "traces" / "recorded"
GOLDEN: dict[str, list[object]] = json.loads((Path(__file__).parent / "golden" / "recorded_events.json").read_text())
"""Of each record how many events were read, and a hash of them, when everything that was read of a log was still held in memory."""


class Row(NamedTuple):
    first: int
    second: int
    name: str


some_rows = st.lists(st.builds(Row, st.integers(0, 9), st.integers(), st.text(max_size=3)), max_size=40)


@pytest.fixture(scope="module", autouse=True)
def small_blocks() -> Iterator[None]:
    """For what hypothesis draws."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spool, "BLOCK", 5)
        yield


@given(some_rows, st.integers(1, 6))
def test_rows_come_back_in_the_order_in_which_they_were_added(expected: list[Row], weight: int) -> None:
    found = Spool(Row, expected, weight)
    for _ in range(2):
        assert list(found) == expected
    assert (len(found), found) == (len(expected), Spool(Row, expected))
    assert all(isinstance(row, Row) for row in found)


@given(some_rows, st.integers(1, 2))
def test_rows_come_back_sorted_and_equal_ones_in_order(added: list[Row], by: int) -> None:
    found = Sorted(Row, by, added)
    for _ in range(2):
        assert list(found) == sorted(added, key=lambda row: row[:by])


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(-50, 50)), min_size=1, max_size=30), st.floats(-3, 3))
def test_the_latest_offset_of_a_clock_is_that_by_all_pairs(pairs: list[tuple[int, int]], rate: float) -> None:
    handled = Handled()
    for ticks, time in pairs:
        handled.add(ticks, time)
    assert handled.latest(rate) == pytest.approx(min(time - rate * ticks for ticks, time in pairs), abs=1e-9)


def said(event: Event) -> str:
    return f"{format_event(event)} {Path(event.source.path).name}:{event.source.line}\n"


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_a_record_is_read_as_it_was_when_all_of_it_was_held(name: str) -> None:
    digest, count = hashlib.sha256(), 0
    for event in read_trace(RECORDED / name).events:
        digest.update(said(event).encode())
        count += 1
    assert [count, digest.hexdigest()] == GOLDEN[name]


CONTENTS = (
    Contents(rounds=5, hints=3, saves=6, writes=4, dropped=2, sections=2, bitmaps=1, pauses=2, throttles=1, queries=2, losses=1, others=1),
    Contents(rounds=40, hints=2, saves=3, writes=3, dropped=1),
    Contents(rounds=4, hints=2, saves=20, writes=20, sections=3, has_probes=False),
    Contents(rounds=9, hints=4, saves=4, has_guest=False),
)


def shaken(folder: Path, dice: random.Random) -> None:
    """Lines of each log a little out of order, some of them lost."""
    for path in folder.glob("*.log"):
        lines = path.read_text().splitlines(keepends=True)
        for _ in range(dice.randint(0, 9)):
            at = dice.randrange(len(lines))
            part = lines[at : at + dice.randint(2, 12)]
            dice.shuffle(part)
            lines[at : at + len(part)] = part
        at = dice.randrange(len(lines))
        del lines[at : at + dice.randint(0, 3)]
        path.write_text("".join(lines))


def outcome(folder: Path) -> tuple[object, ...]:
    try:
        trace: Trace = read_trace(folder)
        return trace.header, trace.notes, [tuple(event) for event in trace.events]
    except (TraceInputError, TraceSyntaxError) as error:
        return (str(error),)


@pytest.mark.parametrize("seed", range(12))
def test_what_is_read_does_not_depend_on_how_much_is_held(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    write_record(tmp_path, CONTENTS[seed % len(CONTENTS)])
    shaken(tmp_path, random.Random(seed))
    monkeypatch.setattr(spool, "BLOCK", 1 << 20)
    everything = outcome(tmp_path)
    for block in (1, 5, 64):
        monkeypatch.setattr(spool, "BLOCK", block)
        monkeypatch.setattr(rows, "BLOCK", 8)
        monkeypatch.setattr(record, "HELD", 16)
        assert outcome(tmp_path) == everything


def test_a_long_guest_log_is_aligned_with_all_its_changes_of_configuration(tmp_path: Path) -> None:
    """Each pair of the first ones is tried, and the clock is made exact by those that follow."""
    write_record(tmp_path, Contents(rounds=300, hints=2))
    trace = read_trace(tmp_path)
    assert any("clock aligned by 300 of 300 changes of configuration at 1000.000 ticks/us" in note for note in trace.notes)
    assert sum(event.name == "guest.hint" for event in trace.events) == 600


def test_two_changes_of_configuration_at_the_same_tick_are_no_clock(tmp_path: Path) -> None:
    write_record(tmp_path, Contents(rounds=4, hints=2))
    guest = tmp_path / "guest.log"
    lines = guest.read_text().splitlines(keepends=True)
    guest.write_text("".join(line * (2 if "bal_changed" in line else 1) for line in lines))
    assert any("clock aligned by 4 of 8 changes" in note for note in read_trace(tmp_path).notes)


def test_many_places_where_events_were_lost_are_told_by_their_number(tmp_path: Path) -> None:
    write_record(tmp_path, Contents(rounds=3, losses=30))
    notes = [note for note in read_trace(tmp_path).notes if "probes were lost" in note]
    assert len(notes) == 21
    assert notes[0].endswith("host.log:16: 5 probes were lost, the ring buffer was overrun")
    assert notes[-1].endswith("host.log: 350 probes were lost, the ring buffer was overrun, at 70 more places")
