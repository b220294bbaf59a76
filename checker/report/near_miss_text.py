"""How near traces came to the known races, as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from balloonproof.checker.near_misses import NearMiss


def near_miss_lines(name: str, found: Sequence[NearMiss]) -> Iterator[str]:
    """The races on one trace as text."""
    yield f"{name}:"
    for item in found:
        yield f"  {item.race.name}: {item.race.meaning}"
        if not item.exists:
            yield "    no race with these settings: it takes " + ", ".join(f"{key}={value}" for key, value in item.race.exists_if.items())
        closest = item.closest
        if closest is None:
            needs = f"the trace shows no {' and no '.join(item.missing)}" if item.missing else f"of {item.opened:,} windows that opened none was struck"
            yield f"    not measured: {needs}"
            continue
        page = f"page {closest.page:#x}: " if closest.page is not None else ""
        first, second = (closest.strike, closest.close) if closest.events < 0 else (closest.close, closest.strike)
        verb = "missed" if closest.events > 0 else "ENTERED" if item.exists else "the order came about,"
        yield f"    {verb} by {distance(abs(closest.nanoseconds))} and {abs(closest.events):,} events  ({item.measured:,} of {item.opened:,} windows measured)"
        yield f"      {page}{first.name} [{first.source}], then {second.name} [{second.source}]"


def distance(nanoseconds: int) -> str:
    """A time in the unit that suits it."""
    for unit, size in (("s", 10**9), ("ms", 10**6), ("us", 10**3)):
        if nanoseconds >= size:
            return f"{nanoseconds / size:.3f} {unit}"
    return f"{nanoseconds} ns"
