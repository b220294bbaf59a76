"""Prints how long proofs take, and a real record; how fast traces are read and checked is in ``speed.py``.

Ratios are of one run on one machine; nothing here is a test.
"""

from __future__ import annotations

import gc
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


if __name__ == "__main__":
    for part in (proofs, checking):
        for line in part():
            print(line, flush=True)
