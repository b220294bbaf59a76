"""What a set of traces has exercised of the model: which actions, guards and settings, and what no trace has ever shown.

Read off the monitor.  For every event, and every set of states that a page can be in before it, one asks which actions explain the event there: if
only one does, the trace *shows* that action; else the event *may mean* it.  An action that a trace does not have to show is *possible* where some
state that could have been reached enables it.  A guard is compared with its absence: it is *shown* to matter where, whatever the state, the
event's step has another outcome without it, or where it alone forbids a step of the page; it is possible that it mattered where that
holds in some state; else it certainly made no difference.

All of this is as one page sees it.  What is possible is judged by the trace up to there, so it may be too much, never too little; what is shown
is certain.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from balloonproof.checker.automaton import IMPOSSIBLE
from balloonproof.checker.checking import open_trace
from balloonproof.checker.following import check_beginning, page_count
from balloonproof.checker.guard_effects import Effect, enabled_where, guard_effects
from balloonproof.checker.monitor import Monitor
from balloonproof.checker.observe import Meaning, UnusableEvent
from balloonproof.checker.read import Event, Trace
from balloonproof.checker.read.events import Pages, Source
from balloonproof.checker.read.places import refusal
from balloonproof.model.engines.reachability import States
from balloonproof.model.language import Configuration, System
from balloonproof.model.terms import Term, disj
from balloonproof.model.workers import Progress, silent

STATUSES = SHOWN, MEANT, POSSIBLE, NEVER = ("shown", "one of several", "possible", "never")
"""From certain to excluded: an event means it; an event means it or something else; it may have happened unseen; it cannot have."""


@dataclass(frozen=True)
class Exercise:
    """How far an action or a guard was exercised: its status, in how many events, and where first."""

    status: str
    events: int = 0
    first: Source | None = None

    def merged(self, other: Exercise) -> Exercise:
        """Of both together: the better status, with its events and the place where it came first."""
        if self.status != other.status:
            return min(self, other, key=lambda item: STATUSES.index(item.status))
        return Exercise(self.status, self.events + other.events, self.first or other.first)


@dataclass
class Coverage:
    """What traces have exercised of one system; `settings` counts the traces checked with each value."""

    system: System
    traces: list[str] = field(default_factory=list)
    actions: dict[str, Exercise] = field(default_factory=dict)
    guards: dict[str, Exercise] = field(default_factory=dict)
    settings: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, name: str, configuration: Configuration, actions: Mapping[str, Exercise], guards: Mapping[str, Exercise]) -> None:
        """Take one trace in."""
        self.traces.append(name)
        for own, more in ((self.actions, actions), (self.guards, guards)):
            for item, exercise in more.items():
                own[item] = own[item].merged(exercise) if item in own else exercise
        for setting, value in configuration.settings:
            self.settings.setdefault(setting, Counter())[value] += 1

    def unused_values(self) -> list[str]:
        """Settings' values that no trace was checked with, as command line words."""
        return [f"{item.name}={value}" for item in self.system.settings for value in item.values if not self.settings[item.name][value]]


def survey(
    paths: Sequence[str | os.PathLike[str]],
    system: str | None = None,
    settings: Mapping[str, str] | None = None,
    without: Sequence[str] = (),
    hide: Sequence[str] = (),
    progress: Progress = silent,
) -> list[Coverage]:
    """The coverage of each system by these traces, each a native trace or a folder of logs; the options are those of `check_paths`."""
    found: dict[System, Coverage] = {}
    for path in paths:
        progress(f"{os.fspath(path)}: reading")
        trace, configuration = open_trace(path, system, settings, without, hide)
        progress(f"{os.fspath(path)}: following")
        coverage = found.setdefault(configuration.system, Coverage(configuration.system))
        coverage.add(os.fspath(path), configuration, *coverage_of(trace, configuration))
    return list(found.values())


def coverage_of(trace: Trace, configuration: Configuration) -> tuple[dict[str, Exercise], dict[str, Exercise]]:
    """How far one trace exercises each action, and each guard that is not taken away, of the system that it is checked against."""
    monitor = Monitor(configuration, trace.header, page_count(trace))
    check_beginning(trace.events)
    sightings = _follow(monitor, trace)
    numbers = {number for item in sightings for number, _ in item.views} | set(_numbers(monitor, ()))
    states = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *(monitor.automaton.sets[number] for number in sorted(numbers))]))
    return _actions(monitor, sightings, states), _guards(monitor, sightings, states)


@dataclass
class _Sighting:
    """Events of one meaning, all seen from the same sets of possible states: each view is a set's number and the role of the pages in it."""

    meaning: Meaning
    views: tuple[tuple[int, str], ...]
    first: Source
    events: int = 0


