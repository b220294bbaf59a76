"""Runs of the model as native traces: counterexamples and simulations, every step observed."""

from __future__ import annotations

from collections.abc import Iterable

from balloonproof.checker.read.events import Event, Expectation, Header, Pages, Trace
from balloonproof.model.engines.bounded import Run
from balloonproof.model.explicit import Explicit
from balloonproof.model.language import Configuration

STEP = 1_000
"""Nanoseconds between two steps of a run, which has no clock of its own."""


def all_events(configuration: Configuration) -> tuple[str, ...]:
    """Every event name of a system's actions: what is observed when nothing is hidden."""
    return tuple(sorted({item.event for item in configuration.system.actions}))


def header_of(explicit: Explicit, observed: Iterable[str] | None = None, expect: Expectation | None = None) -> Header:
    """The header of a trace of an explicit instance; all events are observed unless said otherwise.  Chunks must be equal in size, and so must host pages."""
    configuration, shape = explicit.configuration, explicit.shape
    default = dict(configuration.system.configure().settings)
    return Header(
        pages=shape.pages,
        page_size=4096,
        chunk_pages=max(1, shape.chunks.count(shape.chunks[0])),
        host_page_size=4096 * max(map(shape.host_pages.count, shape.host_pages)) if shape.host_pages else None,
        system=configuration.system.name,
        settings={name: value for name, value in configuration.settings if value != default[name]},
        without=tuple(sorted(configuration.removed)),
        observed=tuple(observed) if observed is not None else all_events(configuration),
        expect=expect,
    )


def trace_of(run: Run, observed: Iterable[str] | None = None, expect: Expectation | None = None) -> Trace:
    """A run as a trace; events that are not in `observed` are left out."""
    header = header_of(run.explicit, observed, expect)
    events = [Event(0, "guest.ring", ring_pages(run))]
    for number, item in enumerate(run.steps):
        name = item.step.action.event
        if name in header.observed:
            pages = ((int(item.step.role.removeprefix("page")), 1),) if item.step.role else ()
            events.append(Event((number + 1) * STEP, name, pages))
    return Trace(header, events)


def ring_pages(run: Run) -> Pages:
    """The pages that hold the used ring in this run."""
    if not run.steps:
        return ()
    first = run.steps[0].before
    return tuple((number, 1) for number in range(run.explicit.shape.pages) if first[f"page{number}.holds_ring"])
