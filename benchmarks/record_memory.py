"""Prints how much memory the check of a long record takes, by the kind of line that it is long in, and how much more of it a longer one takes.

    python benchmarks/record_memory.py [LINES ...] [--kinds NAME ...] [--read-only] [--hold-little]

LINES (100,000 and 400,000) are the lines of that kind. Memory is the largest size (VmHWM) of a process that checks the record, with a steady
allocator (MALLOC_MMAP_THRESHOLD_=65536); "read only" reads it and goes through its events once.  Up to a limit events and rows are held whatever
there is of them (262,144 events, some 150 MiB); with "hold little" the limits are a sixty-fourth, so that what grows beyond them shows with less.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from make_record import Contents, write_record

CHECK = """
import re, sys, time
from balloonproof.checker.read import event_batches, record, rows
if sys.argv[3:]:
    record.HELD, rows.BLOCK, event_batches._EVENTS = record.HELD >> 6, rows.BLOCK >> 6, event_batches._EVENTS >> 4
start = time.process_time()
if sys.argv[1] == "check":
    from balloonproof.checker.checking import check_paths
    report = check_paths(sys.argv[2])
    said, events = report.verdict, report.events
else:
    from balloonproof.checker.read import read_trace
    said, events = "read", sum(1 for event in read_trace(sys.argv[2]).events)
size = re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1]
print(said, events, time.process_time() - start, size)
"""

KINDS: Mapping[str, tuple[str, Callable[[int], Contents]]] = {
    "writes": ("memory_notdirty_write_access in the source's log", lambda lines: Contents(writes=lines // 19)),
    "saves": ("ram_save_page, ram_load_loop and put_be64, a third each", lambda lines: Contents(saves=lines // 60)),
    "sections": ("savevm_section_start and _end in the source's log", lambda lines: Contents(sections=lines // 40)),
    "rounds": ("migration_bitmap_sync_*, notifications, commands and configurations, 15 lines a round", lambda lines: Contents(rounds=lines // 15, hints=1)),
    "rounds-of-host": ("the same without the guest's log, 12 lines a round", lambda lines: Contents(rounds=lines // 12, hints=1, has_guest=False)),
    "throttles": ("cpu_throttle_dirty_sync in the source's log", lambda lines: Contents(throttles=lines // 20)),
    "pauses": ("vm_state_notify in the source's log", lambda lines: Contents(pauses=lines // 20)),
    "hints": ("hint_*, mm_page_alloc and add_in of the guest, 5 lines a hint", lambda lines: Contents(hints=lines // 100, mebibytes=8192)),
    "hints-of-host": ("hint_* of the host alone, 3 lines a hint", lambda lines: Contents(hints=lines // 60, mebibytes=8192, has_guest=False)),
    "dropped-hints": ("elem of the host's probes", lambda lines: Contents(dropped=lines // 20)),
    "bitmaps": ("bmap*, 4 lines a snapshot", lambda lines: Contents(bitmaps=lines // 80)),
    "losses": ("lost events of the host's probes, 2 lines each", lambda lines: Contents(losses=lines // 40)),
    "queries": ("QMP's query-migrate with its answer", lambda lines: Contents(queries=lines // 40)),
    "others": ("lines that nobody reads, in four logs", lambda lines: Contents(others=lines // 80)),
}


def measured(mode: str, folder: Path, *options: str) -> tuple[str, int, float, int]:
    """What a process of its own says of a record: the verdict, the number of events, processor seconds, and KiB of memory at most."""
    steady = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"}
    result = subprocess.run([sys.executable, "-c", CHECK, mode, str(folder), *options], capture_output=True, text=True, check=True, env=steady)
    said, events, seconds, size = result.stdout.split()
    return said, int(events), float(seconds), int(size)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lines", nargs="*", type=int, default=[100_000, 400_000])
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--read-only", action="store_true")
    parser.add_argument("--hold-little", action="store_true")
    given = parser.parse_args()
    mode = "read" if given.read_only else "check"
    for name in given.kinds:
        what, contents = KINDS[name]
        print(f"{name}: {what}", flush=True)
        before: tuple[int, int] | None = None
        for lines in given.lines:
            with tempfile.TemporaryDirectory() as folder:
                write_record(Path(folder), contents(lines))
                said, events, seconds, size = measured(mode, Path(folder), *(["hold little"] if given.hold_little else []))
            grown = f", {(size - before[1]) * 1024 / (lines - before[0]):,.0f} bytes a line more" if before else ""
            print(f"  {lines:>10,} lines: {said}, {events:,} events, {seconds:.1f} s of processor time, {size / 1024:,.0f} MiB at most{grown}", flush=True)
            before = lines, size


if __name__ == "__main__":
    main()
