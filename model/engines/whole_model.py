"""Mutation of the whole model: each part of its text is taken away in one system after the other until something notices.

Systems share actions, so a mistake in an action is noticed as soon as one system that has the action notices it.  Systems are asked from the one with the
fewest states to the one with the most, at their safe settings; what nobody noticed is asked again with each other value of a setting, in the smallest
system that has both the part and the value.  So of the large systems little is asked but what they alone say.

A part *survives* if it changes something somewhere, and nothing notices anywhere; it is *equivalent* only if no system that was asked can tell it from the
model.  Actions that only a missing guard allows have no mutants: they are mistakes themselves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from balloonproof.model.engines.mutants import Mutant, mutants
from balloonproof.model.engines.mutation import Judge, MutationResult, Outcome, Test, told_from_model
from balloonproof.model.engines.telling import Telling
from balloonproof.model.engines.vacuity import changes_of
from balloonproof.model.language import Configuration, System
from balloonproof.model.one_page import OnePage
from balloonproof.model.workers import Progress, each, silent


@dataclass(frozen=True)
class Finding:
    """What became of a part of the text: the outcome in each configuration that was asked, up to the one that noticed; `told_by` as of an `Outcome`."""

    mutant: Mutant
    tried: tuple[tuple[Configuration, Outcome], ...]
    told_by: Telling | None = None

    @property
    def caught(self) -> bool:
        return self.tried[-1][1].caught

    @property
    def same(self) -> bool:
        """It takes the model's own steps wherever any of the configurations gets."""
        return not self.caught and all(outcome.same for _, outcome in self.tried)

    @property
    def survives(self) -> bool:
        """It changes something somewhere, and nothing notices."""
        return not self.caught and any(outcome.survives for _, outcome in self.tried)

    @property
    def equivalent(self) -> bool:
        """It changes something somewhere, and no run of any configuration that was asked can tell."""
        return not (self.caught or self.same or self.survives)


@dataclass(frozen=True)
class WholeModel:
    """The results of all configurations that were asked, in their order, and what became of each part."""

    results: tuple[MutationResult, ...]
    findings: tuple[Finding, ...]

    @property
    def survivors(self) -> list[Finding]:
        return [item for item in self.findings if item.survives]


def mutate_all(
    systems: Iterable[System], test: Test = lambda mutant: None, progress: Progress = silent, done: Callable[[MutationResult], None] = lambda result: None
) -> WholeModel:
    """Judge every part of the text of these systems, on all cores; `done` gets each configuration's result, of the parts that were open, as it comes."""
    results = []
    for result in _Rounds(systems, test, progress).run():
        done(result)
        results.append(result)
    return WholeModel(tuple(results), tuple(_findings(results)))


class _Rounds:
    """What was noticed so far, and the configurations that are still to be asked."""

    def __init__(self, systems: Iterable[System], test: Test, progress: Progress) -> None:
        self.test, self.progress = test, progress
        self.judges = sorted((Judge(item.configure(dict(item.safe)), progress=progress) for item in systems), key=lambda judge: len(judge.reachable.states))
        self.caught: set[Mutant] = set()
        self.tested: set[Mutant] = set()

    def run(self) -> Iterator[MutationResult]:
        for judge in self.judges:
            yield self._ask(judge, list(mutants(judge.one)))
        asked: dict[str, set[Mutant]] = defaultdict(set)
        for base in self.judges:
            for change in changes_of(base.one.configuration):
                changed = OnePage(change.of(base.one.configuration))
                waiting = [item for item in mutants(changed) if item not in self.caught | asked[str(change)]] if change.value else []
                if waiting:
                    asked[str(change)].update(waiting)
                    yield self._ask(Judge(changed.configuration, progress=self.progress), waiting)

    def _ask(self, judge: Judge, every: Sequence[Mutant]) -> MutationResult:
        """A test is no matter of the configuration: it is asked for once, even where the part makes no difference to this one."""
        judge.test = lambda mutant: None if mutant in self.tested else self.test(mutant)

        def outcome(mutant: Mutant) -> Outcome:
            found = judge.outcome(mutant)
            return replace(found, test=judge.test(mutant)) if found.same else found

        waiting = [item for item in every if item not in self.caught]
        result = judge.outcomes(waiting, outcome, self.progress)
        self.caught |= {mutant for mutant, found in result.outcomes if found.caught}
        self.tested.update(waiting)
        return result


def _findings(results: Sequence[MutationResult]) -> Iterator[Finding]:
    """What became of each part, in the order of the systems' text; what survives is told from the model where it first makes a difference."""
    tried: dict[Mutant, list[tuple[Configuration, Outcome]]] = defaultdict(list)
    for result in results:
        for mutant, outcome in result.outcomes:
            tried[mutant].append((result.configuration, outcome))
    found = [Finding(mutant, tuple(items)) for mutant, items in tried.items()]
    surviving = [index for index, item in enumerate(found) if item.survives]

    def told(index: int) -> Telling | None:
        where = next(configuration for configuration, outcome in found[index].tried if outcome.survives)
        return told_from_model(where, found[index].mutant)

    for number, telling in each(told, surviving):
        found[surviving[number]] = replace(found[surviving[number]], told_by=telling)
    yield from found
