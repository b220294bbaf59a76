"""What `all_runs` says of a trace, said by Z3: is there a run of the model with all its pages that shows the trace and is safe, is there one that is not?

The model is unrolled step by step.  Each step is one that may be hidden, or the next event of the trace.  So it tells of runs with so many hidden steps at
most, and what it finds must be found by `all_runs`, which has no such bound.
"""

from __future__ import annotations

from collections.abc import Iterable

import z3
from all_runs import AllRuns

from balloonproof.checker.read import Event, Trace
from balloonproof.model.compiled import Move
from balloonproof.model.engines.bounded import BoundedSearch


def solver_runs(runs: AllRuns, trace: Trace, hidden_steps: int) -> str:
    """What the runs with at most `hidden_steps` hidden steps that show the trace are: "none", all "safe", all "unsafe", or "both"."""
    search = BoundedSearch(runs.explicit)
    index = {step.name: number for number, step in enumerate(search.steps)}
    events = [event for event in trace.events if event.name != "guest.ring"]
    _hold_ring(search, runs, trace)
    bad = search.now.translate(runs.bad)
    position, was_bad = z3.BitVecVal(0, 8), search.at(0, bad)
    found: set[str] = set()

    def is_one_of(selector: z3.BitVecRef, moves: Iterable[Move]) -> z3.BoolRef:
        return z3.Or(*(selector == index[move.step.name] for move in moves))

    hidden = runs.hidden(trace)
    for length in range(len(events) + hidden_steps + 1):
        if length:
            search.extend()
            selector, shows, after = search.selectors[-1], z3.Bool(f"shows@{length}"), z3.BitVec(f"position@{length}", 8)
            events_here = (z3.And(position == at, is_one_of(selector, runs.showing(event))) for at, event in enumerate(events))
            search.solver.add(z3.If(shows, z3.Or(*events_here), is_one_of(selector, hidden)), after == position + z3.If(shows, z3.BitVecVal(1, 8), 0))
            position, was_bad = after, z3.Or(was_bad, search.at(length, bad))
        for name, outcome in (("safe", z3.Not(was_bad)), ("unsafe", was_bad)):
            if name not in found and search.solver.check(position == len(events), outcome) == z3.sat:
                found.add(name)
    return "both" if len(found) == 2 else next(iter(found), "none")


def _hold_ring(search: BoundedSearch, runs: AllRuns, trace: Trace) -> None:
    """Which pages hold the used ring never changes, so the event that says it speaks of the first state."""
    named: list[Event] = [event for event in trace.events if event.name == "guest.ring"]
    for event in named:
        pages = {page for page, _ in event.pages}
        for page in range(runs.explicit.shape.pages):
            name = f"page{page}.holds_ring"
            if name in runs.explicit.variables:
                value = search.now.variable(name, runs.explicit.variables[name])
                search.solver.add(search.at(0, value if page in pages else z3.Not(value)))
