"""From paths to a report: read, choose the model, follow, judge, explain."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from balloonproof.checker.explain import PageView, events_by_page, forbidding_guards, lost_at, needed, telling
from balloonproof.checker.following import Followed, Kept, events_for, events_named, follow
from balloonproof.checker.licence import stale_hints
from balloonproof.checker.monitor import Judgement, PageMonitor
from balloonproof.checker.observe import COARSE_NAMES, FOLLOWED_UP_TO, IGNORED, STATEMENTS
from balloonproof.checker.read import Event, Trace, read_trace
from balloonproof.checker.read.places import header_refusal
from balloonproof.checker.transitions import keep
from balloonproof.checker.verdict import ACCEPT, INCONCLUSIVE, REJECT, Finding, Report, Telling
from balloonproof.model.language import Configuration, UnknownName
from balloonproof.model.systems import SYSTEMS, find_system
from balloonproof.model.workers import Progress, silent

EXPLAINED = 20
"""How many findings are explained in full; the others are counted."""


def configuration_of(trace: Trace, system: str | None = None, settings: Mapping[str, str] | None = None, without: Sequence[str] = ()) -> Configuration:
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
    hide: Sequence[str] = (),
    progress: Progress = silent,
) -> Report:
    """Check one native trace, or the logs of one migration; events named in `hide` are treated as unobserved."""
    started = time.perf_counter()
    progress("reading")
    trace, configuration = open_trace(paths, system, settings, without, hide)
    report = check_opened(trace, configuration, progress)
    keep()
    report.seconds = time.perf_counter() - started
    report.name = os.fspath(paths) if isinstance(paths, str | os.PathLike) else " ".join(os.fspath(path) for path in paths)
    return report


def check_opened(trace: Trace, configuration: Configuration, progress: Progress = silent) -> Report:
    """Check a trace that was read already; a reject that rests on an estimated clock is not one.  TraceSyntaxError as `check_trace`."""
    report = check_trace(trace, configuration, progress)
    if report.verdict == REJECT and guest_clock_decides(report):
        report = _without_guest_clock(trace, configuration, report, progress)
    if report.verdict == REJECT and trace.estimated:
        report = _without(trace, trace.estimated, configuration, "the fitted clock of host probes", progress)
    return report


def open_trace(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    system: str | None = None,
    settings: Mapping[str, str] | None = None,
    without: Sequence[str] = (),
    hide: Sequence[str] = (),
) -> tuple[Trace, Configuration]:
    """Read a trace, and choose the model to check it against; a name in its header that does not exist is refused with its place."""
    trace = hidden(read_trace(paths), hide)
    return trace, chosen_configuration(trace, system, settings, without)


def chosen_configuration(trace: Trace, system: str | None, settings: Mapping[str, str] | None, without: Sequence[str]) -> Configuration:
    """As :func:`configuration_of`, but a name in the trace's header that does not exist is refused with its place."""
    try:
        _check_observed(trace.header.observed)
        return configuration_of(trace, system, settings, without)
    except UnknownName as error:
        expected = f"{'an' if error.kind == 'event' else 'a'} {error.kind}" + (f" (did you mean {error.nearest!r}?)" if error.nearest else "")
        raise header_refusal(trace.events, repr(error.name), expected, error.name) or error from None


def hidden(trace: Trace, names: Sequence[str]) -> Trace:
    """The trace as if events of these names or families (guest.*) had not been observed."""
    if not names:
        return trace

    def is_hidden(name: str) -> bool:
        return name in names or f"{name.split('.')[0]}.*" in names

    _check_observed(names)
    known = _event_names()
    observed = {name for name in known if trace.header.observes(name)} | {name for name in trace.header.observed if not name.endswith("*")}
    header = replace(trace.header, observed=tuple(sorted(name for name in observed if not is_hidden(name))))
    return Trace(header, Kept(trace.events, is_hidden), trace.notes, trace.estimated)


def _check_observed(patterns: Iterable[str]) -> None:
    """Events and families (guest.*) that may be called observed or hidden.  UnknownName for one that is none."""
    known = _event_names()
    known |= {f"{item.split('.')[0]}.*" for item in known}
    for name in patterns:
        if name not in known:
            raise UnknownName("event", name, sorted(known))


def _event_names() -> set[str]:
    """Every event name that any system knows."""
    return {action.event for system in SYSTEMS for action in system.actions} | {*COARSE_NAMES, *STATEMENTS, *IGNORED, FOLLOWED_UP_TO}


GUEST_CLOCK = "clock aligned"
"""How the reader of foreign logs notes that a guest's own clock was fitted to the host's."""


def guest_clock_decides(report: Report) -> bool:
    """Could a wrong estimate of the guest's clock be the reason for a reject?

    An event of the host that nothing explains, such as a hint that the guest never queued, does not depend on it: the order of a
    hint and its consumption is kept.
    """
    if not any(GUEST_CLOCK in note for note in report.notes):
        return False
    first = [item for item in report.findings if item.kind == "impossible"]
    return bool(first) and all(item.event is not None and item.event.name != "host.hint" for item in first)


def _without_guest_clock(trace: Trace, configuration: Configuration, report: Report, progress: Progress) -> Report:
    """Check again without what the guest logged by its own clock; a reject that needs it is not one."""
    return _without(
        trace, [name for name in ("guest.hint", "guest.start", "guest.stop") if trace.header.observes(name)], configuration, "the guest's clock", progress
    )


