"""What became of the mutants of a model, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from balloonproof.model.engines.mutation import Mutant, MutationResult, Outcome

VERSION = 1


def mutation_lines(result: MutationResult, verbose: bool = False) -> Iterator[str]:
    """The figures, then a line for each survivor; with `verbose` one for each mutant."""
    effective = [outcome for _, outcome in result.effective]
    caught = [item for item in effective if item.caught]
    refuted = sum(1 for item in caught if item.violated)
    effects = [outcome for mutant, outcome in result.effective if mutant.kind == "effect"]
    noticed = sum(1 for item in effects if item.premise_fails)
    by_premise = [(mutant, outcome) for mutant, outcome in result.survivors if outcome.premise_fails]
    yield f"{result.configuration}: {len(result.outcomes)} mutants, {len(effective)} of them change what can happen"
    yield f"  caught      {len(caught)}: {refuted} violate a property, {len(caught) - refuted} make a witness, a step or progress impossible"
    yield f"  premise     fails for {noticed} of the {len(effects)} that lack an effect; {len(by_premise)} of them are noticed by nothing else"
    yield f"  unnoticed   {len(result.unnoticed)}: safe, though they can do more than the model"
    if by_premise:
        yield "  Noticed by the premise only (an explicit step is none of the mutant's):"
        yield from (f"    {mutant}" for mutant, _ in by_premise)
    if result.unnoticed:
        yield "  Noticed by nothing: no claimed property needs"
        yield from (f"    {mutant.step.name}: {mutant.part}" for mutant, _ in result.unnoticed)
    if verbose:
        yield "  Every mutant:"
        yield from (f"    {mutant}: {in_words(outcome)}" for mutant, outcome in result.outcomes)


def in_words(outcome: Outcome) -> str:
    """An outcome in a few words."""
    parts = [f"violates {name}" for name in outcome.violated]
    parts += [f"never: {', '.join(outcome.impossible)}"] if outcome.impossible else []
    parts += ["the same steps wherever the model gets"] if outcome.same else []
    parts += ["the premise fails"] if outcome.premise_fails else []
    return "; ".join(parts) or "unnoticed"


def mutation_json(result: MutationResult) -> dict[str, Any]:
    return {
        "format": "balloonproof mutate",
        "version": VERSION,
        "system": result.configuration.system.name,
        "settings": dict(result.configuration.settings),
        "without": sorted(result.configuration.removed),
        "mutants": [_one(mutant, outcome) for mutant, outcome in result.outcomes],
    }


def _one(mutant: Mutant, outcome: Outcome) -> dict[str, Any]:
    return {
        "action": mutant.step.action.name,
        "role": mutant.step.role,
        "kind": mutant.kind,
        "part": mutant.part,
        "same": outcome.same,
        "violated": list(outcome.violated),
        "impossible": list(outcome.impossible),
        "premise_fails": outcome.premise_fails,
    }
