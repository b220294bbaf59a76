"""Which pages were sent, in which order, and when: the destination's log aligned with what the source shows.

The destination names every page it loads, in the order of the stream, but not when it was sent. The source shows the
time: of every page header where the words put on the stream were probed, else only of pages that are not zero
(``ram_save_page``) and of the sections of RAM.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from .events import NO_FLAGS
from .probes import Header, ProbeLog
from .qemu import FLAG_CONTINUE, FLAG_PAGE, FLAG_ZERO, PAGE_BITS, PAGE_FLAGS, Load, QemuLog, Save, Section

_LOOK_AHEAD = 64
_HOPELESS = 500
_ZERO = frozenset({"zero"})
# bits below the page number that no page header has
_NO_FLAGS = ((1 << PAGE_BITS) - 1) & ~(PAGE_FLAGS | FLAG_CONTINUE)


def is_page_header(value: int) -> bool:
    """Whether a word put on a stream may be the header of a page."""
    return bool(value & PAGE_FLAGS) and not value & _NO_FLAGS


class Send(NamedTuple):
    """One page sent. ``flags``: ``zero``; ``unreceived`` (no load at the destination), ``unmatched`` (no sign of it
    at the source), ``partial`` (no log of the destination: zero pages are missing)."""

    time: int
    block: str
    page: int
    flags: frozenset[str]
    path: str
    line: int


@dataclass
class Sends:
    """The sends of one attempt in the order of the stream, and notes on how they were found."""

    sends: list[Send] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    complete: bool = True


def beside_channels(found: Sends) -> Sends:
    """The same where multifd is used: of what its channels carry nothing is read, so any page may have been sent besides."""
    note = "multifd: its channels are not read, so pages may have been sent that no log shows"
    sends = [send._replace(flags=send.flags - {"unreceived"}) for send in found.sends]
    return Sends(sends, [*found.notes, note], complete=False)


def align(source: Sequence[Hashable], destination: Sequence[Hashable]) -> list[tuple[int | None, int | None]]:
    """Pairs two sequences that should be equal; what one of them lacks is paired with None.

    Linear in the length: after a mismatch, the nearest place (at most 64 on either side) where both agree again.
    """
    pairs: list[tuple[int | None, int | None]] = []
    i = j = failures = 0
    while i < len(source) and j < len(destination):
        if source[i] == destination[j]:
            pairs.append((i, j))
            i, j = i + 1, j + 1
            continue
        skip = _resynchronise(source, destination, i, j)
        if skip is None:
            failures += 1
            if failures > _HOPELESS:
                break
        skip_source, skip_destination = skip or (1, 1)
        pairs.extend((k, None) for k in range(i, i + skip_source))
        pairs.extend((None, k) for k in range(j, j + skip_destination))
        i, j = i + skip_source, j + skip_destination
    pairs.extend((k, None) for k in range(i, len(source)))
    pairs.extend((None, k) for k in range(j, len(destination)))
    return pairs


def _resynchronise(a: Sequence[Hashable], b: Sequence[Hashable], i: int, j: int) -> tuple[int, int] | None:
    for total in range(1, _LOOK_AHEAD + 1):
        for skip_a in range(total, -1, -1):
            x, y = i + skip_a, j + total - skip_a
            if x < len(a) and y < len(b) and a[x] == b[y]:
                follows = x + 1 >= len(a) or y + 1 >= len(b) or a[x + 1] == b[y + 1]
                if follows:
                    return skip_a, total - skip_a
    return None


def sends_of_attempt(source: QemuLog | None, destination: QemuLog | None, probes: Sequence[ProbeLog], window: tuple[int, int]) -> Sends:
    """The sends between two times (nanoseconds since the epoch) of the source."""
    saves = [save for save in source.saves if window[0] <= save.time < window[1]] if source else []
    sections = [s for s in source.sections if window[0] <= s.start < window[1]] if source else []
    if destination is None:
        found = _from_source_only(source, saves)
    elif not destination.loads and not saves:
        found = Sends(notes=[f"{destination.path}: loads of pages were not traced"], complete=False)
    else:
        log, headers = _page_headers(source, probes, sections, window)
        if log is not None and headers:
            found = _by_headers(log, headers, destination)
        elif source is not None and (saves or sections):
            found = _by_saves(source, saves, sections, destination)
        else:
            found = Sends([_send(load, load.time, destination.path, load.line) for load in destination.loads])
            found.notes.append("no log of the source: pages are sent when the destination loads them, by its clock")
    if destination is not None and destination.postcopy_loads:
        count = destination.postcopy_loads
        found.notes.append(f"{destination.path}: {count} pages loaded after the switch to post-copy are not read")
        found.complete = False
    if destination is not None and destination.lost:
        # what the destination's trace does not show may have been among what it lost
        found.sends = [send._replace(flags=send.flags - {"unreceived"}) for send in found.sends]
        found.notes.append(f"{destination.path}: events were dropped, so pages that it does not show may have been loaded")
        found.complete = False
    return found


def _from_source_only(source: QemuLog | None, saves: list[Save]) -> Sends:
    path = source.path if source else ""
    flags = frozenset({"partial"})
    sends = [Send(save.time, save.block, save.offset >> PAGE_BITS, flags, path, save.line) for save in saves]
    note = f"no log of the destination for this attempt: {len(sends)} pages sent are known, zero pages are missing"
    return Sends(sends, [note], complete=False)


def _page_headers(source: QemuLog | None, probes: Sequence[ProbeLog], sections: list[Section], window: tuple[int, int]) -> tuple[ProbeLog | None, list[Header]]:
    """Words put on the stream that look like page headers, by the migration thread, inside the sections of RAM."""
    threads = source.threads_that_sync() if source else set()
    starts = [section.start for section in sections]
    for log in probes:
        headers = [header for header in log.headers if is_page_header(header.value) and window[0] <= header.time < window[1]]
        if threads:
            headers = [header for header in headers if header.thread in threads]
        if sections:
            at = [bisect_right(starts, header.time) - 1 for header in headers]
            headers = [h for h, k in zip(headers, at, strict=True) if k >= 0 and h.time <= sections[k].end]
        if headers:
            return log, headers
    return None, []


def _by_headers(log: ProbeLog, headers: list[Header], destination: QemuLog) -> Sends:
    result = Sends()
    block: str | None = None
    time = headers[0].time
    loads = list(destination.loads)
    unknown = 0
    for i, j in align([h.value for h in headers], [load.offset | load.flags for load in loads]):
        if i is not None and j is not None:
            time, block = headers[i].time, loads[j].block
            result.sends.append(_send(loads[j], time, log.path, headers[i].line))
        elif j is not None:
            result.sends.append(_send(loads[j], time, destination.path, loads[j].line, "unmatched"))
        elif i is not None:
            header = headers[i]
            time = header.time
            block = block if header.value & FLAG_CONTINUE else None
            if block is None:
                unknown += 1
                continue
            flags = (_ZERO if header.value & FLAG_ZERO else NO_FLAGS) | {"unreceived"}
            result.sends.append(Send(time, block, header.value >> PAGE_BITS, flags, log.path, header.line))
    result.notes.append(_summary(result.sends, "page headers put on the stream"))
    if unknown:
        result.notes.append(f"{unknown} page headers of an unknown RAM block, not loaded by the destination")
    return result


def _by_saves(source: QemuLog, saves: list[Save], sections: list[Section], destination: QemuLog) -> Sends:
    result = Sends()
    loads = list(destination.loads)
    normal = [j for j, load in enumerate(loads) if load.flags & FLAG_PAGE]
    pairs = align([(save.block, save.offset) for save in saves], [(loads[j].block, loads[j].offset) for j in normal])
    matched = {normal[j]: i for i, j in pairs if i is not None and j is not None}
    # the first section that the destination loads describes the blocks: the source does not log it
    setup = 1 if loads and loads[0].section > 0 else 0
    time = sections[0].start if sections else saves[0].time
    section = -1
    for j, load in enumerate(loads):
        if load.section != section:
            section = load.section
            if 0 <= section - setup < len(sections):
                time = max(time, sections[section - setup].start)
        i = matched.get(j)
        if i is not None:
            time = saves[i].time
            result.sends.append(_send(load, time, source.path, saves[i].line))
        elif load.flags & FLAG_PAGE:
            result.sends.append(_send(load, time, destination.path, load.line, "unmatched"))
        else:
            result.sends.append(_send(load, time, destination.path, load.line))
    unreceived = [saves[i] for i, j in pairs if i is not None and j is None]
    for save in unreceived:
        flags = frozenset({"unreceived"})
        result.sends.append(Send(save.time, save.block, save.offset >> PAGE_BITS, flags, source.path, save.line))
    if unreceived:
        result.sends.sort(key=lambda send: send.time)
    result.notes.append(_summary(result.sends, "pages saved; zero pages take the time of the page before them"))
    return result


def _send(load: Load, time: int, path: str, line: int, flag: str | None = None) -> Send:
    flags = _ZERO if load.flags & FLAG_ZERO else NO_FLAGS
    return Send(time, load.block, load.offset >> PAGE_BITS, flags | {flag} if flag else flags, path, line)


def _summary(sends: list[Send], how: str) -> str:
    count = Counter(flag for send in sends for flag in send.flags)
    return (
        f"{len(sends)} pages sent ({count['zero']} zero), timed by {how};"
        f" {count['unmatched']} without a sign at the source, {count['unreceived']} that the destination did not load"
    )
