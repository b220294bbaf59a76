"""Reads ftrace text (``grammar/ftrace.lark``): uprobes in the source's QEMU, and kprobes in the guest."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ...grammar import line_parser
from .events import Loss
from .rows import Rows
from .sources import lines
from .spool import Spool

HINT_ORDER = "10"
"""Of the blocks that the guest's balloon driver hints: 2 ** 10 pages."""
GUEST_KINDS = frozenset({"add_out", "add_in", "fph_run", "fph_return", "fph_return_ret", "bal_changed", "mm_page_alloc", "mm_page_free"})
_MIGRATION_THREADS = ("mig/src", "live_mig")
_SNAPSHOT_WEIGHT = 16
"""A quarter of a bitmap takes the memory of so many other probes."""
_GUEST_QUEUE = '"free_page_vq"'


class Probe(NamedTuple):
    """One line. ``time`` is nanoseconds of a clock in seconds, or ticks of a clock in ticks (``x86-tsc``)."""

    time: int
    line: int
    thread: str
    comm: str
    kind: str
    fields: Mapping[str, str]


class Header(NamedTuple):
    """A 64-bit word that a thread put on a stream; some of them are page headers."""

    time: int
    line: int
    thread: str
    value: int


@dataclass
class ProbeLog:
    """The probes of one file, by what they are about, each in its order."""

    path: str
    probes: Spool[Probe] = field(default_factory=lambda: Spool(Probe))
    """Of hints and commands, and all of the guest."""
    notifications: Spool[Probe] = field(default_factory=lambda: Spool(Probe))
    snapshots: Spool[Probe] = field(default_factory=lambda: Spool(Probe, weight=_SNAPSHOT_WEIGHT))
    """Quarters of the migration bitmap."""
    headers: Rows[Header] = field(default_factory=lambda: headers_of(()))
    other: int = 0
    lost: Spool[Loss] = field(default_factory=lambda: Spool(Loss))
    """Overruns of a CPU's ring buffer, each between two lines of that CPU."""
    migrating: set[str] = field(default_factory=set)
    """The threads that are called as QEMU calls those that migrate."""
    first: int | None = None
    last: int | None = None
    """The times of the first and the last probe that is no word put on a stream."""
    ticks: bool = False
    """Whether times are ticks, not nanoseconds."""
    is_guest: bool = False

    def lists_around_syncs(self, threads: Container[str] | None = None) -> set[str]:
        """The precopy list of the migration: others of its type exist, but only this one is notified before and after a sync (by these `threads`, if given)."""
        lists: dict[str, set[str]] = {"1": set(), "2": set()}
        for probe in self.notifications:
            if probe.fields["reason"] in lists and (threads is None or probe.thread in threads):
                lists[probe.fields["reason"]].add(probe.fields["list"])
        return lists["1"] & lists["2"]


def headers_of(headers: Iterable[Header]) -> Rows[Header]:
    """These words, which may be many."""
    return Rows.of(Header, "qqnQ", headers)


def read_probes(path: str) -> ProbeLog:
    """Reads one ftrace file. Raises :class:`TraceSyntaxError` at a malformed line."""
    log = ProbeLog(path)
    add_header = log.headers.append
    time = 0
    last_of_cpu: dict[int, int] = {}
    losing: dict[int, tuple[int, int, int]] = {}
    for number, kind, fields in line_parser("ftrace").parse(lines(path), path):
        if kind == "comment":
            continue
        if kind == "lost":
            cpu = int(fields["lost_cpu"])
            losing[cpu] = (last_of_cpu.get(cpu, 0), number, int(fields["lost_count"]))
            continue
        if kind == "other":
            log.other += 1
            continue
        seconds, point, fraction = fields["time"].partition(".")
        if point:
            time = int(seconds) * 1_000_000_000 + int(fraction.ljust(9, "0")[:9])
        else:
            time, log.ticks = int(seconds), True
        cpu = int(fields["cpu"].strip("[]"))
        last_of_cpu[cpu] = time
        if losing and cpu in losing:
            begin, line, count = losing.pop(cpu)
            log.lost.append(Loss(begin, time, line, count))
        log.is_guest = log.is_guest or log.ticks or kind in GUEST_KINDS
        if kind == "put_be64":
            add_header(Header(time, number, fields["tid"], int(fields["value"], 16)))
        elif fields.get("vq") in (None, _GUEST_QUEUE) and kind != "mm_page_free" and fields.get("order") in (None, HINT_ORDER):
            _add(log, Probe(time, number, fields["tid"], fields["comm"].strip(), kind, fields))
        else:
            log.other += 1
    for begin, line, count in losing.values():
        log.lost.append(Loss(begin, time, line, count))
    return log


def _add(log: ProbeLog, probe: Probe) -> None:
    log.first, log.last = probe.time if log.first is None else log.first, probe.time
    if probe.comm.startswith(_MIGRATION_THREADS):
        log.migrating.add(probe.thread)
    if probe.kind == "precopy":
        log.notifications.append(probe)
    elif probe.kind.startswith("bmap"):
        log.snapshots.append(probe)
    else:
        log.probes.append(probe)


def words(fields: Mapping[str, str]) -> list[int]:
    """The 64-bit words of one quarter of a bitmap snapshot, in order."""
    parts = (fields[f"words{i}"] for i in range(4))
    return [int(word, 16) for part in parts for word in part[1:-1].split(",")]


def set_bits(bitmap: list[int]) -> tuple[tuple[int, int], ...]:
    """The ranges (first, count) of bits set in a bitmap of 64-bit words, lowest bit first."""
    number = int.from_bytes(b"".join(word.to_bytes(8, "little") for word in bitmap), "little")
    bits = bin(number)[:1:-1]  # lowest bit first, without the "0b"
    ranges = []
    start = bits.find("1")
    while start >= 0:
        end = bits.find("0", start)
        end = len(bits) if end < 0 else end
        ranges.append((start, end - start))
        start = bits.find("1", end)
    return tuple(ranges)
