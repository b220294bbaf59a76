"""Prints how long SPIN takes for the hinting protocol with 1, 2 and 3 pages, beside `balloonproof prove hinting`, which answers for any number.

`hinting.pml` is the same protocol, written by hand.  SPIN is bounded in queue slots, command ids, memory and time; what does not end is said.
Ratios are of one run on one machine.  Where both decide they must agree; exit status 1 if not.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MODEL = Path(__file__).with_name("hinting.pml")
SLOTS, IDS = 4, 5
SECONDS, MEGABYTES, DEPTH = 120, 4096, 2_000_000

MACROS = {
    ("release-waits-for-ack", "yes"): "-DRELEASE_WAITS",
    ("dirty-log", "get-and-clear"): "-DGET_AND_CLEAR",
    ("command-id-buffer", "per-round"): "-DPER_ROUND",
}
TIMED: Sequence[Mapping[str, str]] = ({}, {"release-waits-for-ack": "yes"})
"""A refuted and a proved configuration: timed with every number of pages."""

COMPARED: Sequence[Mapping[str, str]] = ({"dirty-log": "get-and-clear"}, {"dirty-log": "get-and-clear", "command-id-buffer": "per-round"})
"""Compared on one page only."""


@dataclass(frozen=True)
class Outcome:
    """What came of one run: `proved`, `refuted`, or why there is no verdict; seconds from nothing to there; states stored."""

    verdict: str
    seconds: float
    states: int

    @property
    def decided(self) -> bool:
        return self.verdict in ("proved", "refuted")


def spin(pages: int, settings: Mapping[str, str], slots: int = SLOTS, ids: int = IDS) -> Outcome:
    """Generate, compile and run SPIN's verifier."""
    macros = [f"-DPAGES={pages}", f"-DSLOTS={slots}", f"-DIDS={ids}", *(MACROS[item] for item in settings.items())]
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(MODEL, folder)
        for command in (["spin", "-a", *macros, MODEL.name], ["gcc", "-O2", "-DSAFETY", "-DCOLLAPSE", f"-DMEMLIM={MEGABYTES}", "-o", "pan", "pan.c"]):
            subprocess.run(command, cwd=folder, check=True, capture_output=True)
        # -E: a step that a bound forbids is no deadlock.
        verifier = subprocess.Popen(["./pan", "-E", f"-m{DEPTH}"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            output, _ = verifier.communicate(timeout=SECONDS)
            verdict = verdict_of(output)
        except subprocess.TimeoutExpired:
            output, verdict = "", f"not ended after {SECONDS} s"
        finally:
            verifier.kill()
            verifier.wait()
    states = re.search(r"(\d+) states, stored", output)
    return Outcome(verdict, time.perf_counter() - started, int(states[1]) if states else 0)


def verdict_of(output: str) -> str:
    """The verdict in what the verifier prints."""
    if "assertion violated" in output:
        return "refuted"
    if "MEMLIM" in output or "out of memory" in output:
        return f"not ended in {MEGABYTES / 1024:.0f} GiB"
    if "max search depth too small" in output or "Search not completed" in output or "errors: 0" not in output:
        return "not ended: " + next((line for line in output.splitlines() if line.strip()), "no output")
    return "proved"


def balloonproof(settings: Mapping[str, str]) -> Outcome:
    """`balloonproof prove hinting`, a process of its own as SPIN's are."""
    words = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    started = time.perf_counter()
    result = subprocess.run([sys.executable, "-m", "balloonproof.checker", "prove", "hinting", *words], capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    states = re.search(r"([\d,]+) states", result.stdout)
    verdict = {0: "proved", 1: "refuted"}.get(result.returncode, "undecided")
    if f": {verdict}" not in result.stdout:
        raise RuntimeError(f"balloonproof prove: expected a verdict, found {(result.stderr or result.stdout).strip()!r}")
    return Outcome(verdict, seconds, int(states[1].replace(",", "")) if states else 0)


def compare(settings: Mapping[str, str], pages: Sequence[int]) -> bool:
    """Print one configuration's lines; whether all that decide agree."""
    name = " ".join(["hinting", *(f"{key}={value}" for key, value in settings.items())])
    ours = balloonproof(settings)
    print(f"{name}\n  balloonproof, any number of pages: {ours.verdict}, {ours.seconds:.1f} s, {ours.states:,} states", flush=True)
    agree = ours.decided
    for number in pages:
        theirs = spin(number, settings)
        of = f"SPIN, {number} page{'s' if number > 1 else ''}, {SLOTS} slots, {IDS} ids"
        if theirs.decided:
            ratio = f"{theirs.seconds / ours.seconds:.2f} times balloonproof's time"
            print(f"  {of}: {theirs.verdict}, {theirs.seconds:.1f} s with its compiler, {theirs.states:,} states; {ratio}", flush=True)
            agree = agree and theirs.verdict == ours.verdict
        else:
            print(f"  {of}: {theirs.verdict}", flush=True)
    return agree


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pages", type=int, nargs="+", default=[1, 2, 3], metavar="N", help="numbers of pages (default: 1 2 3)")
    pages = parser.parse_args().pages
    missing = [name for name in ("spin", "gcc") if shutil.which(name) is None]
    if missing:
        print(f"{' and '.join(missing)} not found: install with apt-get install spin gcc", file=sys.stderr)
        return 2
    results = [compare(settings, pages) for settings in TIMED] + [compare(settings, [1]) for settings in COMPARED]
    if not all(results):
        print("the two do not agree", file=sys.stderr)
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
