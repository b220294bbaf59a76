"""The catalogue's results as text and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from balloonproof.model.engines.races import RaceResult
from balloonproof.model.engines.result import Summary

VERSION = 1


def race_lines(results: Sequence[RaceResult], verbose: bool = False) -> Iterator[str]:
    """A line for each race, and what is not as expected; with `verbose` its sentence and configurations."""
    name_width = max(len(result.race.name) for result in results)
    for result in results:
        race, broken = result.race, result.broken
        length = f"{broken.length:2} steps" if broken.length else "        "
        yield f"{race.name:{name_width}}  {broken.verdict:9}  {length}  {_fix(result)}"
        if verbose:
            yield f"    {race.sentence}"
            yield f"    {race.era}; {race.commits}{f' ({race.listed})' if race.listed else ''}"
            yield f"    {broken.configuration}: {broken.verdict} ({broken.property}) in {broken.seconds:.1f} s"
            if result.fixed is not None:
                yield f"    {result.fixed.configuration}: {result.fixed.verdict} in {result.fixed.seconds:.1f} s"
        for problem in result.problems:
            yield f"    not as expected: {problem}"
    off = sum(bool(result.problems) for result in results)
    yield f"{len(results)} entries, {off} off their expectation"


def _fix(result: RaceResult) -> str:
    if result.fixed is not None:
        return f"with the fix: {result.fixed.verdict}"
    return f"open; closed by {' or '.join(result.closed_by)}" if result.closed_by else "open; no single change closes it"


def races_json(results: Sequence[RaceResult]) -> dict[str, Any]:
    """Versioned JSON."""
    return {"format": "balloonproof races", "version": VERSION, "races": [_race(result) for result in results]}


def _race(result: RaceResult) -> dict[str, Any]:
    race = result.race
    return {
        "id": race.name,
        "sentence": race.sentence,
        "system": race.system,
        "era": race.era,
        "commits": race.commits,
        "listed": race.listed,
        "violates": race.violates,
        "open": race.fix is None,
        "broken": _verdict(result.broken),
        "fixed": _verdict(result.fixed) if result.fixed else None,
        "closed_by": list(result.closed_by),
        "problems": list(result.problems),
    }


def _verdict(summary: Summary) -> dict[str, Any]:
    return {
        "configuration": summary.configuration,
        "verdict": summary.verdict,
        "property": summary.property,
        "length": summary.length,
        "rechecked_by": summary.rechecked_by,
        "seconds": round(summary.seconds, 2),
    }
