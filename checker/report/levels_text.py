"""What each level of recording tells, as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from balloonproof.checker.levels import LEVELS, Sight


def level_lines(found: Sequence[Sight], verbose: bool = False) -> Iterator[str]:
    """One line per property of each system: of how many races each level is certain; then each race that the first level cannot tell, with what to record."""
    for level in LEVELS:
        yield f"{level.name:8} {level.meaning}"
    yield ""
    properties = list(dict.fromkeys((item.race.system, item.race.violates) for item in found))
    width = max(len(f"{system}: {name}") for system, name in properties)
    heads = (f"+ {level.name}" if number else level.name for number, level in enumerate(LEVELS))
    yield f"{'property':{width}}  races" + "".join(f"{head:>11}" for head in heads)
    for system, name in properties:
        mine = [item for item in found if (item.race.system, item.race.violates) == (system, name)]
        counts = "".join(f"{sum(level.name in item.seen for item in mine):11}" for level in LEVELS)
        yield f"{f'{system}: {name}':{width}}  {len(mine):5}{counts}"
    yield ""
    for item in found:
        if LEVELS[0].name in item.seen and not verbose:
            continue
        yield f"{item.race.name}: {_told(item)}"


def _told(item: Sight) -> str:
    if not item.seen:
        return "told by no level"
    return f"told by {item.seen[0]}" + (f"; beside the log it takes {', '.join(item.missing)}" if item.missing else "")
