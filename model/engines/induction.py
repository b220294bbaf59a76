"""Proof by induction: find a readable inductive invariant of the one-page system and check it with Z3.

The lemmas are learned.  Z3 is asked for a counterexample to induction (CTI): a state that satisfies all lemmas so far and has a step into
a state that violates one.  The exact reachable states tell that it is unreachable, and which few of its values already are: their
negation becomes a lemma.
A pair (lemma, step) that was once shown preserved stays so, as lemmas are only added.  At the end only lemmas that the proof uses are kept.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import z3

from balloonproof.model.compiled import Layout
from balloonproof.model.engines.reachability import Progress, Reachable, States, silent, sorted_unique
from balloonproof.model.engines.z3_terms import Z3Terms, value_of
from balloonproof.model.language import Step
from balloonproof.model.one_page import OnePage
from balloonproof.model.terms import Term, const, disj, negate, substitute, variable, variables_of


@dataclass(frozen=True)
class Lemma:
    """One clause of an inductive invariant: not all of `forbidden` (cell name, value) at once, or a named property."""

    name: str
    term: Term
    forbidden: tuple[tuple[str, int], ...] = ()

    def __str__(self) -> str:
        if not self.forbidden:
            return self.name
        return "never " + " and ".join(self._literal(cell, value) for cell, value in self.forbidden)

    def _literal(self, cell: str, value: int) -> str:
        sort = next(v.sort for v in variables_of([self.term]) if v.name == cell)
        if sort.name == "Bool":
            return cell if value else f"not {cell}"
        return f"{cell} = {sort.values[value]}"


@dataclass
class Invariant:
    """An inductive invariant of a one-page system: every lemma, and how often Z3 had to be asked."""

    system: OnePage
    lemmas: list[Lemma]
    queries: int = 0
    counterexamples_to_induction: int = 0
    seeds: list[Lemma] = field(default_factory=list)


class Learner:
    """Learns the lemmas of one configuration; see the module's docstring."""

    def __init__(self, reachable: Reachable, seed: int = 1) -> None:
        self.reachable, self.system, self.layout = reachable, reachable.system, reachable.layout
        self.random = random.Random(seed)
        self.first_bit = {name: 1 << offset for name, offset in self.layout.offsets.items()}
        self.z3 = Z3Terms()
        self.solver = z3.SolverFor("QF_FD")
        for name, sort in self._all_variables().items():
            self.solver.add(self.z3.in_sort(name, sort))
        self.lemmas: list[Lemma] = []
        self.queries = self.found = 0

    def _all_variables(self) -> dict[str, Any]:
        inputs = {term.name: term.sort for step in self.system.steps for term in step.inputs.values()}
        return {**self.system.variables, **inputs}

    def add(self, lemma: Lemma) -> None:
        self.lemmas.append(lemma)
        self.solver.add(self.z3.translate(lemma.term))

    def learn(self, progress: Progress = silent) -> Invariant:
        """All lemmas: the safety properties first, then what their induction needs."""
        for name, bad in self.system.violated().items():
            self.add(Lemma(name, negate(bad)))
        position = 0
        while position < len(self.lemmas):
            for step in self.system.steps:
                self._preserve(self.lemmas[position], step)
            position += 1
            progress(f"{self.system.configuration}: {position} of {len(self.lemmas)} lemmas are preserved")
        return Invariant(self.system, self.lemmas, self.queries, self.found)

    def _preserve(self, lemma: Lemma, step: Step) -> None:
        question = broken_by(lemma, step)
        if question is None:
            return
        goal = z3.And(self.z3.translate(step.guard), self.z3.translate(question))
        while True:
            self.queries += 1
            self.solver.push()
            self.solver.add(goal)
            answer = self.solver.check()
            state = None
            if answer == z3.sat:
                model = self.solver.model()
                items = self.system.variables.items()
                state = {name: value_of(model, self.z3.variable(name, sort)) for name, sort in items}
            self.solver.pop()
            if state is None:
                if answer != z3.unsat:
                    raise RuntimeError(f"Z3 could not decide whether {step.name} preserves {lemma}: {answer}")
                return
            self.found += 1
            self.add(self._generalise(state))

    def _generalise(self, state: Mapping[str, int]) -> Lemma:
        """A small part of `state` that no reachable state has: variables in one of which each reachable state differs from it."""
        differing = self._differences(state)
        best = 0
        for attempt in range(3):
            names = list(state)
            self.random.shuffle(names)
            kept = sum(self.first_bit[name] for name in names)
            for name in names:
                rest = kept & ~self.first_bit[name]
                if bool((differing & rest).all()):
                    kept = rest
            if attempt == 0 or kept.bit_count() < best.bit_count():
                best = kept
        return clause(self.system, {name: value for name, value in state.items() if self.first_bit[name] & best})

    def _differences(self, state: Mapping[str, int]) -> States:
        """For the reachable states, without duplicates: the variables that have another value than in `state`, each as the first bit of its field."""
        changed = self.reachable.states ^ self.layout.pack(state)
        found = np.zeros_like(changed)
        for width in {sort.width for sort in self.system.variables.values()}:
            firsts = sum(self.first_bit[name] for name, sort in self.system.variables.items() if sort.width == width)
            any_bit = changed
            for shift in range(1, width):
                any_bit = any_bit | (changed >> shift)
            found |= any_bit & firsts
        return sorted_unique(found)


