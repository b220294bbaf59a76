"""A counterexample as it is shown: tidied, and still as long and as wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, pairwise, product

import pytest
from model_runs import assert_is_run, ends_first_in, executed

from balloonproof.model.engines.bounded import Run
from balloonproof.model.engines.tidy import tidy
from balloonproof.model.engines.verdict import decide
from balloonproof.model.explicit import Explicit
from balloonproof.model.properties import NO_PAGE_LOST
from balloonproof.model.steps import Step
from balloonproof.model.systems import HINTING
from balloonproof.model.terms import Term, evaluate, negate


@pytest.fixture(scope="module")
def untidy() -> Run:
    """A counterexample made from unusual steps: devices write where vCPUs could, and some steps are where it changes the actor more often.

    Whatever shortest run Z3 has found, moving some of its steps once or twice gives such a one.
    """
    run = decide(HINTING.configure({"dirty-log": "get-and-clear"})).counterexamples[0].run
    named = {step.name: step for step in run.explicit.steps}
    steps = [item.step for item in run.steps]
    start, goal = run.steps[0].before, lost_page(run.explicit)

    def unusual(steps: Sequence[Step]) -> list[Step] | None:
        """The same with devices' writes, if the loss needs neither these nor others."""
        plain = [named[item.name.removeprefix("device-")] for item in steps]
        found = [named[re.sub(r"^write", "device-write", item.name)] for item in plain]
        return found if leads_to(goal, start, plain) and leads_to(goal, start, found) else None

    base = next(moved for moved in chain([steps], with_some_moved(steps)) if unusual(moved))
    for moved in with_some_moved(base):
        if switches(moved) > max(switches(steps), switches(base)) and (found := unusual(moved)):
            return executed(run.explicit, start, found)
    raise AssertionError("the counterexample cannot be made untidy")


def with_some_moved(steps: Sequence[Step]) -> Iterator[list[Step]]:
    """The steps with one, two or three neighbours elsewhere."""
    for length in (1, 2, 3):
        for source in range(len(steps) - length + 1):
            rest = [*steps[:source], *steps[source + length :]]
            for target in range(len(rest) + 1):
                yield [*rest[:target], *steps[source : source + length], *rest[target:]]


def lost_page(explicit: Explicit) -> Term:
    return negate(explicit.predicate(NO_PAGE_LOST))


def switches(steps: Sequence[Step]) -> int:
    return sum(left.action.actor is not right.action.actor for left, right in pairwise(steps))


def leads_to(goal: Term, state: Mapping[str, int], steps: Sequence[Step]) -> bool:
    """Are `steps` possible one after the other from `state`, and does `goal` hold then?"""
    for step in steps:
        if not evaluate(step.guard, state):
            return False
        state = {**state, **{name: evaluate(term, state) for name, term in step.updates.items()}}
    return bool(evaluate(goal, state))


def test_a_tidy_run_is_as_long_and_as_wrong(untidy: Run) -> None:
    goal = lost_page(untidy.explicit)
    for run in (untidy, tidy(untidy, goal)):
        assert len(run) == 27
        assert_is_run(run)
        assert ends_first_in(run, goal)


def test_a_tidy_run_has_plain_steps_where_they_will_do(untidy: Run) -> None:
    before = [step.step.action.name for step in untidy.steps]
    after = [step.step.action.name for step in tidy(untidy, lost_page(untidy.explicit)).steps]
    assert "device-write" in before
    assert "device-write" not in after
    assert "write" in after


def test_no_single_step_of_a_tidy_run_can_be_moved_to_change_actors_less_often(untidy: Run) -> None:
    goal = lost_page(untidy.explicit)
    run = tidy(untidy, goal)
    steps = [item.step for item in run.steps]
    assert switches(steps) < switches([item.step for item in untidy.steps])
    for source, target in product(range(len(steps)), repeat=2):
        moved = [*steps[:source], *steps[source + 1 :]]
        moved.insert(target, steps[source])
        assert switches(moved) >= switches(steps) or not leads_to(goal, run.steps[0].before, moved)
