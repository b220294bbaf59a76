"""Events of a migration from QMP, where the source's own log does not show that kind of event."""

from __future__ import annotations

from .events import NO_FLAGS, Event, Source
from .host import LOG_RANK, MIGRATION_STATES, HostEvents
from .ordering import Placed
from .qemu import QemuLog
from .qmp import Message, QmpLog

_RUN_KINDS = frozenset({"vm_state_notify", "runstate_set"})


def management_events(qmp: QmpLog, source: QemuLog | None, shift: int) -> HostEvents:
    """States of the migration, stops and resumes of the VM, and ends of syncs; times moved by ``shift``.

    A sync is announced (MIGRATION_PASS) only with the migration capability ``events``.
    """
    result = HostEvents()
    shown = source.kinds if source is not None else set()
    states, runs = "migrate_set_state" not in shown, not shown & _RUN_KINDS
    syncs = "migration_bitmap_sync_end" not in shown and qmp.capabilities.get("events", False)
    stops = (command for command in qmp.commands if command.name == "stop")
    stop = next(stops, None)
    migrating = False
    found: set[str] = set()
    for event in qmp.events:
        name, arguments = "", {}
        status = str(event.data.get("status"))
        if event.name == "MIGRATION":
            migrating = status in ("setup", "active", "device", "pre-switchover")
            name = MIGRATION_STATES.get(status, "") if states else ""
        elif event.name == "RESUME" and runs:
            name = "management.resume"
        elif event.name == "STOP" and runs:
            asked = stop is not None and stop.time <= event.time
            name = "management.pause" if asked or not migrating else "migration.stop-vm"
            while stop is not None and stop.time <= event.time:
                stop = next(stops, None)
        elif event.name == "MIGRATION_PASS" and syncs:
            name, arguments = "migration.sync-end", {"round": _pass(event)}
        if name and event.time:
            place = (event.time + shift, LOG_RANK, float(event.line))
            result.placed.append(Placed(place, Event(0, name, (), arguments, NO_FLAGS, Source(qmp.path, event.line))))
            found.add(name)
    if states and "migration.start" in found:
        result.observed.update(MIGRATION_STATES.values())
    if runs and result.placed:
        result.observed.update({"management.pause", "management.resume"})  # of a VM that stands still QMP does not tell that the migration stops it
    if "migration.sync-end" in found:
        result.observed.add("migration.sync-end")
    if result.placed:
        result.notes.append(f"{qmp.path}: {len(result.placed)} events stand in for lines that the source's log does not have")
    return result


def _pass(event: Message) -> int:
    number = event.data.get("pass")
    return number if isinstance(number, int) else 0
