"""How far the logs of a record reach: a log shows nothing of what was before it began or after it ended.

Logs are cut where a QEMU was killed, where they were copied while they were written, and where recording began late.  That is
no fault of the migration: what a log does not reach is not known.
"""

from __future__ import annotations

from collections.abc import Iterable

from .events import Event
from .qemu import QemuLog

_UNDER_WAY = frozenset({"setup", "wait-unplug", "active", "pre-switchover", "device"})
"""States of a migration (MigrationStatus of QEMU's qapi/migration.json) of which another one must follow."""
_BEGINS, _ENDS = "migration.start", frozenset({"migration.complete", "migration.cancel", "migration.fail", "migration.postcopy"})


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
