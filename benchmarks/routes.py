"""Prints what each route comes to, and in what time: exact search with a learned invariant, the lemmas written in the model, IC3, Spacer.

    python benchmarks/routes.py [--seconds N] [SYSTEM]...

A row for each configuration of `prove --all`, or of the systems named.  `--seconds` limits every cell: what takes longer is undecided.  By lemmas,
by IC3 and by Spacer a proof rests on the same premise and is confirmed by the same second solver, so what differs is where the invariant comes from; by lemmas
nothing is refuted.  Each cell is a command of its own, one after the other.  The exit status is 1 if a route proves what another refutes.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from balloonproof.model.language import Configuration, UnknownName
from balloonproof.model.systems import SYSTEMS, find_system, shown_configurations

ROUTES = {"search": "search and learned invariant", "lemmas": "written lemmas", "ic3": "IC3", "spacer": "Spacer"}
VERDICTS = {0: "proved", 1: "refuted", 3: "undecided"}


@dataclass(frozen=True)
class Cell:
    """What a route came to: proved, refuted or undecided."""

    verdict: str
    seconds: float

    def __str__(self) -> str:
        return f"{self.verdict}  {self.seconds:6.1f} s"


def configurations(names: Sequence[str] = ()) -> list[Configuration]:
    """Those of `prove --all`, in its order."""
    return shown_configurations([find_system(name) for name in names] or SYSTEMS)


def run(configuration: Configuration, route: str, seconds: float) -> Cell:
    """One route as a command, stopped with all its processes after `seconds`."""
    settings = [word for name, value in configuration.settings for word in ("--set", f"{name}={value}")]
    guards = [word for guard in sorted(configuration.removed) for word in ("--without", guard)]
    words = ["prove", configuration.system.name, *settings, *guards, "--route", route, "--seconds", str(seconds)]
    started = time.perf_counter()
    command = [sys.executable, "-m", "balloonproof.checker", *words]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            _, errors = process.communicate(timeout=seconds)
        except BaseException as reason:
            os.killpg(process.pid, signal.SIGKILL)
            if not isinstance(reason, subprocess.TimeoutExpired):
                raise
            return Cell("undecided", time.perf_counter() - started)
    if process.returncode not in VERDICTS:
        raise RuntimeError(f"{configuration} by {route} ended with {process.returncode}: {errors}")
    return Cell(VERDICTS[process.returncode], time.perf_counter() - started)


def disagree(cells: Iterable[Cell]) -> bool:
    """Does one route prove what another refutes?"""
    return {"proved", "refuted"} <= {cell.verdict for cell in cells}


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(description="What each route comes to, and in what time.")
    parser.add_argument("names", nargs="*", metavar="SYSTEM")
    parser.add_argument("--seconds", type=float, default=60.0, help="limit of each cell (default: 60)")
    chosen = parser.parse_args(arguments)
    try:
        rows = configurations(chosen.names)
    except UnknownName as error:
        parser.error(str(error))
    wide = max(map(len, map(str, rows)))
    print(f"{'':{wide}}  " + "  ".join(f"{title:>28}" for title in ROUTES.values()))
    apart = 0
    for configuration in rows:
        print(f"{configuration!s:{wide}}", end="", flush=True)
        cells = []
        for route in ROUTES:
            cells.append(run(configuration, route, chosen.seconds))
            print(f"  {cells[-1]!s:>28}", end="", flush=True)
        apart += disagree(cells)
        print("  DISAGREE" if disagree(cells) else "", flush=True)
    print(f"{len(rows)} configurations, each cell at most {chosen.seconds:g} s; routes that disagree: {apart}")
    return 1 if apart else 0


if __name__ == "__main__":
    sys.exit(main())
