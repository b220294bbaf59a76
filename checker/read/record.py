"""Reads what was recorded of a migration by others - logs of QEMU, of Linux, of a comparison - as one trace.

The files of one record belong to one source guest; several attempts to migrate it may follow each other. Events stand
in the order of the source's time, and the trace begins at the first of them.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ...grammar import TraceInputError
from .comparison import read_comparison
from .events import NO_ARGUMENTS, Event, Header, Source, Trace, merge_ranges
from .guest import guest_events
from .host import SEND_RANK, HostEvents, Placed, dirty_events, log_events, probe_events
from .probes import ProbeLog, read_probes
from .qemu import PAGE_BITS, QemuLog, read_qemu_log
from .sends import Sends, sends_of_attempt
from .sources import Kind, read_text, recognise

RAM = "pc.ram"
"""The one RAM block whose pages are followed."""
PAGE_SIZE = 1 << PAGE_BITS
CHUNK_PAGES = 1 << 18
"""Pages per bit of QEMU's clear bitmap, by default (1 GiB)."""

_MEMORY = re.compile(r"\s-m\s+(?:size=)?(\d+)([kKmMgGtT]?)\b")
_MEMORY_UNITS = {"k": 1 << 10, "": 1 << 20, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


@dataclass
class _Record:
    """The files of a record, read."""

    source: QemuLog | None = None
    destinations: list[QemuLog] = field(default_factory=list)
    probes: list[ProbeLog] = field(default_factory=list)
    guests: list[ProbeLog] = field(default_factory=list)
    comparisons: list[str] = field(default_factory=list)
    command: str = ""
    notes: list[str] = field(default_factory=list)


def read_record(paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> Trace:
    """Reads a directory or a list of files. Raises :class:`TraceInputError` if nothing in them is of use, and
    :class:`TraceSyntaxError` at a malformed line."""
    files = record_files(paths)
    record = _read_files([(path, recognise(path)) for path in files])
    if record.source is None and not record.destinations and not record.probes:
        where = ", ".join(files[:3]) + (", ..." if len(files) > 3 else "")
        raise TraceInputError(where or "no file", "no QEMU trace log and no host probes to read")
    return _build(record)


def record_files(paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> list[str]:
    """The files meant by paths: of a directory its own files, sorted by name, without the hidden ones."""
    several = [paths] if isinstance(paths, str | os.PathLike) else paths
    files: list[str] = []
    for path in map(Path, several):
        if path.is_dir():
            files += sorted(str(p) for p in path.iterdir() if p.is_file() and not p.name.startswith("."))
        else:
            files.append(str(path))
    return files


def _read_files(files: Iterable[tuple[str, Kind]]) -> _Record:
    record = _Record()
    ignored = []
    for path, kind in files:
        if kind is Kind.QEMU_LOG:
            log = read_qemu_log(path)
            if not log.is_source:
                record.destinations.append(log)
            elif record.source is None:
                record.source = log
            else:
                raise TraceInputError(path, f"a second log of the source, besides {record.source.path}")
            record.notes.append(f"{path}: {log.other} lines of other events skipped")
        elif kind is Kind.FTRACE:
            probes = read_probes(path)
            (record.guests if probes.is_guest else record.probes).append(probes)
            record.notes.append(f"{path}: {probes.other} lines of other events skipped")
        elif kind is Kind.RAM_COMPARISON:
            record.comparisons.append(path)
        elif kind is Kind.COMMAND_LINE:
            command = read_text(path)
            if " -incoming" not in command:
                record.command = command
        elif kind is Kind.NATIVE:
            raise TraceInputError(path, "a native trace among the logs of a record: read it by itself")
        else:
            ignored.append(os.path.basename(path))
    if ignored:
        record.notes.append("not read: " + ", ".join(ignored))
    return record


def _build(record: _Record) -> Trace:
    source = record.source
    notes = record.notes
    attempts = _attempts(source)
    sends = _all_sends(record, attempts)
    pages = _guest_pages(record, sends)
    parts = [_send_events(sends, pages)]
    if source is not None:
        threads = source.threads_that_sync()
        headers = [h.time for log in record.probes for h in log.headers if h.thread in threads]
        parts += [log_events(source, sorted(headers)), dirty_events(source, pages, attempts[0][0])]
    else:
        threads = set()
    for probes in record.probes:
        if source is not None and not _overlaps(probes, source):
            notes.append(f"{probes.path}: its clock is not that of {source.path}, so its times mean nothing: not used")
            continue
        parts.append(probe_events(probes, threads, pages))
    for guest in record.guests:
        parts.append(guest_events(guest, [placed for part in parts for placed in part.placed]))
    return _assemble(record, parts, pages)


def _assemble(record: _Record, parts: list[HostEvents], pages: int) -> Trace:
    notes = record.notes
    placed = [one for part in parts for one in part.placed]
    placed.sort(key=lambda one: one.order)
    origin = placed[0].order[0] if placed else 0
    events = [one.event._replace(time=one.order[0] - origin) for one in placed]
    observed = set().union(*(part.observed for part in parts))
    last = events[-1].time if events else 0
    for path in record.comparisons:
        observed |= {"memory.differs", "memory.compared"}
        events.append(Event(last, "memory.compared", ((0, pages),), NO_ARGUMENTS, source=Source(path, 1)))
        for name, (numbers, where) in sorted(read_comparison(path).items()):
            ranges = merge_ranges(tuple((page, 1) for page in sorted(numbers)))
            events.append(Event(last, "memory.differs", ranges, {"class": name, "count": len(numbers)}, source=where))
    for part in parts:
        notes += part.notes
    header = Header(pages, PAGE_SIZE, CHUNK_PAGES, "hinting", _settings(record.command), (), tuple(sorted(observed)))
    return Trace(header, events, notes)


def _attempts(source: QemuLog | None) -> list[tuple[int, int]]:
    """The times of the attempts to migrate: from the start of each to the start of the next."""
    starts = [step.time for step in (source.steps if source else ()) if step.kind == "migrate_set_state" and step.fields["state"] == "setup"] or [0]
    return list(zip(starts, [*starts[1:], 1 << 63], strict=True))


def _all_sends(record: _Record, attempts: list[tuple[int, int]]) -> list[Sends]:
    """The sends of each attempt; a destination belongs to the attempt during which it began to load."""
    of_attempt: dict[int, QemuLog] = {}
    for log in sorted(record.destinations, key=lambda log: log.loads[0].time if log.loads else log.first):
        begun = log.loads[0].time if log.loads else log.first
        index = max((i for i, (start, _) in enumerate(attempts) if start <= begun), default=len(attempts) - 1)
        if index in of_attempt:
            raise TraceInputError(log.path, f"a second log of a destination, besides {of_attempt[index].path}")
        of_attempt[index] = log
    if record.source is None and not of_attempt:
        return []
    return [sends_of_attempt(record.source, of_attempt.get(i), record.probes, window) for i, window in enumerate(attempts)]


def _send_events(attempts: list[Sends], pages: int) -> HostEvents:
    result = HostEvents()
    others: Counter[str] = Counter()
    number = 0
    for index, attempt in enumerate(attempts):
        time = 0
        for send in attempt.sends:
            if send.block != RAM or send.page >= pages:
                others[send.block] += 1
                continue
            number += 1
            time = max(time, send.time)
            event = Event(0, "migration.send", ((send.page, 1),), NO_ARGUMENTS, send.flags, Source(send.path, send.line))
            result.placed.append(Placed((time, SEND_RANK, float(number)), event))
        result.notes += [f"attempt {index + 1} of {len(attempts)}: {note}" for note in attempt.notes]
    # an attempt that did not complete is begun afresh, so what is missing of it does not matter
    if attempts and attempts[-1].complete:
        result.observed.add("migration.send")
    for block, count in sorted(others.items()):
        result.notes.append(f"{count} pages sent of the RAM block {block} left out")
    return result


def _overlaps(probes: ProbeLog, source: QemuLog) -> bool:
    times = [p.time for p in probes.probes[:1] + probes.probes[-1:]] + [h.time for h in probes.headers[:1]]
    return not times or (min(times) <= source.last and max(times) >= source.first)


def _guest_pages(record: _Record, attempts: list[Sends]) -> int:
    """The pages of the guest's main RAM block: as its command line says, else enough for what is seen of it."""
    memory = _MEMORY.search(record.command)
    if memory is not None:
        return int(memory[1]) * _MEMORY_UNITS[memory[2].lower()] >> PAGE_BITS
    words = [len(probe.fields[f"words{i}"].split(",")) for log in record.probes for probe in log.probes[:100] if probe.kind == "bmap0" for i in range(4)]
    top = max((send.page + 1 for attempt in attempts for send in attempt.sends if send.block == RAM), default=1)
    pages = max(sum(words[:4]) * 4 * 64, 1 << (top - 1).bit_length())
    record.notes.append(f"no command line of the source: {pages} pages of guest memory are assumed")
    return pages


def _settings(command: str) -> dict[str, str]:
    """What the command line says about the dirty log: TCG takes and clears it in one step, as KVM's older way does."""
    if re.search(r"\baccel[\s=]tcg\b", command):
        return {"dirty-log": "get-and-clear"}
    if re.search(r"(\baccel[\s=]|-enable-)kvm\b", command):
        return {"dirty-log": "dirty-ring" if "dirty-ring-size=" in command else "manual"}
    return {}
