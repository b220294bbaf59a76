"""Mutation of the whole model: each part is tried in one system after the other until something notices."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import jsonschema
import pytest

from balloonproof.checker.report.whole_model import COLUMNS, heading, row, whole_model_json, whole_model_lines
from balloonproof.model.actions import dirty_log, guest, management
from balloonproof.model.engines.mutants import Mutant, mutants
from balloonproof.model.engines.mutation import Judge, MutationResult
from balloonproof.model.engines.whole_model import Finding, WholeModel, mutate_all
from balloonproof.model.language import Actor, Property
from balloonproof.model.one_page import OnePage
from balloonproof.model.state import Owner
from balloonproof.model.systems import PRECOPY

SCHEMA = Path(__file__).parent.parent / "checker" / "report" / "results.schema.json"

PAUSED = dataclasses.replace(
    PRECOPY,
    name="paused",
    actions=(management.pause, management.resume),
    settings=tuple(item.only(item.values[0]) for item in PRECOPY.settings),
    properties=(Property("paused", "The VM can be paused.", "sometimes", lambda s, page: ~s.running),),
)
USED = dataclasses.replace(
    PAUSED,
    name="used",
    actions=(guest.allocate, guest.free, management.pause, management.resume),
    properties=(
        Property("used", "A page can be in use.", "sometimes", lambda s, page: page.owner == Owner.USED),
        Property("goes-on", "A paused VM can go on.", "progress", lambda s, page: s.running, fair=(Actor.MANAGEMENT,)),
    ),
)
LOGGED = dataclasses.replace(
    PAUSED,
    name="logged",
    actions=(management.pause, management.resume, dirty_log.reap),
    settings=tuple(item.only("manual", "ring") if item.name == "dirty-log" else item.only(item.values[0]) for item in PRECOPY.settings),
)


@cache
def whole() -> WholeModel:
    return mutate_all([USED, PAUSED])


@cache
def findings() -> dict[str, Finding]:
    return {str(item.mutant): item for item in whole().findings}


def test_the_small_system_is_asked_first_and_the_large_one_only_of_what_it_did_not_notice() -> None:
    small, large = whole().results
    assert [str(item.configuration) for item in (small, large)] == ["paused", "used"]
    noticed = {mutant for mutant, outcome in small.outcomes if outcome.caught}
    assert noticed
    assert {mutant for mutant, _ in large.outcomes} == set(mutants(OnePage(USED.configure()))) - noticed


def test_each_part_has_one_finding_and_it_says_where_it_was_noticed() -> None:
    assert {item.mutant for item in whole().findings} == {item for system in (USED, PAUSED) for item in mutants(OnePage(system.configure()))}
    for item in whole().findings:
        assert [outcome.caught for _, outcome in item.tried[:-1]] == [False] * (len(item.tried) - 1)
        assert [item.caught, item.same, item.equivalent, item.survives].count(True) == 1
        for configuration, outcome in item.tried:
            assert Judge(configuration).outcome(item.mutant) == outcome


def test_what_survives_in_one_system_may_be_noticed_in_another() -> None:
    found = findings()["resume without effect s.running = True"]
    assert [(outcome.survives, outcome.impossible) for _, outcome in found.tried] == [(True, ()), (False, ("progress goes-on",))]
    assert found.caught
    found = findings()["pause without guard s.running"]
    assert [(str(configuration), outcome.survives) for configuration, outcome in found.tried] == [("paused", True), ("used", True)]
    assert found.survives
    assert found.told_by is not None
    assert found.told_by.steps == ("pause", "pause")


def test_a_test_is_asked_once_for_each_part_that_no_proof_noticed(tmp_path: Path) -> None:
    asked = tmp_path / "asked"

    def test(mutant: Mutant) -> str | None:
        with asked.open("a") as file:
            file.write(f"{mutant}\n")
        return "a test" if str(mutant) == "pause without guard s.running" else None

    found = {str(item.mutant): item for item in mutate_all([USED, PAUSED], test).findings}
    assert found["pause without guard s.running"].tried[-1][1].test == "a test"
    names = asked.read_text().splitlines()
    assert len(names) == len(set(names))
    assert set(names) == {name for name, item in found.items() if not (item.tried[-1][1].violated or item.tried[-1][1].impossible)} | {
        name for name, item in found.items() if len(item.tried) > 1
    }


def test_what_no_safe_setting_has_is_sought_with_another_value() -> None:
    results: list[MutationResult] = []
    found = mutate_all([LOGGED], done=results.append)
    assert [str(item.configuration) for item in results] == ["logged", "logged dirty-log=ring"]
    assert found.results == tuple(results)
    every = {item for result in results for item in mutants(OnePage(result.configuration))}
    assert {item.mutant for item in found.findings} == every


def test_the_report_has_a_row_for_each_configuration_and_a_paragraph_for_each_survivor() -> None:
    assert all(name in heading() for name in COLUMNS)
    for result in whole().results:
        figures = [int(word) for word in row(result).removeprefix(str(result.configuration)).split()]
        assert figures[0] == sum(figures[1:]) == len(result.outcomes)
    text = "\n".join(whole_model_lines(whole(), verbose=True))
    assert f"{len(whole().findings)} parts of 4 actions" in text
    assert "pause without guard s.running: in paused, used\n      told by pause, pause (only in the mutant)" in text
    document = json.loads(json.dumps(whole_model_json(whole())))
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    assert document["format"] == "balloonproof mutate all"
    assert [item["noticed"] for item in document["parts"]] == [item.caught for item in whole().findings]


@pytest.mark.parametrize(("words", "said"), [([], "name a system, or give --all"), (["--all", "precopy"], "--all takes every system")])
def test_it_takes_a_system_or_all_of_them(words: list[str], said: str) -> None:
    result = subprocess.run([sys.executable, "-m", "balloonproof.checker", "mutate", *words], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (2, "")
    assert said in result.stderr
