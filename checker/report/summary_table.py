"""The table of `prove --all`: every system's verdict, one line each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from balloonproof.checker.report.as_json import VERSION, configuration_json
from balloonproof.model.engines.result import Summary
from balloonproof.model.language import Configuration


def summary_lines(summaries: Sequence[Summary]) -> Iterator[str]:
    """One line per configuration, in columns, and a last line that counts them."""
    names = max(len(item.configuration) for item in summaries)
    for item in summaries:
        yield f"{item.configuration:{names}}  {item.verdict:9}  {item.seconds:5.1f} s  {item.states:>11,} states  {_gist(item)}"
        yield from (f"{'':{names}}  {reason}" for reason in item.reasons)
    counts = {verdict: sum(item.verdict == verdict for item in summaries) for verdict in ("proved", "refuted", "undecided")}
    yield ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)


def _gist(item: Summary) -> str:
    if item.length is not None:
        return f"{item.property} is violated in {item.length} steps"
    if item.verdict == "proved":
        return f"{len(item.lemmas)} lemmas, {len(item.obligations)} obligations confirmed by {item.rechecked_by}"
    return ""


def summaries_json(configurations: Sequence[Configuration], summaries: Sequence[Summary]) -> dict[str, Any]:
    return {
        "format": "balloonproof prove summary",
        "version": VERSION,
        "results": [
            {
                **configuration_json(configuration),
                "verdict": item.verdict,
                "property": item.property,
                "length": item.length,
                "states": item.states,
                "lemmas": len(item.lemmas),
                "obligations": len(item.obligations),
                "rechecked_by": item.rechecked_by or None,
                "reasons": list(item.reasons),
                "seconds": round(item.seconds, 3),
            }
            for configuration, item in zip(configurations, summaries, strict=True)
        ],
    }
