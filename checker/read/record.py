"""Reads what was recorded of a migration by others - logs of QEMU, of Linux, of a comparison - as one trace.

The files of one record belong to one source guest; several attempts to migrate it may follow each other. Events stand
in the order of the source's time, and the trace begins at the first of them. The source's own log gives the time; other
logs are brought to it (``clocks``, ``guest``), and what was recorded is inferred from the files (``inference``).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial, reduce
from itertools import islice
from operator import or_

from ...grammar import TraceInputError
from .attempts import Window, add_streams, attempts, destinations_of_attempts
from .clocks import Alignment, probes_to_log, qmp_to_log, shifted
from .comparison import read_comparison
from .event_batches import HeldEvents
from .events import GUEST_CLOCK, NO_ARGUMENTS, Event, Header, Source, Trace, merge_ranges
from .extent import BY_PROBES, TURNS, ends_early, is_under_way, unfinished, whole_probes
from .files import record_files
from .guest import BY_GUEST_CLOCK, guest_events
from .guest_addresses import GuestAddresses, guest_addresses
from .host import SEND_RANK, HostEvents, dirty_events, last_headers, log_events
from .host_probes import probe_events
from .inference import infer, memory_pages, takes_snapshot
from .management import management_events
from .one_migration import CommandLine, comparison_must_fit, must_be_of_one_guest, probes_must_match, qmp_must_match, stream_must_fit
from .ordering import InOrder, Merged, Placed
from .probes import ProbeLog, read_probes
from .qemu import FLAG_COMPRESSED, FLAG_XBZRLE, PAGE_BITS, QemuLog, read_qemu_log
from .qmp import QmpLog, read_qmp_log
from .sends import BESIDES, Sends, besides, sends_of_attempt
from .simple import read_simple_trace
from .sources import Kind, is_copy, read_text, recognise
from .stream import Stream, read_stream

RAM = "pc.ram"
"""The one RAM block whose pages are followed; of other machines, or of a guest whose memory is in several, that which is sent the furthest."""
PAGE_SIZE = 1 << PAGE_BITS
CHUNK_PAGES = 1 << 18
"""Pages per bit of QEMU's clear bitmap, by default (1 GiB)."""

HELD = 1 << 18
"""So many events, at most, are held; of a longer record they are merged anew each time that they are iterated over."""
_SAID_ALWAYS = frozenset({"migration.start"})
"""Events that are kept even where a source lost others: a trace is followed from them on."""


@dataclass
class _Record:
    """The files of a record, read."""

    files: Sequence[str]
    source: QemuLog | None = None
    destinations: list[QemuLog] = field(default_factory=list)
    streams: list[Stream] = field(default_factory=list)
    probes: list[ProbeLog] = field(default_factory=list)
    guests: list[ProbeLog] = field(default_factory=list)
    qmp: QmpLog | None = None
    comparisons: list[str] = field(default_factory=list)
    command: CommandLine = field(default_factory=CommandLine)
    others: list[CommandLine] = field(default_factory=list)
    """Command lines besides the source's."""
    ignored: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    ram: str = RAM


