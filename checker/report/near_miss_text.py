"""How near traces came to the known races, as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from balloonproof.checker.near_misses import NearMiss


def near_miss_lines(name: str, found: Sequence[NearMiss]) -> Iterator[str]:
    """The windows of one trace as text; those that make no race as things are and were not measured are only named."""
    yield f"{name}:"
    for item in found:
        if item.closest is None and not item.exists:
            continue
        yield f"  {item.window.name}: {item.window.meaning}  ({', '.join(race.name for race in item.races)})"
        if not item.exists:
            yield "    no race as things are: it takes " + ", ".join(item.takes)
        closest = item.closest
        if closest is None:
            needs = f"the trace shows no {', and no '.join(item.missing)}" if item.missing else f"of {item.opened:,} openings none was struck"
            yield f"    not measured: {needs}"
            continue
        page = f"page {closest.page:#x}: " if closest.page is not None else ""
        first, second = (closest.strike, closest.close) if closest.events < 0 else (closest.close, closest.strike)
        verb = "missed" if closest.events > 0 else "ENTERED" if item.exists else "the order came about,"
        yield f"    {verb} by {distance(abs(closest.nanoseconds))} and {abs(closest.events):,} events  ({item.measured:,} of {item.opened:,} openings measured)"
        yield f"      {page}{first.name} [{first.source}], then {second.name} [{second.source}]"
    rest = [item.window.name for item in found if item.closest is None and not item.exists]
    if rest:
        yield f"  no race as things are, and not measured: {', '.join(rest)}"


def distance(nanoseconds: int) -> str:
    """A time in the unit that suits it."""
    for unit, size in (("s", 10**9), ("ms", 10**6), ("us", 10**3)):
        if nanoseconds >= size:
            return f"{nanoseconds / size:.3f} {unit}"
    return f"{nanoseconds} ns"