def clause(system: OnePage, values: Mapping[str, int]) -> Lemma:
    """The lemma that not all of `values` hold at once."""
    sorts = system.variables
    literals = [negate(variable(name, sorts[name]) == const(value, sorts[name])) for name, value in values.items()]
    lemma = Lemma("", disj(*literals), tuple(values.items()))
    return Lemma(str(lemma), lemma.term, lemma.forbidden)


def broken_by(lemma: Lemma, step: Step) -> Term | None:
    """The lemma's negation after `step`, over the variables before it; None if the step touches no variable of the lemma."""
    names = {term.name: term for term in variables_of([lemma.term])}
    changed = {names[name]: term for name, term in step.updates.items() if name in names}
    return negate(substitute(lemma.term, changed)) if changed else None


def prune(invariant: Invariant, layout: Layout) -> Invariant:
    """Keep only the lemmas that the properties' induction uses, by unsatisfiable cores."""
    translate = Z3Terms()
    solver = z3.SolverFor("QF_FD")
    markers = {}
    variables = dict(invariant.system.variables)
    for step in invariant.system.steps:
        variables |= {term.name: term.sort for term in step.inputs.values()}
    for name, sort in variables.items():
        solver.add(translate.in_sort(name, sort))
    for index, lemma in enumerate(invariant.lemmas):
        markers[index] = z3.Bool(f"lemma {index}")
        solver.add(z3.Implies(markers[index], translate.translate(lemma.term)))
    numbers = {str(marker): index for index, marker in markers.items()}
    needed = [index for index, lemma in enumerate(invariant.lemmas) if not lemma.forbidden]
    for index in needed:  # grows while it is walked
        lemma = invariant.lemmas[index]
        for step in invariant.system.steps:
            question = broken_by(lemma, step)
            if question is None:
                continue
            preferred = [markers[item] for item in needed]
            others = [markers[item] for item in markers if item not in needed]
            goal = [translate.translate(step.guard), translate.translate(question)]
            if solver.check(*goal, *preferred) == z3.unsat:
                continue
            if solver.check(*goal, *preferred, *others) != z3.unsat:
                raise AssertionError(f"{step.name} does not preserve {lemma}")
            for marker in solver.unsat_core():
                number = numbers.get(str(marker))
                if number is not None and number not in needed:
                    needed.append(number)
    kept = [invariant.lemmas[index] for index in sorted(needed)]
    return Invariant(invariant.system, kept, invariant.queries, invariant.counterexamples_to_induction)
