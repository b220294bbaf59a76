"""Ballooning and reporting: which settings are safe, what each guard is for, and that pages come back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from itertools import product

import numpy as np
import pytest

from balloonproof.model.compiled import Layout, Move, compile_predicate
from balloonproof.model.engines import verdict
from balloonproof.model.engines.bounded import BoundedSearch, Run
from balloonproof.model.engines.premise import check_projection, project, projection_claims, well_formed
from balloonproof.model.engines.progress import check_progress
from balloonproof.model.engines.reachability import Reachable, States, contains, explore, silent
from balloonproof.model.explicit import Explicit, Shape
from balloonproof.model.language import Action, Configuration, Property, System
from balloonproof.model.one_page import OnePage
from balloonproof.model.properties import BALLOONED_PAGES_COME_BACK, NO_PAGE_LOST, REPORTED_PAGES_COME_BACK
from balloonproof.model.simulate import Simulator
from balloonproof.model.systems import BALLOON, PRECOPY, REPORTING
from balloonproof.model.terms import const, equal, negate

TWO_IN_A_HOST_PAGE = Shape((0, 0), slots=1, ids=9, host_pages=(0, 0))
ONE_PAGE = Shape((0,), slots=1, ids=9)
LARGER = {"host-page-size": "larger"}
ACROSS = {**LARGER, "ballooned-record": "across-elements"}
UNTIL_DEFLATE = {"ballooned-record": "until-deflate"}
POISON = {"free-page-content": "poison", "restore-announces-poison": "yes"}
INITIALISED = {"device-initialises-reported": "yes", "discard-marks-dirty": "yes"}


@cache
def reachable(configuration: Configuration) -> Reachable:
    return explore(OnePage(configuration))


def violated(configuration: Configuration) -> dict[str, int]:
    """By exact search of what one page can see: the properties that fail, and after how many steps."""
    found = reachable(configuration)
    nearest = {name: found.first(bad) for name, bad in found.system.violated().items()}
    return {name: first[0] for name, first in nearest.items() if first is not None}


def combinations(system: System) -> list[dict[str, str]]:
    """Every choice of the system's own settings."""
    settings = [item for item in system.settings if item not in PRECOPY.settings]
    return [dict(zip([item.name for item in settings], values, strict=True)) for values in product(*(item.values for item in settings))]


# ---------------------------------------------------------------------------------------------------------------- verdicts


@pytest.mark.parametrize("system", [BALLOON, REPORTING], ids=lambda system: system.name)
def test_proved_as_qemu_and_linux_are(system: System) -> None:
    result = verdict.decide(system.configure())
    assert result.verdict == "proved"
    assert set(result.impossible_actions).isdisjoint(item.name for item in system.actions if item not in PRECOPY.actions)
    assert all(witness.run is not None for witness in result.witnesses)
    assert result.rechecked_by.startswith("cvc5 ")


def ballooning_is_safe(chosen: Mapping[str, str]) -> bool:
    """The rule of systems/balloon.py."""
    outlives = chosen["ballooned-record"] == "until-deflate" or (chosen["ballooned-record"] == "across-elements" and chosen["host-page-size"] == "larger")
    return chosen["deflate-waits-for-ack"] == "yes" or not outlives


def reporting_is_safe(chosen: Mapping[str, str]) -> bool:
    """The rule of systems/reporting.py."""
    if chosen["free-page-content"] == "poison":
        return chosen["restore-announces-poison"] == "yes"
    return chosen["free-page-content"] == "zero" or chosen["device-initialises-reported"] == "no" or chosen["discard-marks-dirty"] == "yes"


RULES = [(BALLOON, ballooning_is_safe, "ballooned-record"), (REPORTING, reporting_is_safe, "free-page-content")]
CASES = [(system, rule, name, value) for system, rule, name in RULES for setting in system.settings if setting.name == name for value in setting.values]


@pytest.mark.parametrize(("system", "rule", "name", "value"), CASES, ids=[f"{system.name}-{value}" for system, _, _, value in CASES])
def test_the_rule_says_exactly_which_settings_are_safe(system: System, rule: Callable[[Mapping[str, str]], bool], name: str, value: str) -> None:
    chosen = [it for it in combinations(system) if it[name] == value]
    assert [it for it in chosen if violated(system.configure(it)) == {}] == [it for it in chosen if rule(it)]


