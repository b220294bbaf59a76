"""What the second route (`prove --route spacer`) came to, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from balloonproof.checker.report.as_json import VERSION, configuration_json
from balloonproof.model.engines.spacer import SpacerResult


def spacer_lines(result: SpacerResult, verbose: bool = False) -> Iterator[str]:
    """The verdict, what it stands on, and why it is none."""
    yield f"{result.configuration}: {result.verdict} by Spacer  ({result.seconds:.1f} s)"
    lemmas = result.invariant.lemmas if result.invariant else []
    if result.verdict == "proved":
        yield f"  invariant   {len(lemmas)} clauses, found without search or lemmas; {result.obligations} obligations, each confirmed by {result.rechecked_by}"
    elif result.verdict == "refuted":
        yield f"  run         {result.length} steps of the one-page system, each executed; `prove` without --route shows one on explicit pages"
    yield from (f"  {reason}" for reason in result.reasons)
    if verbose:
        yield from (f"  clause      {lemma.term!r}" for lemma in lemmas)


def spacer_json(results: Sequence[SpacerResult]) -> dict[str, Any]:
    return {
        "format": "balloonproof second route",
        "version": VERSION,
        "results": [
            {
                **configuration_json(item.configuration),
                "verdict": item.verdict,
                "clauses": len(item.invariant.lemmas) if item.invariant else None,
                "obligations": item.obligations,
                "rechecked_by": item.rechecked_by or None,
                "length": item.length,
                "reasons": list(item.reasons),
                "seconds": round(item.seconds, 3),
            }
            for item in results
        ],
    }
