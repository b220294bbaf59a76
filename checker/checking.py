"""From paths to a report: read, choose the model, follow, judge, explain."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from balloonproof.checker.explain import PageView, forbidding_guards, is_stale, needed, telling
from balloonproof.checker.monitor import Judgement, Monitor
from balloonproof.checker.observe import UnknownEvent
from balloonproof.checker.read import Event, Trace, TraceSyntaxError, read_trace
from balloonproof.checker.verdict import ACCEPT, INCONCLUSIVE, REJECT, Finding, Report
from balloonproof.model.language import Configuration
from balloonproof.model.systems import find_system

EXPLAINED = 20
"""How many findings are explained in full; the others are counted."""


def configuration_of(
    trace: Trace, system: str | None = None, settings: Mapping[str, str] | None = None, without: Sequence[str] = ()
) -> Configuration:
    """The model to check a trace against: its header's, changed by what the caller says.  UnknownName for a name that does not exist."""
    header = trace.header
    found = find_system(system or header.system or "hinting")
    inherited = header.settings if system in (None, header.system) else {}
    return found.configure({**inherited, **(settings or {})}, [*header.without, *without])


def check_paths(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    system: str | None = None,
    settings: Mapping[str, str] | None = None,
    without: Sequence[str] = (),
    progress: Callable[[str], None] = lambda message: None,
) -> Report:
    """Check one native trace, or the logs of one migration."""
    started = time.perf_counter()
    progress("reading")
    trace = read_trace(paths)
    report = check_trace(trace, configuration_of(trace, system, settings, without), progress)
    report.seconds = time.perf_counter() - started
    return report


def page_count(trace: Trace) -> int:
    """The guest's pages: as the header says, else as many as the events name."""
    if trace.header.pages is not None:
        return trace.header.pages
    return max((first + count for event in trace.events for first, count in event.pages), default=1)


def check_trace(trace: Trace, configuration: Configuration, progress: Callable[[str], None] = lambda message: None) -> Report:
    """Follow a trace that was read already."""
    monitor = Monitor(configuration, trace.header, page_count(trace))
    for number, event in enumerate(trace.events):
        if number % 4096 == 0:
            progress(f"event {number:,} of {len(trace.events):,}")
        try:
            monitor.step(event)
        except UnknownEvent as error:
            raise TraceSyntaxError(event.source.path, event.source.line, 1, event.name, tuple(error.known), str(error)) from None
    monitor.finish()
    progress("explaining")
    findings = [_explain(monitor, trace.events, item, number) for number, item in enumerate(_in_order(monitor.judgements))]
    kinds = {item.kind for item in findings}
    verdict = REJECT if kinds & {"impossible", "violated"} else INCONCLUSIVE if "undecided" in kinds else ACCEPT
    counts = Counter(event.name for event in trace.events)
    unseen = sorted({item.event for name, item in monitor.vocabulary.actions.items() if monitor.vocabulary.may_be_unseen(name)})
    return Report(
        verdict, trace.header, configuration, len(trace.events), counts, findings, trace.notes, unseen, len(monitor.automaton.sets), monitor.completed,
        sources=sorted({event.source.path for event in trace.events if event.source.path}),
    )  # fmt: skip


def _in_order(judgements: Sequence[Judgement]) -> list[Judgement]:
    order = {"violated": 0, "impossible": 1, "undecided": 2}
    return sorted(judgements, key=lambda item: order[item.kind])


def _explain(monitor: Monitor, events: Sequence[Event], item: Judgement, number: int) -> Finding:
    count = sum(size for _, size in item.pages)
    if number >= EXPLAINED:
        return Finding(item.kind, item.pages, count, item.event, item.property)
    page, automaton = item.pages[0][0], monitor.automaton
    view = PageView(monitor, events, page, item.event)
    before = [automaton.show(int(state)) for state in automaton.sets[item.number][:8]]
    history = [f"{sight.event.name} [{sight.event.source}]" for sight in view.own()][-12:]
    wanted: list[str] = []
    decide: list[str] = []
    forbidden: list[str] = []
    if item.kind == "impossible" and view.sights and item.event is not None:
        wanted = needed(automaton, view.sights[-1], page)
        forbidden = forbidding_guards(monitor, events, page, item.event)
    elif item.property is not None:
        bad = monitor.one_page.violated()[item.property]
        run = view.run_to(bad)
        history = [telling(step) for step in run]
        if item.kind == "undecided":
            decide = sorted({step.move.step.action.event for step in run if step.event is None and step.move.step.role == "own"} & DECIDING)
        else:
            history += _stale_hints(monitor, events, item)
    possible = len(automaton.sets[item.number])
    return Finding(item.kind, item.pages, count, item.event, item.property, possible, before, wanted, forbidden, history, decide)


DECIDING = frozenset({"guest.allocate", "guest.write", "guest.free", "guest.hint", "guest.release", "guest.shrink", "host.hint", "device.write"})
"""Events whose record would tell the safe runs from the others."""


def _stale_hints(monitor: Monitor, events: Sequence[Event], item: Judgement) -> list[str]:
    """The hints that cleared lost pages' bits although they belonged to an earlier round, with how many of the pages each names."""
    found = []
    for event in events:
        if event.name != "host.hint" or "dropped" in event.flags:
            continue
        lost = [max(first, low) for first, size in event.pages for low, many in item.pages if first < low + many and low < first + size]
        if not lost:
            continue
        number = sum(
            min(first + size, low + many) - max(first, low)
            for first, size in event.pages
            for low, many in item.pages
            if first < low + many and low < first + size
        )
        view = PageView(monitor, events, lost[0], event)
        if view.sights and view.sights[-1].event is event and is_stale(monitor.automaton, view.sights[-1]):
            where = ", ".join(f"{first:#x}+{size}" for first, size in event.pages)
            found.append(f"stale hint of pages {where} honoured, {number} of them lost [{event.source}]")
    return found
