"""Prints how fast traces are read and checked, beside what a user would run instead; ratios are of one run on one machine.

    python benchmarks/speed.py [EVENTS]

EVENTS (5,500,000: a file of 200 MB) is the length of the long native trace; cost per event is shown up to it, so 100,000,000 (a file of
3.6 GB) shows that it stays the same. Each figure is the best of a few runs where one is short.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import zstandard
from make_trace import write_trace

from balloonproof.checker.checking import check_paths as check
from balloonproof.checker.read.qemu import read_qemu_log
from balloonproof.grammar import line_parser

ROOT = Path(__file__).parent.parent
RECORD = ROOT / "traces" / "recorded" / "b_hint_q10"
REJECTED = ROOT / "traces" / "hand" / "lost_write.reject.trace"


def best(work: Callable[[], object], times: int = 3) -> float:
    """The least seconds that `work` takes."""
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def command(*arguments: str) -> Callable[[], object]:
    """The tool in a process of its own, from a cold start."""
    return lambda: subprocess.run([sys.executable, "-m", "balloonproof.checker", *arguments], stdout=subprocess.DEVNULL, check=False)


def awk(path: Path) -> float:
    return best(lambda: subprocess.run(["awk", "END { print NR }", str(path)], stdout=subprocess.DEVNULL, check=True))


def by_lark(grammar: str, path: Path, lines: int = 3_000) -> float:
    """Lines per second by lark's LALR."""
    with path.open() as file:
        texts = [text.rstrip("\n") for text in islice(file, 1_000, 1_000 + lines)]
    parser = line_parser(grammar)
    return len(texts) / best(lambda: [parser.parse_with_grammar(text) for text in texts])


def native(folder: Path, events: int) -> Iterator[str]:
    """A long native trace: the whole command, and the same without its start."""
    path = folder / "long.trace"
    count = write_trace(path, events)
    lark, lines = by_lark("trace", path), count / awk(path)
    whole, inside = best(command("check", str(path)), 2), best(lambda: check(path), 2)
    size = path.stat().st_size
    yield f"native trace, {count:,} events, {size / 1e6:.0f} MB: lark's LALR {lark:,.0f} lines/s, awk counting lines {lines / 1e6:.1f} million/s"
    for name, seconds in (("cold start included", whole), ("in a running process", inside)):
        rate = count / seconds
        yield f"  check, {name}: {rate / 1e6:.2f} million events/s, {rate / lark:.0f} times lark, {lines / rate:.1f} times as long as awk"


def by_length(folder: Path, most: int) -> Iterator[str]:
    """The cost of an event in traces of growing length, in a running process."""
    path, events = folder / "some.trace", 10_000
    while events <= most:
        count = write_trace(path, events, pages=min(65_536, events // 10))
        yield f"{count:>12,} events: {best(lambda: check(path), 3 if events < 10**6 else 1) / count * 1e9:8,.0f} ns an event"
        events *= 10


def qemu_log(folder: Path) -> Iterator[str]:
    """A real log of QEMU, read."""
    path = folder / "qemu.log"
    with (RECORD / "src.qemu_trace.log.zst").open("rb") as file:
        path.write_bytes(zstandard.ZstdDecompressor().stream_reader(file).read())
    count = path.read_bytes().count(b"\n")
    rate, lark, lines = count / best(lambda: read_qemu_log(str(path))), by_lark("qemu_log", path), count / awk(path)
    yield f"QEMU log, {count:,} lines: {rate:,.0f} lines/s, {rate / lark:.0f} times lark's LALR, {lines / rate:.0f} times as long as awk"


def hidden_writes(folder: Path) -> Iterator[str]:
    """A trace of 10,000 events with every guest write taken away: any page may have been written at any time."""
    path = folder / "hidden.trace"
    count = write_trace(path, 10_000, pages=1_000)
    hide = ("guest.write", "device.write", "guest.dirty")
    report = check(path, hide=hide)
    seconds = best(lambda: check(path, hide=hide))
    yield f"{count:,} events, {report.events:,} left without guest writes: {seconds:.2f} s, {report.verdict}"


def large_guest(folder: Path, pages: int = 1 << 28) -> Iterator[str]:
    """A guest of 1 TiB: memory of the whole process."""
    path, step = folder / "large.trace", 1_024
    with path.open("w") as stream:
        stream.write(f"balloonproof trace 1\nguest pages={pages} page-size=4096 chunk-pages=262144\nsystem precopy dirty-log=get-and-clear\n")
        stream.write("observed device.* guest.* management.* migration.start migration.sync-end migration.send migration.stop-vm migration.complete\n")
        stream.write(f"0 guest.allocate pages=0x0+{pages}\n0 guest.write pages=0x0+{pages}\n0 migration.start\n0 migration.sync-end round=1\n")
        stream.writelines(f"1 migration.send pages={first:#x}+{step}\n" for first in range(0, pages, step))
        stream.write("2 migration.stop-vm\n2 migration.sync-end round=2\n2 migration.complete\n")
    seconds = best(command("check", str(path)), 1)
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    yield f"a guest of {pages:,} pages, each sent once: {seconds:.1f} s, {memory / 2**30:.2f} GiB at most"


def cold_start(folder: Path) -> Iterator[str]:
    """A reject of 1,000 events from a cold start, with its explanation."""
    path, text = folder / "short.trace", REJECTED.read_text()
    lines = text.splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if " guest.write " in line)
    path.write_text("".join([*lines[:at], *[lines[at]] * (1_000 - len(lines)), *lines[at:]]))
    kept = best(command("check", str(path)), 5)
    helped = best(command("--help"), 5)
    yield f"check of a reject of 1,000 events from a cold start: {kept:.2f} s; --help: {helped:.2f} s"


if __name__ == "__main__":
    longest = int(sys.argv[1].replace(",", "")) if len(sys.argv) > 1 else 5_500_000
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        # memory first: what is measured is the most that any process started from here has had
        for part in (large_guest(place), native(place, longest), qemu_log(place), hidden_writes(place), cold_start(place), by_length(place, longest)):
            for line in part:
                print(line, flush=True)
