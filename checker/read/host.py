"""Events of the source's side: steps of the migration from its log, hints and commands from uprobes in QEMU."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from .comparison import HINT_BLOCK
from .events import NO_ARGUMENTS, NO_FLAGS, Event, Loss, Pages, Source
from .guest_addresses import GuestAddresses
from .ordering import InOrder, Placed, disorder
from .probes import Probe, ProbeLog, set_bits, words
from .qemu import PAGE_BITS, QemuLog, Step

MIGRATION_STATES = {
    "setup": "migration.start",
    "active": "migration.active",
    "cancelling": "migration.cancel",
    "completed": "migration.complete",
    "failed": "migration.fail",
    "postcopy-active": "migration.postcopy",
}
# which events every one of is known where a kind of line is logged at all
_RUN_STATES = ("migration.stop-vm", "management.pause", "management.resume")
_SHOWN_BY = {
    "migration_bitmap_sync_start": ("migration.sync-begin",),
    "migration_bitmap_sync_end": ("migration.sync-end",),
    "savevm_state_cleanup": ("migration.cleanup",),
    "vm_state_notify": _RUN_STATES,
    "runstate_set": _RUN_STATES,
}
# PrecopyNotifyReason of QEMU's include/migration/misc.h
_AFTER_SYNC = 2
_REASONS = ("setup", "before-sync", "after-sync", "complete", "cleanup")
# VirtIOBalloonFreePageHintStatus of QEMU's include/hw/virtio/virtio-balloon.h
_STATUS = ("stop", "requested", "start", "done")
_FINISH_MIGRATE = "finish-migrate"
_HINT_PROBES = frozenset({"hint_ndirty", "hint_clear", "hint_enter", "id_read", "go_start", "go_stop", "elem"})


LOG_RANK, PROBE_RANK, GUEST_RANK, SEND_RANK, SYNC_RANK = range(5)
"""The order of events of the same microsecond. A sync begins after the last send before it."""


@dataclass
class HostEvents:
    """Events of one kind of source, with notes, and the names of which every event is among them."""

    placed: list[Placed] = field(default_factory=list)
    pages: Sequence[Iterable[Placed]] = ()
    """Events of single pages, each source in order: too many to be held, so made anew each time that it is iterated over."""
    notes: list[str] = field(default_factory=list)
    observed: set[str] = field(default_factory=set)
    gaps: list[tuple[int, int]] = field(default_factory=list)
    """Stretches of time (begin, end) of which a source lost events, so that nothing in them can be relied upon."""


class MigrationSteps:
    """The steps of the source's log as events, one after another; the log has these ``kinds`` of steps.

    ``headers``: see :func:`last_headers`. ``started``: steps before the first start of a migration count too.
    The beginning of a sync is placed as early as the order of the thread that syncs allows, right after the last thing
    that thread is known to have done: a guest write is logged slightly before its dirty bit is set, so a write
    shortly before the logged beginning may or may not be part of the sync.
    """

    def __init__(self, path: str, kinds: Collection[str], headers: Mapping[str, Sequence[int]], started: bool = False) -> None:
        self.path, self.headers, self.started = path, headers, started
        self.run_state_kind = next((kind for kind in ("vm_state_notify", "runstate_set") if kind in kinds), "")
        self.round, self.state = 0, ""
        self.widest = 0
        """By how much (nanoseconds) a beginning of a sync was moved, at most."""

    def place(self, step: Step) -> Placed | None:
        """The event of the next step, if it is one."""
        order = (step.time, LOG_RANK, float(step.line))
        name = ""
        arguments: dict[str, str | int] = {}
        if step.kind == "migrate_set_state":
            self.state = step.fields["state"]
            name = MIGRATION_STATES.get(self.state, "")
            if name == "migration.start":
                self.started, self.round = True, 0
        elif not self.started:
            return None
        elif step.kind == self.run_state_kind:
            name, arguments = _run_state_event(step)
        elif step.kind == "savevm_state_cleanup":
            name, arguments = "migration.cleanup", {"state": self.state}
        elif step.kind == "migration_bitmap_sync_start":
            name = "migration.sync-begin"
            order = _earliest(step, self.headers.get(step.thread or "", ()))
            self.widest = max(self.widest, step.time - order[0])
            arguments = {"round": self.round + 1}
        elif step.kind == "migration_bitmap_sync_end":
            self.round += 1
            name, arguments = "migration.sync-end", {"round": self.round, "dirty": int(step.fields["dirty"])}
        return Placed(order, Event(0, name, (), arguments, NO_FLAGS, Source(self.path, step.line))) if name else None


def shown_by(kinds: Collection[str]) -> set[str]:
    """The names of which every event is known from a log that has these kinds of steps, the start of a migration among them."""
    return {*MIGRATION_STATES.values(), *(name for kind, names in _SHOWN_BY.items() if kind in kinds for name in names)}


def last_headers(log: QemuLog, probes: Iterable[ProbeLog]) -> Mapping[str, Sequence[int]]:
    """When each thread that syncs put words on the stream last before each of its steps, sorted."""
    moments = {thread: sorted(step.time for step in log.steps if step.thread == thread) for thread in log.threads_that_sync()}
    last = {thread: [0] * len(times) for thread, times in moments.items()}
    for header in (header for one in probes for header in one.headers if header.thread in moments):
        step = bisect_left(moments[header.thread], header.time)
        if step < len(last[header.thread]):
            last[header.thread][step] = max(last[header.thread][step], header.time)
    return {thread: [time for time in times if time] for thread, times in last.items()}


def log_events(log: QemuLog, headers: Mapping[str, Sequence[int]]) -> HostEvents:
    """The steps of the migrations in the source's log; ``headers``: see :func:`last_headers`."""
    result = HostEvents()
    kinds = {step.kind for step in log.steps}
    shows_start = any(step.kind == "migrate_set_state" and step.fields["state"] == "setup" for step in log.steps)
    # without a start, nothing is before it: another log may have it, and if none has, the checker says so
    steps = MigrationSteps(log.path, kinds, headers, started=not shows_start)
    result.placed += [placed for placed in map(steps.place, log.steps) if placed is not None]
    result.observed |= shown_by(kinds) - (set() if shows_start else set(MIGRATION_STATES.values()))
    _losses(result, log.path, log.lost, "events were dropped, the trace's buffer was full")
    if steps.widest:
        result.notes.append(f"syncs begin up to {steps.widest / 1e6:.3f} ms before they are logged, see migration.sync-begin")
    if steps.started and not log.threads_that_sync():
        result.notes.append(f"{log.path}: without thread ids, syncs begin when they are logged")
    return result


