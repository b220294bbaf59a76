"""Prints how exact the monitor is: its verdicts on random small traces beside those of a search over all runs of a model with all pages.

    python benchmarks/exactness.py [COUNT] [FIRST]

`all_runs` decides each trace of `small_traces` by definition.  The monitor follows each page by itself, so it may take for possible what no run of all pages
shows: then it accepts, or finds inconclusive, what should be rejected, or finds inconclusive what is safe, or lost, in every run.  The reasons are
hidden steps that need every page to be ready, sends of several pages between each other, and a loss that every run has, but of different pages.
It must never reject what a safe run explains, nor accept what an unsafe run explains; exit status 1 if it does.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from functools import cache

from all_runs import AllRuns, TooMany
from small_traces import Small, small_trace

from balloonproof.checker.following import follow
from balloonproof.grammar import TraceSyntaxError
from balloonproof.model.explicit import Explicit, Shape
from balloonproof.model.language import Configuration
from balloonproof.model.workers import each, silent

EXACT = {"none": "reject", "unsafe": "reject", "safe": "accept", "both": "inconclusive"}
"""The verdict that each kind of runs asks for."""

PART = 500
"""Traces that one process takes on: what was compiled for one serves the next of the same configuration."""

WRONG = {("safe", "reject"), ("both", "reject"), ("both", "accept"), ("unsafe", "accept")}
"""Runs and verdicts that must not come together."""


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


def compare(seeds: range) -> Counter[tuple[str, str, str]]:
    """How often which runs and which verdict come together, by system; a trace where these must not is printed."""
    found: Counter[tuple[str, str, str]] = Counter()
    for seed in seeds:
        small = small_trace(seed)
        runs = runs_of(small)
        verdict = verdict_of(small) if runs != "too many" else ""
        found[small.configuration.system.name, runs, verdict] += 1
        if (runs, verdict) in WRONG:
            print(f"seed {seed}: {small.configuration}: runs {runs}, found {verdict}", file=sys.stderr)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("count", type=int, nargs="?", default=5000, help="how many traces (default: 5000)")
    parser.add_argument("first", type=int, nargs="?", default=1, help="the seed of the first (default: 1)")
    given = parser.parse_args()
    end = given.first + given.count
    parts = [range(start, min(start + PART, end)) for start in range(given.first, end, PART)]
    total: Counter[tuple[str, str, str]] = Counter()
    for _, part in each(compare, parts):
        total += part
    print(f"{'system':18}{'traces':>8}{'decided':>9}{'exact':>8}{'weaker':>8}{'wrong':>7}")
    for system in [*sorted({system for system, _, _ in total}), "all"]:
        mine: Counter[tuple[str, str]] = Counter()
        for (name, runs, verdict), number in total.items():
            if system in (name, "all"):
                mine[runs, verdict] += number
        decided = {key: number for key, number in mine.items() if key[0] != "too many"}
        exact = sum(number for (runs, verdict), number in decided.items() if EXACT[runs] == verdict)
        wrong = sum(number for key, number in decided.items() if key in WRONG)
        print(f"{system:18}{mine.total():8,}{sum(decided.values()):9,}{exact:8,}{sum(decided.values()) - exact - wrong:8,}{wrong:7,}")
    for (runs, verdict), number in sorted(decided.items()):
        if EXACT[runs] != verdict:
            print(f"  runs {runs}: {verdict} {number:,} times")
    return 1 if any((runs, verdict) in WRONG for _, runs, verdict in total) else 0


if __name__ == "__main__":
    sys.exit(main())
