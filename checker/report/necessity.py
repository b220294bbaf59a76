"""What `prove --necessity` found, as text and as JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from balloonproof.checker.report.as_json import VERSION, configuration_json
from balloonproof.model.engines.necessity import GuardNeed, Necessity


def necessity_lines(result: Necessity, width: int = 110) -> Iterator[str]:
    """A heading, and for each guard whether the proof needs it."""
    name = str(result.configuration)
    if not result.guards and result.proof.verdict != "proved":
        yield f"{name}: {result.proof.verdict}, so there is no proof that could need a guard"
        return
    needed = sum(item.outcome == "needed" for item in result.guards)
    yield f"{name}: proved; the proof needs {needed} of {len(result.guards)} guards"
    columns = max((len(item.guard.name) for item in result.guards), default=0)
    for item in result.guards:
        start = f"  {item.guard.name:{columns}}  {item.outcome:10}  "
        yield from textwrap.wrap(_why(item), width, initial_indent=start, subsequent_indent=" " * len(start))


def _why(item: GuardNeed) -> str:
    match item.outcome:
        case "needed":
            return f"without it {item.without.property} is violated in {item.without.length} steps"
        case "not needed":
            return f"proved without it, but other things can happen then; what it is for: {item.guard.meaning}"
        case "no effect":
            return f"nothing else can happen without it, with these settings; what it is for: {item.guard.meaning}"
        case _:
            return "; ".join(item.without.reasons)


def necessity_json(results: Sequence[Necessity]) -> dict[str, Any]:
    return {
        "format": "balloonproof necessity",
        "version": VERSION,
        "results": [
            {
                **configuration_json(result.configuration),
                "verdict": result.proof.verdict,
                "guards": [
                    {
                        "guard": item.guard.name,
                        "outcome": item.outcome,
                        "property": item.without.property,
                        "length": item.without.length,
                        "meaning": item.guard.meaning,
                        "reasons": list(item.without.reasons),
                    }
                    for item in result.guards
                ],
            }
            for result in results
        ],
    }