def _run_state_event(step: Step) -> tuple[str, dict[str, str | int]]:
    """What becomes of the guest's CPUs; nothing if they were stopped before and stay so."""
    if step.kind == "vm_state_notify":
        running, reason = step.fields["running"] != "0", step.fields["reason_name"]
    else:
        running, reason = step.fields["new_name"] == "running", step.fields["new_name"]
        if not running and step.fields["old_name"] != "running":
            return "", {}
    stopped = "migration.stop-vm" if reason == _FINISH_MIGRATE else "management.pause"
    return "management.resume" if running else stopped, {"reason": reason}


def _earliest(step: Step, headers: Sequence[int]) -> tuple[int, int, float]:
    """After what the thread logged before, and after the last page header it put on the stream."""
    before = bisect_right(headers, step.time)
    time = max(step.previous[0], headers[before - 1] if before else 0)
    return (time, SYNC_RANK, float(step.line))


def dirty_events(log: QemuLog, pages: int, start: int) -> HostEvents:
    """The guest's writes to clean pages from ``start`` on, in the tracked RAM block of so many pages."""
    result = HostEvents()
    skipped: Counter[str] = Counter()
    limit = pages << PAGE_BITS

    def times() -> Iterator[int]:
        for time, _, address in log.dirty:
            if time < start:
                skipped["before the first migration"] += 1
            elif address >= limit:
                skipped["in other RAM blocks"] += 1
            else:
                yield time

    def placed() -> Iterator[Placed]:
        path = log.path
        for time, line, address in log.dirty:
            if time >= start and address < limit:
                event = Event(0, "guest.dirty", ((address >> PAGE_BITS, 1),), NO_ARGUMENTS, NO_FLAGS, Source(path, line))
                yield Placed((time, LOG_RANK, line), event)

    result.pages = [InOrder(placed, disorder(times()))]
    if log.dirty:
        result.observed.add("guest.dirty")
    result.notes.extend(f"{log.path}: {count} guest writes {where} left out" for where, count in sorted(skipped.items()))
    return result


