"""Proof by induction: find a readable inductive invariant of the one-page system and check it with Z3.

The lemmas are learned.  Z3 is asked for a counterexample to induction (CTI): a state that satisfies all lemmas so far and has a step into
a state that violates one.  The exact reachable states tell that it is unreachable, and which few of its values already are: their
negation becomes a lemma.
A pair (lemma, step) that was once shown preserved stays so, as lemmas are only added.  At the end only lemmas that the proof uses are kept.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import z3

from balloonproof.model.engines.reachability import Reachable, States, sorted_unique
from balloonproof.model.engines.z3_terms import Z3Terms, value_of
from balloonproof.model.one_page import OnePage
from balloonproof.model.steps import Step
from balloonproof.model.terms import Term, conj, const, disj, negate, substitute, variable, variables_of
from balloonproof.model.workers import Progress, silent


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


TRIED, AGAINST, ATTEMPTS = 2048, 256, 6
"""How many reachable states a part is tried on at first, and how many are added when it is not enough; in how many orders it is made smaller."""

CHANCE = 0.3
"""How much of such an order is chance; the rest is how seldom a variable is in lemmas, which makes lemmas alike: by chance alone, `qemu` takes half as
many again."""


class Learner:
    """Learns the lemmas of one configuration; see the module's docstring."""

    def __init__(self, reachable: Reachable, seed: int = 1) -> None:
        self.reachable, self.system, self.layout = reachable, reachable.system, reachable.layout
        self.random = random.Random(seed)
        self.first_bit = {name: 1 << offset for name, offset in self.layout.offsets.items()}
        self.z3 = Z3Terms()
        self.solver = induction_solver(self.system, self.z3)
        self.lemmas: list[Lemma] = []
        self.uses: Counter[str] = Counter()
        self.queries = self.found = 0
        self.tried = reachable.states[:: len(reachable.states) // TRIED + 1]
        self.buffer = np.empty_like(reachable.states)  # written over and over: fresh memory of this size costs more than the computation

    def add(self, lemma: Lemma) -> None:
        self.lemmas.append(lemma)
        self.uses.update(name for name, _ in lemma.forbidden)
        self.solver.add(self.z3.translate(lemma.term))

    def learn(self, progress: Progress = silent) -> Invariant:
        """All lemmas: the safety properties first, then what their induction needs."""
        for name, bad in self.system.violated().items():
            self.add(Lemma(name, negate(bad)))
        position = 0
        while position < len(self.lemmas):
            self._preserve(self.lemmas[position])
            position += 1
            progress(f"{self.system.configuration}: {position} of {len(self.lemmas)} lemmas are preserved")
        return Invariant(self.system, self.lemmas, self.queries, self.found)

    def _preserve(self, lemma: Lemma) -> None:
        """Add lemmas until no step breaks this one."""
        question = self.z3.translate(broken_by_some(lemma, self.system.steps))
        self.solver.push()
        self.solver.add(question)
        learned = []
        while True:
            self.queries += 1
            answer = self.solver.check()
            if answer != z3.sat:
                break
            model = self.solver.model()
            items = self.system.variables.items()
            learned.append(self._generalise({name: value_of(model, self.z3.variable(name, sort)) for name, sort in items}))
            self.solver.add(self.z3.translate(learned[-1].term))
        self.solver.pop()
        if answer != z3.unsat:
            raise RuntimeError(f"Z3 could not decide whether every step preserves {lemma}: {answer}")
        self.found += len(learned)
        for item in learned:
            self.add(item)

    def _generalise(self, state: Mapping[str, int]) -> Lemma:
        """A small part of `state` that no reachable state has.

        What is small enough is tried on few reachable states: some of all, and those that spoke against earlier tries.
        """
        packed = self.layout.pack(state)
        while True:
            differing = sorted_unique(self._differences(packed))
            if not differing.all():
                raise AssertionError(f"{self.system.configuration}: Z3 and the search disagree: a reachable state has a step that breaks a lemma")
            kept = min((self._smaller(list(state), differing) for _ in range(ATTEMPTS)), key=int.bit_count)
            part = {name: value for name, value in state.items() if self.first_bit[name] & kept}
            mask = sum(self.layout.mask(name) for name in part)
            np.bitwise_and(self.reachable.states, mask, out=self.buffer)
            against = self.reachable.states[self.buffer == packed & mask]
            if not len(against):
                return clause(self.system, part)
            self.tried = sorted_unique(np.concatenate([self.tried, against[:: len(against) // AGAINST + 1]]))

    def _smaller(self, names: list[str], differing: States) -> int:
        """Variables, as first bits, that each of `differing` has one of; as few as leaving them out gives, those of few lemmas rather first."""
        names.sort(key=lambda name: self.uses[name] + CHANCE * len(self.lemmas) * self.random.random())
        kept = sum(self.first_bit[name] for name in names)
        for name in names:
            rest = kept & ~self.first_bit[name]
            if bool((differing & rest).all()):
                kept = rest
        return kept

    def _differences(self, packed: int) -> States:
        """For each of the states tried: the variables that have another value than in `packed`, each as the first bit of its field."""
        changed = self.tried ^ packed
        any_bit = changed.copy()
        for shift in range(1, max(sort.width for sort in self.system.variables.values())):
            any_bit |= (changed >> shift) & sum(self.first_bit[name] for name, sort in self.system.variables.items() if sort.width > shift)
        any_bit &= sum(self.first_bit.values())
        return any_bit


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


def broken_by_some(lemma: Lemma, steps: Sequence[Step]) -> Term:
    """Some step breaks the lemma, over the variables before it."""
    return disj(*(conj(step.guard, question) for step in steps if (question := broken_by(lemma, step)) is not None))


def induction_solver(system: OnePage, translate: Z3Terms) -> Any:
    """A Z3 solver that knows which values the variables and the inputs of all steps can have."""
    solver = z3.SolverFor("QF_FD")
    inputs = {term.name: term.sort for step in system.steps for term in step.inputs.values()}
    for name, sort in {**system.variables, **inputs}.items():
        solver.add(translate.in_sort(name, sort))
    return solver


def prune(invariant: Invariant) -> Invariant:
    """Keep only the lemmas that the properties' induction uses, by unsatisfiable cores."""
    translate = Z3Terms()
    solver = induction_solver(invariant.system, translate)
    markers = {}
    for index, lemma in enumerate(invariant.lemmas):
        markers[index] = z3.Bool(f"lemma {index}")
        solver.add(z3.Implies(markers[index], translate.translate(lemma.term)))
    names = dict(markers)  # kept alive, so that no other expression gets the number of one of them
    numbers = {marker.get_id(): index for index, marker in names.items()}
    needed: list[int] = []

    def need(index: int) -> None:
        needed.append(index)
        solver.add(markers.pop(index))

    for index, lemma in enumerate(invariant.lemmas):
        if not lemma.forbidden:
            need(index)
    for index in needed:  # grows while it is walked
        lemma = invariant.lemmas[index]
        question = translate.translate(broken_by_some(lemma, invariant.system.steps))
        if solver.check(question) == z3.unsat:
            continue
        if solver.check(question, *markers.values()) != z3.unsat:
            raise AssertionError(f"{lemma} is not preserved")
        for marker in solver.unsat_core():
            if marker.get_id() in numbers:
                need(numbers[marker.get_id()])
    kept = [invariant.lemmas[index] for index in sorted(needed)]
    return Invariant(invariant.system, kept, invariant.queries, invariant.counterexamples_to_induction)
