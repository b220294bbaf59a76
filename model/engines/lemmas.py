"""Lemmas that someone wrote, checked by induction: which hold at the start, which every step preserves, and a counterexample to induction where one does not.

A lemma is written like any property, as a predicate of one page; all lemmas are assumed together.  A counterexample to induction is a step from a state that
satisfies all of them into one that breaks one.  Its first state may be unreachable, so it is no error of the protocol
by itself; as the exact search is at hand, it is said whether it is reachable.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import z3

from balloonproof.model.engines.certificate import obligations
from balloonproof.model.engines.induction import Invariant, Lemma, broken_by, broken_by_some, induction_solver
from balloonproof.model.engines.reachability import Reachable, explore
from balloonproof.model.engines.recheck import RecheckFailed, recheck
from balloonproof.model.engines.verdict import check_premise
from balloonproof.model.engines.z3_terms import Z3Terms, value_of
from balloonproof.model.language import Configuration, Property, UnknownName
from balloonproof.model.one_page import OnePage
from balloonproof.model.terms import TRUE, conj, evaluate, exists, has_values, negate, show_value
from balloonproof.model.workers import Progress, silent


@dataclass(frozen=True)
class CounterexampleToInduction:
    """`step` leads from `before`, where all lemmas hold, to `after`, where `lemma` does not; `step` is None if `before` is an initial state that breaks it."""

    lemma: str
    step: str | None
    before: dict[str, str]
    after: dict[str, str]
    reachable: bool

    def __str__(self) -> str:
        if self.step is None:
            return f"{self.lemma} does not hold in the initial state {_listed(self.before)}"
        changed = {name: value for name, value in self.after.items() if value != self.before[name]}
        known = "reachable: the lemma is false" if self.reachable else "unreachable: the lemma may be true, but needs another one to be proved"
        return f"{self.step} breaks {self.lemma}: {_listed(changed)} after {_listed(self.before)} (a state that is {known})"


def _listed(values: dict[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def check_lemmas(configuration: Configuration, lemmas: Sequence[Property], only: str = "") -> list[CounterexampleToInduction]:
    """One counterexample to induction for each lemma and step that has one, a reachable one if there is one; none if the lemmas together are inductive.

    All of `lemmas` are assumed before a step; with `only`, whether they hold after it is asked of the lemma of that name alone.
    """
    system, translate = OnePage(configuration), Z3Terms()
    solver = induction_solver(system, translate)
    written = [Lemma(item.name, system.predicate(item)) for item in lemmas]
    found = []
    reachable: Reachable | None = None  # only a counterexample asks for it

    def ask(lemma: Lemma, step: str | None, *parts: object) -> dict[str, int] | None:
        solver.push()
        solver.add(*parts)
        answer = solver.check()
        model = solver.model() if answer == z3.sat else None
        values = {name: value_of(model, translate.variable(name, sort)) for name, sort in variables.items()} if model else None
        solver.pop()
        if answer not in (z3.sat, z3.unsat):
            raise RuntimeError(f"Z3 could not decide {lemma} after {step or 'nothing'}: {answer}")
        return values

    inputs = {term.name: term.sort for step in system.steps for term in step.inputs.values()}
    variables = {**system.variables, **inputs}
    asked = [lemma for lemma in written if only in ("", lemma.name)]
    for lemma in asked:
        start = ask(lemma, None, translate.translate(system.initial), translate.translate(negate(lemma.term)))
        if start:
            shown = _shown(system, start)
            found.append(CounterexampleToInduction(lemma.name, None, shown, shown, True))
    solver.add(*(translate.translate(lemma.term) for lemma in written))
    for lemma in asked:
        for step in system.steps:
            question = broken_by(lemma, step)
            if question is None:
                continue
            broken = translate.translate(conj(step.guard, question))
            state = ask(lemma, step.name, broken)
            if state:
                reachable = reachable or explore(system)
                met = reachable.first(exists(step.inputs.values(), conj(step.guard, question, *(item.term for item in written))))
                if met:
                    state = ask(lemma, step.name, broken, translate.translate(has_values(reachable.layout.unpack(met[1]), system.variables)))
                    assert state
                after = {**state, **{name: evaluate(term, state) for name, term in step.updates.items()}}
                found.append(CounterexampleToInduction(lemma.name, step.name, _shown(system, state), _shown(system, after), met is not None))
    return found


def _shown(system: OnePage, values: dict[str, int]) -> dict[str, str]:
    return {name: show_value(sort, values[name]) for name, sort in system.variables.items()}


@dataclass(frozen=True)
class LemmaResult:
    """What the written lemmas of a configuration prove.

    `verdict` is proved (the claimed properties and `lemmas` together are inductive, confirmed by `rechecked_by`) or undecided: then `failures` say which
    of them a step does not preserve, or `reasons` what was not confirmed.  Lemmas that say nothing in this configuration are left out.
    """

    configuration: Configuration
    verdict: str
    seconds: float
    lemmas: tuple[Property, ...]
    failures: tuple[CounterexampleToInduction, ...] = ()
    obligations: int = 0
    rechecked_by: str = ""
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class LemmaCheck:
    """Whether the steps of a configuration preserve one lemma: `alone`, and `together` with all others and what is claimed; what speaks against it.

    `verdict` is inductive (alone), preserved (with the others: no proof of the lemma unless each of them is preserved too), refuted (a reachable state breaks
    it) or undecided.
    """

    configuration: Configuration
    lemma: Property
    seconds: float
    alone: tuple[CounterexampleToInduction, ...]
    together: tuple[CounterexampleToInduction, ...]

    @property
    def verdict(self) -> str:
        if any(item.reachable for item in (*self.alone, *self.together)):
            return "refuted"
        return "undecided" if self.together else "preserved" if self.alone else "inductive"


def check_lemma(configuration: Configuration, name: str, progress: Progress = silent) -> LemmaCheck:
    """Check one written lemma, or claimed property, of a configuration's system; UnknownName if it has none of that name."""
    started = time.perf_counter()
    everything = [item for item in configuration.system.properties if item.kind == "always"] + list(configuration.system.lemmas)
    found = next((item for item in everything if item.name == name), None)
    if found is None:
        raise UnknownName(f"lemma of {configuration.system.name}", name, [item.name for item in everything])
    progress(f"{configuration}: does each step preserve {name}?")
    alone, together = check_lemmas(configuration, [found]), check_lemmas(configuration, everything, only=name)
    return LemmaCheck(configuration, found, time.perf_counter() - started, tuple(alone), tuple(together))


