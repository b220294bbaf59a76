"""What the lemmas written in the model prove (`prove --route lemmas`), as text and as JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from balloonproof.checker.report.as_json import VERSION, configuration_json
from balloonproof.model.engines.lemmas import LemmaResult

SHOWN = 3
"""How many counterexamples to induction are shown without `--verbose`."""


def lemma_lines(result: LemmaResult, width: int = 110, verbose: bool = False) -> Iterator[str]:
    """The verdict, what it stands on, and what is not preserved; with `verbose` every lemma's sentence."""
    yield f"{result.configuration}: {result.verdict} by the lemmas written in the model  ({result.seconds:.1f} s)"
    if result.verdict == "proved":
        confirmed = f"{result.obligations} obligations, shown by Z3, each confirmed by {result.rechecked_by}"
        yield f"  lemmas      {len(result.lemmas)}, inductive with what is claimed; {confirmed}"
    shown = result.failures if verbose else result.failures[:SHOWN]
    for item in shown:
        yield from textwrap.wrap(str(item), width, initial_indent="  not preserved  ", subsequent_indent=" " * 17)
    if len(shown) < len(result.failures):
        yield f"  not preserved  {len(result.failures) - len(shown)} more (-v shows them)"
    yield from (f"  {reason}" for reason in result.reasons)
    if verbose:
        for lemma in result.lemmas:
            yield from textwrap.wrap(f"{lemma.name}: {lemma.meaning}", width, initial_indent="  lemma       ", subsequent_indent=" " * 14)


def lemmas_json(results: Sequence[LemmaResult]) -> dict[str, Any]:
    return {
        "format": "balloonproof written lemmas",
        "version": VERSION,
        "results": [
            {
                **configuration_json(item.configuration),
                "verdict": item.verdict,
                "lemmas": [{"name": lemma.name, "meaning": lemma.meaning} for lemma in item.lemmas],
                "not_preserved": [
                    {"lemma": one.lemma, "step": one.step, "before": one.before, "after": one.after, "reachable": one.reachable} for one in item.failures
                ],
                "obligations": item.obligations,
                "rechecked_by": item.rechecked_by or None,
                "reasons": list(item.reasons),
                "seconds": round(item.seconds, 3),
            }
            for item in results
        ],
    }
