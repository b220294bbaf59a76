"""From judgements to findings: which pages, at which event, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from balloonproof.checker.alternatives import Alternatives
from balloonproof.checker.explain import PageView, telling
from balloonproof.checker.following import events_for
from balloonproof.checker.judging import Judged, is_wrong
from balloonproof.checker.licence import hints_to_blame, stale_hints
from balloonproof.checker.monitor import Judgement
from balloonproof.checker.observe import LOST_SOME
from balloonproof.checker.read import Event
from balloonproof.checker.verdict import Finding, Telling

EXPLAINED = 20
"""How many findings are explained in full; the others are counted."""


def findings_of(judged: Judged) -> list[Finding]:
    """What a judged trace shows, the worst first; the first few with their evidence."""
    monitor = judged.monitor
    licence = [] if any(map(is_wrong, monitor.judgements)) else stale_hints(monitor)
    judgements = _in_order(monitor.judgements)
    alternatives = Alternatives(monitor)
    explained = [_Explained(item, alternatives) for item in judgements[:EXPLAINED]]
    _watch(judged, explained)
    hints = hints_to_blame(judged, [one.item for one in explained])
    found = [one.finding(told) for one, told in zip(explained, hints, strict=True)]
    rest = judgements[EXPLAINED:]
    return licence + found + [Finding(item.kind, item.pages, sum(size for _, size in item.pages), item.event, item.property) for item in rest]


def _in_order(judgements: Sequence[Judgement]) -> list[Judgement]:
    order = {"violated": 0, "impossible": 1, "undecided": 2}
    return sorted(judgements, key=lambda item: order[item.kind])


class _Explained:
    """A judgement that is explained, told for its first page, which is watched once more."""

    def __init__(self, item: Judgement, alternatives: Alternatives) -> None:
        self.item, self.alternatives, self.page = item, alternatives, item.pages[0][0]
        self.view = PageView(alternatives.monitor, self.page, item.event)
        self.whole = self.view
        """The same as if no events had been lost."""
        self.weaker = alternatives.without_guards(self.page, item.event) if item.kind == "impossible" and item.event is not None else {}
        self.views = [self.view, *self.weaker.values()]
        """Those that are not over yet."""

    def take(self, event: Event) -> bool:
        """The next event that the page may see; is a view over with it?"""
        if event.name == LOST_SOME and self.item.property is not None and self.whole is self.view and not self.view.is_over:
            self.whole = self.view.unheeding()
            self.views.append(self.whole)
        is_over = False
        for view in self.views:
            view.take(event)
            is_over = is_over or view.is_over
        if is_over:
            self.views = [view for view in self.views if not view.is_over]
        return is_over

    def finding(self, hints: Sequence[str]) -> Finding:
        """What there is to say, with the stale hints that are to blame."""
        item, automaton = self.item, self.alternatives.automaton
        evidence: dict[str, Any] = {
            "possible_before": len(automaton.sets[item.number]),
            "before": [automaton.show(int(state)) for state in automaton.sets[item.number][:8]],
            "history": [Telling(event.name, event.source) for event in self.view.own],
        }
        if item.kind == "impossible" and self.view.sights and item.event is not None:
            evidence["needed"] = self.alternatives.needed(self.view.sights[-1], self.page)
            explaining = {guard: view for guard, view in self.weaker.items() if view.explains_until}
            evidence["forbidden_by"] = list(explaining)
            for view in list(explaining.values())[:1]:
                evidence |= {"history": [telling(step) for step in view.run_to_last()], "untold": view.untold}
        elif item.property is not None:
            bad = automaton.violated[item.property]
            view = self.whole if self.whole.can_be(bad) else self.view
            run = view.run_to(bad)
            evidence |= {"history": [telling(step) for step in run], "untold": view.untold, "lost_at": view.lost_at(run)}
            if item.kind == "undecided":
                unseen = {step.move.step.action.event for step in run if step.event is None and step.move.step.role == "own"}
                evidence["to_decide"] = sorted(unseen & DECIDING)
            else:
                evidence["stale_hints"] = hints
        return Finding(item.kind, item.pages, sum(size for _, size in item.pages), item.event, item.property, **evidence)


def _watch(judged: Judged, explained: Sequence[_Explained]) -> None:
    """Shows each explained page what it can see of the trace, in one pass over it."""
    monitor, going_on = judged.monitor, list(explained)
    if not going_on:
        return
    for event in events_for(judged.trace, monitor, {one.page for one in explained}):
        if monitor.vocabulary.ends_at(event.name):
            break
        meaning = monitor.vocabulary.meaning(event)
        if meaning is None:
            continue
        for_all = not event.pages or meaning.others or meaning.is_statement
        is_over = False
        for one in going_on:
            if for_all or any(first <= one.page < first + count for first, count in event.pages):
                is_over = one.take(event) or is_over
        if is_over:
            going_on = [one for one in going_on if one.views]
            if not going_on:
                break


DECIDING = frozenset({"guest.allocate", "guest.write", "guest.free", "guest.hint", "guest.release", "guest.shrink", "host.hint", "device.write"})
"""Events whose record would tell the safe runs from the others."""
