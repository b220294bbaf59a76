"""Events of the source's side: steps of the migration from its log, hints and commands from uprobes in QEMU."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import repeat

from .events import NO_ARGUMENTS, NO_FLAGS, Event, Loss, Source
from .ordering import Gaps, InOrder, Placed, PlacedEvents, disorder, in_order
from .probes import Header, ProbeLog
from .qemu import PAGE_BITS, Dirty, QemuLog, Step
from .spool import Numbers, Sorted

MIGRATION_STATES = {
    "setup": "migration.start",
    "active": "migration.active",
    "cancelling": "migration.cancel",
    "completed": "migration.complete",
    "failed": "migration.fail",
    "postcopy-active": "migration.postcopy",
    "postcopy-paused": "postcopy.lose-channel",
}
# which events every one of is known where a kind of line is logged at all
_RUN_STATES = ("management.pause", "management.resume")
_SHOWN_BY = {
    "migration_bitmap_sync_start": ("migration.sync-begin",),
    "migration_bitmap_sync_end": ("migration.sync-end",),
    "savevm_state_cleanup": ("migration.cleanup",),
    "vm_state_notify": _RUN_STATES,
    "runstate_set": ("migration.stop-vm", *_RUN_STATES),  # which is all there is to see of a VM that stands still already
}
_FINISH_MIGRATE = "finish-migrate"
_UNSURE = frozenset({"unsure"})
MOST_NOTES = 20
"""Of one kind, for single lines."""

LOG_RANK, PROBE_RANK, GUEST_RANK, SEND_RANK, SYNC_RANK = range(5)
"""The order of events of the same microsecond. A sync begins after the last send before it."""


@dataclass
class HostEvents:
    """Events of one kind of source, with notes, and the names of which every event is among them."""

    placed: PlacedEvents = field(default_factory=PlacedEvents)
    pages: Sequence[Iterable[Placed]] = ()
    """Events of single pages that the guest is known to have, each source in order, made anew each time that it is iterated over."""
    notes: list[str] = field(default_factory=list)
    observed: set[str] = field(default_factory=set)
    gaps: Gaps = field(default_factory=Gaps)
    """Of which this source lost events."""


class MigrationSteps:
    """The steps of the source's log as events, one after another; the log has these ``kinds`` of steps.

    ``started``: steps before the first start of a migration count too.
    The beginning of a sync is placed as early as the order of the thread that syncs allows, right after the last thing
    that thread is known to have done: a guest write is logged slightly before its dirty bit is set, so a write
    shortly before the logged beginning may or may not be part of the sync.
    """

    def __init__(self, path: str, kinds: Collection[str], started: bool = False) -> None:
        self.path, self.started = path, started
        self.run_state_kind = next((kind for kind in ("vm_state_notify", "runstate_set") if kind in kinds), "")
        self.round, self.state = 0, ""
        self._stopped = self._synced = self._switching = self._switched = False
        """Did the migration stop the VM, sync after that, say that it switches to post-copy, do so?"""
        self.widest = 0
        """By how much (nanoseconds) a beginning of a sync was moved, at most."""

    def place(self, step: Step, last_header: int = 0) -> Iterator[Placed]:
        """The events of the next step, if it is one; ``last_header``: see :func:`last_headers`."""
        placed = self._place(step, last_header)
        if placed is not None:
            yield placed
        # up to QEMU 7.2 the state is set before the last sync, later behind it (postcopy_start)
        if self._switching and (self._synced or self.state == "completed"):
            self._switching, self._switched = False, True
            number = step.line + (0.5 if self._synced else -0.5)
            yield Placed((step.time, LOG_RANK, number), Event(0, "migration.postcopy", (), {}, NO_FLAGS, Source(self.path, step.line)))

    def _place(self, step: Step, last_header: int) -> Placed | None:
        order = (step.time, LOG_RANK, float(step.line))
        name = ""
        arguments: dict[str, str | int] = {}
        self._stopped |= _FINISH_MIGRATE in step.fields.values()
        if step.kind == "migrate_set_state":
            self.state = step.fields["state"]
            name = MIGRATION_STATES.get(self.state, "")
            if name == "migration.start":
                self.started, self.round = True, 0
                self._stopped = self._synced = self._switching = self._switched = False
            elif self.state == "device":
                self._stopped = True
            elif self.state == "postcopy-active":
                self._switching, name = not self._switched, "postcopy.recover" if self._switched else ""
        elif not self.started:
            return None
        elif step.kind == self.run_state_kind or _stops_a_vm_that_stands_still(step):
            name, arguments = _run_state_event(step)
        elif step.kind == "savevm_state_cleanup":
            name, arguments = "migration.cleanup", {"state": self.state} if self.state else {}
        elif step.kind == "migration_bitmap_sync_start":
            name = "migration.sync-begin"
            order = (max(step.previous[0], last_header), SYNC_RANK, float(step.line))
            self.widest = max(self.widest, step.time - order[0])
            arguments = {"round": self.round + 1}
        elif step.kind == "migration_bitmap_sync_end":
            self.round, self._synced = self.round + 1, self._stopped
            name, arguments = "migration.sync-end", {"round": self.round, "dirty": int(step.fields["dirty"])}
        return Placed(order, Event(0, name, (), arguments, NO_FLAGS, Source(self.path, step.line))) if name else None


def shown_by(kinds: Collection[str]) -> set[str]:
    """The names of which every event is known from a log that has these kinds of steps, the start of a migration among them."""
    return {*MIGRATION_STATES.values(), *(name for kind, names in _SHOWN_BY.items() if kind in kinds for name in names)}


def last_headers(log: QemuLog, probes: Sequence[ProbeLog]) -> Iterator[int]:
    """When the thread of each beginning of a sync put a word on the stream last before it, in the order of the log; 0 if that is not known."""
    if not any(len(one.headers) for one in probes):
        return repeat(0)
    moments = Sorted[tuple[int, int, str | None]](lambda *values: values, 1)
    for step in log.steps:
        if step.kind == "migration_bitmap_sync_start":
            moments.append((step.time, step.line, step.thread))
    headers = heapq.merge(*map(_by_time, probes), key=_time)
    header = next(headers, None)
    last: dict[str | None, int] = {}
    found = Sorted[tuple[int, int]](lambda *values: values, 1)
    for time, line, thread in moments:
        while header is not None and header.time <= time:
            last[header.thread] = header.time
            header = next(headers, None)
        found.append((line, last.get(thread, 0)))
    return (time for _, time in found)


def _by_time(log: ProbeLog) -> Iterator[Header]:
    return in_order(log.headers, disorder(map(_time, log.headers)), _time, _time)


def _time(header: Header) -> int:
    return header.time


def log_events(log: QemuLog, headers: Iterator[int]) -> HostEvents:
    """The steps of the migrations in the source's log; ``headers``: see :func:`last_headers`."""
    result = HostEvents()
    shows_start = any(step.kind == "migrate_set_state" and step.fields["state"] == "setup" for step in log.steps)
    # without a start, nothing is before it: another log may have it, and if none has, the checker says so
    steps = MigrationSteps(log.path, log.kinds, started=not shows_start)
    for step in log.steps:
        for placed in steps.place(step, next(headers) if step.kind == "migration_bitmap_sync_start" else 0):
            result.placed.append(placed)
    result.observed |= shown_by(log.kinds) - (set() if shows_start else set(MIGRATION_STATES.values()))
    add_losses(result, log.path, log.lost, "events were dropped, the trace's buffer was full")
    if steps.widest:
        result.notes.append(f"syncs begin up to {steps.widest / 1e6:.3f} ms before they are logged, see migration.sync-begin")
    if steps.started and not log.threads_that_sync:
        result.notes.append(f"{log.path}: without thread ids, syncs begin when they are logged")
    return result


