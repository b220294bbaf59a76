"""From a trace to a verdict, without its reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from balloonproof.checker.following import Followed, follow
from balloonproof.checker.hiding import hidden
from balloonproof.checker.monitor import Judgement, PageMonitor
from balloonproof.checker.read import Trace
from balloonproof.checker.read.events import GUEST_CLOCK
from balloonproof.checker.verdict import ACCEPT, INCONCLUSIVE, REJECT
from balloonproof.model.language import Configuration
from balloonproof.model.workers import Progress, silent


@dataclass(frozen=True)
class Judged:
    """What following a trace has come to; `reasons` say why an inconclusive one is not decided by its pages alone."""

    trace: Trace
    configuration: Configuration
    followed: Followed
    verdict: str
    reasons: Sequence[str] = ()

    @property
    def monitor(self) -> PageMonitor:
        return self.followed.monitor


def judge(trace: Trace, configuration: Configuration, progress: Progress = silent) -> Judged:
    """Judge a trace; a reject that rests on an estimated clock is not one.  TraceSyntaxError as :func:`judge_as_given`."""
    return beyond_estimates(judge_as_given(trace, configuration, progress), progress)


def beyond_estimates(judged: Judged, progress: Progress = silent) -> Judged:
    """What is left of a verdict if no event is taken at its word whose place among the others is an estimate."""
    for what, names in judged.trace.header.estimated.items():
        if judged.verdict == REJECT and (what != GUEST_CLOCK or guest_clock_decides(judged)):
            judged = judge_without(judged.trace, names, judged.configuration, what, progress)
    return judged


def judge_as_given(trace: Trace, configuration: Configuration, progress: Progress = silent) -> Judged:
    """Judge a trace whose order is taken at its word; TraceSyntaxError if it begins inside a migration or has an event that means nothing."""
    return judged(trace, follow(trace, configuration, progress), configuration)


def judged(trace: Trace, followed: Followed, configuration: Configuration) -> Judged:
    """The verdict on a trace that was followed."""
    stopped = followed.stopped
    reasons = [f"post-copy begins at {stopped.source}: not part of {configuration.system.name}; the trace was followed up to there"] if stopped else []
    reasons += [trace.header.unfinished] if trace.header.unfinished and not stopped else []
    is_rejected = any(map(is_wrong, followed.monitor.judgements)) or followed.monitor.stale_hints.first is not None
    verdict = REJECT if is_rejected else INCONCLUSIVE if followed.monitor.judgements or reasons else ACCEPT
    return Judged(trace, configuration, followed, verdict, reasons)


def is_wrong(judgement: Judgement) -> bool:
    """Is it more than undecided?"""
    return judgement.kind in ("impossible", "violated")


def guest_clock_decides(judged: Judged) -> bool:
    """Could a wrong estimate of the guest's clock be the reason for a reject?

    An event of the host that nothing explains, such as a hint that the guest never queued, does not depend on it: the order of a
    hint and its consumption is kept.
    """
    first = [item for item in judged.monitor.judgements if item.kind == "impossible"]
    return bool(first) and all(item.event is not None and item.event.name != "host.hint" for item in first)


def judge_without(trace: Trace, names: Sequence[str], configuration: Configuration, what: str, progress: Progress = silent) -> Judged:
    """Judge again without events whose place is an estimate by `what`, after a reject: if that needs them, it is not one."""
    again = judge_as_given(hidden(trace, names), configuration, progress)
    if again.verdict == REJECT:
        return again
    reasons = [*again.reasons, f"rejected only if {what} is taken at its word: its events were left out"]
    return Judged(again.trace, configuration, again.followed, INCONCLUSIVE, reasons)
