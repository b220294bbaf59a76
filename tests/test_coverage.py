"""Coverage against ground truth: what the runs behind the traces really did."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_cli import SMALL, run
from test_monitor import LOSING, SOUND, random_run, seeds

from balloonproof.checker.coverage import MEANT, NEVER, POSSIBLE, SHOWN, Coverage, coverage_of, survey
from balloonproof.checker.model_trace import all_events, trace_of
from balloonproof.checker.report.coverage_text import coverage_lines
from balloonproof.model.compiled import Layout, Move, compile_steps
from balloonproof.model.engines.bounded import Run
from balloonproof.model.explicit import Explicit, Shape
from balloonproof.model.language import Configuration
from balloonproof.model.systems import HINTING

HAND = Path(__file__).parent.parent / "traces" / "hand"
ALWAYS_OBSERVED = {"migration.start", "management.switch-over", "guest.kexec", "guest.restore"}
EXERCISED = [SOUND[0], LOSING[4]]
AMBIGUOUS = {"send-start", "send-start-reread"}
"""Both may stand behind guest.start."""


@pytest.fixture(scope="module")
def rules() -> dict[str, Coverage]:
    """The coverage of the pair of traces of each guard."""
    return {guard.name: survey([HAND / f"{guard.name}.accept.trace", HAND / f"{guard.name}.reject.trace"])[0] for guard in HINTING.guards}


@pytest.mark.parametrize("guard", [guard.name for guard in HINTING.guards])
def test_the_traces_of_a_rule_show_that_it_matters(rules: dict[str, Coverage], guard: str) -> None:
    exercise = rules[guard].guards[guard]
    assert exercise.status == SHOWN
    assert exercise.first is not None
    assert guard in exercise.first.path


Moves = Mapping[str, Move]


@cache
def comparison(configuration: Configuration, guard: str, chunks: tuple[int, ...]) -> tuple[Layout, Mapping[str, int], Moves, Moves]:
    """One layout for the variables with and without the guard, the values of those that a run lacks because they never change, and both systems' moves."""
    weaker = configuration.system.configure(dict(configuration.settings), [*configuration.removed, guard])
    one, other = Explicit(configuration, Shape(chunks, 5)), Explicit(weaker, Shape(chunks, 5))
    layout = Layout.of({**one.variables, **other.variables})
    initial = {name: value or 0 for name, value in {**other.initial_values, **one.initial_values}.items()}
    with_it, without_it = ({move.name: move for move in compile_steps(item.steps, layout, keep_idle=True)} for item in (one, other))
    return layout, initial, with_it, without_it


def differences(done: Run, guard: str) -> tuple[bool, bool]:
    """Ground truth: did a step of the run have another outcome without the guard; was a step of a page forbidden by it alone, in some state?"""
    layout, initial, with_it, without_it = comparison(done.explicit.configuration, guard, done.explicit.shape.chunks)
    stepped = allowed = False
    for item in done.steps:
        before, after = layout.pack({**initial, **item.before}), layout.pack({**initial, **item.after})
        move = without_it.get(item.step.name)
        stepped |= move is None or not move.enabled(before) or int(move.after(before)) != after
        for name, move in without_it.items():
            allowed |= bool(move.enabled(before)) and not (name in with_it and with_it[name].enabled(before))
    return stepped, allowed


@settings(max_examples=8, deadline=None, derandomize=True)
@given(st.sampled_from(EXERCISED), seeds, st.integers(5, 60), st.floats(0, 1))
def test_what_is_shown_happened_and_what_is_excluded_did_not(configuration: Configuration, seed: int, length: int, share: float) -> None:
    done = random_run(configuration, (0, 0), seed, length)
    dice = random.Random(seed)
    observed = [name for name in all_events(configuration) if name in ALWAYS_OBSERVED or dice.random() < share]
    actions, guards = coverage_of(trace_of(done, observed), configuration)
    happened = {item.step.action.name for item in done.steps}
    assert {name for name, item in actions.items() if item.status == SHOWN} <= happened
    assert not happened & {name for name, item in actions.items() if item.status == NEVER}
    assert guards.keys() == {guard.name for guard in configuration.system.guards if configuration.keeps(guard.name)}
    for guard, exercise in guards.items():
        stepped, allowed = differences(done, guard)
        assert not (exercise.status == NEVER and stepped), guard
        assert not (exercise.status == SHOWN and not (stepped or allowed)), guard


@settings(max_examples=4, deadline=None, derandomize=True)
@given(st.sampled_from(EXERCISED), seeds)
def test_where_everything_is_observed_the_actions_are_those_of_the_run(configuration: Configuration, seed: int) -> None:
    done = random_run(configuration, (0, 0), seed, 60)
    actions, _ = coverage_of(trace_of(done), configuration)
    names = [item.step.action.name for item in done.steps]
    plain = {name: item for name, item in actions.items() if name not in AMBIGUOUS}
    assert {name: item.events for name, item in plain.items() if item.status == SHOWN} == {name: names.count(name) for name in set(names) - AMBIGUOUS}
    assert all(item.status == NEVER for name, item in plain.items() if name not in names)
    assert all(actions[name].status in (SHOWN, MEANT) for name in AMBIGUOUS & set(names))


def test_hidden_actions_are_possible_and_the_rest_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "small.trace"
    path.write_text(SMALL)
    (found,) = survey([path, path])
    assert found.actions["read-page"].events == 6
    assert found.actions["read-page"].first == (str(path), 7)
    assert found.actions["allocate"].status == POSSIBLE
    assert found.actions["cancel"].status == POSSIBLE
    assert found.actions["device-write"].status == NEVER
    assert {found.actions[name].status for name in ("write", "initialise")} == {MEANT}
    assert found.settings["dirty-log"] == {"get-and-clear": 2}
    assert {"dirty-log=manual", "initially-set=no"} <= set(found.unused_values())
    assert "dirty-log=get-and-clear" not in found.unused_values()


def test_the_text_names_everything_and_what_is_missing(rules: dict[str, Coverage]) -> None:
    found = rules["final-sync"]
    text = "\n".join(coverage_lines([found]))
    head, missing = text.split("  no trace has shown\n")
    for name in (*found.actions, *found.guards):
        assert f"    {name} " in head
    shown = {name for name, item in {**found.actions, **found.guards}.items() if item.status == SHOWN}
    listed = {word.strip() for line in missing.splitlines() for word in line.split(maxsplit=1)[1].split(",")}
    assert listed & {*found.actions, *found.guards} == {*found.actions, *found.guards} - shown


def test_the_command_line_reports_each_system_and_refuses_what_it_cannot_read(tmp_path: Path) -> None:
    path = tmp_path / "small.trace"
    path.write_text(SMALL)
    words = [str(path), str(HAND / "lost_write.accept.trace")]
    result = run("coverage", *words, "--format", "json")
    assert result.returncode == 0
    assert [item["system"] for item in json.loads(result.stdout)["systems"]] == ["precopy", "hinting"]
    assert run("coverage", *words).stdout.startswith("precopy: 1 trace\n")
    path.write_text(SMALL.replace("guest.dirty p", "guest.dirt p"))
    result = run("coverage", str(path))
    assert (result.returncode, result.stdout) == (2, "")
    assert f"{path}:9:5: expected an event of the model (did you mean 'guest.dirty'?)" in result.stderr
