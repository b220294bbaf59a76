"""The second routes: IC3 and Spacer decide a system without any lemma and without the exact search; what either says counts only once it was confirmed.

Of "safe" the invariant is written as the same obligations as a learned one and confirmed by cvc5; of "unsafe" the run is executed step by step by
the compiled steps.  What is not confirmed, or takes too long, is undecided.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

from balloonproof.model.compiled import Layout, compile_predicate, compile_steps
from balloonproof.model.engines.certificate import obligations
from balloonproof.model.engines.ic3 import Ic3
from balloonproof.model.engines.induction import Invariant, Lemma
from balloonproof.model.engines.reachability import initial_states
from balloonproof.model.engines.recheck import RecheckFailed, recheck
from balloonproof.model.engines.spacer import HornClauses
from balloonproof.model.engines.verdict import PremiseCheck, check_premise
from balloonproof.model.language import Configuration
from balloonproof.model.one_page import OnePage
from balloonproof.model.terms import disj
from balloonproof.model.workers import Background, Progress, silent


class Engine(Protocol):
    """Decides the one-page system that it was made for."""

    def __init__(self, system: OnePage) -> None: ...

    def solve(self, seconds: float, progress: Progress = silent) -> str:
        """sat (a bad state is reachable), unsat, or unknown after `seconds`."""

    def lemmas(self) -> list[Lemma]:
        """After unsat: an inductive invariant; ValueError if it cannot be read."""

    def run(self) -> list[dict[str, int]]:
        """After sat: the states of a run into a bad one, first to last."""


ENGINES: Mapping[str, type[Engine]] = {"IC3": Ic3, "Spacer": HornClauses}


@dataclass(frozen=True)
class SecondRouteResult:
    """What the route by `engine` came to.

    `verdict` is proved (the invariant was confirmed by `rechecked_by`), refuted (the one-page system has a bad run of `length` steps, which was executed) or
    undecided (see `reasons`).
    """

    configuration: Configuration
    engine: str
    verdict: str
    seconds: float
    invariant: Invariant | None = None
    obligations: int = 0
    rechecked_by: str = ""
    length: int | None = None
    reasons: tuple[str, ...] = ()


def decide_by(engine: str, configuration: Configuration, seconds: float = 120.0, progress: Progress = silent) -> SecondRouteResult:
    """Decide one configuration by one of `ENGINES`, which gets `seconds`."""
    started, system = time.perf_counter(), OnePage(configuration)
    with Background(lambda: check_premise(configuration)) as premise:
        progress(f"{configuration}: {engine} looks for an invariant or a run, at most {seconds:.0f} s")
        solver = ENGINES[engine](system)
        answer = solver.solve(seconds, progress)
        progress(f"{configuration}: re-checking what {engine} answered: {answer}")
        if answer == "unsat":
            found = _confirm_invariant(engine, system, solver, premise)
        elif answer == "sat":
            found = _confirm_run(engine, system, solver)
        else:
            found = {"verdict": "undecided", "reasons": (f"{engine} did not decide it within {seconds:g} s",)}
    return SecondRouteResult(configuration, engine, seconds=time.perf_counter() - started, **found)


def _confirm_invariant(engine: str, system: OnePage, solver: Engine, premise: Background[PremiseCheck]) -> dict[str, Any]:
    try:
        invariant = Invariant(system, solver.lemmas())
    except ValueError as error:
        return {"verdict": "undecided", "reasons": (f"{engine} says safe, but its invariant cannot be read: {error}",)}
    base = premise.result()
    items = [*obligations(invariant), *base.obligations]
    found: dict[str, Any] = {"invariant": invariant, "obligations": len(items), "reasons": base.failures}
    try:
        found["rechecked_by"] = recheck(items)
    except RecheckFailed as failure:
        found["reasons"] = (*base.failures, f"{engine} says safe, but its invariant is not confirmed: {failure}")
    return {**found, "verdict": "undecided" if found["reasons"] else "proved"}


def _confirm_run(engine: str, system: OnePage, solver: Engine) -> dict[str, Any]:
    states = solver.run()
    fault = execute(system, states)
    if fault:
        return {"verdict": "undecided", "reasons": (f"{engine} says unsafe, but its run cannot be executed: {fault}",)}
    return {"verdict": "refuted", "length": len(states) - 1}


def execute(system: OnePage, states: Sequence[dict[str, int]]) -> str | None:
    """What is wrong with `states` as a run of the system into a bad state; None if it is one."""
    layout = Layout.of(system.variables)
    moves = compile_steps(system.steps, layout)
    bad = compile_predicate(disj(*system.violated().values()), layout)
    packed = [layout.pack(state) for state in states]
    if not packed or packed[0] not in initial_states(system, layout):
        return "it does not start in an initial state"
    for number, (before, after) in enumerate(pairwise(packed), 1):
        if not any(move.enabled(before) and move.after(before) == after for move in moves):
            return f"no step leads from its state {number - 1} to the next"
    return None if bad(packed[-1]) else "it does not end in a bad state"
