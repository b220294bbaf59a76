"""Traces as tests of the model: one that carries its verdict fails with a mutant of the model that gives it another.

A rejected trace fails with a mutant that lacks the condition which rejects it; an accepted one with a mutant that lacks an effect which it rests on.
A trace tests the model's text, so it tests any configuration that has the changed part, whatever its own settings are.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np

from balloonproof import traces
from balloonproof.checker.automaton import Automaton
from balloonproof.checker.checking import configuration_of
from balloonproof.checker.following import page_count
from balloonproof.checker.monitor import Monitor
from balloonproof.checker.observe import Vocabulary
from balloonproof.checker.read import Event, Expectation, Header, read_trace
from balloonproof.checker.verdict import ACCEPT, INCONCLUSIVE, REJECT
from balloonproof.model.engines.correspondence import takes_same_steps
from balloonproof.model.engines.mutants import Mutant, MutatedOnePage
from balloonproof.model.engines.reachability import States
from balloonproof.model.language import Action, Configuration
from balloonproof.model.one_page import OnePage


@cache
def _one_page(configuration: Configuration) -> OnePage:
    return OnePage(configuration)


@dataclass(frozen=True)
class View:
    """What an automaton depends on: a configuration, and how a trace sees it."""

    configuration: Configuration
    observed: tuple[str, ...]
    page_size: int | None
    host_page_size: int | None

    def automaton(self, system: OnePage) -> Automaton:
        """A new one that follows `system`, which stands in for that of the configuration."""
        header = Header(observed=self.observed, page_size=self.page_size, host_page_size=self.host_page_size)
        return Automaton(system, Vocabulary(system, header))


@cache
def _model(view: View) -> Automaton:
    return view.automaton(_one_page(view.configuration))


class MutatedModel:
    """A mutant in every configuration that traces ask for, made once for all of them."""

    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant
        self._systems: dict[Configuration, MutatedOnePage] = {}
        self._automata: dict[View, Automaton] = {}

    def system(self, configuration: Configuration) -> MutatedOnePage:
        if configuration not in self._systems:
            self._systems[configuration] = MutatedOnePage(configuration, _one_page(configuration), self.mutant)
        return self._systems[configuration]

    def automaton(self, view: View) -> Automaton:
        if view not in self._automata:
            self._automata[view] = view.automaton(self.system(view.configuration))
        return self._automata[view]


@dataclass(frozen=True)
class TraceTest:
    """A trace, held in memory, and the configuration that it is checked against."""

    name: str
    header: Header
    events: Sequence[Event]
    pages: int
    configuration: Configuration

    @staticmethod
    def read(path: str | os.PathLike[str]) -> TraceTest:
        """Read a native trace.  Errors as `read_trace`, UnknownName for a name in its header that does not exist."""
        trace = read_trace(path)
        name = os.path.basename(os.fspath(path)).removesuffix(".trace")
        return TraceTest(name, trace.header, list(trace.events), page_count(trace), configuration_of(trace))

    @property
    def passes(self) -> bool:
        """Does the model itself give the verdict that stands in the trace?"""
        return self._followed[0]

    def fails_with(self, mutant: Mutant | MutatedModel) -> bool:
        """Does the mutant give another verdict than the one that stands in the trace?"""
        model = mutant if isinstance(mutant, MutatedModel) else MutatedModel(mutant)
        if not self._may_show(model.mutant.action) or takes_same_steps(model.system(self.configuration), self._followed[1]):
            return False
        return self.passes and not self._follow(model.automaton(self._view))[0]

    @property
    def _view(self) -> View:
        return View(self.configuration, self.header.observed, self.header.page_size, self.header.host_page_size)

    def _follow(self, automaton: Automaton) -> tuple[bool, set[int]]:
        """Is the verdict the expected one, and the numbers of the sets that pages were in before or after an event."""
        monitor = Monitor(self.configuration, self.header, self.pages, automaton)
        numbers = set(monitor.numbers_in_use())
        for event in self.events:
            monitor.step(event)
            numbers.update(monitor.numbers_in_use())
        monitor.finish()
        return verdict_of(monitor, self.header.expect or Expectation(ACCEPT)) == self.header.expect, numbers

    @cached_property
    def _followed(self) -> tuple[bool, States]:
        """Does the model give the expected verdict, and all states that a page could be in on the way."""
        automaton = _model(self._view)
        passes, numbers = self._follow(automaton)
        return passes, np.unique(np.concatenate([automaton.sets[number] for number in numbers]))

    def _may_show(self, action: Action) -> bool:
        """Does the trace show the action, or may it have happened unseen?"""
        vocabulary = _model(self._view).vocabulary
        if not any(action is item for item in self.configuration.system.actions):  # another of this name may be
            return False
        return vocabulary.may_be_unseen(action.name) or bool({event.name for event in self.events} & vocabulary.events_of(action.name))


def verdict_of(monitor: Monitor, asked: Expectation) -> Expectation:
    """The verdict on a trace that was followed; of a reject, the first finding as far as it is `asked` for."""
    by_kind = {item.kind: item for item in reversed(monitor.judgements)}
    first = by_kind.get("violated", by_kind.get("impossible"))
    if first is None:
        return Expectation(INCONCLUSIVE if "undecided" in by_kind else ACCEPT)
    return Expectation(REJECT, first.pages[0][0] if asked.page is not None else None, first.property)


class TraceTests:
    """Traces as one test: called with a mutant, the name of the first that carries a verdict, gets it from the model, and fails with the mutant."""

    def __init__(self, paths: Iterable[str | os.PathLike[str]]) -> None:
        read = [test for test in map(TraceTest.read, paths) if test.header.expect is not None]
        self.tests = [test for test in read if test.passes]  # found out here, once for all processes that judge mutants

    def __call__(self, mutant: Mutant) -> str | None:
        model = MutatedModel(mutant)
        return next((test.name for test in self.tests if test.fails_with(model)), None)


def bundled_traces() -> list[Path]:
    """The small traces that come with balloonproof, those that were made for it first."""
    folder = Path(traces.__file__).parent
    return [path for name in ("conditions", "hand", "races") for path in sorted((folder / name).glob("*.trace"))]


def race_trace(name: str) -> Path:
    """The trace of a race of the catalogue."""
    return Path(traces.__file__).parent / "races" / f"{name}.trace"