def _follow(monitor: Monitor, trace: Trace) -> list[_Sighting]:
    """Follow the trace, and note from where each of its events was seen."""
    sightings: dict[object, _Sighting] = {}
    for event in trace.events:
        if monitor.vocabulary.ends_at(event.name):
            break
        try:
            meaning = monitor.vocabulary.meaning(event)
        except UnusableEvent as error:
            raise refusal(event, error.found, error.expected, error.word) from None
        if meaning is not None and not meaning.is_unsure and (meaning.actions or meaning.is_statement):
            views = tuple(_views(monitor, event, meaning))
            sightings.setdefault((meaning.key, views), _Sighting(meaning, views, event.source)).events += 1
        monitor.step(event)
    monitor.finish()
    return list(sightings.values())


def _views(monitor: Monitor, event: Event, meaning: Meaning) -> Iterator[tuple[int, str]]:
    """The sets of the pages that an event names, and, where others of their chunk learn of it, of those."""
    yield from ((number, "own") for number in _numbers(monitor, event.pages))
    if meaning.others and event.pages:
        for role, where in monitor.neighbours.parts(monitor.page_count, event.pages, meaning.is_statement):
            if role in ("sibling", "peer"):
                yield from ((number, role) for number in np.unique(monitor.state[where]).tolist() if number != IMPOSSIBLE)


def _numbers(monitor: Monitor, pages: Pages) -> list[int]:
    """The sets that these pages (none named: all pages) can be in now."""
    if len(pages) == 1 and pages[0][1] == 1:
        numbers = [int(monitor.state[pages[0][0]])]
    else:
        parts = [monitor.state[first : first + count] for first, count in pages] or [monitor.state]
        numbers = [int(number) for number in np.unique(np.concatenate(parts))]
    return [number for number in numbers if number != IMPOSSIBLE]


def _explaining(monitor: Monitor, meaning: Meaning, number: int, role: str) -> list[str]:
    """The actions each of which alone explains the event in some possible state."""
    automaton = monitor.automaton
    return [name for name in meaning.actions if len(automaton.image(automaton.sets[number], replace(meaning, actions=(name,)), role))]


def _actions(monitor: Monitor, sightings: Sequence[_Sighting], states: States) -> dict[str, Exercise]:
    configuration, found = monitor.one_page.configuration, {}
    for name in monitor.vocabulary.actions:
        unseen = monitor.vocabulary.may_be_unseen(name) and len(monitor.automaton.holding(enabled_where(configuration, name), states))
        found[name] = Exercise(POSSIBLE if unseen else NEVER)
    for sighting in sightings:
        views = [_explaining(monitor, sighting.meaning, number, role) for number, role in sighting.views if role == "own"]
        for name in sighting.meaning.actions:
            if any(name in explaining for explaining in views):
                status = SHOWN if [name] in views else MEANT
                found[name] = found[name].merged(Exercise(status, sighting.events, sighting.first))
    return found


def _guards(monitor: Monitor, sightings: Sequence[_Sighting], states: States) -> dict[str, Exercise]:
    configuration, found = monitor.one_page.configuration, {}
    for guard in configuration.system.guards:
        if not configuration.keeps(guard.name):
            continue
        effects = guard_effects(configuration, guard.name)
        holding = monitor.automaton.holding
        unseen = disj(*(item.changed for item in effects if monitor.vocabulary.may_be_unseen(item.action)), *_allowed(effects))
        found[guard.name] = Exercise(POSSIBLE if len(holding(unseen, states)) else NEVER)
        for sighting in sightings:
            statuses = [_matters(monitor, sighting.meaning, number, role, effects) for number, role in sighting.views]
            status = min(statuses, key=STATUSES.index, default=NEVER)
            if status != NEVER:
                events = (sighting.events, sighting.first) if status == SHOWN else ()
                found[guard.name] = found[guard.name].merged(Exercise(status, *events))
    return found


def _allowed(effects: Sequence[Effect]) -> list[Term]:
    return [item.allowed for item in effects if item.role in ("own", "")]


def _matters(monitor: Monitor, meaning: Meaning, number: int, role: str, effects: Sequence[Effect]) -> str:
    """Did a guard with these effects matter to pages of this set at this event: to its step, or by forbidding another step just before it?"""
    holding = monitor.automaton.holding
    before = holding(meaning.before if role == "own" else meaning.others_before, monitor.automaton.sets[number])
    explaining = _explaining(monitor, meaning, number, role)
    found = NEVER
    for item in effects:
        if item.action in explaining and item.role in (role, ""):
            here = holding(item.enabled, before)
            if len(here) and len(explaining) == 1 and not len(holding(item.same, here)):
                return SHOWN
            if len(holding(item.changed, here)):
                found = POSSIBLE
    if role == "own":
        here = before
        if explaining:
            here = holding(disj(*(enabled_where(monitor.one_page.configuration, name) for name in explaining)), before)
        # An event that nothing explains was forbidden by what alone forbids its own step.
        forbidden = [item for item in effects if item.role == "own" or (item.action in meaning.actions and not explaining)]
        if len(here) and len(holding(disj(*(item.allowed for item in forbidden)), here)) == len(here):
            return SHOWN
        if len(holding(disj(*_allowed(effects)), here)):
            found = POSSIBLE
    return found
