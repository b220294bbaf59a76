"""How far the logs of a record reach: a log shows nothing of what was before it began or after it ended.

Logs are cut where a QEMU was killed, where they were copied while they were written, and where recording began late.  That is
no fault of the migration: what a log does not reach is not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .events import Event
from .probes import ProbeLog
from .qemu import QemuLog

_UNDER_WAY = frozenset({"setup", "wait-unplug", "active", "pre-switchover", "device", "postcopy-active", "postcopy-paused", "postcopy-recover"})
"""States of a migration (MigrationStatus of QEMU's qapi/migration.json) of which another one must follow."""
_BEGINS, _ENDS = "migration.start", frozenset({"migration.complete", "migration.cancel", "migration.fail"})
TURNS = _ENDS | {_BEGINS, "migration.postcopy"}
"""Events by which a migration begins, ends, or goes on in another way: a few in each."""

BY_PROBES = frozenset({"migration.notify", "host.hint", "host.command"})
"""Events that uprobes in QEMU show."""
_AFTER_SAVE = 1_000_000
"""Nanoseconds within which the header of a page that was logged is put on the stream."""


def ends_early(log: QemuLog) -> bool:
    """Does the log of either side end while a migration is under way?"""
    return _last_state(log) in _UNDER_WAY


def shows_end(log: QemuLog) -> bool:
    """Does the log of either side show how its last migration ended?"""
    return _last_state(log) not in _UNDER_WAY | {None}


def begins_late(destination: QemuLog) -> bool:
    """Does a destination's log begin inside the stream?  A stream's first section of RAM describes the blocks and holds no pages (QEMU ram_save_setup)."""
    return bool(destination.load_sections and destination.loads) and destination.loads[0].section <= 0


def is_under_way(events: Iterable[Event], before: bool = False) -> bool:
    """Is a migration under way after these events, if one was `before`?"""
    for event in events:
        before = event.name == _BEGINS or (before and event.name not in _ENDS)
    return before


def unfinished(path: str) -> str:
    """What is to be said of a log that :func:`ends_early`."""
    return f"{path} ends while the migration is under way: what became of it is not known"


def _last_state(log: QemuLog) -> str | None:
    state = None
    for step in log.steps:
        state = step.fields["state"] if step.kind == "migrate_set_state" else state
    return state


def whole_probes(events: Iterable[Event], logs: Sequence[ProbeLog], source: QemuLog, windows: Sequence[tuple[int, int]], notes: list[str]) -> bool:
    """Do the probes' logs show every hint?  Not where they may begin late, end early, or be of one attempt of several: where they do not show every sync.

    Where they show none at all, they must reach from the first page to the last sync of each attempt.  `events` are what they show; `notes` say why not.
    """
    syncs = [step.time for step in source.steps if step.kind == "migration_bitmap_sync_start"]
    told = hints = 0
    for event in events:
        told += event.name == "migration.notify" and event.arguments["reason"] == "before-sync"
        hints += event.name in BY_PROBES
    is_whole = told >= len(syncs)
    if not any(len(log.notifications) for log in logs):
        is_whole = all(any(_spans(log, source, window, syncs) for log in logs) for window in windows)
    if not is_whole and hints:
        notes.append(f"the host's probes show {told} of {len(syncs)} syncs, so hints and commands that they do not show may have been handled")
    return is_whole


def _spans(log: ProbeLog, source: QemuLog, window: tuple[int, int], syncs: Sequence[int]) -> bool:
    """Does a log of probes reach from the first page that an attempt saved to its last sync?"""
    begin, end = window
    times = [time for time in (log.first, log.last) if time is not None] + [header.time for header in (*log.headers[:1], *log.headers[-1:])]
    first = next((save.time for save in source.saves if begin <= save.time < end), None)
    last = max((time for time in syncs if begin <= time < end), default=None)
    return bool(times) and first is not None and last is not None and min(times) <= first + _AFTER_SAVE and max(times) >= last
