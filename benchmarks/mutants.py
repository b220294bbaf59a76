"""What notices the mutants of each system, at its safe settings: a line for each, then its survivors; exit status 1 if there are any.

    python benchmarks/mutants.py [SYSTEM...]

Without SYSTEMs, all of them, which takes long.  The columns after `change something` say what each of these is: caught by the proof (a property, a witness, a
step, progress), by a trace, by the premise; equivalent to the model; or a survivor.
"""

from __future__ import annotations

import sys
import time

from balloonproof.checker.trace_tests import TraceTests, bundled_traces
from balloonproof.model.engines.mutation import MutationResult, mutate
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
    systems = [find_system(name) for name in names] or SYSTEMS
    tests = TraceTests(bundled_traces())
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
