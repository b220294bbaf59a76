"""What became of every part of the model's text (`mutate --all`), as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from balloonproof.checker.report.as_json import VERSION, configuration_json
from balloonproof.checker.report.mutation import in_words, outcome_json, part_json, telling_json
from balloonproof.model.engines.mutation import MutationResult, Outcome
from balloonproof.model.engines.whole_model import Finding, WholeModel

COLUMNS = ("open", "proof", "premise", "traces", "same", "equivalent", "survive")


def column(outcome: Outcome) -> str:
    """In which column of the table an outcome is counted: what noticed the part, or why nothing did."""
    if outcome.violated or outcome.impossible:
        return "proof"
    if outcome.test:
        return "traces"
    if outcome.premise_fails:
        return "premise"
    return "same" if outcome.same else "equivalent" if outcome.equivalent else "survive"


def heading() -> str:
    """The line above the rows."""
    return f"{'':60}" + "".join(f"{name:>12}" for name in COLUMNS)


def row(result: MutationResult) -> str:
    """A configuration: how many of its parts nothing had noticed before, and what became of these in it."""
    columns = [column(outcome) for _, outcome in result.outcomes]
    figures = [len(columns), *(columns.count(name) for name in COLUMNS[1:])]
    return f"{result.configuration!s:60}" + "".join(f"{value:>12}" for value in figures)


def whole_model_lines(result: WholeModel, verbose: bool = False) -> Iterator[str]:
    """What is below the rows: the figures, and each survivor; with `verbose` each part that nothing notices, and then all others."""
    found = result.findings
    caught = [column(item.tried[-1][1]) for item in found if item.caught]
    by = ", ".join(f"{caught.count(name)} by {what}" for name, what in (("proof", "a proof"), ("premise", "the premise"), ("traces", "a trace")))
    yield f"{len(found)} parts of {len({item.mutant.action for item in found})} actions"
    yield f"  noticed     {len(caught)}: {by}"
    yield f"  same        {sum(item.same for item in found)} make no difference wherever any of these configurations gets"
    yield f"  equivalent  {sum(item.equivalent for item in found)} more cannot be told from the model in any of them"
    yield f"  survive     {len(result.survivors)}"
    for item in result.survivors:
        where = ", ".join(str(configuration) for configuration, outcome in item.tried if outcome.survives)
        yield f"    {_name(item)}: in {where}"
        yield f"      told by {item.told_by or 'no run of one page that was found'}"
    if verbose:
        yield "  Every part:"
        yield from (f"    {_name(item)}: {_end(item)}" for item in found)


def _name(item: Finding) -> str:
    return f"{item.mutant.part.place}: {item.mutant}"


def _end(item: Finding) -> str:
    configuration, outcome = item.tried[-1]
    if item.caught:
        return f"{in_words(outcome)} ({configuration})"
    return "survives" if item.survives else f"{'the same steps in' if item.same else 'cannot be told in'} {len(item.tried)} configurations"


def whole_model_json(result: WholeModel) -> dict[str, Any]:
    return {
        "format": "balloonproof mutate all",
        "version": VERSION,
        "parts": [
            {
                **part_json(item.mutant),
                "noticed": item.caught,
                "tried": [{**configuration_json(configuration), **outcome_json(outcome)} for configuration, outcome in item.tried],
                "told_by": telling_json(item.told_by),
            }
            for item in result.findings
        ],
    }
