"""Writes the logs of a long migration with hints, as QEMU, uprobes in QEMU, kprobes in the guest and a QMP session would show it.

    python benchmarks/make_record.py FOLDER [--rounds N] [--saves N] [--writes N] [--hints N] ...

Each round syncs, asks for hints, honours them, lets the guest take them back, and sends pages; how much of each a round holds is chosen, so that a
record can be made long in one kind of line.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import NamedTuple

BLOCK = 1024
"""Pages of a hint."""
_PAGE = 4096
_COMMAND_LINE = "qemu-system-x86_64 -machine pc -accel tcg -m {mebibytes}M -device virtio-balloon-pci,free-page-hint=on\n"
_MIGRATES, _DEVICE = "  live_migration-2       (    1) [000] DBZff ", "        IO iothread-3       (    1) [001] DBZff "
_GUEST = "     kworker/0:1-17      [000] ..... "
_ROUND, _MICROSECOND = 20_000_000, 1
"""Microseconds between two beginnings of a round."""


@dataclass(frozen=True)
class Contents:
    """What there is in a record; counts are of one round."""

    rounds: int = 20
    saves: int = 2
    """Pages that are saved, put on the stream and loaded."""
    writes: int = 2
    hints: int = 2
    dropped: int = 0
    """Hints that the device does not honour."""
    sections: int = 1
    bitmaps: int = 0
    """Snapshots of the dirty bitmap, of four lines each, besides those of the sync."""
    pauses: int = 0
    throttles: int = 0
    queries: int = 0
    """Of QMP, with their answers."""
    losses: int = 0
    """Overruns of the ring buffer of the host's probes."""
    others: int = 0
    """Lines of events that nobody reads, in each log."""
    mebibytes: int = 64
    has_guest: bool = True
    has_probes: bool = True


class Line(NamedTuple):
    time: int
    file: str
    text: str