def probe_events(log: ProbeLog, threads: set[str], pages: int, addresses: GuestAddresses) -> HostEvents:
    """Hints, commands, notifications and bitmap snapshots. ``threads``: the migration threads, empty if not known."""
    result = HostEvents()
    threads = threads or {p.thread for p in log.probes if p.comm.startswith(("mig/src", "live_mig"))}
    notified = [(p.fields["list"], p.fields["reason"]) for p in log.probes if p.kind == "precopy" and p.thread in threads]
    # other lists of the same type exist; only the precopy list is used with both reasons by the migration thread
    lists = {one for one, reason in notified if reason == "1"} & {one for one, reason in notified if reason == "2"}
    by_thread: dict[str, list[Probe]] = {}
    for probe in log.probes:
        if probe.kind in _HINT_PROBES:
            by_thread.setdefault(probe.thread, []).append(probe)
        elif probe.kind == "precopy" and probe.fields["list"] in lists:
            reason = int(probe.fields["reason"])
            word = _REASONS[reason] if reason < len(_REASONS) else str(reason)
            _place(result, log, probe, "migration.notify", reason=word)
            result.observed.add("migration.notify")
    for own in by_thread.values():
        _hints(result, log, own, addresses)
        _commands(result, log, own)
    _bitmaps(result, log, threads, pages)
    _losses(result, log.path, log.lost, "probes were lost, the ring buffer was overrun")
    result.placed.sort(key=lambda placed: placed.order)
    return result


def _losses(result: HostEvents, path: str, losses: Sequence[Loss], what: str) -> None:
    """Gaps, each said at its end: nothing is known of the time before, back to its beginning."""
    for loss in losses:
        event = Event(0, "trace.dropped", (), {"count": loss.events}, NO_FLAGS, Source(path, loss.line))
        result.placed.append(Placed((loss.end, -1, float(loss.line)), event))
        result.gaps.append((loss.begin, loss.end))
        result.notes.append(f"{path}:{loss.line}: {loss.events} {what}")


def _place(
    result: HostEvents, log: ProbeLog, probe: Probe, name: str, pages: Pages = (),
    flags: frozenset[str] = NO_FLAGS, **arguments: str | int,
) -> None:  # fmt: skip
    named = {key.replace("_", "-"): value for key, value in arguments.items()}
    event = Event(0, name, pages, named or NO_ARGUMENTS, flags, Source(log.path, probe.line))
    result.placed.append(Placed((probe.time, PROBE_RANK, float(probe.line)), event))


