"""From paths to a report: read, choose the model, follow, judge, explain."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence

from balloonproof.checker.findings import findings_of
from balloonproof.checker.hiding import check_observed, hidden
from balloonproof.checker.judging import Judged, judge, judge_as_given
from balloonproof.checker.read import Trace, read_trace
from balloonproof.checker.read.places import header_refusal
from balloonproof.checker.transitions import keep
from balloonproof.checker.verdict import Report
from balloonproof.model.language import Configuration, UnknownName
from balloonproof.model.systems import find_system
from balloonproof.model.workers import Progress, silent


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
    return explained(judge(trace, configuration, progress), progress)


def check_trace(trace: Trace, configuration: Configuration, progress: Progress = silent) -> Report:
    """Check a trace whose order is taken at its word; TraceSyntaxError if it begins inside a migration or has an event that means nothing."""
    return explained(judge_as_given(trace, configuration, progress), progress)


def explained(judged: Judged, progress: Progress = silent) -> Report:
    """The report on a judged trace."""
    progress("explaining")
    monitor, followed = judged.monitor, judged.followed
    return Report(
        judged.verdict,
        judged.trace.header,
        judged.configuration,
        events=followed.counts.total(),
        event_counts=followed.counts,
        findings=findings_of(judged),
        notes=judged.trace.notes,
        unseen=sorted({item.event for name, item in monitor.vocabulary.actions.items() if monitor.vocabulary.may_be_unseen(name)}),
        sets=len(monitor.automaton.sets),
        completed=monitor.completed,
        sources=sorted(followed.sources - {""}),
        reasons=judged.reasons,
        end=followed.end,
        unlisted=monitor.unlisted,
    )


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
    """As :func:`configuration_of`, but a name in the trace's header that does not exist is refused with its place, unless the caller gave it too."""
    given = {system, *(settings or {}), *(settings or {}).values(), *without}
    try:
        check_observed([*trace.header.observed, *(name for names in trace.header.estimated.values() for name in names)])
        return configuration_of(trace, system, settings, without)
    except UnknownName as error:
        if error.name in given:
            raise
        expected = f"{'an' if error.kind == 'event' else 'a'} {error.kind}" + (f" (did you mean {error.nearest!r}?)" if error.nearest else "")
        raise header_refusal(trace.events, repr(error.name), expected, error.name) or error from None
