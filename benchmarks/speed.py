"""Prints how fast traces are read and checked, beside what a user would run instead; ratios are of one run on one machine.

    python benchmarks/speed.py [EVENTS]

EVENTS (5,500,000: a file of 200 MB) is the length of the long native trace; cost per event and memory are shown up to it, so 100,000,000 (a
file of 3.6 GB, for a while) shows that they stay the same. Each figure is the best of a few runs where one is short; of the tool's own
processes the time that they had a processor is shown too, which is what one core needs on a machine that does other things as well.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import zstandard
from make_trace import write_trace

from balloonproof.checker.checking import check_paths as check
from balloonproof.checker.read.qemu import read_qemu_log
from balloonproof.grammar import line_parser

ROOT = Path(__file__).parent.parent
RECORD = ROOT / "traces" / "recorded" / "b_hint_q10"
REJECTED = ROOT / "traces" / "hand" / "lost_write.reject.trace"


def best(work: Callable[[], object], times: int = 3, clock: Callable[[], float] = time.perf_counter) -> float:
    """The least seconds that `work` takes."""
    seconds = []
    for _ in range(times):
        start = clock()
        work()
        seconds.append(clock() - start)
    return min(seconds)


RUN = """
import atexit, re, sys
atexit.register(lambda: print(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1], file=sys.stderr))
from balloonproof.checker.__main__ import main
main()
"""
"""The tool, which says in the end how many KiB of memory it had at most. (What the system says of a child counts its parent's as well.)"""


class Used(NamedTuple):
    """What a process took: seconds, of these with a processor, and bytes of memory at most."""

    seconds: float
    processor: float
    memory: int

    def __str__(self) -> str:
        return f"{self.seconds:.2f} s ({self.processor:.2f} s of processor time), {self.memory / 2**20:,.0f} MiB at most"


def command(*arguments: str, times: int = 1) -> Used:
    """The tool in a process of its own, from a cold start: the fastest of so many runs. Python keeps the bytecode of modules, as it does by default."""
    runs, environment = [], {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    for _ in range(times):
        start = time.perf_counter()
        process = subprocess.Popen([sys.executable, "-c", RUN, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment)
        assert process.stderr is not None
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        runs.append(Used(time.perf_counter() - start, usage.ru_utime + usage.ru_stime, int(said.split()[-1]) * 1024))
    return min(runs)


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
    size, whole = path.stat().st_size, command("check", str(path), times=3)
    yield f"native trace, {count:,} events, {size / 1e6:.0f} MB: lark's LALR {lark:,.0f} lines/s, awk counting lines {lines / 1e6:.1f} million/s"
    yield f"  check in a process of its own: {whole}"
    for name, seconds in (
        ("in a process of its own", whole.seconds),
        ("the same, processor time", whole.processor),
        ("in a running process", best(lambda: check(path))),
        ("the same, processor time", best(lambda: check(path), clock=time.process_time)),
    ):
        rate = count / seconds
        yield f"  {name}: {rate / 1e6:.2f} million events/s, {rate / lark:.0f} times lark, {lines / rate:.1f} times as long as awk"


def by_length(folder: Path, most: int) -> Iterator[str]:
    """The cost of an event in traces of growing length, in a running process that has compiled loops, and the time and memory of a process of its own."""
    path, events, before = folder / "some.trace", 1_000, (0, 0.0)
    while events <= most:
        count = write_trace(path, events, pages=min(65_536, events // 10))
        check(path)
        seconds = best(lambda: check(path), 20 if events < 10**6 else 3 if events < 10**7 else 1, time.process_time)
        further = (seconds - before[1]) / (count - before[0])
        cost = f"{seconds / count * 1e9:8,.0f} ns of processor time an event, {further * 1e9:4,.0f} ns each further one"
        yield f"{count:>12,} events: {cost}; a process of its own: {command('check', str(path), times=3 if events < 10**7 else 1)}"
        path.unlink()
        events, before = events * 10, (count, seconds)


def qemu_log(folder: Path) -> Iterator[str]:
    """A real log of QEMU, read."""
    path = folder / "qemu.log"
    with (RECORD / "src.qemu_trace.log.zst").open("rb") as file:
        path.write_bytes(zstandard.ZstdDecompressor().stream_reader(file).read())
    count = path.read_bytes().count(b"\n")
    lark, lines = by_lark("qemu_log", path), count / awk(path)
    for name, clock in (("", time.perf_counter), (", processor time", time.process_time)):
        rate = count / best(lambda: read_qemu_log(str(path)), 5, clock)
        yield f"QEMU log, {count:,} lines{name}: {rate:,.0f} lines/s, {rate / lark:.0f} times lark's LALR, {lines / rate:.0f} times as long as awk"


def hidden_writes(folder: Path) -> Iterator[str]:
    """A trace of 10,000 events with every guest write taken away: any page may have been written at any time."""
    path = folder / "hidden.trace"
    count = write_trace(path, 10_000, pages=1_000)
    hide = ("guest.write", "device.write", "guest.dirty")
    report = check(path, hide=hide)
    seconds = best(lambda: check(path, hide=hide))
    yield f"{count:,} events, {report.events:,} left without guest writes: {seconds:.3f} s, {report.verdict}"


def large_guest(folder: Path, pages: int = 1 << 28) -> Iterator[str]:
    """A guest of 1 TiB: memory of the whole process."""
    path, step = folder / "large.trace", 1_024
    with path.open("w") as stream:
        stream.write(f"balloonproof trace 1\nguest pages={pages} page-size=4096 chunk-pages=262144\nsystem precopy dirty-log=get-and-clear\n")
        stream.write("observed device.* guest.* management.* migration.start migration.sync-end migration.send migration.stop-vm migration.complete\n")
        stream.write(f"0 guest.allocate pages=0x0+{pages}\n0 guest.write pages=0x0+{pages}\n0 migration.start\n0 migration.sync-end round=1\n")
        stream.writelines(f"1 migration.send pages={first:#x}+{step}\n" for first in range(0, pages, step))
        stream.write("2 migration.stop-vm\n2 migration.sync-end round=2\n2 migration.complete\n")
    yield f"a guest of {pages:,} pages, each sent once: {command('check', str(path))}"


def cold_start(folder: Path) -> Iterator[str]:
    """A reject of 1,000 events from a cold start, with its explanation."""
    path, text = folder / "short.trace", REJECTED.read_text()
    lines = text.splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if " guest.write " in line)
    path.write_text("".join([*lines[:at], *[lines[at]] * (1_000 - len(lines)), *lines[at:]]))
    yield f"check of a reject of 1,000 events from a cold start: {command('check', str(path), times=7)}; --help: {command('--help', times=7)}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("events", nargs="?", type=int, default=5_500_000, help="of the longest native trace (default: %(default)s)")
    longest = parser.parse_args().events
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        for part in (large_guest(place), native(place, longest), qemu_log(place), hidden_writes(place), cold_start(place), by_length(place, longest)):
            for line in part:
                print(line, flush=True)
