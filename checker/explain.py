"""Why: one page's part of a trace, told as a run of the model.

A finding names many pages; this follows one of them again, alone, through the same automaton, and fills in the steps that the trace did not show.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from balloonproof.checker.monitor import PageMonitor
from balloonproof.checker.observe import FOLLOWED_UP_TO, LOST_SOME, Meaning
from balloonproof.checker.read.events import Event
from balloonproof.checker.verdict import Telling
from balloonproof.model.compiled import Move
from balloonproof.model.engines.reachability import States, holds, step_into
from balloonproof.model.language import Actor
from balloonproof.model.terms import Term


@dataclass(frozen=True)
class Sight:
    """An event as one page sees it: its role and the set of possible states before it."""

    event: Event
    meaning: Meaning
    role: str
    in_sync: bool
    before: int


@dataclass(frozen=True)
class ToldStep:
    """One step of the told run; `event` is None for a step that the trace did not show."""

    move: Move
    event: Event | None
    before: int
    after: int


def events_by_page(monitor: PageMonitor, events: Iterable[Event], pages: Iterable[int], until: Collection[Event | None]) -> dict[int, list[Event]]:
    """For each of `pages` the events that it can see, in one pass over the trace up to the last of `until` (None: its end)."""
    seen: dict[int, list[Event]] = {page: [] for page in pages}
    ends, places = list(until), {event.source for event in until if event is not None}
    for event in events:
        if not ends:
            break
        if event.source in places:
            ends = [end for end in ends if not same(event, end)]
        if event.name == FOLLOWED_UP_TO:
            break
        meaning = monitor.vocabulary.meaning(event)
        if meaning is None:
            continue
        for page, found in seen.items():
            if not event.pages or meaning.others or meaning.is_statement or any(first <= page < first + count for first, count in event.pages):
                found.append(event)
    return seen


class PageView:
    """One page's sights of a trace, up to `until` (an event of it; None: all of it).

    Where events were lost anything may have happened; without `heeds_losses`, nothing that the page would have seen.
    """

    def __init__(self, monitor: PageMonitor, events: Sequence[Event], page: int, until: Event | None = None, heeds_losses: bool = True) -> None:
        self.monitor, self.automaton, self.page = monitor, monitor.automaton, page
        self.sights: list[Sight] = []
        self.followed = 0  # how many of the sights `final` takes in: all, or all but `until`
        self.since: int | None = None  # which of them is the first since events were lost: what came before does not tell how the page was then
        self.final = self.automaton.initial()
        in_sync = False
        for event in events:
            if event.name == LOST_SOME and heeds_losses and not same(event, until):
                self.final, self.since, self.followed = self.automaton.everything(), len(self.sights), len(self.sights)
                continue
            seen = self._seen(event)
            for number, (meaning, role) in enumerate(seen, 1):
                in_sync = in_sync or meaning.opens_sync
                self.sights.append(Sight(event, meaning, role, in_sync, self.final))
                after = self.automaton.after(self.final, meaning, role, in_sync)
                if same(event, until) and (number == len(seen) or not after):
                    break
                self.final = after
                self.followed += 1
                if "merge" in meaning.actions:
                    in_sync = False
            if not self.final or same(event, until):
                break

    def _seen(self, event: Event) -> list[tuple[Meaning, str]]:
        """What the page sees of the event: what it says, and in which role the page learns of it; more than once if it is a step for siblings too."""
        meaning = self.monitor.vocabulary.meaning(event)
        if meaning is None or not (meaning.actions or meaning.is_statement or meaning.opens_sync):
            return []
        if event.name == "memory.compared" and self.monitor.differing[self.page]:
            return []
        if not event.pages and not meaning.is_statement:
            return [(meaning, "own")]
        roles = self.monitor.neighbours.roles(self.page, event.pages, meaning.is_statement)
        return [(meaning, role) for role in roles if role == "own" or meaning.others]

    def own(self) -> Iterator[Sight]:
        """The events that name this page."""
        for sight in self.sights:
            if any(first <= self.page < first + count for first, count in sight.event.pages):
                yield sight

    def can_be(self, bad: Term) -> bool:
        """May `bad` hold after what the page has seen?"""
        return len(self.automaton.holding(bad, self.automaton.sets[self.final])) > 0

    def run_to(self, bad: Term) -> list[ToldStep]:
        """A run of the model that explains the trace for this page and ends where `bad` holds."""
        return self._run_into(int(self.automaton.holding(bad, self.automaton.sets[self.final])[0]))

    def run_to_last(self) -> list[ToldStep]:
        """A run of the model that explains the trace for this page up to its last sight, which is possible after it."""
        last = self.sights[-1]
        states = self.automaton.holding(last.meaning.before if last.role == "own" else last.meaning.others_before, self.automaton.sets[self.final])
        if moves := self.automaton.moves_for(last.meaning, last.role):
            states = np.concatenate([states[holds(move.enabled, states)] for move in moves])
        return self._run_into(int(states[0]))

    def explains_last(self) -> bool:
        """Is the last sight possible after all the others?"""
        last = self.sights[-1]
        return bool(self.automaton.after(self.final, last.meaning, last.role, last.in_sync))

    def _run_into(self, target: int) -> list[ToldStep]:
        told: list[ToldStep] = []
        for sight in reversed(self.sights[self.since or 0 : self.followed]):
            image = self.automaton.image(self.automaton.sets[sight.before], sight.meaning, sight.role)
            hidden = self._unseen(image, target, sight.in_sync)
            if hidden:
                target = hidden[0].before
            step = self._step_into(sight, target)
            told = [*([step] if step else []), *hidden, *told]
            target = step.before if step else target
        start = [] if self.since is not None else self._unseen(self.automaton.initial_states(), target, in_sync=False)
        return [*start, *told]

    def _unseen(self, start: States, target: int, in_sync: bool) -> list[ToldStep]:
        """A shortest run of unseen steps from one of `start` to `target`."""
        return [ToldStep(step.move, None, step.before, step.after) for step in self.automaton.unseen[in_sync].path(start, target)]

    def _step_into(self, sight: Sight, target: int) -> ToldStep | None:
        stated = sight.meaning.before if sight.role == "own" else sight.meaning.others_before
        before = self.automaton.holding(stated, self.automaton.sets[sight.before])
        step = step_into(self.automaton.moves_for(sight.meaning, sight.role), before, target)
        return ToldStep(step.move, sight.event, step.before, step.after) if step else None


def same(event: Event, other: Event | None) -> bool:
    """Are these one event of a trace?  A trace that is read anew gives equal events, not the same objects."""
    return event is other or event == other


WHOSE = {"own": "this page", "sibling": "another page of the host page", "peer": "another page of the chunk", "stranger": "another page"}


def telling(step: ToldStep) -> Telling:
    """A step in a few words: who did what, on which page, and where the trace shows it."""
    action = step.move.step.action
    whose = WHOSE.get(step.move.step.role, "")
    stale = " (queued in an earlier round)" if action.actor is Actor.DEVICE and step.move.inputs.get("pop_newest") == 0 else ""
    source = None if step.event is None else step.event.source
    return Telling(f"{action.actor.value}: {action.name}{f' {whose}' if whose else ''}{stale}", source)


def lost_at(run: Sequence[ToldStep]) -> Event | None:
    """The last step of the host on the page that the trace shows: the send after which it was written, or the hint that withheld it."""
    own = [step for step in run if step.event is not None and step.move.step.role == "own"]
    by_host = [step for step in own if step.move.step.action.actor in (Actor.DEVICE, Actor.MIGRATION)]
    return (by_host or own)[-1].event if own else None
