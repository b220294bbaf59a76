"""Prints how much memory, and processor time, the check of a long trace takes that is not accepted, explanation included, by what it is long in.

    python benchmarks/rejected_memory.py [EVENTS ...] [--kinds NAME ...]

EVENTS (100,000 and 400,000) is how long the traces are (`make_rejected.py` writes them).  Memory is the largest size (VmHWM) of a process that checks the
trace, with a steady allocator (MALLOC_MMAP_THRESHOLD_=65536).
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from make_rejected import KINDS, write_rejected
from record_memory import measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("events", nargs="*", type=int, default=[100_000, 400_000])
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    given = parser.parse_args()
    for name in given.kinds:
        print(f"{name}: {KINDS[name].meaning}", flush=True)
        before: tuple[int, int] | None = None
        for wanted in given.events:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "rejected.trace"
                write_rejected(path, name, wanted)
                said, events, seconds, size = measured("check", path)
            grown = f", {(size - before[1]) * 1024 / (events - before[0]):,.1f} bytes an event more" if before else ""
            print(f"  {events:>10,} events: {said}, {seconds:.1f} s of processor time, {size / 1024:,.0f} MiB at most{grown}", flush=True)
            before = events, size


if __name__ == "__main__":
    main()