def lost_page(configuration: Configuration) -> Run:
    """A shortest counterexample on explicit pages."""
    found = reachable(configuration)
    run = verdict.explicit_run(found, NO_PAGE_LOST, found.system.violated()["no-page-lost"], silent)
    assert run is not None
    return run


def test_a_guest_that_poisons_loses_its_poison_after_suspend_at_head() -> None:
    assert "suspend" in [item.step.action.name for item in lost_page(REPORTING.configure({"free-page-content": "poison"})).steps]


def test_zeros_that_the_device_made_are_lost_behind_an_older_copy() -> None:
    run = lost_page(REPORTING.configure({"device-initialises-reported": "yes"}))
    names = [item.step.name for item in run.steps]
    assert names.index("read-page(page0)") < names.index("discard-reported(page0)") < names.index("complete")
    assert run.steps[-1].after["page0.damaged"] == 0


# ------------------------------------------------------------------------------------------------------------------ guards

GUARDS: list[tuple[System, str, Mapping[str, str], str, int]] = [
    (BALLOON, "inflate-before-deflate", {}, "host-keeps-content", 8),
    (BALLOON, "deflate-is-told", UNTIL_DEFLATE, "host-keeps-content", 8),
    (BALLOON, "whole-host-page", LARGER, "host-keeps-content", 4),
    (BALLOON, "forget-on-deflate", ACROSS, "host-keeps-content", 11),
    (BALLOON, "reset-ends-record", UNTIL_DEFLATE, "host-keeps-content", 6),
    (BALLOON, "discard-before-answer", {}, "host-keeps-content", 9),
    (BALLOON, "reset-before-kexec", {}, "host-keeps-content", 6),
    (BALLOON, "inhibit-while-pinned", {}, "host-keeps-content", 7),
    (BALLOON, "inhibitors-are-counted", {}, "host-keeps-content", 9),
    (REPORTING, "isolate-while-reported", {}, "host-keeps-content", 4),
    (REPORTING, "put-back-waits-for-answer", {}, "host-keeps-content", 5),
    (REPORTING, "report-needs-page-poison", POISON, "host-keeps-content", 4),
    (REPORTING, "poison-value-announced", POISON, "host-keeps-content", 4),
    (REPORTING, "poison-forbids-discard", POISON, "host-keeps-content", 4),
    (REPORTING, "discard-reads-zero", {"free-page-content": "zero"}, "host-keeps-content", 4),
    (REPORTING, "block-when-stopped", INITIALISED, "no-page-lost", 16),
    (REPORTING, "discard-before-answer", {}, "host-keeps-content", 6),
    (REPORTING, "reset-before-kexec", {}, "host-keeps-content", 5),
    (REPORTING, "inhibit-while-pinned", {}, "host-keeps-content", 6),
    (REPORTING, "inhibitors-are-counted", {}, "host-keeps-content", 8),
]
every_guard = pytest.mark.parametrize(("system", "guard", "settings", "name", "steps"), GUARDS, ids=[f"{system.name}-{guard}" for system, guard, *_ in GUARDS])


def test_the_table_has_every_guard_but_those_of_precopy() -> None:
    for system in (BALLOON, REPORTING):
        inherited = {guard.name for guard in PRECOPY.guards}
        assert [guard.name for guard in system.guards if guard.name not in inherited] == [guard for owner, guard, *_ in GUARDS if owner is system]


@every_guard
def test_without_a_guard_real_pages_are_lost(system: System, guard: str, settings: Mapping[str, str], name: str, steps: int) -> None:
    assert violated(system.configure(settings)) == {}
    configuration = system.configure(settings, [guard])
    assert violated(configuration)[name] <= steps
    explicit = Explicit(configuration, TWO_IN_A_HOST_PAGE if "host-page-size" in settings else ONE_PAGE)
    goal = negate(explicit.predicate(next(item for item in system.properties if item.name == name)))
    search = BoundedSearch(explicit)
    assert search.run_of(steps - 1, goal) is None
    assert search.run_of(steps, goal) is not None


# ----------------------------------------------------------------------------------------------------------------- premise


def failures(configuration: Configuration) -> list[str]:
    return [name for name, failure in check_projection(configuration) if failure is not None]


