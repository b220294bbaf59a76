"""Which pages were sent, in which order, and when: the destination's log aligned with what the source shows.

The destination names every page it loads, in the order of the stream, but not when it was sent. The source shows the
time: of every page header where the words put on the stream were probed, else only of pages that are not zero
(``ram_save_page``) and of the sections of RAM.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from typing import NamedTuple

from ...grammar import TraceInputError
from .agreement import agreement
from .alignment import Ahead, aligned
from .events import NO_FLAGS
from .extent import begins_late, ends_early, shows_end
from .probes import Header, ProbeLog, headers_of
from .qemu import FLAG_CONTINUE, FLAG_PAGE, FLAG_XBZRLE, FLAG_ZERO, PAGE_BITS, PAGE_FLAGS, Load, QemuLog, Save, Section, sections_of
from .rows import Rows
from .zero_pages import ZeroPages

_ENOUGH = 64
"""So many pages of both sides tell whether they are of one migration."""
_ZERO = frozenset({"zero"})
_SAVED = FLAG_PAGE | FLAG_XBZRLE
"""Of these pages the source's log says that it saves them."""
_SIDES = {"": 0, "unreceived": -1, "unmatched": 1}
_ONE_SIDED = frozenset(_SIDES) - {""}
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


def kept(sends: Iterable[Send]) -> Rows[Send]:
    """These sends, which may be many."""
    return Rows.of(Send, "qnqnnq", sends)


@dataclass
class Sends:
    """The sends of one attempt in the order of the stream, and notes on how they were found."""

    sends: Sequence[Send] = ()
    notes: list[str] = field(default_factory=list)
    complete: bool = True
    unsure: int = 0
    """Of so many zero pages it is not known at which side of a sync they were sent."""
    by_destination: bool = False
    """Are the times when the destination loaded the pages, by its clock?"""
    unknown: int = 0
    """So many pages were sent of a block of which it is not known which it is, and not loaded."""


BESIDES = {
    "multifd": "its channels are not read",
    # QEMU migration/ram.c, save_xbzrle_page: nothing is put on the stream for a page that is as it was sent last
    "xbzrle": "a page that is still as it was sent last is not sent again",
    "compress": "threads of their own put compressed pages on the stream",  # up to QEMU 9.0
}
"""Capabilities by which pages reach the destination that no log of the source shows."""


def besides(found: Sends, capability: str) -> Sends:
    """The same where one of :data:`BESIDES` is used: any page may have been sent besides, and when is not known if the source does not show it."""
    note = f"{capability}: {BESIDES[capability]}, so pages may have been sent that no log shows"
    sends = kept(send._replace(flags=send.flags - {"unreceived"}) for send in found.sends if "unmatched" not in send.flags)
    return replace(found, sends=sends, notes=[*found.notes, note], complete=False)


def sends_of_attempt(source: QemuLog | None, destination: QemuLog | None, probes: Sequence[ProbeLog], window: tuple[int, int]) -> Sends:
    """The sends between two times (nanoseconds since the epoch) of the source."""
    saves = _Saves(source, window)
    sections = sections_of(s for s in (source.sections if source else ()) if window[0] <= s.start < window[1])
    if destination is None:
        found = _from_source_only(source, saves)
    elif begins_late(destination) and saves.first is not None:
        found = _from_source_only(source, saves)
        found.notes.insert(0, f"{destination.path}: begins in the middle of the migration: not used")
        return found
    elif not destination.loads:
        found = _from_source_only(source, saves)
        found.notes.insert(0, f"{destination.path}: no load of a page was traced")
        return found
    else:
        log, headers = _page_headers(source, probes, sections, window)
        by_headers = _by_headers(log, headers, destination) if log is not None and headers else None
        if by_headers is not None and (by_headers.unsure == 0 or source is None or saves.first is None):
            found = by_headers
        elif source is not None and (saves.first or sections):
            found = _by_saves(source, saves, sections, destination)
        else:
            found = Sends(kept(_send(load, load.time, destination.path, load.line) for load in destination.loads))
            found.notes.append("no log of the source: pages are sent when the destination loads them, by its clock")
            found.complete, found.by_destination = not begins_late(destination), True
        has_all = not destination.load_flags & FLAG_XBZRLE
        if window[0] and source is not None and has_all and not (source.lost or destination.lost):
            _must_be_of_one_migration(found, log.path if found is by_headers and log is not None else source.path, destination.path)
    if destination is not None:
        found = _beside_what_is_loaded(_as_far_as_logs_reach(found, source, destination, window), destination)
    if destination is not None and destination.postcopy_loads:
        count = destination.postcopy_loads
        found.notes.append(f"{destination.path}: {count} pages loaded after the switch to post-copy are not read")
        found.complete = False
    if destination is not None and destination.lost:
        # what the destination's trace does not show may have been among what it lost
        found.sends = kept(send._replace(flags=send.flags - {"unreceived"}) for send in found.sends)
        found.notes.append(f"{destination.path}: events were dropped, so pages that it does not show may have been loaded")
        found.complete = False
    return found


