"""Makes a long native trace of one pre-copy migration: rounds of sends, guest writes between them, and a completed end.

The trace is what QEMU could log with every guest write observed; the model accepts it.  `python benchmarks/make_trace.py FILE [EVENTS] [PAGES]`.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path
from typing import TextIO

HEADER = """\
balloonproof trace 1
guest pages={pages} page-size=4096 chunk-pages=262144
system precopy dirty-log=get-and-clear
observed device.* guest.* management.* migration.start migration.sync-end migration.send
observed migration.end-round migration.stop-vm migration.complete migration.cancel migration.fail migration.cleanup
"""


class _Writer:
    """Writes events at rising times."""

    def __init__(self, stream: TextIO) -> None:
        self.stream, self.time, self.written = stream, 0, 0

    def event(self, text: str) -> None:
        self.time += 2
        self.stream.write(f"{self.time // 1_000_000}.{self.time % 1_000_000:06d} {text}\n")
        self.written += 1


def write_trace(path: Path, events: int, pages: int = 65536, seed: int = 1) -> int:
    """Writes a trace of about so many events (at least what one migration of the guest takes); returns how many."""
    dice = random.Random(seed)
    with path.open("w") as stream:
        stream.write(HEADER.format(pages=pages))
        out = _Writer(stream)
        for text in (f"guest.allocate pages=0x0+{pages}", f"guest.write pages=0x0+{pages}", "migration.start", "migration.sync-end round=1"):
            out.event(text)
        dirty, number = list(range(pages)), 1
        while dirty:
            written: set[int] = set()
            for page in dirty:
                out.event(f"migration.send pages={page:#x}")
                for other in (dice.randrange(pages), dice.randrange(pages)):
                    if len(written) < pages // 4 and out.written + len(written) < events:
                        written.add(other)
                        out.event(f"guest.write pages={other:#x}")
            number += 1
            last = out.written + len(written) >= events
            out.event("migration.stop-vm" if last else "migration.end-round")
            out.event(f"migration.sync-end round={number}")
            dirty = sorted(written)
            if last:
                break
        for page in dirty:
            out.event(f"migration.send pages={page:#x}")
        out.event("migration.complete")
        return out.written


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path, metavar="FILE", help="the trace to write")
    parser.add_argument("events", type=int, nargs="?", default=1_000_000, help="how many events, about (default: %(default)s)")
    parser.add_argument("pages", type=int, nargs="?", default=65536, help="of the guest (default: %(default)s)")
    given = parser.parse_args()
    print(write_trace(given.path, given.events, given.pages))
