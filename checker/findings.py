"""From judgements to findings: which pages, at which event, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from balloonproof.checker.alternatives import Alternatives
from balloonproof.checker.explain import PageView, events_by_page, lost_at, telling
from balloonproof.checker.following import events_for, events_named
from balloonproof.checker.judging import Judged, is_wrong
from balloonproof.checker.licence import stale_hints
from balloonproof.checker.monitor import Judgement, PageMonitor
from balloonproof.checker.read import Event
from balloonproof.checker.verdict import Finding, Telling

EXPLAINED = 20
"""How many findings are explained in full; the others are counted."""


def findings_of(judged: Judged) -> list[Finding]:
    """What a judged trace shows, the worst first; the first few with their evidence."""
    monitor, trace = judged.monitor, judged.trace
    licence = [] if any(map(is_wrong, monitor.judgements)) else stale_hints(monitor)
    judgements = _in_order(monitor.judgements)
    if not judgements:
        return licence
    explained = judgements[:EXPLAINED]
    pages = [item.pages[0][0] for item in explained]
    hints = [event for event in events_named(trace, "host.hint") if "dropped" not in event.flags]
    wanted = {*pages, *(page for item in explained for event in hints for page in _common(event, item)[:1])}
    seen = events_by_page(monitor, events_for(trace, monitor, wanted), wanted, [item.event for item in explained])
    alternatives = Alternatives(monitor)
    found = [_explain(alternatives, seen, hints, item) for item in explained]
    rest = judgements[EXPLAINED:]
    return licence + found + [Finding(item.kind, item.pages, sum(size for _, size in item.pages), item.event, item.property) for item in rest]


def _in_order(judgements: Sequence[Judgement]) -> list[Judgement]:
    order = {"violated": 0, "impossible": 1, "undecided": 2}
    return sorted(judgements, key=lambda item: order[item.kind])


def _explain(alternatives: Alternatives, seen: Mapping[int, Sequence[Event]], hints: Sequence[Event], item: Judgement) -> Finding:
    """A judgement with its evidence, told for its first page."""
    page, monitor, automaton = item.pages[0][0], alternatives.monitor, alternatives.automaton
    view = PageView(monitor, seen[page], page, item.event)
    evidence: dict[str, Any] = {
        "possible_before": len(automaton.sets[item.number]),
        "before": [automaton.show(int(state)) for state in automaton.sets[item.number][:8]],
        "history": [Telling(sight.event.name, sight.event.source) for sight in view.own()][-12:],
    }
    if item.kind == "impossible" and view.sights and item.event is not None:
        evidence["needed"] = alternatives.needed(view.sights[-1], page)
        weaker = alternatives.forbidding_guards(seen[page], page, item.event)
        evidence["forbidden_by"] = list(weaker)
        if weaker:
            evidence["history"] = [telling(step) for step in next(iter(weaker.values())).run_to_last()]
    elif item.property is not None:
        bad = automaton.violated[item.property]
        whole = PageView(monitor, seen[page], page, item.event, heeds_losses=False)
        run = (whole if whole.can_be(bad) else view).run_to(bad)
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