def read_record(paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> Trace:
    """Reads a directory or a list of files. Raises :class:`TraceInputError` if nothing in them is of use, and
    :class:`TraceSyntaxError` at a malformed line."""
    files = record_files(paths)
    record = _Record(files)
    for path, kind in _distinct(record, files):
        _read_file(record, path, kind)
    if record.ignored:
        record.notes.append("not read: " + ", ".join(record.ignored))
    if record.source is None and not record.destinations and not record.probes and not record.streams:
        raise TraceInputError(_names(files), "no QEMU trace, no migration stream and no host probes to read")
    for line in record.others:
        must_be_of_one_guest(record.command, line)
    for stream in record.streams:
        stream_must_fit(stream, record.command)
    return _build(record)


def _names(files: Sequence[str]) -> str:
    """What a record is called in an error: by its first files."""
    return ", ".join(files[:3]) + (", ..." if len(files) > 3 else "") or "no file"


def _distinct(record: _Record, files: Sequence[str]) -> Iterator[tuple[str, Kind]]:
    """The files that hold something of their own: a log may lie beside its compressed copy."""
    seen: dict[Kind, list[str]] = {}
    for path in files:
        kind = recognise(path)
        others = seen.setdefault(kind, [])
        original = next((other for other in others if is_copy(path, other)), None) if kind is not Kind.IGNORED else None
        if original is None:
            others.append(path)
            yield path, kind
        else:
            record.notes.append(f"{path}: holds the same as {original}: not read")


def _read_file(record: _Record, path: str, kind: Kind) -> None:
    """Reads one file into its place."""
    if kind in (Kind.QEMU_LOG, Kind.SIMPLE_TRACE):
        _add_log(record, read_qemu_log(path) if kind is Kind.QEMU_LOG else read_simple_trace(path))
    elif kind is Kind.FTRACE:
        probes = read_probes(path)
        (record.guests if probes.is_guest else record.probes).append(probes)
        record.notes.append(f"{path}: {probes.other} lines of other events skipped")
    elif kind is Kind.STREAM:
        stream = read_stream(path)
        if stream.has_places:
            record.notes += stream.notes
        else:
            record.streams.append(stream)
    elif kind is Kind.QMP_LOG:
        qmp = read_qmp_log(path)
        if qmp.is_source and record.qmp is not None:
            raise TraceInputError(path, f"a second QMP log of the source, besides {record.qmp.path}")
        record.qmp = qmp if qmp.is_source else record.qmp
    elif kind is Kind.RAM_COMPARISON:
        record.comparisons.append(path)
    elif kind is Kind.COMMAND_LINE:
        line = CommandLine(path, read_text(path))
        if " -incoming" not in line.text and record.command.path:
            raise TraceInputError(path, f"a second command line of the source, besides {record.command.path}")
        if " -incoming" in line.text:
            record.others.append(line)
        else:
            record.command = line
    elif kind is Kind.NATIVE:
        raise TraceInputError(path, "a native trace among the logs of a record: read it by itself")
    else:
        record.ignored.append(os.path.basename(path))


def _add_log(record: _Record, log: QemuLog) -> None:
    if not log.is_source:
        record.destinations.append(log)
    elif record.source is None:
        record.source = log
    else:
        raise TraceInputError(log.path, f"a second log of the source, besides {record.source.path}")
    record.notes.append(f"{log.path}: {log.other} lines of other events skipped")


def _build(record: _Record) -> Trace:
    source, notes = record.source, record.notes
    windows = attempts(source)
    record.probes, fitted = _by_source_clock(record.probes, source, notes)
    sends = _all_sends(record, windows)
    record.ram = _followed_block(sends)
    pages = _guest_pages(record, sends)
    addresses = guest_addresses(record.command.text, pages)
    parts = [_send_events(sends, record.ram, pages)]
    threads: set[str] = set()
    if source is not None:
        threads = source.threads_that_sync
        headers = last_headers(source, record.probes)
        parts += [log_events(source, headers), dirty_events(source, pages, windows[0][0])]
    if record.qmp is not None:
        parts.append(_from_qmp(record.qmp, source, notes))
    parts += [probe_events(probes, threads, pages, addresses) for probes in record.probes]
    moved = [probe_events(probes, threads, pages, addresses) for probes in fitted]
    by_clock = tuple(sorted(set().union(*(part.observed for part in moved))))
    if source is not None:
        by_probes = [part for part in parts if part.observed & BY_PROBES] + moved
        if not whole_probes((one.event for part in by_probes for one in part.placed), [*record.probes, *fitted], source, windows, notes):
            for part in by_probes:
                part.observed -= BY_PROBES
    parts += moved
    of_host = Merged([part.placed for part in parts])
    of_guests = [guest_events(guest, of_host.kept, addresses) for guest in record.guests]
    parts += of_guests
    _must_show_a_migration(record, sends, parts)
    estimated = {
        GUEST_CLOCK: BY_GUEST_CLOCK if any(len(part.placed) for part in of_guests) else (),
        "the fitted clock of host probes": by_clock,
        "the order of zero pages and syncs": ("migration.send",) if any(attempt.unsure for attempt in sends) else (),
        "the destination's clock": ("migration.send",) if any(attempt.by_destination for attempt in sends) else (),
    }
    trace = _assemble(record, sends, parts, pages, addresses)
    trace.header = replace(trace.header, estimated={what: names for what, names in estimated.items() if names})
    return trace


def _by_source_clock(logs: Sequence[ProbeLog], source: QemuLog | None, notes: list[str]) -> tuple[list[ProbeLog], list[ProbeLog]]:
    """Host probes by the clock of the source's log: those that have it, and those whose times were moved to it.

    One whose clock cannot be brought to it is left out, with a note.
    """
    same: list[ProbeLog] = []
    moved: list[ProbeLog] = []
    for log in logs:
        alignment = probes_to_log(log, source) if source is not None else None
        is_same = source is not None and _overlaps(log, source) and (alignment is None or alignment.is_same_clock)
        if source is not None:
            probes_must_match(log, source)
        if source is None or is_same:
            same.append(log)
            if alignment is not None and source is not None:
                within = (abs(alignment.shift) + alignment.error) / 1e6
                notes.append(f"{log.path}: by the clock of {source.path}, as pages and syncs show to within {within:.3f} ms")
        elif alignment is None:
            notes.append(f"{log.path}: its clock is not that of {source.path}, so its times mean nothing: not used")
        else:
            notes.append(f"{log.path}: {_shift_note(alignment, source.path)}")
            moved.append(shifted(log, alignment.shift))
    return same, moved


def _shift_note(alignment: Alignment, path: str) -> str:
    return f"times moved by {alignment.shift / 1e9:+.6f} s to the clock of {path}; they are off by up to {alignment.error / 1e6:.3f} ms"


def _from_qmp(qmp: QmpLog, source: QemuLog | None, notes: list[str]) -> HostEvents:
    """What QMP alone shows; nothing, with a note, if its clock cannot be brought to that of the source's log."""
    if source is None:
        return management_events(qmp, source, 0)
    qmp_must_match(qmp, source)
    alignment = qmp_to_log(qmp, source)
    first = last = 0
    for event in qmp.events:
        first, last = first or event.time, event.time or last
    if alignment is None and first and not (first <= source.last and source.first <= last):
        notes.append(f"{qmp.path}: its clock is not that of {source.path}, so its events are not used")
        return HostEvents()
    if alignment is None or alignment.is_same_clock:
        return management_events(qmp, source, 0)
    found = management_events(qmp, source, alignment.shift)
    if len(found.placed):
        notes.append(f"{qmp.path}: {_shift_note(alignment, source.path)}")
    return found


def _assemble(record: _Record, sends: Sequence[Sends], parts: list[HostEvents], pages: int, addresses: GuestAddresses) -> Trace:
    notes = record.notes
    gaps = [part.gaps for part in parts if len(part.gaps)]
    placed = [part.placed for part in parts]
    turns = [one for one in Merged(placed).kept() if one.event.name in TURNS]
    open_end = _open_end(record, (one.event for one in turns))
    last = {one.event.name: one.order[0] for one in turns}
    is_snapshot = takes_snapshot(record.qmp, record.source)
    switches = last.get("migration.postcopy", 0) > last.get("migration.start", 0)
    end = record.source.last if record.source is not None and open_end else None
    merged = Merged([*placed, *(pages for part in parts for pages in part.pages)], gaps, _SAID_ALWAYS, end=end)
    left_out = sum(not is_kept for _, is_kept in merged.told()) if gaps else 0
    if left_out:
        notes.append(f"{left_out} events left out, as others of the same time were lost")
    pages = _widened(record, (one.event for one in Merged(placed, gaps, _SAID_ALWAYS, end=end).kept()), pages)
    observed = set().union(*(part.observed for part in parts))
    steps = record.source.kinds if record.source is not None else set()
    inferred = infer(record.command.text, record.qmp, observed, steps, "postcopy" if switches else "snapshot" if is_snapshot else "")
    compared: list[Event] = []
    later = open_end or ("a snapshot" if is_snapshot else "")
    if later and record.comparisons:
        notes.append(f"not used, as they compare what came later: {', '.join(record.comparisons)}")
    for path in record.comparisons if not later else ():
        observed |= {"memory.differs", "memory.compared"}
        compared += _compared(record, sends, path, pages, addresses)
    for part in parts:
        notes += part.notes
    notes += inferred.notes
    if addresses.doubt and (record.guests or record.probes or record.comparisons):
        notes.append(f"{addresses.doubt}: the guest's addresses are taken for places in its RAM block")
    header = Header(pages, PAGE_SIZE, CHUNK_PAGES, inferred.system, inferred.settings, inferred.without, tuple(sorted(observed)), unfinished=open_end)
    if switches and "migration.complete" in last:  # with the end of post-copy the pages are the destination's own
        before = [Placed((last["migration.complete"], -1, float(number)), event) for number, event in enumerate(compared)]
        merged = replace(merged, sources=[*merged.sources, before])
    else:
        merged = replace(merged, closing=compared)
    few = HeldEvents(islice(merged, HELD + 1))
    return Trace(header, few if len(few) <= HELD else merged, notes)


def _must_show_a_migration(record: _Record, sends: Sequence[Sends], parts: Sequence[HostEvents]) -> None:
    """TraceInputError for logs that show nothing of a migration: whatever was asked of them would be answered with yes."""
    if not any(attempt.sends for attempt in sends) and not any(one.event.name.startswith("migration.") for part in parts for one in part.placed):
        raise TraceInputError(_names(record.files), "no migration is to be seen here (was QEMU's trace event migrate_set_state recorded?)")


def _open_end(record: _Record, events: Iterable[Event]) -> str:
    """Why the record does not show how its last migration ended, if so."""
    if record.source is not None and ends_early(record.source):
        return unfinished(record.source.path)
    if is_under_way(events):
        return "no log shows how the migration ended: what became of it is not known"
    return ""


def _compared(record: _Record, sends: Sequence[Sends], path: str, pages: int, addresses: GuestAddresses) -> list[Event]:
    """What a comparison says, at the end of the trace."""
    comparison = read_comparison(path)
    comparison_must_fit(comparison, path, sends, record.ram, addresses)
    everything = ((0, pages),)
    compared = addresses.in_block(comparison.compared) if comparison.compared else everything
    found = [Event(0, "memory.compared", compared, NO_ARGUMENTS, source=Source(path, 1))]
    for name, (numbers, where) in sorted(comparison.differing.items()):
        ranges = addresses.in_block(merge_ranges(tuple((page, 1) for page in sorted(numbers))))
        found.append(Event(0, "memory.differs", ranges, {"class": name, "count": len(numbers)}, source=where))
    _widened(record, found, pages, declared=True)
    return [event for event in found if event.pages]


def _widened(record: _Record, events: Iterable[Event], pages: int, declared: bool = False) -> int:
    """How many pages the guest has, given that these events name some: no more than its command line says."""
    declared = declared or _declared_pages(record) is not None
    for event in events:
        for first, count in event.pages:
            if first < 0 or (declared and first + count > pages):
                problem = f"line {event.source.line}: {event.name} of pages {first:#x}+{count} outside the guest's memory of {pages:#x} pages"
                raise TraceInputError(event.source.path, problem)
            pages = max(pages, first + count)
    return pages


def _all_sends(record: _Record, windows: list[Window]) -> list[Sends]:
    """The sends of each attempt."""
    received = destinations_of_attempts(record.source, record.destinations, windows)
    record.notes += add_streams(received, record.source, record.streams, windows)
    if record.source is None and not received:
        return []
    found = [sends_of_attempt(record.source, received.get(i), record.probes, window) for i, window in enumerate(windows)]
    flags = reduce(or_, (log.load_flags for log in received.values()), 0)
    used = {"multifd": any(stream.multifd for stream in record.streams), "xbzrle": flags & FLAG_XBZRLE, "compress": flags & FLAG_COMPRESSED}
    set_by_qmp = record.qmp.capabilities if record.qmp is not None else {}
    for capability in BESIDES:
        if used[capability] or set_by_qmp.get(capability):
            found = [besides(sends, capability) for sends in found]
    return found


def _followed_block(found: Sequence[Sends]) -> str:
    """The name of the RAM block whose pages are followed."""
    top: dict[str, int] = {}
    for send in (send for attempt in found for send in attempt.sends):
        if send.block == RAM:
            return RAM
        top[send.block] = max(top.get(send.block, 0), send.page)
    return max(top, key=lambda block: top[block], default=RAM)


def _send_events(found: list[Sends], ram: str, pages: int) -> HostEvents:
    result = HostEvents()
    others = Counter(send.block for attempt in found for send in attempt.sends if send.block != ram or send.page >= pages)

    def placed(attempt: Sends) -> Iterator[Placed]:
        time = 0
        for number, send in enumerate(attempt.sends):
            if send.block == ram and send.page < pages:
                time = max(time, send.time)
                event = Event(0, "migration.send", ((send.page, 1),), NO_ARGUMENTS, send.flags, Source(send.path, send.line))
                yield Placed((time, SEND_RANK, float(number)), event)

    result.pages = [InOrder(partial(placed, attempt)) for attempt in found]
    for index, attempt in enumerate(found):
        result.notes += [f"attempt {index + 1} of {len(found)}: {note}" for note in attempt.notes]
    # an attempt that did not complete is begun afresh, so what is missing of it does not matter
    if found and found[-1].complete:
        result.observed.add("migration.send")
    for block, count in sorted(others.items()):
        result.notes.append(f"{count} pages sent of the RAM block {block} left out")
    return result


def _overlaps(probes: ProbeLog, source: QemuLog) -> bool:
    times = [time for time in (probes.first, probes.last) if time is not None] + [header.time for header in probes.headers[:1]]
    return not times or (min(times) <= source.last and max(times) >= source.first)


def _declared_pages(record: _Record) -> int | None:
    """The pages of the guest's main RAM block, if the command line or the stream says so."""
    said = memory_pages(record.command.text) if record.ram == RAM else None
    sizes = (stream.blocks[record.ram] >> PAGE_BITS for stream in record.streams if record.ram in stream.blocks)
    return said if said is not None else next(sizes, None)


def _guest_pages(record: _Record, found: list[Sends]) -> int:
    """The pages of the guest's main RAM block: as declared, else enough for what is seen of it so far."""
    said = _declared_pages(record)
    if said is not None:
        return said
    quarter = next((probe for log in record.probes for probe in log.snapshots if probe.kind == "bmap0"), None)
    words = sum(len(quarter.fields[f"words{number}"].split(",")) for number in range(4)) if quarter is not None else 0
    top = max((send.page + 1 for attempt in found for send in attempt.sends if send.block == record.ram), default=1)
    if record.ram != RAM:  # of a guest's memory it may be a part
        record.notes.append(f"the RAM block {record.ram} is followed, as far as it was sent: {top} pages")
        return top
    pages = max(words * 4 * 64, 1 << (top - 1).bit_length())
    record.notes.append(f"no command line of the source: {pages} pages of guest memory are assumed, or as many as events name")
    return pages
