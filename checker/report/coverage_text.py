"""What traces have exercised, as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from balloonproof.checker.coverage import MEANT, NEVER, POSSIBLE, SHOWN, Coverage, Exercise

ACTIONS = {SHOWN: "shown", MEANT: "one of several", POSSIBLE: "possible but unseen", NEVER: "never"}
GUARDS = {SHOWN: "mattered", POSSIBLE: "may have mattered", NEVER: "never mattered"}


def coverage_lines(found: Sequence[Coverage]) -> Iterator[str]:
    """One table of actions, guards and settings per system, then what no trace has ever shown."""
    for number, coverage in enumerate(found):
        if number:
            yield ""
        yield from _system(coverage)


def _system(coverage: Coverage) -> Iterator[str]:
    count = len(coverage.traces)
    yield f"{coverage.system.name}: {count} trace{'s' if count != 1 else ''}"
    for title, items, words in (("actions", coverage.actions, ACTIONS), ("guards", coverage.guards, GUARDS)):
        yield f"  {title:<28}  {'':<20} {'events':>10}  first"
        for name, exercise in items.items():
            events = f"{exercise.events:,}" if exercise.events else ""
            yield f"    {name:<26}  {words[exercise.status]:<20} {events:>10}  {exercise.first or ''}".rstrip()
    yield f"  {'settings':<28}  traces"
    for setting in coverage.system.settings:
        for value in setting.values:
            times = coverage.settings[setting.name][value]
            word = f"{setting.name}={value}"
            yield f"    {word:<26}  {times or 'none'}"
    yield "  no trace has shown"
    yield f"    actions   {_names(coverage.actions)}"
    yield f"    guards    {_names(coverage.guards)}"
    yield f"    settings  {', '.join(coverage.unused_values()) or 'all values were used'}"


def _names(items: Mapping[str, Exercise]) -> str:
    return ", ".join(name for name, exercise in items.items() if exercise.status != SHOWN) or "all were shown"