def _stops_a_vm_that_stands_still(step: Step) -> bool:
    """Does a migration stop a VM that was paused before?  Only its run state tells (QEMU vm_stop_force_state)."""
    return step.kind == "runstate_set" and step.fields["old_name"] != "running" and step.fields["new_name"] == _FINISH_MIGRATE


def _run_state_event(step: Step) -> tuple[str, dict[str, str | int]]:
    """What becomes of the guest's CPUs; nothing if they were stopped before and stay so, unless the migration sees to that."""
    if step.kind == "vm_state_notify":
        running, reason = step.fields["running"] != "0", step.fields["reason_name"]
    else:
        running, reason = step.fields["new_name"] == "running", step.fields["new_name"]
        if not running and step.fields["old_name"] != "running" and not _stops_a_vm_that_stands_still(step):
            return "", {}
    stopped = "migration.stop-vm" if reason == _FINISH_MIGRATE else "management.pause"
    return "management.resume" if running else stopped, {"reason": reason}


def dirty_events(log: QemuLog, pages: int, start: int) -> HostEvents:
    """The guest's writes to clean pages from ``start`` on, in the tracked RAM block of so many pages.

    A write is logged before its dirty bit is set (QEMU accel/tcg/cputlb.c, notdirty_write), and its thread may have to wait in between, however long.
    What a thread logged last before a sync may so count for that sync or for a later one: it is unsure there, and again after each such sync.
    """
    result = HostEvents()
    skipped: Counter[str] = Counter()
    limit = pages << PAGE_BITS

    def rows() -> Iterator[Dirty]:
        return (row for row in log.dirty if row.time >= start and row.address < limit)

    for row in log.dirty:
        if row.time < start:
            skipped["before the first migration"] += 1
        elif row.address >= limit:
            skipped["in other RAM blocks"] += 1
    out_of_order = disorder(row.time for row in rows())
    unsure = Numbers()
    for end, row in _about_to_be_logged(log, in_order(rows(), out_of_order, lambda row: row[:2], lambda row: row.time)):
        unsure.append(row.line)
        result.placed.append(Placed((end.time, LOG_RANK, end.line), _write(log.path, row, _UNSURE)))

    def placed() -> Iterator[Placed]:
        lines = iter(unsure)
        line = next(lines, None)
        for row in rows():
            while line is not None and line < row.line:
                line = next(lines, None)
            yield Placed((row.time, LOG_RANK, row.line), _write(log.path, row, _UNSURE if line == row.line else NO_FLAGS))

    result.pages = [InOrder(placed, out_of_order)]
    if log.dirty:
        result.observed.add("guest.dirty")
    result.notes.extend(f"{log.path}: {count} guest writes {where} left out" for where, count in sorted(skipped.items()))
    return result


