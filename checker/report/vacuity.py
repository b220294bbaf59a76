"""What `prove --vacuity` found, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from balloonproof.checker.report.as_json import VERSION, configuration_json
from balloonproof.model.engines.vacuity import Change, Item, Sighting, Vacuity


def vacuity_lines(results: Sequence[Vacuity], verbose: bool = False) -> Iterator[str]:
    """For each result the figures and what is idle, there or everywhere; with `verbose` where everything else was seen to matter."""
    for result in results:
        actions = sum(item.part is None for item in result.items)
        counts = f"{actions} actions with {len(result.items) - actions} conditions, {len(result.changes)} changes of a setting or guard"
        yield f"{result.configuration}: {counts}; {len(result.idle) or 'none'} of them idle"
        yield from (f"  {_question(one)}: nowhere" for one in result.idle)
        yield from (f"  {_question(one)}: not seen here, but {_place(found)}" for one, found in result.elsewhere.items())
        if verbose:
            yield from (f"  {_question(one)}: {_place(found)}" for one, found in result.sightings if found and one not in result.elsewhere)


def _question(one: Item | Change) -> str:
    if isinstance(one, Change):
        return f"{one} can be told"
    return f"{one} is all that forbids it" if one.part else f"{one} happens"


def _place(found: Sighting) -> str:
    pages = "by one page among others" if found.pages is None else "on one page" if found.pages == 1 else f"on {found.pages} pages"
    shared = f" (of {found.action}, which shares the line)" if found.action else ""
    return f"after {found.steps} steps, {pages}, {found.configuration}{shared}"


def vacuity_json(results: Sequence[Vacuity]) -> dict[str, Any]:
    return {"format": "balloonproof vacuity", "version": VERSION, "results": [_result_json(result) for result in results]}


def _result_json(result: Vacuity) -> dict[str, Any]:
    return {
        **configuration_json(result.configuration),
        "actions": [{"action": item.action, "seen": _seen(found)} for item, found in result.items.items() if item.part is None],
        "conditions": [
            {"action": item.action, "condition": item.part.text, "place": item.part.place, "seen": _seen(found)}
            for item, found in result.items.items()
            if item.part is not None
        ],
        "changes": [{"change": str(change), "seen": _seen(found)} for change, found in result.changes.items()],
    }


def _seen(found: Sighting | None) -> dict[str, Any] | None:
    if found is None:
        return None
    shared = {"action": found.action} if found.action else {}
    return {"configuration": found.configuration, "pages": found.pages, "steps": found.steps, **shared}