def _beside_what_is_loaded(found: Sends, destination: QemuLog) -> Sends:
    """The same where what the destination's log names is certainly not all that reaches it."""
    if destination.load_flags & ~(FLAG_ZERO | FLAG_CONTINUE):
        return found
    note = f"{destination.path}: no page was loaded that is not empty: others may have been sent by other channels (multifd)"
    return replace(found, notes=[*found.notes, note], complete=False)


def _as_far_as_logs_reach(found: Sends, source: QemuLog | None, destination: QemuLog, window: tuple[int, int]) -> Sends:
    """The same where one side's log does not show what the other's does: a page sent then may have been loaded all the same, or have no known time."""
    stops = source is not None and window[1] > source.last and ends_early(source)
    first = last = shown = -1
    # pages that the destination does not show, before the first and after the last of those that both sides do
    before = after = 0
    for number, send in enumerate(found.sends):
        if send.path == destination.path:
            continue
        shown = number
        if "unreceived" in send.flags:
            after += 1
            continue
        first, before = (number, after) if first < 0 else (first, before)
        last, after = number, 0
    if shows_end(destination):
        last, after = len(found.sends), 0
    sends, complete = found.sends, found.complete and not stops and not ends_early(destination)
    if before or after:
        unknown = f"of {before + after} pages sent before or after it is not known whether they were loaded"
        found.notes.append(f"{destination.path}: does not reach as far as the source's log: {unknown}")
        sends = kept(send if first <= number <= last else send._replace(flags=send.flags - {"unreceived"}) for number, send in enumerate(sends))
        complete = False
    if stops:
        # what the destination loads after the source's last sign has no time
        sends = kept(send for number, send in enumerate(sends) if number <= shown)
    return replace(found, sends=sends, complete=complete)


def _must_be_of_one_migration(found: Sends, source: str, destination: str) -> None:
    """TraceInputError if both sides have too few pages in common, or each its own: whatever followed from that would be wrong."""
    counts = Counter(next(iter(send.flags & _ONE_SIDED), "") for send in found.sends if "zero" not in send.flags)
    common, saved, loaded = counts[""], counts[""] + counts["unreceived"] + found.unknown, counts[""] + counts["unmatched"]
    against = agreement(_SIDES[next(iter(send.flags & _ONE_SIDED), "")] for send in found.sends if "zero" not in send.flags)
    if against.is_contradicted or (min(saved, loaded) >= _ENOUGH and 2 * common < min(saved, loaded)):
        said = f"{source} shows {saved} pages sent that are not zero, this {loaded} loaded, and only {common} go together"
        raise TraceInputError(destination, f"is not of the same migration, or begins in its middle: {said}")


@dataclass(frozen=True)
class _Saves:
    """What the source saved in an attempt; can be iterated over again."""

    source: QemuLog | None
    window: tuple[int, int]

    def __iter__(self) -> Iterator[Save]:
        begin, end = self.window
        return (save for save in (self.source.saves if self.source is not None else ()) if begin <= save.time < end)

    @property
    def first(self) -> Save | None:
        return next(iter(self), None)


def _from_source_only(source: QemuLog | None, saves: Iterable[Save]) -> Sends:
    path = source.path if source else ""
    flags = frozenset({"partial"})
    sends = kept(Send(save.time, save.block, save.offset >> PAGE_BITS, flags, path, save.line) for save in saves)
    note = f"no log of the destination for this attempt: {len(sends)} pages sent are known, zero pages are missing"
    return Sends(sends, [note], complete=False)


def _page_headers(
    source: QemuLog | None, probes: Sequence[ProbeLog], sections: Sequence[Section], window: tuple[int, int]
) -> tuple[ProbeLog | None, Sequence[Header]]:
    """Words put on the stream that look like page headers, by the migration thread, inside the sections of RAM."""
    threads = source.threads_that_sync if source else set()
    inside = _Sections(sections)

    def is_one(header: Header) -> bool:
        if not is_page_header(header.value) or not window[0] <= header.time < window[1] or (threads and header.thread not in threads):
            return False
        return not sections or inside.contain(header.time)

    for log in probes:
        headers = headers_of(filter(is_one, log.headers))
        if headers:
            return log, headers
    return None, ()


