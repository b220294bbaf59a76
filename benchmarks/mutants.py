"""What notices the mutants of the model: a line for each configuration that was asked, then the survivors; exit status 1 if there are any.

    python benchmarks/mutants.py [SYSTEM...]

Without SYSTEMs, every part of the text of all of them, each asked of one system after the other until something notices (`model/engines/whole_model.py`);
with some, all mutants of each, at its safe settings.  The columns: the parts asked about; of these noticed by the proof (a property, a witness, a step,
progress), by the premise, by a trace; the same steps as the model; equivalent to it; survivors.
"""

from __future__ import annotations

import sys
import time

from balloonproof.checker.report.whole_model import heading, row, whole_model_lines
from balloonproof.checker.trace_tests import TraceTests, bundled_traces
from balloonproof.model.engines.mutation import mutate
from balloonproof.model.engines.whole_model import mutate_all
from balloonproof.model.language import System
from balloonproof.model.systems import SYSTEMS, find_system


def main(names: list[str]) -> int:
    """Prints a row as soon as its system is done."""
    tests = TraceTests(bundled_traces())
    return of_each([find_system(name) for name in names], tests) if names else of_all(tests)


def of_all(tests: TraceTests) -> int:
    """The whole model."""
    started = time.perf_counter()
    print(heading(), flush=True)
    result = mutate_all(SYSTEMS, tests, done=lambda result: print(row(result), flush=True))
    print(*whole_model_lines(result, verbose=True), f"{time.perf_counter() - started:.0f} seconds", sep="\n", flush=True)
    return min(len(result.survivors), 1)


def of_each(systems: list[System], tests: TraceTests) -> int:
    """Each system by itself."""
    print(heading() + "  seconds", flush=True)
    survive = 0
    for system in systems:
        started = time.perf_counter()
        result = mutate(system.configure(dict(system.safe)), tests)
        print(f"{row(result)}{time.perf_counter() - started:>9.0f}")
        for mutant, outcome in result.survivors:
            print(f"    {mutant.part.place}: {mutant}: told by {outcome.told_by}", flush=True)
        survive += len(result.survivors)
    return min(survive, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