def _without(trace: Trace, names: Sequence[str], configuration: Configuration, clock: str, progress: Progress) -> Report:
    """Check again without events that are placed by some clock, after a reject: if that needs them, it is not one."""
    again = check_trace(hidden(trace, names), configuration, progress)
    if again.verdict != REJECT:
        again.verdict = INCONCLUSIVE
        again.reasons = [*again.reasons, f"rejected only if {clock} is taken at its word: its events were left out"]
    return again


def check_trace(trace: Trace, configuration: Configuration, progress: Progress = silent) -> Report:
    """Follow a trace that was read already; TraceSyntaxError if it begins inside a migration or has an event that means nothing."""
    return report_of(trace, follow(trace, configuration, progress), configuration, progress)


def report_of(trace: Trace, followed: Followed, configuration: Configuration, progress: Progress = silent) -> Report:
    """Judge and explain what following a trace has left behind."""
    monitor, stopped = followed.monitor, followed.stopped
    where = f"post-copy begins at {stopped.source}: not part of {configuration.system.name}; the trace was followed up to there" if stopped else None
    reasons = [where] if where else []
    progress("explaining")
    findings = _findings(monitor, trace)
    if not any(item.kind in ("impossible", "violated") for item in findings):
        findings = [*stale_hints(monitor), *findings]
    kinds = {item.kind for item in findings}
    verdict = REJECT if kinds & {"impossible", "violated"} else INCONCLUSIVE if "undecided" in kinds or reasons else ACCEPT
    return Report(
        verdict,
        trace.header,
        configuration,
        events=followed.counts.total(),
        event_counts=followed.counts,
        findings=findings,
        notes=trace.notes,
        unseen=sorted({item.event for name, item in monitor.vocabulary.actions.items() if monitor.vocabulary.may_be_unseen(name)}),
        sets=len(monitor.automaton.sets),
        completed=monitor.completed,
        sources=sorted(followed.sources - {""}),
        reasons=reasons,
        end=followed.end,
    )


def _findings(monitor: PageMonitor, trace: Trace) -> list[Finding]:
    judgements = _in_order(monitor.judgements)
    if not judgements:
        return []
    explained = judgements[:EXPLAINED]
    pages = [item.pages[0][0] for item in explained]
    hints = [event for event in events_named(trace, "host.hint") if "dropped" not in event.flags]
    wanted = {*pages, *(page for item in explained for event in hints for page in _common(event, item)[:1])}
    seen = events_by_page(monitor, events_for(trace, monitor, wanted), wanted, [item.event for item in explained])
    found = [_explain(monitor, seen, hints, item) for item in explained]
    rest = judgements[EXPLAINED:]
    return found + [Finding(item.kind, item.pages, sum(size for _, size in item.pages), item.event, item.property) for item in rest]


def _in_order(judgements: Sequence[Judgement]) -> list[Judgement]:
    order = {"violated": 0, "impossible": 1, "undecided": 2}
    return sorted(judgements, key=lambda item: order[item.kind])


def _explain(monitor: PageMonitor, seen: Mapping[int, Sequence[Event]], hints: Sequence[Event], item: Judgement) -> Finding:
    """A judgement with its evidence, told for its first page."""
    page, automaton = item.pages[0][0], monitor.automaton
    view = PageView(monitor, seen[page], page, item.event)
    evidence: dict[str, Any] = {
        "possible_before": len(automaton.sets[item.number]),
        "before": [automaton.show(int(state)) for state in automaton.sets[item.number][:8]],
        "history": [Telling(sight.event.name, sight.event.source) for sight in view.own()][-12:],
    }
    if item.kind == "impossible" and view.sights and item.event is not None:
        evidence["needed"] = needed(automaton, view.sights[-1], page)
        weaker = forbidding_guards(monitor, seen[page], page, item.event)
        evidence["forbidden_by"] = list(weaker)
        if weaker:
            evidence["history"] = [telling(step) for step in next(iter(weaker.values())).run_to_last()]
    elif item.property is not None:
        run = view.run_to(automaton.violated[item.property])
        evidence["history"] = [telling(step) for step in run]
        evidence["lost_at"] = lost_at(run)
        if item.kind == "undecided":
            unseen = {step.move.step.action.event for step in run if step.event is None and step.move.step.role == "own"}
            evidence["to_decide"] = sorted(unseen & DECIDING)
        else:
            evidence["stale_hints"] = _stale_hints(monitor, seen, hints, item)
    return Finding(item.kind, item.pages, sum(size for _, size in item.pages), item.event, item.property, **evidence)


DECIDING = frozenset({"guest.allocate", "guest.write", "guest.free", "guest.hint", "guest.release", "guest.shrink", "host.hint", "device.write"})
"""Events whose record would tell the safe runs from the others."""


def _common(event: Event, item: Judgement) -> list[int]:
    """The pages that an event and a judgement both name."""
    return [page for first, size in event.pages for low, many in item.pages for page in range(max(first, low), min(first + size, low + many))]


def _stale_hints(monitor: PageMonitor, seen: Mapping[int, Sequence[Event]], hints: Sequence[Event], item: Judgement) -> list[str]:
    """The hints that cleared lost pages' bits although they belonged to an earlier round, with how many of the pages each names."""
    found = []
    for event in hints:
        lost = _common(event, item)
        if not lost:
            continue
        view = PageView(monitor, seen[lost[0]], lost[0], event)
        if view.sights and view.sights[-1].event == event and monitor.automaton.is_stale_hint(view.sights[-1].before, view.sights[-1].meaning):
            where = ", ".join(f"{first:#x}+{size}" for first, size in event.pages)
            found.append(f"stale hint of pages {where} honoured, {len(lost)} of them lost [{event.source}]")
    return found
