"""Mutation of the model: does anything notice when one effect or one guard of one action is missing?

Each step of the one-page reading loses, in turn, each variable that it assigns and each condition that it requires; a step is an action in one role of
its page.  A mutant is *caught* if a property that held is violated, or if something that could happen cannot any more: a witness, a step, progress.
Apart from that, the *premise* notices it if an explicit step is no step of the mutated one-page system any more: nearly every lost effect, but never
a lost condition, which only allows more.

A mutant that takes the same steps as the model in every state that the model reaches is no change that anything could notice with these settings; it is
reported as such and not counted.  What is left *survives*: either the model says more than the claimed properties need, or a claim is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from balloonproof.model.compiled import Layout, Move, compile_steps
from balloonproof.model.engines.premise import explicit_instance, project, step_claim, well_formed
from balloonproof.model.engines.progress import check_progress
from balloonproof.model.engines.reachability import Reachable, States, explore, holds
from balloonproof.model.explicit import Explicit
from balloonproof.model.export.tla_terms import TlaTerms
from balloonproof.model.language import Configuration, Step
from balloonproof.model.one_page import OnePage
from balloonproof.model.terms import FALSE, TRUE, Term, conj, disj, exists
from balloonproof.model.workers import Progress, each, silent


@dataclass(frozen=True)
class Mutant:
    """`step` of the model without one part: `kind` is `effect` or `guard`, `part` the variable or the condition that it lacks."""

    step: Step
    kind: str
    part: str
    changed: Step

    def __str__(self) -> str:
        return f"{self.step.name} without {self.kind} {self.part}"


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant: the properties that it violates, what it makes impossible, and whether the premise fails.

    `same` means that it takes the model's own steps in every state that the model reaches.
    """

    violated: tuple[str, ...] = ()
    impossible: tuple[str, ...] = ()
    premise_fails: bool = False
    same: bool = False

    @property
    def caught(self) -> bool:
        return bool(self.violated or self.impossible)


@dataclass(frozen=True)
class MutationResult:
    """Every mutant of a configuration with its outcome, in the order of the model's text."""

    configuration: Configuration
    outcomes: tuple[tuple[Mutant, Outcome], ...]

    @property
    def effective(self) -> list[tuple[Mutant, Outcome]]:
        """Those that change something that can happen."""
        return [item for item in self.outcomes if not item[1].same]

    @property
    def survivors(self) -> list[tuple[Mutant, Outcome]]:
        """Those that change something and that no property, witness, step or progress notices."""
        return [item for item in self.effective if not item[1].caught]

    @property
    def unnoticed(self) -> list[tuple[Mutant, Outcome]]:
        """Survivors that the premise does not notice either."""
        return [item for item in self.survivors if not item[1].premise_fails]


@dataclass(frozen=True, eq=False)
class MutatedOnePage(OnePage):
    """A one-page system with one step changed; its variables and constants stay those of the original."""

    original: OnePage
    changed: Step

    @cached_property
    def _all_steps(self) -> list[Step]:
        return self.original._all_steps

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        place = (self.changed.action, self.changed.role)
        others = tuple(step for step in self.original.steps if (step.action, step.role) != place)
        return others if self.changed_step.guard is FALSE else (*others, self.changed_step)

    @cached_property
    def changed_step(self) -> Step:
        """The changed step as it is taken: constants folded, variables that do not matter fixed."""
        return self._without_constants(self.changed)

    @property
    def original_step(self) -> Step | None:
        """The step that was changed, as the original takes it; None if the original never does."""
        place = (self.changed.action, self.changed.role)
        return next((step for step in self.original.steps if (step.action, step.role) == place), None)


def mutants(one: OnePage) -> Iterator[Mutant]:
    """Each step of `one` without each of its effects and without each of its conditions."""
    text = TlaTerms(lambda name: name)
    for step in one._all_steps:
        for cell in step.updates:
            rest = {name: term for name, term in step.updates.items() if name != cell}
            yield Mutant(step, "effect", cell, Step(step.action, step.role, step.guard, rest, step.inputs))
        conditions = _conditions(step.guard)
        for part in conditions:
            guard = conj(*(item for item in conditions if item is not part))
            yield Mutant(step, "guard", text.inline(part), Step(step.action, step.role, guard, step.updates, step.inputs))


def _conditions(guard: Term) -> tuple[Term, ...]:
    if guard is TRUE:
        return ()
    return guard.args if guard.op == "and" else (guard,)


