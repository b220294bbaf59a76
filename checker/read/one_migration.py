"""Refuses logs that lie together although they are of different migrations: whatever followed from both would be wrong.

Only what cannot be otherwise in logs of one migration is held against them; that clocks or process ids differ is nothing, as hosts and containers have
their own.  What the source's log and the destination's show of pages is compared where they are paired (``sends``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice, pairwise
from typing import NamedTuple

from ...grammar import TraceInputError
from .agreement import ENOUGH, Agreement, agreement_of, agreement_somewhere
from .alignment import LOOK_AHEAD
from .comparison import Comparison
from .events import Pages
from .guest_addresses import GuestAddresses
from .inference import memory_pages
from .probes import ProbeLog
from .qemu import FLAG_PAGE, FLAG_XBZRLE, PAGE_BITS, QemuLog
from .qmp import QmpLog
from .sends import Sends, is_page_header
from .stream import Stream

_SECOND = 1_000_000_000
_DATED = 1_000_000_000 * _SECOND
"""Times from this one on are of a clock that knows the date."""
_MOST_READ = 1 << 20
"""Of so many pages, at most, it is looked where others begin."""
_FEWEST_SYNCS = 3
_SLACK, _DRIFT = 1_000_000, 1000
"""By so many nanoseconds, and one in so many of what lies between, two clocks of one host may come apart."""
_SHARE = 8
"""One in so many pages of a comparison that cannot be so is more than what firmware writes at the destination."""


class CommandLine(NamedTuple):
    """The command line of a QEMU, and the file that it stands in."""

    path: str = ""
    text: str = ""


def _different(path: str, other: str, why: str) -> TraceInputError:
    return TraceInputError(path, f"is not of the same migration as {other}: {why}")


def must_be_of_one_guest(source: CommandLine, other: CommandLine) -> None:
    """TraceInputError if these command lines, of both sides or of one, are of guests with more or less memory: then QEMU does not migrate."""
    sizes = memory_pages(source.text), memory_pages(other.text)
    if None not in sizes and sizes[0] != sizes[1]:
        raise _different(other.path, source.path, f"its guest has {sizes[1]} pages of memory, the other's {sizes[0]}")


def stream_must_fit(stream: Stream, source: CommandLine) -> None:
    """TraceInputError if the stream's main RAM block is not as large as the command line says."""
    said, sent = memory_pages(source.text), stream.blocks.get("pc.ram")
    if said is not None and sent is not None and sent >> PAGE_BITS != said:
        raise _different(stream.path, source.path, f"its RAM block pc.ram has {sent >> PAGE_BITS} pages, the command line says {said}")


def stream_must_match(stream: Stream, log: QemuLog) -> None:
    """TraceInputError if the destination's log shows other pages than the stream, at the same places."""
    if not log.lost:

        def pages(side: Stream | QemuLog) -> Iterator[object]:
            return ((load.block, load.offset, load.flags) for load in islice(side.loads, _MOST_READ))

        _refuse(agreement_somewhere(lambda: pages(stream), lambda: pages(log)), stream.path, log.path, "pages")


def probes_must_match(probes: ProbeLog, source: QemuLog) -> None:
    """TraceInputError if uprobes in QEMU show pages or syncs that are not those of the source's log, whatever their clocks.

    Other QEMUs of the same host may be probed too: one of the threads, and one of the lists, must fit.
    """
    if len(probes.lost) or len(source.lost):
        return

    def put(thread: str) -> Iterator[object]:
        found = (one for one in probes.headers if one.thread == thread and is_page_header(one.value) and one.value & FLAG_PAGE)
        return (one.value >> PAGE_BITS for one in islice(found, _MOST_READ))

    def saved() -> Iterator[object]:
        return (save.offset >> PAGE_BITS for save in islice(source.saves, _MOST_READ))

    if any(is_page_header(header.value) and header.value & FLAG_XBZRLE for header in islice(probes.headers, _MOST_READ)):
        return  # many pages that are saved are not put on the stream
    sending = {header.thread for header in islice(probes.headers, _MOST_READ) if is_page_header(header.value)}
    told = [agreement_somewhere(partial(put, thread), saved) for thread in sorted(sending & source.threads_that_sync or sending)]
    if told and all(found.is_contradicted for found in told):
        _refuse(told[0], probes.path, source.path, "pages")
    syncs = _synced(source)
    if not any(_syncs_fit(_notified(probes, name), syncs) for name in probes.lists_around_syncs() or {""}):
        raise _different(probes.path, source.path, "it shows syncs at other intervals")


