"""Events of the guest, from kprobes in its balloon driver, brought onto the source's clock.

The guest's clock counts ticks of an unknown rate from an unknown origin. What the two sides do to each other bounds
both: a hint is offered before the host handles it, and the driver is told of a new command only after the
notification of the host that made it. The hints alone do not do: a host thread may be slow to take them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

from .comparison import HINT_BLOCK
from .events import NO_ARGUMENTS, NO_FLAGS, Event, Pages, Source
from .guest_addresses import GuestAddresses
from .host import GUEST_RANK, HostEvents
from .ordering import Placed
from .probes import Probe, ProbeLog
from .qemu import PAGE_BITS
from .sends import align

# Linux x86-64 without KASLR: where the kernel sees physical memory
_DIRECT_MAP = 0xFFFF888000000000
_TOLD_WITHIN = 50e6
"""Nanoseconds within which an interrupt about a new configuration reaches the driver, to be recognised as such."""
_TICK_RANGE = (0.15, 2.0)
_NANOSECOND_RANGE = (0.99, 1.01)
_SLOW = 10e6
"""Nanoseconds: how late a host that is not stalled handles what the guest has queued."""
_RATE_MARGIN = 0.005
_SEARCH_STEPS = 400


class _GuestEvent(NamedTuple):
    ticks: int
    line: int
    name: str
    pages: Pages
    arguments: dict[str, str | int]


class _Clock(NamedTuple):
    """Source time = offset + rate * ticks, in nanoseconds since some origin."""

    offset: float
    rate: float


@dataclass(frozen=True)
class _Bounds:
    """What is known about both clocks: (ticks, time) pairs where the guest is first, and where it is second."""

    handled: Sequence[tuple[int, float]]
    told: Sequence[tuple[int, float]]

    def latest(self, rate: float) -> float:
        """The largest offset under which the guest queues everything before the host handles it."""
        return min((time - rate * ticks for ticks, time in self.handled), default=float("inf"))

    def earliest(self, rate: float) -> float:
        """The smallest offset under which the driver is told nothing before the host notifies."""
        return max(time - rate * ticks for ticks, time in self.told)

    def cost(self, rate: float) -> float:
        """How slow both sides would have to be at this rate; that they are against the order costs far more.

        A host thread may be stalled for long, so that slowness of the host counts up to a limit only.
        """
        offset = self.earliest(rate)
        cost = sum(offset + rate * ticks - time for ticks, time in self.told)
        cost += sum(min(time - offset - rate * ticks, _SLOW) for ticks, time in self.handled) / len(self.handled)
        return cost + max(0.0, offset - self.latest(rate)) * 1e3


def guest_events(log: ProbeLog, host: Sequence[Placed], addresses: GuestAddresses) -> HostEvents:
    """The guest's events from the first migration on; none, with a note, if its clock cannot be aligned."""
    result = HostEvents()
    events = list(_read(log, addresses))
    if not any(event.name == "guest.hint" for event in events):
        result.notes.append(f"{log.path}: no hints of the guest, so its clock cannot be aligned: not used")
        return result
    start = min((p.order[0] for p in host if p.event.name == "migration.start"), default=None)
    notified = _notifying(host)
    pairs = _pairs(events, host)
    if start is None or not notified or not pairs:
        result.notes.append(f"{log.path}: no notifications or hints of the source to align its clock with: not used")
        return result
    handled = [(event.ticks, float(placed.order[0] - start)) for event, placed in pairs]
    configs = [event.ticks for event in events if event.name == "guest.config"]
    clock, note = _align(handled, configs, [float(time - start) for time in notified], log.ticks)
    result.notes.append(f"{log.path}: {note}")
    if clock is None:
        return result
    limits = {event.line: placed.order[0] for event, placed in pairs}
    for event in events:
        time = start + round(clock.offset + clock.rate * event.ticks)
        time = min(time, limits.get(event.line, time + 1) - 1)
        if time >= start:
            seen = Event(0, event.name, event.pages, event.arguments or NO_ARGUMENTS, NO_FLAGS, Source(log.path, event.line))
            result.placed.append(Placed((time, GUEST_RANK, float(event.line)), seen))
    result.observed |= {"guest.hint", "guest.start", "guest.stop", "guest.config"}
    hints = [sum(event.name == "guest.hint" for event in some) for some in ((event for event, _ in pairs), events)]
    result.notes.append(f"{log.path}: {hints[0]} of {hints[1]} hints of the guest found again at the host")
    if log.lost:
        result.observed.clear()
        result.notes.append(f"{log.path}: probes were lost, so what the guest did is not all known")
    return result


