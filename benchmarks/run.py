"""Prints how long the tool takes, beside what a user would run instead.

Ratios are of one run on one machine; nothing here is a test.
"""

from __future__ import annotations

import gc
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).parent.parent
RECORD = ROOT / "traces" / "recorded" / "b_hint_q10"


def timed(work: Callable[[], object]) -> float:
    """Seconds that `work` takes."""
    gc.collect()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def proofs() -> Iterable[str]:
    """Proofs and counterexamples, from nothing to the verdict."""
    from balloonproof.model import prove

    for name, settings in (
        ("precopy", {}),
        ("hinting", {}),
        ("hinting", {"dirty-log": "get-and-clear"}),
        ("hinting", {"release-waits-for-ack": "yes"}),
        ("hinting", {"dirty-log": "get-and-clear", "command-id-buffer": "per-round"}),
    ):
        results = []
        seconds = timed(lambda name=name, settings=settings, results=results: results.append(prove(name, settings)))
        result = results[0]
        length = f", {len(result.counterexamples[0].run)} steps" if result.counterexamples else ""
        yield f"{result.configuration!s:70} {result.verdict}{length}: {seconds:.1f} s, {result.states:,} states"


def reading() -> Iterable[str]:
    """Lines per second: the patterns made from the grammar, and the grammar itself."""
    import zstandard

    from balloonproof.grammar import line_parser

    with (RECORD / "src.qemu_trace.log.zst").open("rb") as file:
        text = zstandard.ZstdDecompressor().stream_reader(file).read().decode()
    lines = [line for line in text.splitlines() if "ram_save_page" in line][:20_000]
    parser = line_parser("qemu_log")
    fast = timed(lambda: [parser.match(line) for line in lines])
    slow = timed(lambda: [parser.parse_with_grammar(line) for line in lines[:2_000]]) * (len(lines) / 2_000)
    yield f"reading a QEMU log: {len(lines) / fast:,.0f} lines/s, {slow / fast:.0f} times lark's LALR"


def checking() -> Iterable[str]:
    """A real record, and the same events once they are read."""
    from balloonproof.checker.checking import check_trace, configuration_of
    from balloonproof.checker.read import read_trace

    traces = []
    seconds = timed(lambda: traces.append(read_trace(str(RECORD))))
    trace = traces[0]
    yield f"reading b_hint_q10: {seconds:.1f} s for {len(trace.events):,} events"
    follow = timed(lambda: check_trace(trace, configuration_of(trace)))
    yield f"following it: {follow:.1f} s, {len(trace.events) / follow:,.0f} events/s"
    help_time = timed(lambda: subprocess.run([sys.executable, "-m", "balloonproof.checker", "--help"], capture_output=True, check=True))
    yield f"balloonproof --help: {help_time:.2f} s"


if __name__ == "__main__":
    for part in (proofs, reading, checking):
        for line in part():
            print(line, flush=True)