def _round(contents: Contents, number: int) -> Iterator[Line]:
    """The lines of one round; times in microseconds from its beginning."""
    pages = contents.mebibytes * (1 << 20) // _PAGE
    identity, last = 0x80000000 + number, number == contents.rounds
    hinted = [(2 + index % (pages // BLOCK - 2)) * BLOCK for index in range(contents.hints)]
    sent = [page % BLOCK for page in range(contents.saves)]
    step = max(1, _ROUND // 40 // max(1, contents.hints, contents.saves, contents.writes, contents.dropped, contents.sections, contents.bitmaps))

    def notified(time: int, reason: int) -> Iterator[Line]:
        yield Line(time, "host", f"{_MIGRATES}{{}}: precopy: (0x5500) list=0x5600 reason={reason}")

    yield from notified(0, 1)
    yield Line(10, "src", "2@{}:migration_bitmap_sync_start ")
    yield Line(20, "src", "2@{}:migration_bitmap_sync_end dirty_pages 0")
    for index in range(contents.throttles):
        yield Line(21 + index, "src", "4@{}:cpu_throttle_dirty_sync ")
    yield from notified(100_000, 2)
    yield Line(100_200, "guest", f"{_GUEST}{{}}: bal_changed: (virtballoon_changed+0x0/0x90)")
    yield Line(101_000, "guest", f'{_GUEST}{{}}: add_out: (virtqueue_add_outbuf+0x0/0x60) vq="free_page_vq" data=0xffff888000000c0 num=1 v={identity:#x}')
    yield Line(101_500, "host", f"{_DEVICE}{{}}: id_read: (0x5501) id={identity:#x} status=1 cur={identity:#x}")
    yield Line(101_510, "host", f"{_DEVICE}{{}}: go_start: (0x5502) id={identity:#x} status=1 cur={identity:#x}")
    for index, page in enumerate(hinted):
        time, frame = 200_000 + index * step, _frame(contents, page)
        yield Line(time, "guest", f"{_GUEST}{{}}: mm_page_alloc: page=(____ptrval____) pfn={frame:#x} order=10 migratetype=0 gfp_flags=__GFP_NOWARN")
        address = 0xFFFF888000000000 + frame * _PAGE
        yield Line(time + 1, "guest", f'{_GUEST}{{}}: add_in: (virtqueue_add_inbuf+0x0/0x58) vq="free_page_vq" data={address:#x} num=1')
        yield Line(time + 2000, "host", f"{_DEVICE}{{}}: hint_enter: (0x5503) addr={address:#x} len=0x400000")
        yield Line(time + 2001, "host", f"{_DEVICE}{{}}: hint_ndirty: (0x5504) ndirty={BLOCK if number == 1 else 0} start={page:#x} npages={BLOCK}")
        yield Line(time + 2002, "host", f"{_DEVICE}{{}}: hint_clear: (0x5505) start={page:#x} npages={BLOCK}")
    at = 3_000_000
    yield Line(at, "guest", f'{_GUEST}{{}}: add_out: (virtqueue_add_outbuf+0x0/0x60) vq="free_page_vq" data=0xffff888000000d0 num=1 v=0x0')
    yield Line(at + 1000, "host", f"{_DEVICE}{{}}: id_read: (0x5501) id=0x0 status=2 cur={identity:#x}")
    yield Line(at + 1010, "host", f"{_DEVICE}{{}}: go_stop: (0x5506) id=0x0 status=2 cur={identity:#x}")
    for index in range(contents.dropped):
        page = hinted[index % len(hinted)] if hinted else 0
        yield Line(at + 2000 + index * step, "host", f"{_DEVICE}{{}}: elem: (0x5507) in=1 out=0 status=3 gpa={_frame(contents, page) * _PAGE:#x}")
    at = 6_000_000
    yield Line(at, "guest", f"{_GUEST}{{}}: fph_return: (return_free_pages_to_mm+0x0/0xa0) num=0xffffffff")
    yield Line(at + 5, "guest", f"{_GUEST}{{}}: fph_return_ret: (virtio_balloon_queue_free_page_work+0x90/0xa0) n={len(hinted)}")
    for index in range(0 if last else contents.writes):
        yield Line(at + 10 + index * step, "src", f"3@{{}}:memory_notdirty_write_access 0x1 ram_addr {index % pages * _PAGE:#x} size 8")
    at = 8_000_000
    for index in range(contents.sections):
        yield Line(at + index * step, "src", "2@{}:savevm_section_start ram, section_id 2")
        if index == 0:
            yield Line(at, "dst", "9@{}:ram_load_start ")
            for place, page in enumerate(sent):
                time = at + place % step
                header = page * _PAGE | 0x08
                yield Line(time, "src", f"2@{{}}:ram_save_page pc.ram: offset: {page * _PAGE:#x} host: 0x7f0000000000")
                yield Line(time, "host", f"{_MIGRATES}{{}}: put_be64: (0x5508) f=0x5600 v={header:#x}")
                yield Line(time, "dst", f"9@{{}}:ram_load_loop pc.ram: addr: {page * _PAGE:#x} flags: 0x8 host: 0x7f0000000000")
        yield Line(at + index * step + step - 1, "src", "2@{}:savevm_section_end ram, section_id 2 -> 0")
    at = 12_000_000
    for index in range(contents.bitmaps):
        for part, words in enumerate(_bitmap(contents, number == 1)):
            yield Line(1000 + index * 10 + part, "host", f"{_MIGRATES}{{}}: bmap{part}: (0x5500) reason=2 {words}")
    for index in range(contents.pauses):
        running, name = (1, "running") if index % 2 else (0, "paused")
        yield Line(at + index, "src", f"1@{{}}:vm_state_notify running {running} reason {index % 2} ({name})")
    for index in range(contents.queries):
        yield Line(at + 2 * index, "qmp", '{} > {"execute": "query-migrate"}')
        yield Line(at + 2 * index + 1, "qmp", '{} < {"return": {"status": "active"}}')
    for index in range(contents.losses):
        yield Line(at + 2 * index, "host", f"{_MIGRATES}{{}}: put_be64: (0x5508) f=0x5600 v=0x10")
        yield Line(at + 2 * index, "host", "CPU:0 [LOST 5 EVENTS]")
    for index in range(contents.others):
        yield Line(at + index, "src", f"2@{{}}:migrate_pending_estimate estimate pending size {index}")
        yield Line(at + index, "dst", f"9@{{}}:vmstate_load {index}")
        yield Line(at + index, "host", f"{_MIGRATES}{{}}: sched_switch: prev={index}")
        yield Line(at + index, "guest", f"{_GUEST}{{}}: mm_page_free: page=(____ptrval____) pfn={index:#x} order=0")
    if last:  # not all pages were sent, so it must not complete
        yield Line(13_000_000, "src", "2@{}:migrate_set_state new state cancelling")


def _frame(contents: Contents, page: int) -> int:
    """The guest's own number of a page of its RAM block: a pc has RAM behind 3 GiB only from 4 GiB on, if it has so much."""
    return page + (1 << 18 if contents.mebibytes >= 3584 and page >= 3 << 18 else 0)


@cache
def _bitmap(contents: Contents, is_first: bool) -> Sequence[str]:
    """The pages that are dirty after the sync of a round, in four parts: first all, then what was neither hinted nor sent, or was written since."""
    pages = contents.mebibytes * (1 << 20) // _PAGE
    blocks = min(contents.hints, pages // BLOCK - 2)
    bits = bytearray(b"1" * pages)
    if not is_first:
        bits[2 * BLOCK : (2 + blocks) * BLOCK] = b"0" * (blocks * BLOCK)
        bits[: min(contents.saves, BLOCK)] = b"0" * min(contents.saves, BLOCK)
        bits[: min(contents.writes, pages)] = b"1" * min(contents.writes, pages)
    words = [f"{int(bits[first : first + 64][::-1], 2):#x}" for first in range(0, pages, 64)]
    size = len(words) // 16
    quarters = ["{" + ",".join(words[first : first + size]) + "}" for first in range(0, len(words), size)]
    return [" ".join(f"b{number}={quarters[4 * part + number]}" for number in range(4)) for part in range(4)]


_FILES = {"src": "src.log", "dst": "dst.log", "host": "host.log", "guest": "guest.log", "qmp": "src.qmp.log"}


def write_record(folder: Path, contents: Contents) -> dict[str, int]:
    """Writes the record into a folder; how many lines each of its logs has."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "src.cmdline").write_text(_COMMAND_LINE.format(mebibytes=contents.mebibytes))
    left_out = {"guest": not contents.has_guest, "host": not contents.has_probes, "qmp": not contents.queries}
    names = [name for name in _FILES if not left_out.get(name)]
    files = {name: (folder / _FILES[name]).open("w") for name in names}
    counts = dict.fromkeys(names, 0)
    start = 1_795_000_000 * 1_000_000
    files["src"].write(f"1@{start / 1e6:.6f}:migrate_set_state new state setup\n")
    for number in range(1, contents.rounds + 1):
        begin = start + 1000 + (number - 1) * _ROUND
        for name in names:
            for time, _, text in sorted((line for line in _round(contents, number) if line.file == name), key=lambda line: line.time):
                moment = begin + time
                said = f"{(moment - start) * 1000 + 5_000_000}" if name == "guest" else f"{moment // 1_000_000}.{moment % 1_000_000:06d}"
                files[name].write(text.replace("{}", said, 1) + "\n")
                counts[name] += 1
    for file in files.values():
        file.close()
    return counts


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where to write the logs")
    numbers = [field for field in fields(Contents) if field.type == "int"]
    for field in numbers:
        parser.add_argument(f"--{field.name}", type=int, default=field.default, metavar="N")
    given = parser.parse_args()
    print(write_record(given.folder, Contents(**{field.name: getattr(given, field.name) for field in numbers})))
