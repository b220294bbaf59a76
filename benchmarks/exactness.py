"""Prints how exact the monitor is: its verdicts on random small traces beside those of a search over all runs of a model with all pages.

    python benchmarks/exactness.py [COUNT] [FIRST] [--solver HIDDEN]

`all_runs` decides each trace of `small_traces` by definition; with --solver, Z3 decides it too, for runs with so many hidden steps at most (`solver_runs`).

The monitor follows each page by itself, so it may take for possible what no run of all pages shows: then it accepts,
or finds inconclusive, what should be rejected, or finds inconclusive what is safe, or lost, in every run.  The reasons are
hidden steps that need every page to be ready, sends of several pages between each other, and a loss that every run has, but of different pages.
It must never reject what a safe run explains, nor accept what an unsafe run explains; exit status 1 if it does.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

from all_runs import AllRuns, TooMany
from small_traces import Small, small_trace
from solver_runs import solver_runs

from balloonproof.checker.following import follow
from balloonproof.grammar import TraceSyntaxError
from balloonproof.model.explicit import Explicit, Shape
from balloonproof.model.language import Configuration
from balloonproof.model.workers import each, silent

EXACT = {"none": "reject", "unsafe": "reject", "safe": "accept", "both": "inconclusive"}
"""The verdict that each kind of runs asks for."""

PART = 100
"""Traces that one process takes on: what was compiled for one serves the next of the same configuration."""

WRONG = {("safe", "reject"), ("unsafe", "accept")}
"""A run that there is, and verdicts that must not come together."""


@cache
def all_runs(configuration: Configuration, shape: Shape) -> AllRuns:
    return AllRuns(Explicit(configuration, shape))


def runs_of(small: Small) -> str:
    """What the runs that explain a trace are; "too many" if they cannot be followed."""
    try:
        return all_runs(small.configuration, small.shape).verdict(small.trace)
    except TooMany:
        return "too many"


def verdict_of(small: Small) -> str:
    """What the monitor says; a trace that begins inside a migration is refused, which is a reject here."""
    try:
        kinds = {item.kind for item in follow(small.trace, small.configuration, silent).monitor.judgements}
    except TraceSyntaxError:
        return "reject"
    return "reject" if kinds & {"impossible", "violated"} else "inconclusive" if kinds else "accept"


@dataclass(frozen=True)
class Compared:
    """One trace: what its runs are, what Z3 says of them ("" if it was not asked), and the monitor's verdict."""

    system: str
    runs: str
    solver: str
    verdict: str

    @property
    def decided(self) -> bool:
        return self.runs != "too many"

    @property
    def wrong(self) -> bool:
        """Runs, or those that Z3 found, and a verdict that must not come together."""
        return any((runs, self.verdict) in WRONG for runs in PARTS[self.runs] | PARTS[self.solver])

    @property
    def contradicted(self) -> bool:
        """Z3 found a run that the search has not; the other way about it may need more hidden steps than Z3 was given."""
        return self.decided and not PARTS[self.solver] <= PARTS[self.runs]


PARTS: dict[str, set[str]] = {"both": {"safe", "unsafe"}, "safe": {"safe"}, "unsafe": {"unsafe"}, "none": set(), "too many": set(), "": set()}
"""Which runs there are, at least."""


def compare(seeds: range, hidden_steps: int | None) -> Counter[Compared]:
    """How often which runs and which verdict come together, by system; a trace where these must not is printed."""
    found: Counter[Compared] = Counter()
    for seed in seeds:
        small = small_trace(seed)
        runs = runs_of(small)
        solver = "" if hidden_steps is None else solver_runs(all_runs(small.configuration, small.shape), small.trace, hidden_steps)
        one = Compared(small.configuration.system.name, runs, solver, verdict_of(small))
        found[one] += 1
        if one.wrong or one.contradicted:
            print(f"seed {seed}: {small.configuration}: runs {runs}, by Z3 {solver or 'not asked'}, found {one.verdict}", file=sys.stderr)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("count", type=int, nargs="?", default=5000, help="how many traces (default: 5000)")
    parser.add_argument("first", type=int, nargs="?", default=1, help="the seed of the first (default: 1)")
    parser.add_argument("--solver", type=int, metavar="HIDDEN", help="ask Z3 too, for runs with so many hidden steps at most")
    given = parser.parse_args()
    end = given.first + given.count
    parts = [range(start, min(start + PART, end)) for start in range(given.first, end, PART)]
    total: Counter[Compared] = Counter()
    for place, found in each(partial(compare, hidden_steps=given.solver), parts):
        total += found
        print(f"{parts[place].start}-{parts[place].stop - 1} compared, {total.total():,} of {given.count:,}", file=sys.stderr, flush=True)
    print(f"{'system':18}{'traces':>8}{'decided':>9}{'exact':>8}{'weaker':>8}{'wrong':>7}")
    for system in [*sorted({one.system for one in total}), "all"]:
        mine = {one: number for one, number in total.items() if system in (one.system, "all")}
        decided = {one: number for one, number in mine.items() if one.decided}
        exact = sum(number for one, number in decided.items() if EXACT[one.runs] == one.verdict)
        wrong = sum(number for one, number in mine.items() if one.wrong)
        weaker = sum(number for one, number in decided.items() if not one.wrong) - exact
        print(f"{system:18}{sum(mine.values()):8,}{sum(decided.values()):9,}{exact:8,}{weaker:8,}{wrong:7,}")
    inexact = Counter({one: number for one, number in total.items() if one.decided and EXACT[one.runs] != one.verdict})
    _print_pairs(inexact, lambda one: one.verdict)
    if given.solver is not None:
        print(f"Z3, with {given.solver} hidden steps at most:")
        _print_pairs(total, lambda one: one.solver)
    return 1 if any(one.wrong or one.contradicted for one in total) else 0


def _print_pairs(compared: Counter[Compared], other: Callable[[Compared], str]) -> None:
    """How often what the search found came together with something else that was found."""
    pairs: Counter[tuple[str, str]] = Counter()
    for one, number in compared.items():
        pairs[one.runs, other(one)] += number
    for (runs, found), number in sorted(pairs.items()):
        print(f"  runs {runs}: {found} {number:,} times")


if __name__ == "__main__":
    sys.exit(main())
