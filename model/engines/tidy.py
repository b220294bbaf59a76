"""Makes a shortest counterexample easier to read, without making it longer.

Z3 returns any shortest run.  Here unusual steps give way to ordinary ones where the loss survives (a vCPU's write instead of a device's, actions listed
earlier in the system before later ones), and independent steps are reordered so that the run changes actors as rarely as possible.
Every change is executed on the explicit model; what does not run into the same bad state is not taken.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from balloonproof.model.compiled import Layout, Move, compile_predicate, compile_steps
from balloonproof.model.engines.bounded import Run, RunStep
from balloonproof.model.explicit import Explicit
from balloonproof.model.terms import Term


class _Executor:
    """Runs sequences of explicit steps on packed states."""

    def __init__(self, explicit: Explicit, goal: Term) -> None:
        self.explicit = explicit
        self.layout = Layout.of(explicit.variables)
        self.moves = compile_steps(explicit.steps, self.layout)
        self.bad = compile_predicate(goal, self.layout)
        self.rank = {item.name: number for number, item in enumerate(explicit.configuration.system.actions)}

    def states(self, start: int, moves: Sequence[Move]) -> list[int] | None:
        """The states of the run, or None if a step is not enabled or the end is not bad."""
        states = [start]
        for move in moves:
            if not move.enabled(states[-1]):
                return None
            states.append(int(move.after(states[-1])))
        return states if self.bad(states[-1]) else None


def tidy(run: Run, goal: Term) -> Run:
    """A run of the same length into `goal` with plainer steps and fewer changes of actor."""
    executor = _Executor(run.explicit, goal)
    by_name = {move.step.name: move for move in executor.moves}
    moves = [by_name[item.step.name] for item in run.steps]
    start = executor.layout.pack(run.steps[0].before)
    moves = _plainer(executor, start, moves)
    moves = _grouped(executor, start, moves)
    states = executor.states(start, moves)
    assert states is not None
    shown = [executor.layout.unpack(state) for state in states]
    return Run(run.explicit, tuple(RunStep(move.step, before, after) for move, before, after in zip(moves, shown, shown[1:], strict=False)))


def _plainer(executor: _Executor, start: int, moves: list[Move]) -> list[Move]:
    """Replace steps by ones of actions that the system lists earlier."""
    for index in range(len(moves)):
        for other in sorted(executor.moves, key=lambda move: executor.rank[move.step.action.name]):
            if executor.rank[other.step.action.name] >= executor.rank[moves[index].step.action.name]:
                break
            changed = [*moves[:index], other, *moves[index + 1 :]]
            if executor.states(start, changed) is not None:
                moves = changed
                break
    return moves


def _switches(moves: Sequence[Move]) -> int:
    return sum(left.step.action.actor is not right.step.action.actor for left, right in itertools.pairwise(moves))


def _grouped(executor: _Executor, start: int, moves: list[Move]) -> list[Move]:
    """Move single steps elsewhere while that leaves fewer changes of actor."""
    improved = True
    while improved:
        improved = False
        for source in range(len(moves)):
            for target in range(len(moves)):
                changed = [*moves[:source], *moves[source + 1 :]]
                changed.insert(target, moves[source])
                if _switches(changed) < _switches(moves) and executor.states(start, changed) is not None:
                    moves, improved = changed, True
    return moves
