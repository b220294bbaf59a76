"""Brings the clocks of several logs of one host together.

Logs written by different means may count from different moments: the wall clock, the time since boot.  What must have
happened in a known order bounds the shift between two of them from both sides; the middle is taken, and half the width
is its error.  If the two bounds contradict each other, the clocks also drift, and the contradiction is the error.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice, zip_longest
from typing import NamedTuple

from .alignment import align, aligned
from .events import Loss
from .probes import Probe, ProbeLog, headers_of
from .qemu import FLAG_PAGE, PAGE_BITS, QemuLog
from .qmp import QmpLog
from .sends import is_page_header
from .spool import Spool

_RESOLUTION = 1_000
"""Nanoseconds: times in text are cut to the microsecond."""
_LARGEST_ERROR = 10_000_000
_SAME = 1_000_000
_PAIRS = 4_000
"""How many pages, at most, are paired to compare clocks."""
_STAMP_DELAY = 1_000_000
"""Nanoseconds that QEMU takes, at most, from a new state of the migration to its QMP event."""


class Alignment(NamedTuple):
    """What to add to the times of one log to have those of the other; both in nanoseconds."""

    shift: int
    error: int

    @property
    def is_same_clock(self) -> bool:
        """Whether the logs count from the same moment: different clocks of one host are not this close by chance."""
        return abs(self.shift) <= self.error + _SAME


def probes_to_log(probes: ProbeLog, log: QemuLog) -> Alignment | None:
    """The clock of host probes against that of the source's log; None if nothing in them can be compared.

    A page is logged (ram_save_page), then its header is put on the stream, then the next page is logged.  A sync lies
    between the notifications before and after it.
    """
    lowest, highest = _bounds_by_pages(probes, log)
    by_syncs = _bounds_by_syncs(probes, log)
    if by_syncs is not None:
        lowest.append(by_syncs[0])
        highest.append(by_syncs[1])
    return _between(lowest, highest)


def qmp_to_log(qmp: QmpLog, log: QemuLog) -> Alignment | None:
    """The clock of QMP's events against that of the source's log: a new state is logged, then announced."""
    states = ((step.fields["state"], step.time) for step in log.steps if step.kind == "migrate_set_state")
    events = ((str(e.data.get("status")), e.time) for e in qmp.events if e.name == "MIGRATION" and e.time)
    most = least = None
    for state, event in aligned(states, events, lambda state: state[0], lambda event: event[0]):
        if state is not None and event is not None:
            shift = state[1] - event[1]
            most, least = (shift, shift) if most is None or least is None else (max(most, shift), min(least, shift))
    return _between([most], [least + _STAMP_DELAY]) if most is not None and least is not None else None


def shifted(probes: ProbeLog, shift: int) -> ProbeLog:
    """The same probes by the other clock."""

    def moved(kept: Spool[Probe]) -> Spool[Probe]:
        return Spool(Probe, (probe._replace(time=probe.time + shift) for probe in kept), kept.weight)

    return replace(
        probes,
        probes=moved(probes.probes),
        notifications=moved(probes.notifications),
        snapshots=moved(probes.snapshots),
        headers=headers_of(header._replace(time=header.time + shift) for header in probes.headers),
        lost=Spool(Loss, (loss._replace(begin=loss.begin + shift, end=loss.end + shift) for loss in probes.lost)),
        first=None if probes.first is None else probes.first + shift,
        last=None if probes.last is None else probes.last + shift,
    )


def _between(lowest: Sequence[int], highest: Sequence[int]) -> Alignment | None:
    """The middle of what all bounds leave."""
    if not lowest or not highest:
        return None
    low, high = max(lowest) - _RESOLUTION, min(highest) + _RESOLUTION
    error = abs(high - low) // 2 + 1
    return Alignment((low + high) // 2, error) if error <= _LARGEST_ERROR else None


def _bounds_by_pages(probes: ProbeLog, log: QemuLog) -> tuple[list[int], list[int]]:
    headers = list(islice((header for header in probes.headers if is_page_header(header.value) and header.value & FLAG_PAGE), _PAIRS))
    saves = log.saves[:_PAIRS]
    offsets, values = (save.offset >> PAGE_BITS for save in saves), (header.value >> PAGE_BITS for header in headers)
    pairs = [(i, j) for i, j in align(offsets, values) if i is not None and j is not None]
    if len(pairs) * 2 < min(len(headers), len(saves)):  # these are not the pages of the same migration
        return [], []
    lowest = [saves[i].time - headers[j].time for i, j in pairs]
    highest = [saves[i + 1].time - headers[j].time for i, j in pairs if i + 1 < len(saves)]
    return lowest, highest


def _bounds_by_syncs(probes: ProbeLog, log: QemuLog) -> tuple[int, int] | None:
    """What all syncs say: the beginning of each comes after the notification before it, its end before the one after it."""
    common = probes.lists_around_syncs()

    def logged(kind: str) -> Iterator[int]:
        return (step.time for step in log.steps if step.kind == kind)

    def notified(reason: str) -> Iterator[int]:
        return (probe.time for probe in probes.notifications if probe.fields["reason"] == reason and probe.fields["list"] in common)

    found: tuple[int, int] | None = None
    moments = (logged("migration_bitmap_sync_start"), logged("migration_bitmap_sync_end"), notified("1"), notified("2"))
    for start, end, early, late in zip_longest(*moments):
        if start is None or end is None or early is None or late is None:  # not as many of one as of another
            return None
        low, high = end - late, start - early
        found = (low, high) if found is None else (max(found[0], low), min(found[1], high))
    return found
