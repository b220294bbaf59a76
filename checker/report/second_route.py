"""What a second route (`prove --route ic3`, `--route spacer`) came to, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from balloonproof.checker.report.as_json import VERSION, configuration_json
from balloonproof.model.engines.second_route import SecondRouteResult


def second_route_lines(result: SecondRouteResult, verbose: bool = False) -> Iterator[str]:
    """The verdict, what it stands on, and why it is none."""
    yield f"{result.configuration}: {result.verdict} by {result.engine}  ({result.seconds:.1f} s)"
    lemmas = result.invariant.lemmas if result.invariant else []
    if result.verdict == "proved":
        yield f"  invariant   {len(lemmas)} clauses, found without search or lemmas; {result.obligations} obligations, each confirmed by {result.rechecked_by}"
    elif result.verdict == "refuted":
        yield f"  run         {result.length} steps of the one-page system, each executed; `prove` without --route shows one on explicit pages"
    yield from (f"  {reason}" for reason in result.reasons)
    if verbose:
        yield from (f"  clause      {lemma if lemma.forbidden else lemma.term}" for lemma in lemmas)


def second_route_json(results: Sequence[SecondRouteResult]) -> dict[str, Any]:
    return {
        "format": "balloonproof second route",
        "version": VERSION,
        "results": [
            {
                **configuration_json(item.configuration),
                "engine": item.engine,
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