def prove_by_lemmas(configuration: Configuration, progress: Progress = silent) -> LemmaResult:
    """Prove a configuration by its system's written lemmas alone: by Z3, confirmed by cvc5; a failure shows counterexamples to induction."""
    started = time.perf_counter()
    system, claimed = OnePage(configuration), [item for item in configuration.system.properties if item.kind == "always"]
    written = tuple(item for item in configuration.system.lemmas if system.predicate(item) is not TRUE)
    progress(f"{configuration}: does each step preserve {len(written)} lemmas?")
    invariant = Invariant(system, [Lemma(item.name, system.predicate(item)) for item in (*claimed, *written)])
    if not configuration.system.lemmas:
        found: dict[str, Any] = {"reasons": (f"nobody has written lemmas for {configuration.system.name}",)}
    elif is_inductive(invariant):
        found = _confirm(invariant, progress)
    else:
        found = {"failures": tuple(check_lemmas(configuration, [*claimed, *written]))}
    verdict = "undecided" if found.get("failures") or found.get("reasons") else "proved"
    return LemmaResult(configuration, verdict, time.perf_counter() - started, written, **found)


def _confirm(invariant: Invariant, progress: Progress) -> dict[str, Any]:
    base = check_premise(invariant.system.configuration)
    items = [*obligations(invariant), *base.obligations]
    try:
        return {"obligations": len(items), "rechecked_by": recheck(items, progress), "reasons": base.failures}
    except RecheckFailed as failure:
        return {"obligations": len(items), "reasons": (*base.failures, str(failure))}


def is_inductive(invariant: Invariant) -> bool:
    """Does Z3 find every initial state in the invariant, and no step that leads out of it?"""
    system, translate = invariant.system, Z3Terms()
    solver = induction_solver(system, translate)
    everything = conj(*(lemma.term for lemma in invariant.lemmas))
    if solver.check(translate.translate(conj(system.initial, negate(everything)))) != z3.unsat:
        return False
    solver.add(translate.translate(everything))
    leaves = (broken_by_some(lemma, system.steps) for lemma in invariant.lemmas)
    return all(solver.check(translate.translate(question)) == z3.unsat for question in leaves)
