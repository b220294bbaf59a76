"""Mutation of the model: does anything notice when one effect or one condition of one action is missing?

A mutant (`mutants`) is *caught* by the proof if a property that held is violated, or if something that could happen cannot any more: a witness, a step,
progress; or if its premise fails: its one-page reading does not stand for its explicit one.  One that is not may be caught by a *test* of the caller's,
such as a trace that gets another verdict from the mutant than from the model.

A mutant that takes the same steps as the model in every state that the model reaches is no change that anything could notice with these settings; it is
reported as such and not counted.  What is left *survives*: either the model says more than the claims need, or a claim or a test is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from balloonproof.model.engines.correspondence import corresponds, takes_same_steps
from balloonproof.model.engines.equivalence import are_equivalent
from balloonproof.model.engines.mutants import Mutant, MutatedExplicit, MutatedOnePage, mutants
from balloonproof.model.engines.page_progress import ALONE
from balloonproof.model.engines.premise import explicit_instance, project, step_claim, well_formed
from balloonproof.model.engines.progress import check_progress
from balloonproof.model.engines.reachability import Reachable, explore
from balloonproof.model.engines.telling import Telling, telling_run
from balloonproof.model.explicit import Explicit
from balloonproof.model.language import Configuration
from balloonproof.model.one_page import OnePage
from balloonproof.model.terms import disj, exists, negate
from balloonproof.model.workers import Progress, each, silent

Test = Callable[[Mutant], str | None]
"""Which test fails with a mutant in the model's place; None: none does."""


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant: the properties that it violates, what it makes impossible, and the test that fails with it.

    A later question is asked only if the earlier ones did not catch it.  `same` means that it takes the model's own steps in every state that the model
    reaches; `equivalent`, that it reaches other states, and no run can tell them from the model's (`equivalence`); `premise_fails`, that its one-page
    reading does not stand for its pages.  Of what nothing notices, `told_by` is a shortest run of one page that would tell.
    """

    violated: tuple[str, ...] = ()
    impossible: tuple[str, ...] = ()
    test: str | None = None
    premise_fails: bool = False
    same: bool = False
    equivalent: bool = False
    told_by: Telling | None = None

    @property
    def caught(self) -> bool:
        return bool(self.violated or self.impossible or self.test or self.premise_fails)

    @property
    def survives(self) -> bool:
        """It changes something, and nothing notices."""
        return not (self.caught or self.same or self.equivalent)


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
        """Those that change something, and nothing notices."""
        return [item for item in self.outcomes if item[1].survives]


class Judge:
    """The original, searched once, and the judgement of its mutants.

    Where a property is violated already nothing is asked any more, so in a configuration that is refuted runs end there.
    """

    def __init__(self, configuration: Configuration, test: Test = lambda mutant: None, progress: Progress = silent) -> None:
        self.one, self.test = OnePage(configuration), test
        self.reachable = explore(self.one, progress, stop_at=negate(self.one.sound))
        if _violated(self.reachable):
            self.one = OnePage(configuration, ends_at_violation=True)
            self.reachable = explore(self.one, progress)
        self.capable, self.progressing = _capabilities(self.reachable), _progress(self.reachable)
        self.violated = set(_violated(self.reachable))

    def outcome(self, mutant: Mutant) -> Outcome:
        """Compare, search, and test."""
        system = MutatedOnePage(self.one.configuration, self.one, mutant, ends_at_violation=self.one.ends_at_violation)
        if takes_same_steps(system, self.reachable.states):
            return Outcome(same=True)
        held = [term for name, term in system.violated().items() if name not in self.violated]
        reachable = explore(system, stop_at=disj(*held))
        violated = tuple(name for name in _violated(reachable) if name not in self.violated)
        if violated:
            return Outcome(violated)
        lost = self.capable - _capabilities(reachable) or self.progressing - _progress(reachable)
        if lost:
            return Outcome(impossible=tuple(sorted(lost)))
        if failed := self.test(mutant):
            return Outcome(test=failed)
        if corresponds(system, self.reachable.states) or are_equivalent(self.reachable, reachable):
            return Outcome(equivalent=True)
        return Outcome(premise_fails=_premise_fails(self.one.configuration, mutant))

    def outcomes(self, every: Sequence[Mutant], judge: Callable[[Mutant], Outcome], progress: Progress) -> MutationResult:
        """What `judge` says of `every` one of these mutants, on all cores."""
        configuration = self.one.configuration
        found: dict[int, Outcome] = {}

        def tell(running: Iterable[Mutant]) -> None:
            progress(f"{configuration}: {len(found)} of {len(every)} mutants judged; now {', '.join(map(str, running))}")

        for index, outcome in each(judge, every, tell):
            found[index] = outcome
        return MutationResult(configuration, tuple((mutant, found[index]) for index, mutant in enumerate(every)))


def told_from_model(configuration: Configuration, mutant: Mutant) -> Telling | None:
    """A shortest run of one page that tells a mutant."""
    return telling_run(Explicit(configuration, ALONE), MutatedExplicit(configuration, ALONE, mutant=mutant))


def _premise_fails(configuration: Configuration, mutant: Mutant) -> bool:
    """Is there a step of the mutant on explicit pages that is no step of its one-page reading?"""
    original = OnePage(configuration)
    system = MutatedOnePage(configuration, original, mutant)
    explicit = MutatedExplicit(configuration, explicit_instance(original).shape, mutant=mutant)
    before = explicit.state()
    seen, assumed = project(explicit, before), well_formed(explicit, before)
    steps = (step for step in explicit.steps if step.action is mutant.action)
    return any(step_claim(system, explicit, step, seen, assumed).failure() is not None for step in steps)


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


def mutate(configuration: Configuration, test: Test = lambda mutant: None, progress: Progress = silent) -> MutationResult:
    """Judge every mutant of `configuration`, on all cores."""
    judge = Judge(configuration, test, progress)

    def told(mutant: Mutant) -> Outcome:
        outcome = judge.outcome(mutant)
        return replace(outcome, told_by=told_from_model(configuration, mutant)) if outcome.survives else outcome

    return judge.outcomes(list(mutants(judge.one)), told, progress)
