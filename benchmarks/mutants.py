"""What notices the mutants of the model: a line for each configuration that was asked, then the survivors; exit status 1 if there are any.

    python benchmarks/mutants.py [SYSTEM...]

Without SYSTEMs, every part of the text of all of them, each asked of one system after the other until something notices (`model/engines/whole_model.py`);
with some, all mutants of each, at its safe settings.  There the columns after `change something` say what each of these is: caught by the proof (a property, a
witness, a step, progress), by a trace, by the premise; equivalent to the model; or a survivor.
"""

from __future__ import annotations

import sys
import time

from balloonproof.checker.report.whole_model import heading, row, whole_model_lines
from balloonproof.checker.trace_tests import TraceTests, bundled_traces
from balloonproof.model.engines.mutation import MutationResult, mutate
from balloonproof.model.engines.whole_model import mutate_all
from balloonproof.model.language import System
from balloonproof.model.systems import SYSTEMS, find_system

COLUMNS = ("mutants", "change something", "proof", "traces", "premise", "equivalent", "survive")


def figures(result: MutationResult) -> tuple[int, ...]:
    """The numbers of a row, in the order of the columns."""
    effective = [outcome for _, outcome in result.effective]
    proof = sum(bool(outcome.violated or outcome.impossible) for outcome in effective)
    by_other = [sum(bool(answer) for answer in answers) for answers in zip(*((o.test, o.premise_fails, o.equivalent) for o in effective), strict=True)]
    return (len(result.outcomes), len(effective), proof, *by_other, len(result.survivors))


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
    print(f"{'':50}" + "".join(f"{name:>{len(name) + 2}}" for name in COLUMNS) + "  seconds", flush=True)
    survive = 0
    for system in systems:
        started = time.perf_counter()
        result = mutate(system.configure(dict(system.safe)), tests)
        row = zip(COLUMNS, figures(result), strict=True)
        print(f"{result.configuration!s:50}" + "".join(f"{value:>{len(name) + 2}}" for name, value in row) + f"{time.perf_counter() - started:>9.0f}")
        for mutant, outcome in result.survivors:
            print(f"    {mutant.part.place}: {mutant}: told by {outcome.told_by}", flush=True)
        survive += len(result.survivors)
    return min(survive, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
