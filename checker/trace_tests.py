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
from balloonproof.checker.checking import configuration_of
from balloonproof.checker.following import page_count
from balloonproof.checker.monitor import Monitor
from balloonproof.checker.observe import Vocabulary
from balloonproof.checker.read import Event, Expectation, Header, read_trace
from balloonproof.checker.verdict import ACCEPT, INCONCLUSIVE, REJECT
from balloonproof.model.engines.mutants import Mutant, MutatedOnePage
from balloonproof.model.engines.mutation import takes_same_steps
from balloonproof.model.engines.reachability import States
from balloonproof.model.language import Action, Configuration
from balloonproof.model.one_page import OnePage


@cache
def _one_page(configuration: Configuration) -> OnePage:
    return OnePage(configuration)


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
        return self._expected(self._followed)

    def fails_with(self, mutant: Mutant) -> bool:
        """Does the mutant give another verdict than the one that stands in the trace?"""
        if not self._may_show(mutant.action):
            return False
        system = MutatedOnePage(self.configuration, _one_page(self.configuration), mutant)
        return not takes_same_steps(system, self._states) and self.passes and not self._expected(self._follow(system))

    def _expected(self, monitor: Monitor) -> bool:
        return verdict_of(monitor, self.header.expect or Expectation(ACCEPT)) == self.header.expect

    def _follow(self, system: OnePage) -> Monitor:
        monitor = Monitor(self.configuration, self.header, self.pages, system)
        for event in self.events:
            monitor.step(event)
        monitor.finish()
        return monitor

    @cached_property
    def _followed(self) -> Monitor:
        return self._follow(_one_page(self.configuration))

    def _may_show(self, action: Action) -> bool:
        """Does the trace show the action, or may it have happened unseen?"""
        vocabulary = Vocabulary(_one_page(self.configuration), self.header)
        if action.name not in vocabulary.actions:
            return False
        return vocabulary.may_be_unseen(action.name) or bool({event.name for event in self.events} & vocabulary.events_of(action.name))

    @cached_property
    def _states(self) -> States:
        """All states that a page could be in before or after an event."""
        return np.unique(np.concatenate(self._followed.automaton.sets))


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
        self.tests = [test for test in map(TraceTest.read, paths) if test.header.expect is not None]

    def __call__(self, mutant: Mutant) -> str | None:
        return next((test.name for test in self.tests if test.fails_with(mutant)), None)


def bundled_traces() -> list[Path]:
    """The small traces that come with balloonproof, those that were made for it first."""
    folder = Path(traces.__file__).parent
    return [path for name in ("conditions", "hand", "races") for path in sorted((folder / name).glob("*.trace"))]
