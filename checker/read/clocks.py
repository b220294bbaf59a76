"""Brings the clocks of several logs of one host together.

Logs written by different means may count from different moments: the wall clock, the time since boot.  What must have
happened in a known order bounds the shift between two of them from both sides; the middle is taken, and half the width
is its error.  If the two bounds contradict each other, the clocks also drift, and the contradiction is the error.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

from .probes import ProbeLog, headers_of
from .qemu import FLAG_PAGE, PAGE_BITS, QemuLog
from .qmp import QmpLog
from .sends import align, is_page_header

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
    for low, high in _bounds_by_syncs(probes, log):
        lowest.append(low)
        highest.append(high)
    return _between(lowest, highest)


def qmp_to_log(qmp: QmpLog, log: QemuLog) -> Alignment | None:
    """The clock of QMP's events against that of the source's log: a new state is logged, then announced."""
    states = [(step.fields["state"], step.time) for step in log.steps if step.kind == "migrate_set_state"]
    events = [(str(e.data.get("status")), e.time) for e in qmp.events if e.name == "MIGRATION" and e.time]
    pairs = _paired([name for name, _ in states], [name for name, _ in events])
    lowest = [states[i][1] - events[j][1] for i, j in pairs]
    return _between([max(lowest)], [min(lowest) + _STAMP_DELAY]) if lowest else None


def shifted(probes: ProbeLog, shift: int) -> ProbeLog:
    """The same probes by the other clock."""
    return replace(
        probes,
        probes=[probe._replace(time=probe.time + shift) for probe in probes.probes],
        headers=headers_of(header._replace(time=header.time + shift) for header in probes.headers),
        lost=[loss._replace(begin=loss.begin + shift, end=loss.end + shift) for loss in probes.lost],
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
    pairs = _paired([save.offset >> PAGE_BITS for save in saves], [header.value >> PAGE_BITS for header in headers])
    if len(pairs) * 2 < min(len(headers), len(saves)):  # these are not the pages of the same migration
        return [], []
    lowest = [saves[i].time - headers[j].time for i, j in pairs]
    highest = [saves[i + 1].time - headers[j].time for i, j in pairs if i + 1 < len(saves)]
    return lowest, highest


def _bounds_by_syncs(probes: ProbeLog, log: QemuLog) -> list[tuple[int, int]]:
    """What each sync says: its beginning comes after the notification before it, its end before the one after it."""
    starts = [step.time for step in log.steps if step.kind == "migration_bitmap_sync_start"]
    ends = [step.time for step in log.steps if step.kind == "migration_bitmap_sync_end"]
    before, after = _notifications(probes, "1"), _notifications(probes, "2")
    if not len(starts) == len(ends) == len(before) == len(after):
        return []
    return [(end - late, start - early) for start, end, early, late in zip(starts, ends, before, after, strict=True)]


def _notifications(probes: ProbeLog, reason: str) -> list[int]:
    """The times of one kind of notification, of the one list that knows both kinds around a sync."""
    lists = [{p.fields["list"] for p in probes.probes if p.kind == "precopy" and p.fields["reason"] == number} for number in ("1", "2")]
    common = lists[0] & lists[1]
    return [p.time for p in probes.probes if p.kind == "precopy" and p.fields["reason"] == reason and p.fields["list"] in common]


def _paired(first: Sequence[Hashable], second: Sequence[Hashable]) -> list[tuple[int, int]]:
    return [(i, j) for i, j in align(first, second) if i is not None and j is not None]