@pytest.mark.parametrize(
    ("system", "settings"),
    [
        (BALLOON, {"deflate-waits-for-ack": "no"}),
        (BALLOON, ACROSS),
        (BALLOON, {**LARGER, **UNTIL_DEFLATE, "dirty-log": "get-and-clear"}),
        (REPORTING, POISON),
        (REPORTING, {"free-page-content": "zero", **INITIALISED}),
    ],
    ids=["use-before-deflate", "across-elements", "until-deflate", "poison", "zero"],
)
def test_each_explicit_step_is_a_step_of_the_one_page_system(system: System, settings: Mapping[str, str]) -> None:
    assert failures(system.configure(settings)) == []


def changed_actions(one: Configuration, other: Configuration) -> set[Action]:
    """The actions whose explicit steps differ between two configurations."""
    steps = [{(step.action, step.name, step.guard, tuple(step.updates.items())) for step in Explicit(it, TWO_IN_A_HOST_PAGE).steps} for it in (one, other)]
    return {action for action, *_ in steps[0] ^ steps[1]}


@every_guard
def test_so_is_each_step_that_a_removed_guard_changes(system: System, guard: str, settings: Mapping[str, str], name: str, steps: int) -> None:
    configuration = system.configure(settings, [guard])
    changed = changed_actions(system.configure(settings), configuration)
    assert changed
    assert failures_of(configuration, changed) == []


def failures_of(configuration: Configuration, actions: Iterable[Action]) -> list[str]:
    names = {item.name for item in actions}
    claims = [claim for claim in projection_claims(configuration) if claim.name.split("(")[0] in names]
    assert claims
    return [claim.name for claim in claims if claim.failure() is not None]


def likelihood(move: Move) -> float:
    """Runs that get somewhere: interruptions of the migration are rarer than its own steps."""
    return {"guest": 0.2, "management": 0.1}.get(move.step.action.actor.value, 0.02 if move.step.action.name in ("fail", "end-round", "suspend") else 1.0)


@pytest.mark.parametrize(("system", "settings"), [(BALLOON, ACROSS), (REPORTING, INITIALISED)], ids=["balloon", "reporting"])
def test_random_runs_stay_within_what_one_page_can_see(system: System, settings: Mapping[str, str]) -> None:
    found = reachable(system.configure(settings))
    explicit = Explicit(found.system.configuration, TWO_IN_A_HOST_PAGE)
    simulator, layout = Simulator(explicit, likelihood), Layout.of(explicit.variables)
    runs = [simulator.run(300, seed) for seed in range(8)]
    states = [layout.pack(step.after) for run in runs for step in run.steps]
    assert {"complete", "kexec"} <= {step.step.action.name for run in runs for step in run.steps}
    assert all(map(compile_predicate(well_formed(explicit, explicit.state()), layout), states))
    assert contains(found.states, seen_from_page_0(explicit, found, states)).all()


def seen_from_page_0(explicit: Explicit, found: Reachable, states: Iterable[int]) -> States:
    source, target, terms = Layout.of(explicit.variables), found.layout, project(explicit, explicit.state())
    packed = np.array(list(states), dtype=np.int64 if source.width <= 63 else object)
    seen = np.zeros(len(packed), dtype=np.int64)
    for name, sort in found.system.variables.items():
        for value in range(1, sort.size):
            here = compile_predicate(equal(terms[name], const(value, sort)), source)
            seen |= np.where([bool(here(state)) for state in packed], value << target.offsets[name], 0)
    return seen


# ---------------------------------------------------------------------------------------------------------------- progress


@pytest.mark.parametrize(
    ("item", "system", "needed"),
    [(BALLOONED_PAGES_COME_BACK, BALLOON, "take-deflate"), (REPORTED_PAGES_COME_BACK, REPORTING, "answer-report")],
    ids=["balloon", "reporting"],
)
def test_a_page_comes_back_but_not_without_the_answer(item: Property, system: System, needed: str) -> None:
    found = reachable(system.configure())
    assert check_progress(found, item).stuck == 0
    mute = Reachable(found.system, found.layout, [move for move in found.moves if move.step.action.name != needed], found.levels)
    assert check_progress(mute, item).stuck > 0
