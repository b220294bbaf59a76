"""From a configuration to a verdict: search, then a counterexample on explicit pages, or a proof that is re-checked."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

import numpy as np

from balloonproof.model.compiled import compile_predicate
from balloonproof.model.engines.bounded import BoundedSearch, Run
from balloonproof.model.engines.certificate import RecheckFailed, obligations, recheck
from balloonproof.model.engines.induction import Learner, prune
from balloonproof.model.engines.premise import projection_claims, queue_claims
from balloonproof.model.engines.reachability import Progress, Reachable, apply, contains, explore, holds, silent
from balloonproof.model.engines.result import Counterexample, ProofResult, Witness
from balloonproof.model.engines.tidy import tidy
from balloonproof.model.explicit import Explicit, Shape
from balloonproof.model.language import Actor, Configuration, Property
from balloonproof.model.one_page import OnePage
from balloonproof.model.state import Owner, Phase
from balloonproof.model.systems import find_system
from balloonproof.model.terms import Term, as_term, conj, enum_sort, equal, exists, negate, variable

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
    """Search all states that one page can see; then either a counterexample or a proof."""
    started = time.perf_counter()
    reachable = explore(OnePage(configuration), progress)
    result = ProofResult(configuration, states=len(reachable.states), depth=len(reachable.levels) - 1)
    _check_premise(configuration, result, progress)
    violated = [item for item in configuration.system.properties if item.kind == "always" and _violates(reachable, item)]
    if violated:
        _refute(reachable, violated, result, progress)
    else:
        _prove(reachable, result, progress)
    result.seconds = time.perf_counter() - started
    return result


def _check_premise(configuration: Configuration, result: ProofResult, progress: Progress) -> None:
    """That one page and a summarised queue stand for any number: whatever the verdict, it rests on this."""
    for claim in (*queue_claims(), *projection_claims(configuration)):
        progress(f"{configuration}: one page suffices: {claim.name}")
        failure = claim.failure()
        result.premise_checks += 1
        result.reasons += [str(failure)] if failure else []


def _violates(reachable: Reachable, item: Property) -> bool:
    return reachable.first(negate(reachable.system.predicate(item))) is not None


def _refute(reachable: Reachable, violated: list[Property], result: ProofResult, progress: Progress) -> None:
    for item in violated:
        run = explicit_run(reachable, item, negate(reachable.system.predicate(item)), progress)
        if run is None:
            result.reasons.append(
                f"the one-page system violates {item.name}, but no explicit run of up to {SLACK} more steps does: a defect of the abstraction, not a race"
            )
            continue
        result.counterexamples.append(Counterexample(item.name, run, _depth(reachable, item)))
    result.counterexamples.sort(key=lambda item: item.property != "no-page-lost")
    result.verdict = "refuted" if result.counterexamples else "undecided"


def _depth(reachable: Reachable, item: Property) -> int:
    found = reachable.first(negate(reachable.system.predicate(item)))
    assert found is not None
    return found[0]


def explicit_run(reachable: Reachable, item: Property, goal: Term, progress: Progress) -> Run | None:
    """A shortest explicit run to what `goal` says of one page (`item` or its negation), or None."""
    found = reachable.first(goal)
    if found is None:
        return None
    shapes = [*SHAPES, SIBLINGS] if any(step.role == "sibling" for step in reachable.system.steps) else SHAPES
    searches = [BoundedSearch(Explicit(reachable.system.configuration, shape)) for shape in shapes]
    for length in range(found[0], found[0] + SLACK + 1):
        for search in searches:
            explicit = search.explicit
            progress(f"{explicit.configuration}: explicit runs of {length} steps on {explicit.shape.pages} pages")
            predicate = explicit.predicate(item)
            target = negate(predicate) if item.kind == "always" else predicate
            run = search.run_of(length, target)
            if run is not None:
                return tidy(run, target)
    return None


def _prove(reachable: Reachable, result: ProofResult, progress: Progress) -> None:
    configuration = result.configuration
    result.witnesses = [
        Witness(item.name, explicit_run(reachable, item, reachable.system.predicate(item), progress))
        for item in configuration.system.properties
        if item.kind == "sometimes"
    ]
    result.reasons += [f"vacuous: nothing shows {item.name}" for item in result.witnesses if item.run is None]
    result.impossible_actions = impossible_actions(reachable)
    stuck = stuck_pages(reachable)
    if stuck:
        result.reasons.append(f"hinted-pages-released: {stuck} states from which a hinted page never comes back")
    result.invariant = prune(Learner(reachable).learn(progress), reachable.layout)
    result.obligations = list(obligations(result.invariant))
    try:
        result.rechecked_by = recheck(result.obligations, progress)
    except RecheckFailed as failure:
        result.reasons.append(str(failure))
    result.verdict = "undecided" if result.reasons else "proved"


def impossible_actions(reachable: Reachable) -> list[str]:
    """Actions that no reachable state enables: with these settings they never happen."""
    possible = set()
    for step in reachable.system.steps:
        name = step.action.name
        if name not in possible and reachable.first(exists(step.inputs.values(), step.guard)) is not None:
            possible.add(name)
    return [item.name for item in reachable.system.configuration.system.actions if item.name not in possible]


def stuck_pages(reachable: Reachable) -> int:
    """How many reachable states hold a hinted page after migration that the guest and the balloon device cannot get back by themselves.

    Fairness assumed: a paused VM is resumed, and the driver's worker and the device's iothread run.  No other step is needed, and as long as no
    migration starts none can take the way back away, because it is found from every such state.
    """
    if "page.owner" not in reachable.system.variables or "in_round" not in reachable.system.variables:
        return 0
    over = equal(variable("phase", enum_sort(Phase)), as_term(Phase.NONE, enum_sort(Phase)))
    hinted = equal(variable("page.owner", enum_sort(Owner)), as_term(Owner.HINTED, enum_sort(Owner)))
    test = compile_predicate(conj(over, hinted), reachable.layout)
    held = reachable.states[holds(test, reachable.states)]
    helpful = [move for move in reachable.moves if move.step.action.actor in (Actor.DRIVER, Actor.DEVICE) or move.step.action.name == "resume"]
    free = np.zeros(len(held), dtype=bool)
    changed = True
    while changed:
        changed = False
        known = held[free]
        for move in helpful:
            enabled = np.flatnonzero(holds(move.enabled, held) & ~free)
            if not len(enabled):
                continue
            after = apply(move, held[enabled])
            good = ~holds(test, after) | contains(known, after)
            if good.any():
                free[enabled[good]] = True
                changed = True
    return int((~free).sum())