def _pairs(events: Sequence[_GuestEvent], host: Sequence[Placed]) -> list[tuple[_GuestEvent, Placed]]:
    """What the guest queued, with what the host did with it: the queue keeps the order."""
    handled = sorted((p for p in host if p.event.name in ("host.hint", "host.command")), key=lambda p: p.order)
    names = {"guest.hint"}
    if any(p.event.name == "host.command" for p in handled):
        names |= {"guest.start", "guest.stop"}
    queued = [event for event in events if event.name in names]
    keys = [event.pages or (event.name == "guest.start") for event in queued]
    host_keys = [p.event.pages or (p.event.arguments["id"] != 0) for p in handled]
    return [(queued[i], handled[j]) for i, j in align(keys, host_keys) if i is not None and j is not None]


def _notifying(host: Sequence[Placed]) -> list[int]:
    """When the device changed its configuration for sure, and the guest ran.

    After a sync it asks for hints. At the cleanup it is done with them, and then, before the next sync, stops asking;
    before any other sync that depends on how far the hints have come. Source: QEMU's
    virtio_balloon_free_page_hint_notify().
    """
    times = []
    running, done = True, False
    for placed in sorted(host, key=lambda p: p.order):
        name = placed.event.name
        if name in ("migration.start", "migration.stop-vm", "management.resume", "management.pause"):
            running = name in ("migration.start", "management.resume")
        elif name == "migration.notify" and running:
            reason = placed.event.arguments["reason"]
            if reason in ("after-sync", "cleanup") or (reason == "before-sync" and done):
                times.append(placed.order[0])
            done = reason == "cleanup"
    return times


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


def _align(handled: Sequence[tuple[int, float]], configs: Sequence[int], notified: Sequence[float], ticks: bool) -> tuple[_Clock | None, str]:
    """The clock under which most changes of configuration closely follow a notification, and the order is kept."""
    low, high = _TICK_RANGE if ticks else _NANOSECOND_RANGE
    best: tuple[int, float, float] | None = None
    for first, last in combinations(configs, 2):
        for begin, end in combinations(notified, 2):
            rate = (end - begin) / (last - first)
            if not low <= rate <= high:
                continue
            told = _told(_Clock(begin - rate * first, rate), configs, notified)
            bounds = _Bounds(handled, told)
            cost = bounds.cost(rate)
            if best is None or (-len(told), cost) < best[:2]:
                best = (-len(told), cost, rate)
    if best is None:
        return None, "the guest's clock cannot be aligned: fewer than two changes of configuration match: not used"
    count, _, rate = best
    offset = 0.0
    for _ in range(2):  # the refined clock may recognise a notification closer to a change
        told = _told(_Clock(offset or _first_offset(configs, notified, rate, -count), rate), configs, notified)
        if len(told) < 2:
            return None, "the guest's clock cannot be aligned: no consistent changes of configuration: not used"
        bounds = _Bounds(handled, told)
        rate = _search(bounds, rate)
        offset = bounds.earliest(rate)
    late = max(offset + rate * tick - time for tick, time in told)
    slack = bounds.latest(rate) - offset
    if slack < 0:
        return None, f"the guest's clock cannot be aligned: hints contradict it by {-slack / 1e6:.3f} ms: not used"
    error = max(late, slack) if slack < _SLOW else late
    return _Clock(offset, rate), (
        f"clock aligned by {len(told)} of {len(configs)} changes of configuration at {1e3 / rate:.3f} ticks/us;"
        f" the guest's times are off by up to about {error / 1e6:.3f} ms, its order with hints and commands is kept"
    )


def _first_offset(configs: Sequence[int], notified: Sequence[float], rate: float, count: int) -> float:
    """An offset at this rate under which so many changes of configuration follow a notification."""
    offsets = (time - rate * tick for tick in configs for time in notified)
    return max(offsets, key=lambda offset: len(_told(_Clock(offset, rate), configs, notified)) >= count)


def _told(clock: _Clock, configs: Sequence[int], notified: Sequence[float]) -> list[tuple[int, float]]:
    """Changes of configuration with the last notification before each, if it is close; one change per notification."""
    pairs: dict[float, int] = {}
    for tick in configs:
        time = clock.offset + clock.rate * tick
        before = [n for n in notified if -1e6 <= time - n <= _TOLD_WITHIN and n not in pairs]
        if before:
            pairs[before[-1]] = tick
    return [(tick, time) for time, tick in pairs.items()]


def _search(bounds: _Bounds, rate: float) -> float:
    """The rate near ``rate`` of the least cost, by ever finer steps."""
    margin = rate * _RATE_MARGIN
    for _ in range(3):
        step = 2 * margin / _SEARCH_STEPS
        rate = min((rate - margin + step * k for k in range(_SEARCH_STEPS + 1)), key=bounds.cost)
        margin = 2 * step
    return rate
