"""Events of many sources in order of time, without holding them: the same as if all were held and sorted."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from balloonproof.checker.read.events import Event
from balloonproof.checker.read.ordering import Gaps, InOrder, Merged, Placed, PlacedEvents, disorder, place_of

times = st.lists(st.integers(0, 40), max_size=30)


def placed(times: list[int], rank: int) -> list[Placed]:
    return [Placed((time, rank, float(number)), Event(0, f"rank.{rank}", ((number, 1),))) for number, time in enumerate(times)]


@given(times, times, st.lists(times, max_size=2), st.lists(st.tuples(st.integers(0, 40), st.integers(0, 9)), max_size=2))
def test_merged_events_are_those_that_would_be_held_and_sorted(held: list[int], first: list[int], more: list[list[int]], gaps: list[tuple[int, int]]) -> None:
    many = [placed(times, rank) for rank, times in enumerate([first, *more], 1)]
    few = placed(held, 0)
    lost = [(begin, begin + length) for begin, length in gaps]
    closing = [Event(0, "memory.compared")]
    sources = [PlacedEvents(few), *(InOrder(source.__iter__, disorder(one.order[0] for one in source)) for source in many)]
    merged = Merged(sources, [Gaps(lost[:1]), Gaps(lost[1:])], frozenset({"rank.1"}), closing)
    everything = sorted([one for source in [few, *many] for one in source], key=place_of)
    kept = [one for one in everything if one.event.name == "rank.1" or not any(begin <= one.order[0] < end for begin, end in lost)]
    expected = [one.event._replace(time=one.order[0] - kept[0].order[0]) for one in kept]
    last = expected[-1].time if expected else 0
    for _ in range(2):  # it can be iterated over again
        assert list(merged) == [*expected, closing[0]._replace(time=last)]


def test_only_as_much_is_held_as_is_out_of_order() -> None:
    made = 0

    def source() -> Iterator[Placed]:
        nonlocal made
        for number in range(10_000):
            made += 1
            yield Placed((number - 5 * (number % 3 == 0), 0, float(number)), Event(0, "a.b"))

    ordered = InOrder(source, disorder(one.order[0] for one in source()))
    made, most = 0, 0
    for taken, _ in enumerate(ordered):
        most = max(most, made - taken)
    assert ordered.slack <= 5
    assert most < 20
