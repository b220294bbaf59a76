"""Host pages that hold several guest pages: who learns of an event, and traces of the balloon that discards them whole."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balloonproof.checker import check
from balloonproof.checker.checking import check_trace
from balloonproof.checker.hiding import hidden
from balloonproof.checker.model_trace import all_events, trace_of
from balloonproof.checker.neighbours import Neighbours
from balloonproof.checker.read import Event, Trace
from balloonproof.grammar import TraceInputError, TraceSyntaxError
from balloonproof.model.compiled import Layout, compile_predicate
from balloonproof.model.engines.bounded import Run
from balloonproof.model.explicit import Explicit, Shape
from balloonproof.model.simulate import Simulator
from balloonproof.model.systems import find_system

RACE = Path(__file__).parent.parent / "traces" / "races" / "partial-host-page.trace"
LARGER = {"host-page-size": "larger"}
SHAPES = [Shape((0, 0), host_pages=(0, 0)), Shape((0, 0, 0), host_pages=(0, 0, 0)), Shape((0, 0, 0, 0), host_pages=(0, 0, 1, 1))]
WEIGHTS = {"guest.inflate": 10, "host.inflate": 10, "host.inflated": 5, "host.discard-ballooned": 8, "guest.deflate": 3, "guest.write": 3}

many = settings(max_examples=60, deadline=None, derandomize=True)


@many
@given(st.integers(1, 9), st.sampled_from([1, 2, 3, 4]), st.data(), st.booleans())
def test_what_one_page_sees_is_what_all_pages_see_of_it(chunk: int, host_page: int, data: st.DataObject, is_statement: bool) -> None:
    count = 24
    ranges = st.tuples(st.integers(0, count - 1), st.integers(1, 6)).map(lambda one: (one[0], min(one[1], count - one[0])))
    pages = tuple(data.draw(st.lists(ranges, min_size=1, max_size=3)))
    neighbours = Neighbours(chunk * host_page, host_page)
    seen: dict[int, list[str]] = {page: [] for page in range(count)}
    for role, where in neighbours.parts(count, pages, is_statement):
        for page in np.flatnonzero(where).tolist():
            seen[page].append(role)
    assert seen == {page: neighbours.roles(page, pages, is_statement) for page in range(count)}


@cache
def simulator(shape: Shape, removed: tuple[str, ...]) -> Simulator:
    configuration = find_system("balloon").configure({**LARGER, "ballooned-record": "across-elements"}, removed)
    return Simulator(Explicit(configuration, shape), lambda move: WEIGHTS.get(move.step.action.event, 0.5))


runs = st.builds(
    lambda shape, removed, seed: simulator(shape, removed).run(60, seed),
    st.sampled_from(SHAPES),
    st.sampled_from([(), ("whole-host-page",), ("forget-on-deflate",)]),
    st.integers(0, 2**32 - 1),
)


def violated(run: Run) -> set[str]:
    """Ground truth: the properties that some state of the run violates on some page."""
    layout, found = Layout.of(run.explicit.variables), set()
    for item in run.explicit.configuration.system.properties:
        for page in range(run.explicit.shape.pages if item.kind == "always" else 0):
            holds = compile_predicate(run.explicit.predicate(item, page), layout)
            if not all(holds(layout.pack(step.after)) for step in run.steps):
                found.add(item.name)
    return found


def joined(trace: Trace) -> Trace:
    """Neighbouring events of one name about rising pages as one event that names them all."""
    rising: list[Event] = []
    for event in trace.events:
        if rising and rising[-1].name == event.name and event.pages and rising[-1].pages[-1] < event.pages[0]:
            rising[-1] = rising[-1]._replace(pages=rising[-1].pages + event.pages)
        else:
            rising.append(event)
    return Trace(trace.header, rising)


@many
@given(runs, st.data())
def test_runs_on_shared_host_pages_are_never_called_impossible_and_what_they_lose_is_found(run: Run, data: st.DataObject) -> None:
    configuration = run.explicit.configuration
    hide = data.draw(st.sets(st.sampled_from(all_events(configuration)), max_size=2))
    report = check_trace(hidden(joined(trace_of(run)), sorted(hide - {"migration.start", "management.switch-over"})), configuration)
    assert "impossible" not in {item.kind for item in report.findings}
    assert violated(run) <= {item.property_name for item in report.findings}
    if not violated(run):
        assert report.verdict != "reject"


def test_some_of_these_runs_join_events_and_lose_pages() -> None:
    some = [simulator(SHAPES[2], ("whole-host-page",)).run(60, seed) for seed in range(20)]
    assert any(violated(run) for run in some)
    assert any(len(event.pages) > 1 for run in some for event in joined(trace_of(run)).events)


@pytest.mark.parametrize(
    ("old", "new", "error", "message"),
    [
        (" host-page-size=8192", "", TraceInputError, "host-page-size=BYTES"),
        ("host-page-size=8192", "host-page-size=6000", TraceSyntaxError, "a multiple of the page size, 4096"),
        ("host-page-size=8192", "host-page-size=0", TraceSyntaxError, "a multiple of the page size, 4096"),
    ],
)
def test_a_size_that_is_missing_or_wrong_is_refused(old: str, new: str, error: type[Exception], message: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.trace"
    path.write_text(RACE.read_text().replace(old, new))
    with pytest.raises(error, match=message):
        check(path)


@pytest.mark.parametrize(("size", "verdict"), [("8192", "reject"), ("4096", "accept")])
def test_the_neighbour_is_lost_only_if_it_shares_the_host_page(size: str, verdict: str, tmp_path: Path) -> None:
    path = tmp_path / "size.trace"
    path.write_text(RACE.read_text().replace("host-page-size=8192", f"host-page-size={size}"))
    assert check(path).verdict == verdict