class Judge:
    """The original, searched once, and the judgement of its mutants."""

    def __init__(self, configuration: Configuration, progress: Progress = silent) -> None:
        self.configuration, self.one = configuration, OnePage(configuration)
        self.reachable = explore(self.one, progress)
        self.capable, self.progressing = _capabilities(self.reachable), _progress(self.reachable)
        self.violated = set(_violated(self.reachable))
        self.explicit: Explicit = explicit_instance(self.one)
        before = self.explicit.state()
        self.seen, self.assumed = project(self.explicit, before), well_formed(self.explicit, before)

    def outcome(self, mutant: Mutant) -> Outcome:
        """Compare, search, and ask the premise."""
        system = MutatedOnePage(self.configuration, self.one, mutant.changed)
        fails = mutant.kind == "effect" and self._premise_fails(system)
        if self._same(system):
            return Outcome(premise_fails=fails, same=True)
        held = [term for name, term in system.violated().items() if name not in self.violated]
        reachable = explore(system, stop_at=disj(*held))
        violated = tuple(name for name in _violated(reachable) if name not in self.violated)
        lost: set[str] = set() if violated else self.capable - _capabilities(reachable)
        if not violated and not lost:
            lost = self.progressing - _progress(reachable)
        return Outcome(violated, tuple(sorted(lost)), fails)

    def _same(self, system: MutatedOnePage) -> bool:
        """Has the changed step, wherever the model gets, the effects that the original step has?"""
        layout, states = self.reachable.layout, self.reachable.states
        before = _moves(system.original_step, layout)
        after = _moves(system.changed_step, layout)
        return _covered(before, after, states) and _covered(after, before, states)

    def _premise_fails(self, system: MutatedOnePage) -> bool:
        """Is there an explicit step, about a page that stands in the changed step's role, that is no step of `system`?"""
        own = system.changed.role in ("", "own")
        concerned = [step for step in self.explicit.steps if step.action is system.changed.action and (step.role in ("", "page0")) == own]
        return any(step_claim(system, self.explicit, step, self.seen, self.assumed).failure() is not None for step in concerned)


def _moves(step: Step | None, layout: Layout) -> list[Move]:
    return [] if step is None or step.guard is FALSE else compile_steps([step], layout)


def _covered(moves: Sequence[Move], others: Sequence[Move], states: States) -> bool:
    """Whatever one of `moves` does in one of `states` (if it changes the state at all), one of `others` does too."""
    for move in moves:
        sources = states[holds(move.enabled, states)]
        targets = _after(move, sources)
        open_cases = targets != sources
        for other in others:
            open_cases &= ~(holds(other.enabled, sources) & (_after(other, sources) == targets))
        if open_cases.any():
            return False
    return True


def _after(move: Move, states: States) -> NDArray[np.int64]:
    return np.broadcast_to(np.asarray(move.after(states), dtype=np.int64), states.shape)


def _violated(reachable: Reachable) -> list[str]:
    return [name for name, bad in reachable.system.violated().items() if reachable.first(bad) is not None]


def _capabilities(reachable: Reachable) -> set[str]:
    """Witnesses that exist, and steps that some state enables."""
    system = reachable.system
    found = {f"witness {name}" for name, term in system.witnessed().items() if reachable.first(term) is not None}
    return found | {f"step {step.name}" for step in system.steps if reachable.first(exists(step.inputs.values(), step.guard)) is not None}


def _progress(reachable: Reachable) -> set[str]:
    """The progress that is possible from everywhere."""
    claimed = (item for item in reachable.system.configuration.system.properties if item.kind == "progress")
    return {f"progress {item.name}" for item in claimed if not check_progress(reachable, item).stuck}


def mutate(configuration: Configuration, progress: Progress = silent) -> MutationResult:
    """Judge every mutant of `configuration`, on all cores."""
    judge = Judge(configuration, progress)
    every = list(mutants(judge.one))
    found: dict[int, Outcome] = {}

    def tell(running: Iterable[Mutant]) -> None:
        progress(f"{configuration}: {len(found)} of {len(every)} mutants judged; now {', '.join(map(str, running))}")

    for index, outcome in each(judge.outcome, every, tell):
        found[index] = outcome
    return MutationResult(configuration, tuple((mutant, found[index]) for index, mutant in enumerate(every)))