@dataclass
class _Sections:
    """Sections in the order of their beginnings, asked of one time after another; these follow each other closely."""

    sections: Sequence[Section]
    _at: int = -1
    """The section that began last."""
    _now: tuple[float, float, float] = (-inf, -inf, -inf)
    """Its beginning and end, and the beginning of the next."""

    def contain(self, time: int) -> bool:
        """Is this moment in one of them?"""
        while not self._now[0] <= time < self._now[2]:
            self._move(self._at + 1 if time >= self._now[2] else self._at - 1)
        return time <= self._now[1]

    def _move(self, at: int) -> None:
        self._at = at
        start, end = (self.sections[at].start, self.sections[at].end) if at >= 0 else (-inf, -inf)
        self._now = start, end, self.sections[at + 1].start if at + 1 < len(self.sections) else inf


def _by_headers(log: ProbeLog, headers: Sequence[Header], destination: QemuLog) -> Sends:
    unknown = 0

    def sends() -> Iterator[Send]:
        nonlocal unknown
        block: str | None = None
        time = headers[0].time
        for header, load in aligned(headers, destination.loads, lambda header: header.value, lambda load: load.offset | load.flags):
            if header is not None and load is not None:
                time, block = header.time, load.block
                yield _send(load, time, log.path, header.line)
            elif load is not None:
                yield _send(load, time, destination.path, load.line, "unmatched")
            elif header is not None:
                time = header.time
                block = block if header.value & FLAG_CONTINUE else None
                if block is None:
                    unknown += 1
                    continue
                flags = (_ZERO if header.value & FLAG_ZERO else NO_FLAGS) | {"unreceived"}
                yield Send(time, block, header.value >> PAGE_BITS, flags, log.path, header.line)

    result = Sends(kept(sends()))
    result.unknown = unknown
    # the probes began late or ended early: then it is not known when these were sent
    result.unsure = sum("unmatched" in send.flags for send in result.sends)
    result.notes.append(_summary(result.sends, "page headers put on the stream"))
    if unknown:
        result.notes.append(f"{unknown} page headers of an unknown RAM block, not loaded by the destination")
    return result


def _by_saves(source: QemuLog, saves: _Saves, sections: Sequence[Section], destination: QemuLog) -> Sends:
    loads, path = destination.loads, source.path
    # the first section that the destination loads describes the blocks: the source does not log it
    setup = 1 if loads and loads[0].section > 0 else 0
    places = ZeroPages(source, sections, destination)

    def sends() -> Iterator[Send]:
        normal = (load for load in loads if load.flags & _SAVED)
        both = aligned(saves, normal, lambda save: (save.block, save.offset), lambda load: (load.block, load.offset))
        pairs = Ahead(both, id)
        section, first = -1, saves.first
        time = sections[0].start if sections else first.time if first is not None else 0
        places.begin(time)
        for load in loads:
            if load.section != section:
                section = load.section
                if 0 <= section - setup < len(sections):
                    time = max(time, sections[section - setup].start)
            if not load.flags & _SAVED:
                yield _send(load, max(time, places.time_of(load, pairs)), destination.path, load.line)
                continue
            while pairs.has(0):
                save, paired = pairs.take()
                if paired is None and save is not None:
                    yield _unreceived(save, path)
                    continue
                if save is None:
                    yield _send(load, time, destination.path, load.line, "unmatched")
                else:
                    time = save.time
                    places.begin(time, load.section)
                    yield _send(load, time, path, save.line)
                break
        while pairs.has(0):
            save, _ = pairs.take()
            if save is not None:
                yield _unreceived(save, path)

    result = Sends(kept(sends()), unsure=places.unsure)
    if destination.load_flags & FLAG_XBZRLE:
        # which of a page's saves was put on the stream is not known where others of it, or many of other pages, were not
        result.unsure += sum(bool(send.flags & _ONE_SIDED) for send in result.sends)
    result.notes.append(_summary(result.sends, "pages saved; zero pages take the time of the page before them"))
    if places.unsure:
        what = f"whether {places.unsure} zero pages were sent before or after a sync is not known (savevm_section_* of the source and ram_load_start tell)"
        result.notes.append(what)
    return result


def _unreceived(save: Save, path: str) -> Send:
    """The source has sent it, and the destination did not load it."""
    return Send(save.time, save.block, save.offset >> PAGE_BITS, frozenset({"unreceived"}), path, save.line)


def _send(load: Load, time: int, path: str, line: int, flag: str | None = None) -> Send:
    flags = _ZERO if load.flags & FLAG_ZERO else NO_FLAGS
    return Send(time, load.block, load.offset >> PAGE_BITS, flags | {flag} if flag else flags, path, line)


def _summary(sends: Sequence[Send], how: str) -> str:
    count = Counter(flag for send in sends for flag in send.flags)
    return (
        f"{len(sends)} pages sent ({count['zero']} zero), timed by {how};"
        f" {count['unmatched']} without a sign at the source, {count['unreceived']} that the destination did not load"
    )