def _write(path: str, row: Dirty, flags: frozenset[str]) -> Event:
    return Event(0, "guest.dirty", ((row.address >> PAGE_BITS, 1),), NO_ARGUMENTS, flags, Source(path, row.line))


def _about_to_be_logged(log: QemuLog, writes: Iterable[Dirty]) -> Iterator[tuple[Step, Dirty]]:
    """For each end of a sync, each thread's last write that was logged before that sync began; ``writes`` are in order of time."""
    last: dict[str | None, Dirty] = {}
    left = iter(writes)
    write = next(left, None)
    for step in log.steps:
        if step.kind == "migration_bitmap_sync_start":
            while write is not None and write.time <= step.time:
                last[write.thread] = write
                write = next(left, None)
        elif step.kind == "migration_bitmap_sync_end":
            yield from ((step, row) for row in last.values())


def add_losses(result: HostEvents, path: str, losses: Iterable[Loss], what: str) -> None:
    """Gaps, each said at its end: nothing is known of the time before, back to its beginning."""
    more = lost = 0
    for number, loss in enumerate(losses):
        event = Event(0, "trace.dropped", (), {"count": loss.events}, NO_FLAGS, Source(path, loss.line))
        result.placed.append(Placed((loss.end, -1, float(loss.line)), event))
        result.gaps.append((loss.begin, loss.end))
        if number < MOST_NOTES:
            result.notes.append(f"{path}:{loss.line}: {loss.events} {what}")
        else:
            more, lost = more + 1, lost + loss.events
    if more:
        result.notes.append(f"{path}: {lost} {what}, at {more} more places")
