"""Which logs belong to which attempt to migrate: one source may be migrated several times, each time to a destination of its own."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import islice, zip_longest

from ...grammar import TraceInputError
from .alignment import align
from .one_migration import stream_must_match
from .qemu import FLAG_PAGE, Load, QemuLog, Save
from .stream import Stream

Window = tuple[int, int]
"""The times of an attempt: from its start to the start of the next."""

_COMPARED = 3_000
"""How many pages, at most, are compared to recognise an attempt."""


def attempts(source: QemuLog | None) -> list[Window]:
    """The attempts in the source's log; all of time, if it shows none."""
    starts = [step.time for step in (source.steps if source else ()) if step.kind == "migrate_set_state" and step.fields["state"] == "setup"] or [0]
    return list(zip(starts, [*starts[1:], 1 << 63], strict=True))


def destinations_of_attempts(source: QemuLog | None, destinations: Sequence[QemuLog], windows: Sequence[Window]) -> dict[int, QemuLog]:
    """The destination's log of each attempt that has one: by the time it began to load, or, if its clock is another than
    the source's, by the pages. Raises :class:`TraceInputError` if two belong to the same attempt."""
    found: dict[int, QemuLog] = {}
    for log in sorted(destinations, key=_begun):
        if source is None or _same_clock(log, source):
            index = max((i for i, (start, _) in enumerate(windows) if start <= _begun(log)), default=len(windows) - 1)
        else:
            index = _by_pages(log.loads, source, windows)
        if index in found:
            raise TraceInputError(log.path, f"a second log of a destination, besides {found[index].path}")
        found[index] = log
    return found


def add_streams(found: dict[int, QemuLog], source: QemuLog | None, streams: Sequence[Stream], windows: Sequence[Window]) -> list[str]:
    """Has each stream tell what its attempt's destination loads; notes on how it compares with the destination's own log.

    A stream is what was sent, to the byte: where the log differs, the stream is taken. Changes ``found``. Raises
    :class:`TraceInputError` if two streams belong to the same attempt.
    """
    notes: list[str] = []
    taken: dict[int, Stream] = {}
    for stream in streams:
        notes += stream.notes
        index = _by_pages(stream.loads, source, windows)
        if index in taken:
            raise TraceInputError(stream.path, f"a second stream of one migration, besides {taken[index].path}")
        taken[index] = stream
        log = found.get(index)
        if log is not None and log.loads:
            stream_must_match(stream, log)
            equal, note = _compare(stream, log)
            notes.append(note)
            if equal:
                continue
        sections = stream.loads[-1].section + 1 if stream.loads else 0
        found[index] = QemuLog(stream.path, loads=stream.loads, load_flags=stream.load_flags, load_sections=sections, postcopy_loads=stream.postcopy_pages)
    return notes


def _compare(stream: Stream, log: QemuLog) -> tuple[bool, str]:
    sent, loaded = (((load.block, load.offset, load.flags) for load in side.loads) for side in (stream, log))
    first = next((i for i, (a, b) in enumerate(zip_longest(sent, loaded)) if a != b), None)
    if first is None:
        return True, f"{stream.path}: its {len(stream.loads)} pages are those that {log.path} shows, in the same order"
    counts = f"{len(stream.loads)} pages, but {log.path} shows {len(log.loads)}"
    return False, f"{stream.path}: {counts}, another one from page {first + 1} on: the stream is taken"


def _by_pages(loads: Sequence[Load], source: QemuLog | None, windows: Sequence[Window]) -> int:
    """The attempt whose pages, as the source saved them, are most like these; the last if none is."""
    if source is None:
        return len(windows) - 1
    normal = [_page(load) for load in islice((load for load in loads if load.flags & FLAG_PAGE), _COMPARED)]

    def likeness(window: Window) -> int:
        saved = [_page(save) for save in islice((save for save in source.saves if window[0] <= save.time < window[1]), _COMPARED)]
        return sum(i is not None and j is not None for i, j in align(saved, normal))

    return max(range(len(windows)), key=lambda index: (likeness(windows[index]), index))


def _page(item: Load | Save) -> Hashable:
    return item.block, item.offset


def _begun(log: QemuLog) -> int:
    """When a destination began to load."""
    return log.loads[0].time if log.loads else log.first


def _same_clock(log: QemuLog, source: QemuLog) -> bool:
    """Whether two logs of one migration can count from the same moment: their times overlap."""
    return log.first <= source.last and source.first <= log.last
