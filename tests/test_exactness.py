"""The monitor against all runs of the model with all its pages: a sample of what `benchmarks/exactness.py` compares."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))

from exactness import EXACT, Compared, all_runs, runs_of, verdict_of
from small_traces import MOST_EVENTS, Small, small_trace
from solver_runs import solver_runs

from balloonproof.checker.read import Event, Header, Trace
from balloonproof.model.explicit import Shape
from balloonproof.model.systems import PRECOPY

SEEDS = range(10_001, 10_061)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_safe_trace_is_rejected_and_no_unsafe_one_accepted(seed: int) -> None:
    small = small_trace(seed)
    assert len(small.trace.events) <= MOST_EVENTS + 1  # type: ignore[arg-type]
    assert not Compared(small.configuration.system.name, runs_of(small), "", verdict_of(small)).wrong


@pytest.mark.parametrize("seed", SEEDS[:8])
def test_the_solver_finds_no_run_that_the_search_has_not(seed: int) -> None:
    small = small_trace(seed)
    by_solver = solver_runs(all_runs(small.configuration, small.shape), small.trace, hidden_steps=10)
    one = Compared(small.configuration.system.name, runs_of(small), by_solver, verdict_of(small))
    assert not one.contradicted
    assert not one.wrong


def test_a_page_that_was_not_sent_speaks_against_completing() -> None:
    before = ("start", "stop-hints", "fetch", "merge", "request-hints", "stop-vm", "stop-hints", "fetch", "merge", "finish-hints")
    names = (*before, "arm 0", "clear-bit 0", "send 0", "complete")
    events = [Event(0, "guest.ring")]
    for number, text in enumerate(names, 1):
        name, _, page = text.partition(" ")
        events.append(Event(1000 * number, f"migration.{name}", ((int(page), 1),) if page else ()))
    trace = Trace(Header(pages=2, chunk_pages=2, observed=("migration.*",)), events)
    small = Small(PRECOPY.configure(), Shape((0, 0), 6, 6), trace)
    runs = runs_of(small)
    assert runs == "none"
    assert EXACT[runs] == verdict_of(small) == "reject"
