"""Runs of explicit instances, looked at and made step by step, by the slow evaluator."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from balloonproof.model.engines.bounded import Run, RunStep
from balloonproof.model.explicit import Explicit
from balloonproof.model.steps import Step
from balloonproof.model.terms import Term, evaluate


def assert_is_run(run: Run) -> None:
    """Every step starts where the last one ended, is allowed there, and has exactly its own effect."""
    assert evaluate(run.explicit.initial, run.steps[0].before)
    for step in run.steps:
        assert step.step in run.explicit.steps
        assert evaluate(step.step.guard, step.before), step.step.name
        assert step.after == {**step.before, **{name: evaluate(term, step.before) for name, term in step.step.updates.items()}}, step.step.name
    assert all(left.after == right.before for left, right in pairwise(run.steps))


def ends_first_in(run: Run, goal: Term) -> bool:
    """Does `goal` hold at the end, and nowhere before?"""
    states = [run.steps[0].before, *(step.after for step in run.steps)]
    return [bool(evaluate(goal, state)) for state in states] == [False] * len(run) + [True]


def executed(explicit: Explicit, state: dict[str, int], steps: Sequence[Step]) -> Run:
    """The run that takes these steps."""
    taken = []
    for step in steps:
        after = {**state, **{name: evaluate(term, state) for name, term in step.updates.items()}}
        taken.append(RunStep(step, state, after))
        state = after
    return Run(explicit, tuple(taken))
