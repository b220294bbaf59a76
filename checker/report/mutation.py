"""What became of the mutants of a model, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from balloonproof.checker.report.as_json import configuration_json
from balloonproof.model.engines.mutants import Mutant
from balloonproof.model.engines.mutation import MutationResult, Outcome
from balloonproof.model.engines.telling import Telling

VERSION = 2
"""Since version 2 a mutant is a change of the model's text, in all roles at once."""


def mutation_lines(result: MutationResult, verbose: bool = False) -> Iterator[str]:
    """The figures, then a line for each survivor; with `verbose` one for each mutant."""
    effective = [outcome for _, outcome in result.effective]
    refuted, stuck, unsound, tested, equivalent = (sum(bool(_answers(outcome)[number]) for outcome in effective) for number in range(5))
    yield f"{result.configuration}: {len(result.outcomes)} mutants, {len(effective)} of them change what can happen"
    yield f"  proof       {refuted + stuck + unsound}: {refuted} violate a property, {stuck} make a witness, a step or progress impossible,"
    yield f"              for {unsound} the premise fails"
    yield f"  traces      {tested} more give a trace another verdict than the one that stands in it"
    yield f"  equivalent  {equivalent} more cannot be told from the model: the same steps, the same properties, whatever comes"
    yield f"  survive     {len(result.survivors)}"
    for mutant, outcome in result.survivors:
        yield f"    {mutant.part.place}: {mutant}"
        yield f"      told by {outcome.told_by or 'no run of one page that was found'}"
    if verbose:
        yield "  Every mutant:"
        yield from (f"    {mutant.part.place}: {mutant}: {in_words(outcome)}" for mutant, outcome in result.outcomes)


def _answers(outcome: Outcome) -> tuple[object, ...]:
    return outcome.violated, outcome.impossible, outcome.premise_fails, outcome.test, outcome.equivalent


def in_words(outcome: Outcome) -> str:
    """An outcome in a few words."""
    if outcome.same and not outcome.caught:
        return "the same steps wherever the model gets"
    if outcome.equivalent:
        return "cannot be told from the model"
    parts = [f"violates {name}" for name in outcome.violated]
    parts += [f"never: {', '.join(outcome.impossible)}"] if outcome.impossible else []
    parts += ["the premise fails"] if outcome.premise_fails else []
    parts += [f"the trace {outcome.test} gets another verdict"] if outcome.test else []
    return "; ".join(parts) or "survives"


def mutation_json(result: MutationResult) -> dict[str, Any]:
    return {
        "format": "balloonproof mutate",
        "version": VERSION,
        **configuration_json(result.configuration),
        "mutants": [{**part_json(mutant), **outcome_json(outcome), "told_by": telling_json(outcome.told_by)} for mutant, outcome in result.outcomes],
    }


def part_json(mutant: Mutant) -> dict[str, str]:
    """What is taken away, and where it stands."""
    return {"action": mutant.action.name, "kind": mutant.part.kind, "part": mutant.part.text, "place": mutant.part.place}


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    """What noticed it in one configuration, or why nothing did."""
    return {
        "same": outcome.same,
        "violated": list(outcome.violated),
        "impossible": list(outcome.impossible),
        "trace": outcome.test,
        "premise_fails": outcome.premise_fails,
        "equivalent": outcome.equivalent,
    }


def telling_json(found: Telling | None) -> dict[str, Any] | None:
    """A run that tells a survivor from the model."""
    return {"steps": list(found.steps), "what": found.what} if found else None
