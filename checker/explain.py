"""Why: one page's part of a trace, told as a run of the model.

A finding names many pages; this follows one of them again, alone, through the same automaton, and fills in the steps that the trace did not show.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import NamedTuple

import numpy as np

from balloonproof.checker.automaton import Automaton
from balloonproof.checker.monitor import PageMonitor
from balloonproof.checker.observe import LOST_SOME, Meaning
from balloonproof.checker.read.events import Event
from balloonproof.checker.verdict import Telling
from balloonproof.model.compiled import Move
from balloonproof.model.engines.reachability import States, holds, step_into
from balloonproof.model.language import Actor
from balloonproof.model.terms import Term

KEPT = 1_000
"""So many of the last events that a page sees are held, and told as a run of the model; of those before them it is said how many there are."""

_OWN_KEPT = 12
"""So many of the last events that name a page are held besides."""


class Sight(NamedTuple):
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


HOST = frozenset({Actor.DEVICE, Actor.MIGRATION})


@dataclass
class _LastOwn:
    """Of sights that are not held any more the last event that was a step of the page, and the last that was one of the host's."""

    automaton: Automaton
    event: Event | None = None
    by_host: Event | None = None
    _actors: dict[str, set[Actor]] = field(default_factory=dict)

    def take(self, sight: Sight) -> None:
        """The next of these sights."""
        if sight.role != "own":
            return
        if sight.meaning.key not in self._actors:
            moves = self.automaton.moves_for(sight.meaning, "own")
            self._actors[sight.meaning.key] = {move.step.action.actor for move in moves if move.step.role == "own"}
        actors = self._actors[sight.meaning.key]
        if actors:
            self.event = sight.event
        if actors & HOST:
            self.by_host = sight.event


class PageView:
    """What one page sees of a trace, event by event (:meth:`take`), up to `until` (an event of it; None: all of it), and what a model makes of it.

    Where events were lost anything may have happened; without `heeds_losses`, nothing that the page would have seen.
    """

    def __init__(self, monitor: PageMonitor, page: int, until: Event | None = None, heeds_losses: bool = True) -> None:
        self.monitor, self.automaton, self.page, self.until, self.heeds_losses = monitor, monitor.automaton, page, until, heeds_losses
        self.sights: deque[Sight] = deque()
        """The last ones, since events were lost: what came before does not tell how the page was then."""
        self.own: deque[Event] = deque(maxlen=_OWN_KEPT)
        """The last events that name this page."""
        self.final = self.automaton.initial()
        self.is_over = self.explains_until = False
        self._last_is_open = self._has_lost = self._in_sync = False
        self._dropped, self._dropped_own = 0, _LastOwn(self.automaton)
        """How many sights since events were lost are not held any more, and what of them matters still."""

    def take(self, event: Event) -> None:
        """The next event that the page may see."""
        is_last = same(event, self.until)
        if event.name == LOST_SOME and self.heeds_losses and not is_last:
            self.final, self._has_lost = self.automaton.everything(), True
            self.sights.clear()
            self._dropped, self._dropped_own = 0, _LastOwn(self.automaton)
            return
        seen = self._seen(event)
        names_page = bool(seen) and any(first <= self.page < first + count for first, count in event.pages)
        for number, (meaning, role) in enumerate(seen, 1):
            self._in_sync = self._in_sync or meaning.opens_sync
            self._hold(Sight(event, meaning, role, self._in_sync, self.final))
            if names_page:
                self.own.append(event)
            after = self.automaton.after(self.final, meaning, role, self._in_sync)
            if is_last and (number == len(seen) or not after):
                self._last_is_open, self.explains_until = True, bool(after)
                break
            self.final = after
            if "merge" in meaning.actions:
                self._in_sync = False
        self.is_over = is_last or not self.final

    def _hold(self, sight: Sight) -> None:
        if len(self.sights) == KEPT:
            oldest = self.sights.popleft()
            self._dropped += 1
            self._dropped_own.take(oldest)
        self.sights.append(sight)

    def unheeding(self) -> PageView:
        """What there would be from here on if no event were ever lost."""
        other = copy(self)
        other.heeds_losses, other.sights, other.own, other._dropped_own = False, self.sights.copy(), self.own.copy(), copy(self._dropped_own)
        return other

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

    @property
    def untold(self) -> int:
        """How many events that the page has seen are not told in its run, as they came too long before its end."""
        return self._dropped

    def _run_into(self, target: int) -> list[ToldStep]:
        parts: list[list[ToldStep]] = []
        known: dict[tuple[int, str, str, bool, int], tuple[ToldStep | None, list[ToldStep]]] = {}
        followed = len(self.sights) - self._last_is_open
        for sight in reversed(list(islice(self.sights, followed))):
            key = sight.before, sight.meaning.key, sight.role, sight.in_sync, target
            if key not in known:
                image = self.automaton.image(self.automaton.sets[sight.before], sight.meaning, sight.role)
                hidden = self._unseen(image, target, sight.in_sync)
                known[key] = self._step_into(sight, hidden[0].before if hidden else target), hidden
            step, hidden = known[key]
            parts.append([*([replace(step, event=sight.event)] if step else []), *hidden])
            target = (step or hidden[0]).before if step or hidden else target
        if not self._has_lost and not self._dropped:
            parts.append(self._unseen(self.automaton.initial_states(), target, in_sync=False))
        return [step for part in reversed(parts) for step in part]

    def lost_at(self, run: Sequence[ToldStep]) -> Event | None:
        """The last step of the host on the page that the trace shows: the send after which it was written, or the hint that withheld it."""
        own = [step for step in run if step.event is not None and step.move.step.role == "own"]
        by_host = [step.event for step in own if step.move.step.action.actor in HOST]
        found = by_host[-1:] or [self._dropped_own.by_host, *(step.event for step in own[-1:]), self._dropped_own.event]
        return next((event for event in found if event is not None), None)

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