def _refuse(found: Agreement, path: str, other: str, what: str) -> None:
    if found.is_contradicted:
        raise _different(path, other, f"they have {found.common} {what} in common, and {found.against} times each shows another where they should be the same")


Intervals = Sequence[tuple[int, int]]


def _synced(source: QemuLog) -> Intervals:
    """When syncs begin and end."""
    starts = [step.time for step in source.steps if step.kind == "migration_bitmap_sync_start"]
    ends = [step.time for step in source.steps if step.kind == "migration_bitmap_sync_end"]
    return list(zip(starts, ends, strict=True)) if len(starts) == len(ends) else []


def _notified(probes: ProbeLog, name: str) -> Intervals:
    """When the list of this name was told of syncs, before and after each."""
    told = [probe for probe in probes.notifications if probe.fields["list"] == name and probe.fields["reason"] in ("1", "2")]
    return [(one.time, other.time) for one, other in pairwise(told) if (one.fields["reason"], other.fields["reason"]) == ("1", "2")]


def _syncs_fit(around: Intervals, syncs: Intervals) -> bool:
    """Can two or more of these syncs that follow each other lie inside these intervals, by clocks that count from different moments?  Yes if there are few."""
    if min(len(around), len(syncs)) < _FEWEST_SYNCS:
        return True
    for offset in range(2 - len(around), len(syncs) - 1):
        pairs = [(around[i], syncs[i + offset]) for i in range(len(around)) if 0 <= i + offset < len(syncs)]
        low = max(end - after for (_, after), (_, end) in pairs)
        high = min(start - before for (before, _), (start, _) in pairs)
        if low - high <= _SLACK + (pairs[-1][1][1] - pairs[0][1][0]) // _DRIFT:
            return True
    return False


def qmp_must_match(qmp: QmpLog, source: QemuLog) -> None:
    """TraceInputError if QMP's events are of another time than the source's log, or tell of states that the log does not have then.

    Both are of one process and by its clock, if that knows the date.
    """
    events = [event for event in qmp.events if event.name == "MIGRATION" and event.time >= _DATED]
    if source.first < _DATED or not events or "migrate_set_state" not in source.kinds or len(source.lost):
        return
    if events[0].time > source.last + _SECOND or events[-1].time < source.first - _SECOND:
        raise _different(qmp.path, source.path, f"its migration is {abs(events[0].time - source.first) // _SECOND} s away from it")
    states = [(step.fields["state"], step.time) for step in source.steps if step.kind == "migrate_set_state"]
    for event in events:
        status = str(event.data.get("status"))
        if source.first <= event.time <= source.last and not any(name == status and abs(time - event.time) <= _SECOND for name, time in states):
            raise _different(qmp.path, source.path, f"line {event.line}: the migration became {status} when the log has nothing of it")


def hints_must_match(guest: ProbeLog, host: str, queued: Iterable[Pages], taken: Iterable[Pages]) -> None:
    """TraceInputError if the guest queued other blocks than the host took (by `host`): the queue keeps the order."""
    found = agreement_of(queued, taken, longest=LOOK_AHEAD)
    if found.against > 1 and not len(guest.lost):
        raise _different(guest.path, host, f"they have {found.common} hints in common, and {found.against} times the host took another than the guest queued")


def comparison_must_fit(comparison: Comparison, path: str, found: Sequence[Sends], block: str, addresses: GuestAddresses) -> None:
    """TraceInputError if a comparison says of many pages what cannot be after these sends, if those of the last migration are all known.

    A page that was not sent is empty at the destination, as one is that was sent as empty; any other is not.
    """
    if not found or not found[-1].complete or not len(found[-1].sends):
        return
    counts: list[Counter[int]] = [Counter(send.page for send in one.sends if send.block == block) for one in found]
    every = sum(counts, Counter())
    empty = {send.page: "zero" in send.flags for send in found[-1].sends if send.block == block}
    wrong = 0
    for number, row in comparison.rows:
        page = next((first for first, _ in addresses.in_block(((number, 1),))), number)
        content, said = row.get("dst", "").rpartition("-")[2], row.get("sent_count", "")
        is_other = content in ("zero", "data") and (content == "zero") != empty.get(page, True)
        wrong += is_other or (said.isdecimal() and int(said) not in (counts[-1][page], every[page]))
    if wrong >= ENOUGH and wrong * _SHARE >= len(comparison.rows):
        why = f"of {wrong} of {len(comparison.rows)} pages it says what the destination cannot hold, or how often they were sent, otherwise"
        raise _different(path, found[-1].sends[0].path, why)
