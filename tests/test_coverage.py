"""Coverage against ground truth: what the runs behind the traces really did."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_cli import SMALL, run

from balloonproof.checker.coverage import MEANT, NEVER, POSSIBLE, SHOWN, Coverage, survey
from balloonproof.checker.report.coverage_text import coverage_lines
from balloonproof.model.systems import HINTING

HAND = Path(__file__).parent.parent / "traces" / "hand"


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
