"""The monitor against ground truth: runs of the explicit model, read as traces in which something is hidden, moved or broken.

The explicit model has all pages, the real queue and counted ids; the simulator runs it.
The monitor works on the one-page system, so it may know less than they do, but must never contradict them.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balloonproof.checker import check
from balloonproof.checker.checking import check_trace
from balloonproof.checker.hiding import hidden
from balloonproof.checker.model_trace import all_events, trace_of
from balloonproof.checker.observe import Vocabulary
from balloonproof.checker.read.events import Event, Header, Trace
from balloonproof.checker.verdict import Report
from balloonproof.model.compiled import Layout, compile_predicate
from balloonproof.model.engines.bounded import Run
from balloonproof.model.engines.reachability import explore, silent
from balloonproof.model.engines.verdict import explicit_run
from balloonproof.model.explicit import Explicit, Shape
from balloonproof.model.language import Configuration, Property
from balloonproof.model.one_page import OnePage
from balloonproof.model.properties import HINTED_PAGES_RELEASED, NO_PAGE_LOST
from balloonproof.model.simulate import Simulator, Walk
from balloonproof.model.systems import HINTING, PRECOPY
from balloonproof.model.terms import negate

LEGACY = {"dirty-log": "get-and-clear"}

SOUND = [PRECOPY.configure(), PRECOPY.configure(LEGACY), HINTING.configure({"release-waits-for-ack": "yes"}), HINTING.configure({"early-release": "no"})]
"""Configurations in which no page is lost on short runs."""

LOSING = [
    PRECOPY.configure({}, ["final-sync"]),
    PRECOPY.configure(LEGACY, ["fresh-bitmap"]),
    PRECOPY.configure({}, ["clear-log-before-read"]),
    PRECOPY.configure({}, ["clear-only-fetched"]),
    HINTING.configure(),
    HINTING.configure(LEGACY),
    HINTING.configure({**LEGACY, "command-id-buffer": "per-round"}, ["stop-before-sync"]),
]
"""Configurations that lose a page, each by another race."""

CHUNKS = [(0, 0), (0, 1), (0, 0, 1), (0, 0, 0)]
"""Which page lies in which chunk: two or three pages in one or two chunks.  A header knows chunks of one size only."""

WEIGHTS = {
    "guest.allocate": 0.4,
    "guest.free": 0.4,
    "guest.initialise": 0.2,
    "guest.write": 3,
    "device.write": 0.3,
    "guest.start-reread": 0.5,
    "guest.stop": 0.5,
    "guest.start": 10,
    "guest.hint": 10,
    "migration.arm": 0.6,
    "migration.end-round": 0.2,
    "migration.stop-vm": 0.15,
    "migration.cancel": 0.1,
    "migration.fail": 0.1,
    "management.pause": 0.05,
    "management.switch-over": 0.3,
}
"""Makes migrations complete and hints be honoured in random runs; what is not named weighs 3."""

many = settings(max_examples=120, deadline=None, derandomize=True)
seeds = st.integers(0, 2**32 - 1)


# --------------------------------------------------------------------------------------------------------------- runs


@cache
def simulator(configuration: Configuration, chunks: tuple[int, ...], slots: int = 5) -> Simulator:
    return Simulator(Explicit(configuration, Shape(chunks, slots)), lambda move: WEIGHTS.get(move.step.action.event, 3))


@cache
def counterexample(configuration: Configuration, item: Property = NO_PAGE_LOST) -> Run:
    """A shortest run that violates the property, from the prover."""
    system = OnePage(configuration)
    bad = negate(system.predicate(item))
    run = explicit_run(explore(system, stop_at=bad), item, bad, silent)
    assert run is not None
    return run


def shaken(script: Run, chunks: tuple[int, ...], seed: int, noise: float, slots: int = 5) -> Run:
    """The steps of `script` on perhaps more pages, random steps between them; what has become impossible is left out."""
    source, dice = simulator(script.explicit.configuration, chunks, slots), random.Random(seed)
    layout, moves = source.layout, {move.name: move for move in source.moves}
    sends = [move for move in source.moves if move.step.action.name in ("arm-log", "clear-bit", "read-page")]
    first = {name: dice.randrange(2) if value is None else value for name, value in source.explicit.initial_values.items()}
    state = layout.pack({**first, **{name: value for name, value in script.steps[0].before.items() if name.endswith("holds_ring")}})
    walk = Walk(source, state, dice)
    for item in script.steps:
        while dice.random() < noise:
            walk.take(source.moves)
        while not walk.take([moves[item.step.name]]) and walk.take(sends):  # other pages must be sent before a migration completes
            pass
    return walk.run()


def violations(run: Run) -> set[tuple[int, str]]:
    """Ground truth: each page and property that some state of the run violates."""
    layout, found = Layout.of(run.explicit.variables), set()
    for item in run.explicit.configuration.system.properties:
        for page in range(run.explicit.shape.pages):
            holds_here = compile_predicate(run.explicit.predicate(item, page), layout)
            if item.kind == "always" and not all(holds_here(layout.pack(step.after)) for step in run.steps):
                found.add((page, item.name))
    return found


def lost_pages(run: Run) -> set[int]:
    return {page for page, name in violations(run) if name == NO_PAGE_LOST.name}


def random_run(configuration: Configuration, chunks: tuple[int, ...], seed: int, length: int) -> Run:
    return simulator(configuration, chunks).run(length, seed)


random_runs = st.builds(random_run, st.sampled_from(SOUND + LOSING), st.sampled_from(CHUNKS[:2] + CHUNKS[3:]), seeds, st.integers(5, 100))
shaken_runs = st.builds(
    lambda configuration, extra, seed, noise: shaken(counterexample(configuration), counterexample(configuration).explicit.shape.chunks + extra, seed, noise),
    st.sampled_from(LOSING),
    st.sampled_from([(), (0,)]),
    seeds,
    st.sampled_from([0.0, 0.1, 0.3]),
)
runs = st.one_of(random_runs, shaken_runs)


# ------------------------------------------------------------------------------------------------------------- traces


def hideable(configuration: Configuration) -> list[str]:
    """What a trace need not show.  A start that reads its id again is a guest.start in real logs, so the two are hidden together."""
    shown = {"migration.start", "management.switch-over", "guest.start-reread"}
    return [*sorted(set(all_events(configuration)) - shown), "guest.ring"]


def hide(trace: Trace, names: Iterable[str]) -> Trace:
    names = set(names)
    return hidden(trace, sorted(names | ({"guest.start-reread"} & set(trace.header.observed) if "guest.start" in names else set())))


def draw_hidden(data: st.DataObject, run: Run, most: int = 3) -> Trace:
    """The run as a trace with some kinds of events hidden."""
    names = data.draw(st.sets(st.sampled_from(hideable(run.explicit.configuration)), max_size=most), label="hidden")
    return hide(trace_of(run), names)


def with_events(trace: Trace, events: Sequence[Event]) -> Trace:
    """Other events under the same header, each at a time of its own."""
    return Trace(trace.header, [event._replace(time=1000 * number) for number, event in enumerate(events)])


def pages_of(report: Report, *kinds: str) -> set[int]:
    found = [item for item in report.findings if item.kind in kinds]
    return {page for item in found for first, count in item.pages for page in range(first, first + count)}


def findings(report: Report) -> set[tuple[int, str, str | None]]:
    """What is said of each page."""
    return {(page, item.kind, item.property_name) for item in report.findings for first, count in item.pages for page in range(first, first + count)}


def checked(trace: Trace, run: Run) -> Report:
    return check_trace(trace, run.explicit.configuration)


# --------------------------------------------------------------------------------------------------- runs of the model


@many
@given(runs)
def test_a_run_that_is_shown_in_full_is_accepted_if_safe_and_rejected_for_exactly_the_pages_that_it_loses(run: Run) -> None:
    report, lost = checked(trace_of(run), run), lost_pages(run)
    if not violations(run):
        assert report.verdict == "accept"
    if lost:
        assert report.verdict == "reject"
    assert {(page, name) for page, kind, name in findings(report) if name == NO_PAGE_LOST.name and kind == "violated"} == {
        (page, NO_PAGE_LOST.name) for page in lost
    }


@many
@given(runs, st.data())
def test_a_run_that_is_shown_in_part_is_not_rejected_if_safe_and_not_accepted_if_it_loses_a_page(run: Run, data: st.DataObject) -> None:
    report = checked(draw_hidden(data, run), run)
    assert "impossible" not in {item.kind for item in report.findings}
    if not violations(run):
        assert report.verdict != "reject"
    assert lost_pages(run) <= pages_of(report, "violated", "undecided")


@pytest.mark.parametrize("configuration", LOSING, ids=str)
def test_a_counterexample_is_rejected_for_its_page(configuration: Configuration) -> None:
    run = counterexample(configuration)
    assert lost_pages(run) == {0}
    assert findings(checked(trace_of(run), run)) == {(0, "violated", NO_PAGE_LOST.name)}


def test_a_hint_means_what_it_says_of_its_own_number_of_pages() -> None:
    configuration = HINTING.configure()
    vocabulary = Vocabulary(OnePage(configuration), Header(observed=tuple(all_events(configuration))))
    one, two = (vocabulary.meaning(Event(0, "host.hint", ((0, count),), {"cleared": 1})) for count in (1, 2))
    assert one is not None
    assert two is not None
    assert one.before is not two.before


def test_a_hinted_page_that_is_never_released_is_rejected() -> None:
    run = counterexample(HINTING.configure({}, ["done-on-cleanup"]), HINTED_PAGES_RELEASED)
    assert findings(checked(trace_of(run), run)) == {(0, "violated", HINTED_PAGES_RELEASED.name)}


def test_a_violation_that_is_over_by_the_end_is_rejected_all_the_same() -> None:
    run = counterexample(HINTING.configure({}, ["done-on-cleanup"]), HINTED_PAGES_RELEASED)
    trace = trace_of(run)
    trace = with_events(trace, [*trace.events, Event(0, "guest.shrink", ((0, 1),))])
    assert findings(checked(trace, run)) == {(0, "violated", HINTED_PAGES_RELEASED.name)}


@pytest.mark.parametrize("configuration", LOSING, ids=str)
def test_a_page_that_was_lost_before_the_guest_went_on_at_the_destination_is_rejected(configuration: Configuration) -> None:
    run = counterexample(configuration)
    trace = trace_of(run)
    trace = with_events(trace, [*trace.events, Event(0, "management.switch-over"), Event(0, "guest.allocate", ((0, 1),))][: len(run) + 2])
    report = checked(trace, run)
    assert findings(report) == {(0, "violated", NO_PAGE_LOST.name)}
    assert [item.event and item.event.name for item in report.findings] == ["management.switch-over"]


LOSSES = """\
balloonproof trace 1
guest pages=4 page-size=4096
system free-page-bitmap
observed guest.allocate guest.write device.write migration.start migration.send migration.cancel
0 migration.start
1 trace.dropped count=3
{}2 migration.send pages=0x0
3 migration.cancel
"""


@pytest.mark.parametrize("sent", ["", "1.5 migration.send pages=0x0\n"])
def test_what_is_undecided_after_events_were_lost_is_told(tmp_path: Path, sent: str) -> None:
    """Every write is observed, so only among what was lost can there be one: the story of the page begins there."""
    path = tmp_path / "losses.trace"
    path.write_text(LOSSES.format(sent))
    report = check(path)
    assert report.verdict == "inconclusive"
    assert "management: cancel" in [step.text for step in report.findings[0].history]