def _hints(result: HostEvents, log: ProbeLog, own: list[Probe], addresses: GuestAddresses) -> None:
    """Hints of one thread: honoured ones clear bits, dropped ones are elements that do not get as far as that."""
    counted: Probe | None = None
    offered: Probe | None = None
    for probe in [*own, None]:
        if probe is None or probe.kind in ("elem", "id_read"):
            if offered is not None:
                found = addresses.in_block(((int(offered.fields["guest_address"], 16) >> PAGE_BITS, HINT_BLOCK),))
                status = _status(offered)
                if found:
                    _place(result, log, offered, "host.hint", found, frozenset({"dropped"}), status=status)
            offered = probe if probe is not None and probe.kind == "elem" and probe.fields["in_count"] != "0" else None
            continue
        result.observed.update({"host.hint"} if probe.kind.startswith("hint_") else ())
        if probe.kind == "hint_enter":
            offered = None
        elif probe.kind == "hint_ndirty":
            counted = probe
        elif probe.kind == "hint_clear":
            block = (int(probe.fields["start"], 16), int(probe.fields["npages"]))
            arguments: dict[str, str | int] = {}
            if counted is not None:
                arguments["cleared"] = int(counted.fields["ndirty"])
                seen = (int(counted.fields["start"], 16), int(counted.fields["npages"]))
                if seen != block:
                    arguments |= {"ndirty_start": seen[0], "ndirty_pages": seen[1]}
                    result.notes.append(f"{log.path}:{probe.line}: bits are counted and cleared for different ranges")
            _place(result, log, probe, "host.hint", (block,), frozenset({"honoured"}), **arguments)
            counted = None


def _commands(result: HostEvents, log: ProbeLog, own: list[Probe]) -> None:
    """Commands of one thread: the id is read, compared, and perhaps acted upon before the next element."""
    steps = [probe for probe in own if probe.kind in ("id_read", "go_start", "go_stop")]
    for probe, after in zip(steps, [*steps[1:], None], strict=False):
        if probe.kind != "id_read":
            continue
        acted = {"go_start": "started", "go_stop": "stopped"}.get(after.kind if after is not None else "", "ignored")
        identity, current = int(probe.fields["id"], 16), int(probe.fields["current"], 16)
        flags = frozenset({acted})
        _place(result, log, probe, "host.command", (), flags, id=identity, current=current, status=_status(probe))
        result.observed.add("host.command")


def _status(probe: Probe) -> str:
    status = int(probe.fields["status"])
    return _STATUS[status] if status < len(_STATUS) else str(status)


def _bitmaps(result: HostEvents, log: ProbeLog, threads: set[str], pages: int) -> None:
    """Snapshots of the migration bitmap after a sync; those at other moments are inexact and only counted."""
    left_out = incomplete = 0
    for thread, quarters in _snapshots(log, threads):
        last = quarters[-1]
        bitmap = [word for probe in sorted(quarters, key=lambda probe: probe.kind) for word in words(probe.fields)]
        if thread is None or int(last.fields["reason"]) != _AFTER_SYNC:
            left_out += 1
        elif len(bitmap) * 64 < pages or len(quarters) != 4:
            incomplete += 1
        else:
            ranges = tuple((a, min(n, pages - a)) for a, n in set_bits(bitmap) if a < pages)
            _place(result, log, last, "migration.bitmap", ranges, set=sum(count for _, count in ranges))
    if any(placed.event.name == "migration.bitmap" for placed in result.placed) and not incomplete:
        result.observed.add("migration.bitmap")
    if left_out:
        result.notes.append(f"{log.path}: {left_out} bitmap snapshots that were not taken after a sync are left out")
    if incomplete:
        result.notes.append(f"{log.path}: {incomplete} bitmap snapshots do not cover all {pages} pages, left out")


def _snapshots(log: ProbeLog, threads: set[str]) -> Iterator[tuple[str | None, list[Probe]]]:
    """The probes of each snapshot (four of one thread and reason); the thread is None unless it migrates."""
    pending: dict[tuple[str, str], list[Probe]] = {}
    for probe in log.probes:
        if not probe.kind.startswith("bmap"):
            continue
        key = (probe.thread, probe.fields["reason"])
        quarters = pending.setdefault(key, [])
        if any(probe.kind == earlier.kind for earlier in quarters):
            yield None, pending.pop(key)
            quarters = pending.setdefault(key, [])
        quarters.append(probe)
        if len(quarters) == 4:
            yield (probe.thread if probe.thread in threads else None), pending.pop(key)
