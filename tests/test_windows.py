"""A race's window is where it happens: no shortest counterexample of the race avoids it, whichever of them a solver finds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
import z3

from balloonproof.model.catalogue import RACES, Race, Scope, Window
from balloonproof.model.engines.bounded import BoundedSearch
from balloonproof.model.engines.reachability import explore
from balloonproof.model.engines.verdict import explicit_run
from balloonproof.model.one_page import OnePage
from balloonproof.model.terms import Term, negate


class AvoidingRuns:
    """Runs of a bounded search that strike in no opening of a window.

    Of several openings of one page each close ends all, so a run counts as avoiding the window rather than as entering it.
    """

    def __init__(self, search: BoundedSearch, window: Window) -> None:
        self.search, self.window, self.names = search, window, 0

    def taken(self, depth: int, events: Iterable[str], pages: set[int] | None) -> Any:
        """The step at `depth` is one of `events`, about one of these pages or about all."""
        indices = [
            index for index, step in enumerate(self.search.steps)
            if step.action.event in events and (pages is None or not step.role or int(step.role.removeprefix("page")) in pages)
        ]  # fmt: skip
        return z3.Or(*(self.search.selectors[depth] == index for index in indices))

    def named(self, value: Any) -> Any:
        """A variable with this value, so that expressions stay small."""
        self.names += 1
        name = z3.Bool(f"window {self.names}")
        self.search.solver.add(name == value)
        return name

    def avoid(self) -> None:
        """Let the solver find no run that enters the window."""
        by_page = self.window.scope in (Scope.PAGE, Scope.CHUNK)
        for page in range(self.search.explicit.shape.pages) if by_page else [None]:
            self._avoid(page)

    def _avoid(self, page: int | None) -> None:
        window, chunks = self.window, self.search.explicit.shape.chunks
        own = None if page is None else {page}
        of_chunk = window.scope is Scope.CHUNK
        closing = {number for number, chunk in enumerate(chunks) if chunk == chunks[page]} if of_chunk and page is not None else own
        is_open, struck, due = z3.BoolVal(False), z3.BoolVal(False), z3.BoolVal(not of_chunk)
        for depth in range(len(self.search.selectors)):
            opens, strikes = (self.taken(depth, events, own) for events in (window.opens, window.strikes))
            closes, renewed = self.taken(depth, window.closes, closing), self.taken(depth, window.due, None)
            struck = z3.Or(struck, z3.And(is_open, strikes))
            self.search.solver.add(z3.Not(z3.And(struck, closes) if of_chunk else struck))
            still_open = z3.And(is_open, z3.Not(closes), z3.Not(renewed)) if of_chunk else z3.And(is_open, z3.Not(closes))
            is_open = self.named(z3.Or(still_open, z3.And(opens, due)))
            struck = self.named(z3.And(struck, z3.Not(renewed)))
            if of_chunk:
                due = self.named(z3.Or(renewed, z3.And(due, z3.Not(closes))))


def shortest_runs(race: Race) -> tuple[BoundedSearch, Term]:
    """A search whose runs into the term are the race's shortest counterexamples."""
    configuration = replace(race.broken(), system=race.broken().system.claiming([race.violates]))
    one = OnePage(configuration)
    (item,) = (item for item in configuration.system.properties if item.name == race.violates)
    bad = negate(one.predicate(item))
    run = explicit_run(explore(one, stop_at=bad), item, bad, lambda message: None)
    assert run is not None
    search = BoundedSearch(run.explicit)
    goal = negate(run.explicit.predicate(item))
    assert search.run_of(len(run), goal) is not None
    return search, goal


@pytest.mark.parametrize("race", [race for race in RACES if race.window is not None], ids=lambda race: race.name)
def test_no_shortest_counterexample_of_a_race_avoids_its_window(race: Race) -> None:
    assert race.window is not None
    search, goal = shortest_runs(race)
    AvoidingRuns(search, race.window).avoid()
    run = search.run_of(len(search.selectors), goal)
    assert run is None or [item.step.name for item in run.steps] == []


def test_a_window_that_is_elsewhere_is_avoided() -> None:
    race = next(race for race in RACES if race.name == "lost-on-the-wire")
    assert race.window is not None
    search, goal = shortest_runs(race)
    AvoidingRuns(search, replace(race.window, opens=frozenset({"postcopy.place"}))).avoid()
    assert search.run_of(len(search.selectors), goal) is not None
