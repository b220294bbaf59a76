"""From a configuration to a verdict: search, then a counterexample on explicit pages, or a proof that is re-checked.

What does not wait for each other runs side by side: the premise beside the search, the witnesses beside the lemmas.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from balloonproof.model.engines.bounded import BoundedSearch, PlainRun, Run
from balloonproof.model.engines.certificate import obligations, premise_claims
from balloonproof.model.engines.induction import Learner, prune
from balloonproof.model.engines.progress import ProgressCheck, check_progress
from balloonproof.model.engines.reachability import Reachable, explore
from balloonproof.model.engines.recheck import Obligation, RecheckFailed, recheck
from balloonproof.model.engines.result import Counterexample, ProofResult, Witness
from balloonproof.model.engines.tidy import tidy
from balloonproof.model.explicit import Explicit, Shape
from balloonproof.model.language import Configuration, Property
from balloonproof.model.one_page import OnePage
from balloonproof.model.systems import find_system
from balloonproof.model.terms import Term, disj, exists, negate
from balloonproof.model.workers import Background, Progress, silent

SHAPES = (Shape((0,)), Shape((0, 0)), Shape((0, 1)))
"""Explicit instances on which counterexamples are sought: one page; two in one chunk; two in two chunks."""

SIBLINGS = Shape((0, 0), host_pages=(0, 0))
"""Two guest pages in one host page: sought as well where a step tells them from others."""

SLACK = 10
"""How much longer than the abstract counterexample an explicit one may be: other pages must be sent too, in three steps each."""


def prove_system(system: str, settings: Mapping[str, str] | None = None, without: Iterable[str] = (), progress: Progress = silent) -> ProofResult:
    """Decide one configuration of the named system; UnknownName if a name in it does not exist."""
    return decide(find_system(system).configure(settings, without), progress)


def decide(configuration: Configuration, progress: Progress = silent) -> ProofResult:
    """Search the states that one page can see; then either a counterexample or a proof.

    The search ends at the first level with a bad state, so of several properties that are violated those are reported that can be with the fewest steps;
    `System.claiming` asks for one in particular.
    """
    started = time.perf_counter()
    result = ProofResult(configuration, tuple(item.name for item in configuration.system.properties))
    one = OnePage(configuration)
    bad = disj(*one.violated().values())
    with Background(lambda: check_premise(configuration)) as premise:
        reachable = explore(one, progress, stop_at=bad)
        result.states, result.depth = sum(map(len, reachable.levels)), len(reachable.levels) - 1
        if reachable.first(bad) is not None:
            _refute(reachable, result, progress)
            _add_premise(premise, result, progress)
        else:
            _prove(reachable, premise, result, progress)
    if result.reasons and not result.counterexamples:
        result.verdict = "undecided"
    result.seconds = time.perf_counter() - started
    return result


@dataclass(frozen=True)
class PremiseCheck:
    """Whether one page and a summarised queue stand for any number: what Z3 says against it, and the same claims as obligations."""

    failures: tuple[str, ...]
    obligations: tuple[Obligation, ...]


def check_premise(configuration: Configuration) -> PremiseCheck:
    """Ask Z3 about every claim of the premise."""
    failures, texts = [], []
    for claim, text in premise_claims(configuration):
        failure = claim.failure()
        failures += [str(failure)] if failure else []
        texts.append(text)
    return PremiseCheck(tuple(failures), tuple(texts))


def _add_premise(premise: Background[PremiseCheck], result: ProofResult, progress: Progress) -> list[Obligation]:
    """Whatever the verdict, it rests on this."""
    progress(f"{result.configuration}: one page suffices")
    found = premise.result()
    result.premise_checks = len(found.obligations)
    result.reasons += found.failures
    return list(found.obligations)


def _refute(reachable: Reachable, result: ProofResult, progress: Progress) -> None:
    system = reachable.system
    for item in result.configuration.system.properties:
        found = reachable.first(negate(system.predicate(item))) if item.kind == "always" else None
        if found is None:
            continue
        run = explicit_run(reachable, item, negate(system.predicate(item)), progress)
        if run is None:
            result.reasons.append(
                f"the one-page system violates {item.name}, but no explicit run of up to {SLACK} more steps does: a defect of the abstraction, not a race"
            )
            continue
        result.counterexamples.append(Counterexample(item.name, run, found[0]))
    result.verdict = "refuted" if result.counterexamples else "undecided"


def explicit_run(reachable: Reachable, item: Property, goal: Term, progress: Progress) -> Run | None:
    """A shortest explicit run to what `goal` says of one page (`item` or its negation), or None."""
    found = reachable.first(goal)
    if found is None:
        return None
    shapes = [*SHAPES, SIBLINGS] if any(step.role == "sibling" for step in reachable.system.steps) else SHAPES
    searches: dict[Shape, BoundedSearch] = {}
    for length in range(found[0], found[0] + SLACK + 1):
        for shape in shapes:
            progress(f"{reachable.system.configuration}: explicit runs of {length} steps on {shape.pages} pages")
            if shape not in searches:
                searches[shape] = BoundedSearch(Explicit(reachable.system.configuration, shape))
            search = searches[shape]
            predicate = search.explicit.predicate(item)
            target = negate(predicate) if item.kind == "always" else predicate
            run = search.run_of(length, target)
            if run is not None:
                return tidy(run, target)
    return None


def _prove(reachable: Reachable, premise: Background[PremiseCheck], result: ProofResult, progress: Progress) -> None:
    configuration = result.configuration
    with Background(lambda: check_movement(reachable)) as movement:
        result.invariant = prune(Learner(reachable).learn(progress))
        own = list(obligations(result.invariant))
        result.obligations = own + _add_premise(premise, result, progress)
        try:
            result.rechecked_by = recheck(result.obligations, progress)
        except RecheckFailed as failure:
            result.reasons.append(str(failure))
        progress(f"{configuration}: witnesses")
        moves = movement.result()
    result.witnesses = [Witness(name, Run.of(configuration, run) if run else None) for name, run in moves.witnesses]
    result.impossible_actions, result.progress = moves.impossible_actions, moves.progress
    result.reasons += [f"vacuous: nothing shows {item.name}" for item in result.witnesses if item.run is None]
    result.reasons += [str(item) for item in moves.progress if item.stuck]
    result.verdict = "proved"


@dataclass(frozen=True)
class Movement:
    """What shows that a safe configuration can move at all: its witnesses, the actions that never happen, and that nothing gets stuck."""

    witnesses: list[tuple[str, PlainRun | None]]
    impossible_actions: list[str]
    progress: list[ProgressCheck]


def check_movement(reachable: Reachable) -> Movement:
    """Seek what must be able to happen."""
    properties = reachable.system.configuration.system.properties
    witnesses = []
    for item in properties:
        if item.kind == "sometimes":
            run = explicit_run(reachable, item, reachable.system.predicate(item), silent)
            witnesses.append((item.name, run.plain() if run else None))
    checks = [check_progress(reachable, item) for item in properties if item.kind == "progress"]
    return Movement(witnesses, impossible_actions(reachable), checks)


def impossible_actions(reachable: Reachable) -> list[str]:
    """Actions that no reachable state enables: with these settings they never happen.

    An action of a page is asked for on the observed page: what another page can do is only guessed.
    """
    possible = set()
    for step in reachable.system.steps:
        name = step.action.name
        if step.role in ("", "own") and name not in possible and reachable.first(exists(step.inputs.values(), step.guard)) is not None:
            possible.add(name)
    return [item.name for item in reachable.system.configuration.system.actions if item.name not in possible]
