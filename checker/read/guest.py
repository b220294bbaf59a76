"""Events of the guest, from kprobes in its balloon driver, brought onto the source's clock.

The guest's clock is fitted to the source's (``guest_clock``), and what the guest queued stays before what the host did with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from .alignment import aligned
from .comparison import HINT_BLOCK
from .events import NO_ARGUMENTS, NO_FLAGS, Event, Pages, Source
from .guest_addresses import GuestAddresses
from .guest_clock import Handled, align
from .host import GUEST_RANK, HostEvents
from .one_migration import hints_must_match
from .ordering import Placed
from .probes import Probe, ProbeLog
from .qemu import PAGE_BITS
from .spool import Numbers, Spool

# Linux x86-64 without KASLR: where the kernel sees physical memory
_DIRECT_MAP = 0xFFFF888000000000
BY_GUEST_CLOCK = ("guest.hint", "guest.start", "guest.stop")
"""Events whose place rests on the fitted clock."""
_HANDLED = frozenset({"host.hint", "host.command"})


class _GuestEvent(NamedTuple):
    ticks: int
    line: int
    name: str
    pages: Pages
    arguments: dict[str, str | int]


class _Limit(NamedTuple):
    """The host has handled by this time what the guest queued in this line."""

    line: int
    time: int


def guest_events(log: ProbeLog, host: Callable[[], Iterator[Placed]], addresses: GuestAddresses) -> HostEvents:
    """The guest's events from the first migration on; none, with a note, if its clock cannot be aligned.

    ``host``: what the source's side shows, in order; it is asked for more than once.
    """
    result = HostEvents()
    events, configs, hints = Spool(_GuestEvent), Numbers(), 0
    for event in _read(log, addresses):
        events.append(event)
        hints += event.name == "guest.hint"
        if event.name == "guest.config":
            configs.append(event.ticks)
    if not hints:
        result.notes.append(f"{log.path}: no hints of the guest, so its clock cannot be aligned: not used")
        return result
    if not any(placed.event.name == "trace.dropped" for placed in host()):
        _hints_must_match(log, events, host)
    start = next((placed.order[0] for placed in host() if placed.event.name == "migration.start"), None)
    notified, pairs, found = Numbers(), Handled(), 0
    before = alone = 0
    limits = Spool(_Limit)
    if start is not None:
        for time in _notifying(host()):
            notified.append(time - start)
        for queued, placed in _pairs(events, host):
            if queued is None:
                alone += placed.event.name == "host.hint"
                continue
            before, alone = before if pairs.count else alone, 0
            limits.append(_Limit(queued.line, placed.order[0]))
            pairs.add(queued.ticks, placed.order[0] - start)
            found += queued.name == "guest.hint"
    if start is None or not notified or not pairs.count:
        result.notes.append(f"{log.path}: no notifications or hints of the source to align its clock with: not used")
        return result
    clock, note = align(pairs, configs, notified, log.ticks)
    result.notes.append(f"{log.path}: {note}")
    if clock is None:
        return result
    handled = iter(limits)
    limit = next(handled, None)
    for event in events:
        time = start + round(clock.offset + clock.rate * event.ticks)
        if limit is not None and limit.line == event.line:
            time = min(time, limit.time - 1)
            limit = next(handled, None)
        if time >= start:
            seen = Event(0, event.name, event.pages, event.arguments or NO_ARGUMENTS, NO_FLAGS, Source(log.path, event.line))
            result.placed.append(Placed((time, GUEST_RANK, float(event.line)), seen))
    result.observed |= {"guest.hint", "guest.start", "guest.stop", "guest.config"}
    result.notes.append(f"{log.path}: {found} of {hints} hints of the guest found again at the host")
    if before or alone:
        result.observed.clear()
        note = f"the host took {before} hints before the first and {alone} after the last of them, so what the guest did is not all known"
        result.notes.append(f"{log.path}: begins late or ends early: {note}")
    if len(log.lost):
        result.observed.clear()
        result.notes.append(f"{log.path}: probes were lost, so what the guest did is not all known")
    return result


def _hints_must_match(log: ProbeLog, events: Iterable[_GuestEvent], host: Callable[[], Iterator[Placed]]) -> None:
    queued = (event.pages for event in events if event.name == "guest.hint")
    taken = (placed.event for placed in host() if placed.event.name == "host.hint")
    first = next((placed.event.source.path for placed in host() if placed.event.name == "host.hint"), "")
    hints_must_match(log, first, queued, (event.pages for event in taken))


def _pairs(events: Iterable[_GuestEvent], host: Callable[[], Iterator[Placed]]) -> Iterator[tuple[_GuestEvent | None, Placed]]:
    """What the host did with what the guest queued, and when the guest did (None: its log does not show it): the queue keeps the order."""
    shows_commands = any(placed.event.name == "host.command" for placed in host())
    names = {"guest.hint", "guest.start", "guest.stop"} if shows_commands else {"guest.hint"}
    queued = (event for event in events if event.name in names)
    handled = (placed for placed in host() if placed.event.name in _HANDLED)
    for event, placed in aligned(queued, handled, _key, lambda placed: placed.event.pages or (placed.event.arguments["id"] != 0)):
        if placed is not None:
            yield event, placed


def _key(event: _GuestEvent) -> Pages | bool:
    return event.pages or (event.name == "guest.start")


def _notifying(host: Iterable[Placed]) -> Iterator[int]:
    """When the device changed its configuration for sure, and the guest ran.

    After a sync it asks for hints. At the cleanup it is done with them, and then, before the next sync, stops asking;
    before any other sync that depends on how far the hints have come. Source: QEMU's
    virtio_balloon_free_page_hint_notify().
    """
    running, done = True, False
    for placed in host:
        name = placed.event.name
        if name in ("migration.start", "migration.stop-vm", "management.resume", "management.pause"):
            running = name in ("migration.start", "management.resume")
        elif name == "migration.notify" and running:
            reason = placed.event.arguments["reason"]
            if reason in ("after-sync", "cleanup") or (reason == "before-sync" and done):
                yield placed.order[0]
            done = reason == "cleanup"


def _read(log: ProbeLog, addresses: GuestAddresses) -> Iterator[_GuestEvent]:
    """The driver's steps. A release is placed at its beginning, as blocks are free from then on one after another."""
    direct_map = _DIRECT_MAP
    allocated: dict[str, int] = {}
    returning: dict[str, Probe] = {}
    start_cell: str | None = None
    command: dict[str, str | int] = {}
    for probe in log.probes:
        fields = probe.fields
        if probe.kind == "mm_page_alloc":
            allocated[probe.thread] = int(fields["pfn"], 16)
        elif probe.kind == "add_in":
            address = int(fields["data"], 16)
            page = allocated.pop(probe.thread, None)
            if page is not None and (address - (page << PAGE_BITS)) % (1 << 30) == 0:
                direct_map = address - (page << PAGE_BITS)
            block = addresses.in_block((((address - direct_map) >> PAGE_BITS, HINT_BLOCK),))
            yield _GuestEvent(probe.time, probe.line, "guest.hint", block, command)
        elif probe.kind == "add_out":
            # without the value, the cells tell: the first that is queued holds the id, the other the stop
            start_cell = start_cell or fields["data"]
            value = int(fields["id"], 16) if fields["id"] else None
            starts = value != 0 if value is not None else fields["data"] == start_cell
            command = {"id": value} if starts and value is not None else {}
            yield _GuestEvent(probe.time, probe.line, "guest.start" if starts else "guest.stop", (), command)
        elif probe.kind == "fph_return":
            returning[probe.thread] = probe
        elif probe.kind == "fph_return_ret":
            count = int(fields["released"])
            entry = returning.pop(probe.thread, probe)
            if count:
                yield _GuestEvent(entry.time, probe.line, "guest.release", (), {"count": count})
        elif probe.kind == "bal_changed":
            yield _GuestEvent(probe.time, probe.line, "guest.config", (), {})
