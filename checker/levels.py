"""How much each way of recording migrations can tell: at which level is each race of the catalogue still seen?

The trace of a race shows everything.  Here it is checked with only what a level of recording would show; what is hidden may have happened at any time.
At a level where the trace is still rejected, a record tells that race for certain; where it is inconclusive, a safe run would look the same.  So the
property that the race violates is decided by the levels that reject it, as far as this race goes; for the others the missing kinds of events are sought.
Comparing both sides' memory at the end, which decides `no-page-lost` at every level, is left out.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from balloonproof.checker.checking import open_trace
from balloonproof.checker.hiding import hidden
from balloonproof.checker.judging import judge
from balloonproof.checker.observe import always_shown
from balloonproof.checker.read import Trace
from balloonproof.checker.trace_tests import race_trace
from balloonproof.checker.verdict import REJECT
from balloonproof.model.catalogue import Race
from balloonproof.model.language import Configuration
from balloonproof.model.workers import Progress, each, silent


@dataclass(frozen=True)
class Level:
    """A way of recording, on top of the levels before it: `adds` are the kinds of events that it shows, by name or family (host.*)."""

    name: str
    meaning: str
    adds: tuple[str, ...]

    def shows(self, kind: str) -> bool:
        return kind in self.adds or f"{kind.split('.')[0]}.*" in self.adds


LEVELS = (
    Level(
        "log",
        "QEMU's own trace log of both sides: the migration's steps, its syncs, every page sent",
        (
            *("migration.start", "migration.merge", "migration.send", "migration.stop-vm", "migration.complete", "migration.cancel", "migration.fail"),
            *("migration.cleanup", "management.*", "postcopy.start", "postcopy.place", "postcopy.end"),
        ),
    ),
    Level(
        "ftrace",
        "the guest's ftrace: page allocator events, kprobes in the balloon driver",
        (
            *("guest.allocate", "guest.free", "guest.hint", "guest.start", "guest.start-reread", "guest.stop", "guest.read-config", "guest.release"),
            *("guest.shrink", "guest.inflate", "guest.deflate", "guest.leak", "guest.report", "guest.put-back", "guest.restore", "guest.kexec"),
        ),
    ),
    Level(
        "uprobes",
        "uprobes in QEMU: each element that the balloon device takes, the dirty bitmaps, the channels, what is discarded",
        ("host.*", "migration.*", "hinting.*", "multifd.*", "snapshot.*", "postcopy.*", "slot.*"),
    ),
    Level("writes", "every write to guest memory: TCG's dirty memory, devices; no KVM guest shows these one by one", ("guest.*", "device.*", "log.*")),
)
"""Each level with what the ones before it show."""


@dataclass(frozen=True)
class Sight:
    """At which levels a race is seen, and what the first level lacks: kinds of events with which it sees the race and none of which it can do without."""

    race: Race
    seen: tuple[str, ...]
    missing: tuple[str, ...]


def sights(races: Sequence[Race], progress: Progress = silent) -> list[Sight]:
    """Check each race's trace at every level.  The work is done on all cores."""
    found = dict(each(sight, races, lambda running: progress(", ".join(race.name for race in running))))
    return [found[number] for number in range(len(races))]


def sight(race: Race) -> Sight:
    """One race at every level."""
    trace, configuration = open_trace(race_trace(race.name))
    kinds = {item.event for item in configuration.system.actions}
    shown: set[str] = set()
    seen = []
    for level in LEVELS:
        shown |= {kind for kind in kinds if level.shows(kind)}
        if _is_rejected(trace, configuration, shown):
            seen.append(level.name)
    first = {kind for kind in kinds if LEVELS[0].shows(kind)}
    missing = set() if LEVELS[0].name in seen else kinds - first
    for kind in sorted(missing):
        if _is_rejected(trace, configuration, first | missing - {kind}):
            missing.remove(kind)
    return Sight(race, tuple(seen), tuple(sorted(missing)))


def _is_rejected(trace: Trace, configuration: Configuration, shown: Collection[str]) -> bool:
    """Is the trace rejected if only these kinds of events are observed?"""
    unseen = {item.event for item in configuration.system.actions} - set(shown) - always_shown(configuration)
    return judge(hidden(trace, sorted(unseen)), configuration).verdict == REJECT
