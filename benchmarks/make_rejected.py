"""Makes long native traces that are not accepted, by what they are long in: all must be explained.

    python benchmarks/make_rejected.py FILE KIND [EVENTS]

KINDS says what there is.  Each trace is a long part that the model explains, with an end that loses a page, that nothing explains, or that is not decided.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

_HEADER = """\
balloonproof trace 1
guest pages={pages} page-size=4096
system {system}
observed {observed}
"""
_EVERYTHING = "guest.* host.* device.* management.* migration.*"
_WITHOUT_WRITES = "host.* management.* migration.* guest.hint guest.start guest.stop guest.release guest.shrink guest.read-config"
_SENT = tuple(f"migration.{step} pages=0x0" for step in ("arm", "clear-bit", "send"))
_BEGIN = ("guest.allocate pages=0x0", "guest.write pages=0x0", "migration.start")
_STOP = ("migration.stop-vm", "migration.stop-hints", "migration.fetch", "migration.merge", "migration.finish-hints", "migration.complete")


def _asked(number: int) -> Iterator[str]:
    """A round begins, and asks for hints."""
    yield from ("migration.stop-hints", "migration.fetch", "migration.merge", f"migration.request-hints id={0x80000000 + number:#x}")
    yield from (f"guest.read-config id={0x80000000 + number:#x}", f"guest.start id={0x80000000 + number:#x}")


def _started(number: int) -> str:
    return f"host.command id={0x80000000 + number:#x} current={0x80000000 + number:#x} status=requested started"


def _round(number: int, hints: int = 1) -> Iterator[str]:
    """A round in which hints are taken and given back, and a page is sent."""
    blocks = [f"pages={1 + 2 * index:#x}+2" for index in range(hints)]
    yield from _asked(number)
    yield _started(number)
    for block in blocks:
        yield from (f"guest.hint {block}", f"host.hint {block} honoured", f"guest.shrink {block}")
    yield from ("guest.stop", "host.command id=0x0 stopped", "guest.write pages=0x0", *_SENT, "migration.end-round")


def _lost_write(number: int) -> Iterator[str]:
    """A page that the last sync found dirty is hinted, taken back, and written before its hint is taken."""
    yield from ("guest.allocate pages=0x1", "guest.write pages=0x1", "guest.free pages=0x1")
    yield from (*_asked(number), "guest.hint pages=0x1+2", "guest.shrink pages=0x1+2", "guest.allocate pages=0x1", "guest.write pages=0x1")
    yield from (_started(number), "host.hint pages=0x1+2 honoured", *_SENT, *_STOP)


def _hinting(rounds: int, hints: int, end: Callable[[int], Iterable[str]]) -> Iterator[str]:
    yield from _BEGIN
    for number in range(1, rounds + 1):
        yield from _round(number, hints)
    yield from end(rounds + 1)


def _undecided(rounds: int) -> Iterator[str]:
    """The same without what the guest does with its memory."""
    return (text for text in _hinting(rounds, 1, _lost_write) if not text.startswith(("guest.allocate", "guest.write", "guest.free")))


def _stale(rounds: int) -> Iterator[str]:
    """In every other round a hint of the round before is honoured, because its start command is read late."""
    yield from _BEGIN
    for number in range(1, 2 * rounds, 2):
        yield from (*_asked(number), "guest.hint pages=0x1+2", "guest.stop", "guest.shrink pages=0x1+2", "migration.end-round")
        yield from _asked(number + 1)
        yield from (_started(number + 1), "host.hint pages=0x1+2 honoured", "host.command id=0x0 stopped", f"host.command id={0x80000001 + number:#x} ignored")
        yield from ("guest.stop", "host.command id=0x0 stopped", "migration.end-round")


def _stale_and_lost(rounds: int) -> Iterator[str]:
    """As `_stale`, and a page of those hints is in use in the end and never sent."""
    yield from _stale(rounds)
    number = 2 * rounds + 1
    yield from (*_asked(number), "guest.hint pages=0x1+2", "guest.stop", "guest.shrink pages=0x1+2", "guest.allocate pages=0x1", "guest.write pages=0x1")
    yield "migration.end-round"
    yield from (*_asked(number + 1), _started(number + 1), "host.hint pages=0x1+2 honoured", *_SENT, *_STOP)


def _written(count: int) -> Iterator[str]:
    """The page that is lost is written again and again."""
    yield from (*_BEGIN[:2], "guest.allocate pages=0x1", *["guest.write pages=0x1"] * count, "guest.free pages=0x1", *_BEGIN[2:], *_lost_write(1))


def _unexplained(number: int) -> Iterator[str]:
    yield from (*_asked(number), "host.hint pages=0x1+2 honoured")


def _lossy(count: int) -> Iterator[str]:
    """Events are lost, and nothing explains what comes then, again and again."""
    yield from _BEGIN
    for _ in range(count):
        yield from ("trace.dropped count=1", "migration.complete", "migration.complete")


def _reported(count: int) -> Iterator[str]:
    for number in range(count):
        block = f"pages={2 + 2 * (number % 16):#x}+2"
        yield from (f"guest.report {block}", f"host.discard-reported {block}", f"host.reported {block}", f"guest.put-back {block}")
    yield from ("guest.allocate pages=0x2", "guest.write pages=0x2", "host.discard-reported pages=0x2")


def _stated(count: int) -> Iterator[str]:
    """Statements about all pages, and about most of them."""
    yield from _BEGIN
    yield from ("migration.stop-hints", "migration.fetch", "migration.merge")
    yield from ["migration.bitmap pages=0x0+3"] * count
    yield "migration.bitmap pages=0x0+2"


class Kind(NamedTuple):
    """What a trace is long in: `events` in each part that is repeated, with what its header says."""

    meaning: str
    events: int
    lines: Callable[[int], Iterable[str]]
    pages: int = 3
    system: str = "hinting"
    observed: str = _EVERYTHING


KINDS: Mapping[str, Kind] = {
    "hints": Kind("hints, of which all pages learn; a page is lost", 63, lambda n: _hinting(n, 16, _lost_write), pages=33),
    "rounds": Kind("rounds, commands, syncs; a page is lost", 18, lambda n: _hinting(n, 1, _lost_write)),
    "unexplained": Kind("the same; nothing explains the last hint", 18, lambda n: _hinting(n, 1, _unexplained)),
    "undecided": Kind("the same without the guest's writes", 17, _undecided, observed=_WITHOUT_WRITES),
    "writes": Kind("writes of the page that is lost", 1, _written),
    "stale": Kind("hints of earlier rounds that are honoured", 22, _stale),
    "stale-lost": Kind("the same, and a page is lost by one of them", 22, _stale_and_lost),
    "losses": Kind("stretches that were lost, each followed by what nothing explains", 3, _lossy, system="precopy"),
    "reports": Kind("free page reports; one of a page in use", 4, _reported, pages=34, system="reporting"),
    "statements": Kind("dirty bitmaps; the last is wrong", 1, _stated),
}


def write_rejected(path: Path, kind: str, events: int) -> int:
    """Writes a trace of this kind with about so many events; returns how many."""
    chosen, count = KINDS[kind], 0
    with path.open("w") as stream:
        stream.write(_HEADER.format(pages=chosen.pages, system=chosen.system, observed=chosen.observed))
        for count, text in enumerate(chosen.lines(max(1, events // chosen.events)), 1):
            stream.write(f"{count // 1_000_000}.{count % 1_000_000:06d} {text}\n")
    return count


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path, metavar="FILE", help="the trace to write")
    parser.add_argument("kind", choices=list(KINDS), metavar="KIND", help=", ".join(f"{name}: {kind.meaning}" for name, kind in KINDS.items()))
    parser.add_argument("events", type=int, nargs="?", default=100_000, help="how many events, about (default: %(default)s)")
    given = parser.parse_args()
    print(write_rejected(given.path, given.kind, given.events))
