"""Events of the source's side from uprobes in QEMU: hints, commands, notifications and snapshots of the migration bitmap."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from .comparison import HINT_BLOCK
from .events import NO_ARGUMENTS, NO_FLAGS, Event, Pages, Source
from .guest_addresses import GuestAddresses
from .host import MOST_NOTES, PROBE_RANK, HostEvents, add_losses
from .ordering import Placed
from .probes import Probe, ProbeLog, set_bits, words
from .qemu import PAGE_BITS

# PrecopyNotifyReason of QEMU's include/migration/misc.h
_AFTER_SYNC = 2
_REASONS = ("setup", "before-sync", "after-sync", "complete", "cleanup")
# VirtIOBalloonFreePageHintStatus of QEMU's include/hw/virtio/virtio-balloon.h
_STATUS = ("stop", "requested", "start", "done")
_HINT_PROBES = frozenset({"hint_ndirty", "hint_clear", "hint_enter", "id_read", "go_start", "go_stop", "elem"})


def probe_events(log: ProbeLog, threads: set[str], pages: int, addresses: GuestAddresses) -> HostEvents:
    """The events of one log of probes. ``threads``: the migration threads, empty if not known."""
    result = HostEvents()
    threads = threads or log.migrating
    _notifications(result, log, threads)
    by_thread: dict[str, _Balloon] = {}
    for probe in log.probes:
        if probe.kind in _HINT_PROBES:
            balloon = by_thread.get(probe.thread)
            if balloon is None:
                balloon = by_thread[probe.thread] = _Balloon(result, log, addresses)
            balloon.add(probe)
    for balloon in by_thread.values():
        balloon.finish()
    _bitmaps(result, log, threads, pages)
    add_losses(result, log.path, log.lost, "probes were lost, the ring buffer was overrun")
    return result


def _place(
    result: HostEvents, log: ProbeLog, probe: Probe, name: str, pages: Pages = (),
    flags: frozenset[str] = NO_FLAGS, **arguments: str | int,
) -> None:  # fmt: skip
    named = {key.replace("_", "-"): value for key, value in arguments.items()}
    event = Event(0, name, pages, named or NO_ARGUMENTS, flags, Source(log.path, probe.line))
    result.placed.append(Placed((probe.time, PROBE_RANK, float(probe.line)), event))


def _notifications(result: HostEvents, log: ProbeLog, threads: set[str]) -> None:
    """Those of the precopy list."""
    lists = log.lists_around_syncs(threads)
    for probe in log.notifications:
        if probe.fields["list"] in lists:
            reason = int(probe.fields["reason"])
            word = _REASONS[reason] if reason < len(_REASONS) else str(reason)
            _place(result, log, probe, "migration.notify", reason=word)
            result.observed.add("migration.notify")


@dataclass
class _Balloon:
    """What one thread does with the elements of the queue, probe by probe.

    Honoured hints clear bits, dropped ones are elements that do not get as far as that.  The id of a command is read, compared, and
    perhaps acted upon before the next element.
    """

    result: HostEvents
    log: ProbeLog
    addresses: GuestAddresses
    notes: list[str] = field(default_factory=list)
    _counted: Probe | None = None
    _offered: Probe | None = None
    _read: Probe | None = None

    def add(self, probe: Probe) -> None:
        """The next probe of the thread."""
        if probe.kind in ("elem", "id_read"):
            self._drop()
            self._offered = probe if probe.kind == "elem" and probe.fields["in_count"] != "0" else None
        if probe.kind.startswith("hint_"):
            self._hint(probe)
        if probe.kind in ("id_read", "go_start", "go_stop"):
            self._command(probe)

    def finish(self) -> None:
        """There are no more.  What became of an element that is the last thing in the log is not known."""
        if self._offered is not None and self._offered.time != self.log.last:
            self._drop()
        if self._read is not None and self._read.time != self.log.last:
            self._command(None)
        self.result.notes += self.notes

    def _drop(self) -> None:
        """The element that was offered did not get as far as a hint."""
        offered = self._offered
        if offered is not None:
            found = self.addresses.in_block(((int(offered.fields["guest_address"], 16) >> PAGE_BITS, HINT_BLOCK),))
            status = _status(offered)
            if found:
                _place(self.result, self.log, offered, "host.hint", found, frozenset({"dropped"}), status=status)
        self._offered = None

    def _hint(self, probe: Probe) -> None:
        self.result.observed.add("host.hint")
        if probe.kind == "hint_enter":
            self._offered = None
        elif probe.kind == "hint_ndirty":
            self._counted = probe
        elif probe.kind == "hint_clear":
            block = (int(probe.fields["start"], 16), int(probe.fields["npages"]))
            if not block[1]:  # of a descriptor that is smaller than a page nothing is skipped
                return
            arguments: dict[str, str | int] = {}
            if self._counted is not None:
                arguments["cleared"] = int(self._counted.fields["ndirty"])
                seen = (int(self._counted.fields["start"], 16), int(self._counted.fields["npages"]))
                if seen != block:
                    arguments |= {"ndirty_start": seen[0], "ndirty_pages": seen[1]}
                    if len(self.notes) < MOST_NOTES:
                        self.notes.append(f"{self.log.path}:{probe.line}: bits are counted and cleared for different ranges")
            _place(self.result, self.log, probe, "host.hint", (block,), frozenset({"honoured"}), **arguments)
            self._counted = None

    def _command(self, after: Probe | None) -> None:
        """What was done about the command that was read, now that the next step is known."""
        probe = self._read
        if probe is not None:
            acted = {"go_start": "started", "go_stop": "stopped"}.get(after.kind if after is not None else "", "ignored")
            identity, current = int(probe.fields["id"], 16), int(probe.fields["current"], 16)
            flags = frozenset({acted})
            _place(self.result, self.log, probe, "host.command", (), flags, id=identity, current=current, status=_status(probe))
            self.result.observed.add("host.command")
        self._read = after if after is not None and after.kind == "id_read" else None


def _status(probe: Probe) -> str:
    status = int(probe.fields["status"])
    return _STATUS[status] if status < len(_STATUS) else str(status)


def _bitmaps(result: HostEvents, log: ProbeLog, threads: set[str], pages: int) -> None:
    """Snapshots of the migration bitmap after a sync; those at other moments are inexact and only counted."""
    left_out = incomplete = found = 0
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
            found += 1
    if found and not incomplete:
        result.observed.add("migration.bitmap")
    if left_out:
        result.notes.append(f"{log.path}: {left_out} bitmap snapshots that were not taken after a sync are left out")
    if incomplete:
        result.notes.append(f"{log.path}: {incomplete} bitmap snapshots do not cover all {pages} pages, left out")


def _snapshots(log: ProbeLog, threads: set[str]) -> Iterator[tuple[str | None, list[Probe]]]:
    """The probes of each snapshot (four of one thread and reason); the thread is None unless it migrates."""
    pending: dict[tuple[str, str], list[Probe]] = {}
    for probe in log.snapshots:
        key = (probe.thread, probe.fields["reason"])
        quarters = pending.setdefault(key, [])
        if any(probe.kind == earlier.kind for earlier in quarters):
            yield None, pending.pop(key)
            quarters = pending.setdefault(key, [])
        quarters.append(probe)
        if len(quarters) == 4:
            yield (probe.thread if probe.thread in threads else None), pending.pop(key)
