"""Vacuity: what is idle is found, what is not is shown where it matters, and small systems have nothing idle."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import jsonschema
import pytest

from balloonproof.checker.report.vacuity import vacuity_json, vacuity_lines
from balloonproof.model.actions import dirty_log, guest, management, migration
from balloonproof.model.engines.correspondence import takes_same_steps
from balloonproof.model.engines.mutants import MutatedOnePage, mutants
from balloonproof.model.engines.page_progress import ALONE
from balloonproof.model.engines.reachability import explore
from balloonproof.model.engines.vacuity import Change, Item, Vacuity, changes_of, deciding, vacuity
from balloonproof.model.explicit import Explicit
from balloonproof.model.language import Property
from balloonproof.model.one_page import OnePage
from balloonproof.model.state import Owner
from balloonproof.model.systems import POSTCOPY, PRECOPY, SNAPSHOT, find_system

SCHEMA = Path(__file__).parent.parent / "checker" / "report" / "results.schema.json"


@cache
def found(system: str) -> Vacuity:
    return vacuity(find_system(system).configure())


@pytest.mark.parametrize("system", [PRECOPY.name, SNAPSHOT.name])
def test_nothing_is_idle(system: str) -> None:
    assert [str(one) for one in found(system).idle] == []


def test_it_is_said_where_something_matters() -> None:
    seen = {str(one): item for one, item in (*found("precopy").items.items(), *found("precopy").changes.items())}
    assert seen["write"] is not None
    assert (seen["write"].configuration, seen["write"].pages, seen["write"].steps) == ("precopy", 1, 0)  # of the used ring
    for other in ("refill-tlb", "without reset-tlb-at-sync"):
        assert seen[other] is not None
        assert seen[other].configuration == "precopy dirty-log=tcg"
    turn = next(item for name, item in seen.items() if name.endswith("clear-bit only if s.sent_page == page"))
    assert turn is not None
    assert (turn.pages, turn.steps) == (2, 6)  # start, before-sync, fetch, merge, round, arm the other page
    fetched = seen["without clear-only-fetched"]
    assert fetched is not None
    assert (fetched.pages, fetched.steps) == (1, 24)  # a write that was not fetched is forgotten by the next round's clear, and the page is not sent at the end


def test_a_condition_decides_where_the_model_without_it_takes_other_steps() -> None:
    one = OnePage(PRECOPY.configure())
    states = explore(one).states
    conditions = {Item(mutant.action.name, mutant.part): mutant for mutant in mutants(one) if mutant.part.is_condition}
    asked = [item for item in deciding(Explicit(one.configuration, ALONE)) if item.part]
    assert len(asked) > 40
    for item in asked:
        seen, mutant = found("precopy").items[item], conditions[item]
        assert seen is not None
        assert (seen.configuration == "precopy") == (not takes_same_steps(MutatedOnePage(one.configuration, one, mutant), states)), item


def test_what_is_not_asked_for_in_the_text_is_no_condition() -> None:
    items = deciding(Explicit(find_system("hinting").configure(), ALONE))
    of_hint = [item.part.text for item in items if item.action == "hint" and item.part]
    assert of_hint == ["s.in_round", "s.received == s.active", "s.running", "page.owner == Owner.FREE", "~page.holds_ring"]  # not that the queue has room
    assert [item.part.text for item in items if item.action == "take-stop" and item.part] == ["s.running", "s.queue.pop_stop()"]


# ---------------------------------------------------------------------------------------------------- what can be idle

IDLE = replace(
    PRECOPY,
    name="idle",
    actions=(guest.allocate, guest.free, management.pause, management.resume, dirty_log.refill_tlb, management.cancel),
    settings=tuple(item.only("get-and-clear", "ring") if item.name == "dirty-log" else item for item in PRECOPY.settings if item.name != "mid-round-sync"),
    guards=tuple(item for item in PRECOPY.guards if item.name in ("fresh-bitmap", "final-sync")),
    properties=(Property("used", "A page can be in use.", "sometimes", lambda s, page: page.owner == Owner.USED),),
)


@cache
def idle() -> Vacuity:
    return vacuity(IDLE.configure())


def test_what_never_happens_never_decides_or_changes_nothing_is_idle() -> None:
    named = {str(one).split(": ")[-1] for one in idle().idle}
    assert {"refill-tlb", "cancel"} <= named  # no TCG, no migration
    assert {"dirty-log=ring", "initially-set=no", "without fresh-bitmap", "without final-sync"} <= named
    assert "allocate" not in named
    assert "allocate only if page.owner == Owner.FREE" not in named


def test_changes_are_all_other_values_and_all_kept_guards() -> None:
    assert changes_of(IDLE.configure({"dirty-log": "ring"}, ["final-sync"]))[0] == Change("dirty-log", "get-and-clear")
    assert Change("final-sync") not in changes_of(IDLE.configure(without=["final-sync"]))


def test_the_report_names_what_is_idle_and_fits_its_schema() -> None:
    text = "\n".join(vacuity_lines([idle(), found("precopy")], verbose=True))
    assert f"{len(idle().idle)} of them idle" in text
    assert "  refill-tlb happens: nowhere" in text
    assert "  allocate happens: after 0 steps, on one page, idle" in text
    document = json.loads(json.dumps(vacuity_json([idle(), found("snapshot")])))
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    assert [item["action"] for item in document["results"][0]["actions"] if item["seen"] is None][:1] == ["refill-tlb"]


ROUNDS = replace(
    PRECOPY,
    name="rounds",
    actions=(
        *(guest.allocate, management.start_migration, migration.stop_hints, dirty_log.fetch, dirty_log.merge, migration.request_hints),
        *(migration.arm_log, migration.clear_bit, migration.read_page, migration.end_round),
    ),
    settings=tuple(item.only(item.values[0]) for item in PRECOPY.settings if item.name != "mid-round-sync"),
    guards=(),
)


def test_a_condition_that_decides_only_in_another_system_is_not_idle_and_that_is_said() -> None:
    shared = "merge only if s.send == Send.IDLE"  # where only the migration thread syncs, it does so between two sends
    alone, beside = vacuity(ROUNDS.configure()), vacuity(ROUNDS.configure(), [SNAPSHOT, PRECOPY])
    assert shared in {str(one).split(": ")[-1] for one in alone.idle}
    assert alone.elsewhere == {}
    seen = {str(one).split(": ")[-1]: found for one, found in beside.elsewhere.items()}
    assert seen[shared].configuration == "precopy mid-round-sync=yes"
    assert {str(one) for one in alone.idle} == {str(one) for one in (*beside.idle, *beside.elsewhere)}
    assert all(isinstance(one, Item) and one.part for one in set(alone.idle) - set(beside.idle))  # actions, settings and guards are a system's own
    line = next(line for line in vacuity_lines([beside]) if shared in line)
    assert line.endswith(f"{shared} is all that forbids it: not seen here, but after {seen[shared].steps} steps, on one page, precopy mid-round-sync=yes")


def test_a_line_that_actions_share_is_not_idle_if_it_decides_for_one_of_them_and_that_is_said() -> None:
    shared = "implies(s.at_destination & page.holds_ring, page.received)"  # at the destination no hint is honoured, so it never decides there
    settings = tuple(item.only(item.values[0]) for item in POSTCOPY.settings)
    alone = replace(POSTCOPY, settings=settings, guards=tuple(item for item in POSTCOPY.guards if item.name == "no-hints-with-postcopy"))
    result = vacuity(alone.configure(without=["no-hints-with-postcopy"]))
    seen = {one.action: place for one, place in result.items.items() if one.part and one.part.text == shared}
    for action in ("take-start", "take-stop"):
        assert seen[action]
        assert not seen[action].action
    assert seen["accept-hint"]
    assert seen["accept-hint"].action in ("take-start", "take-stop")
    line = next(line for line in vacuity_lines([result]) if "accept-hint only if implies" in line)
    assert line.endswith(f"(of {seen['accept-hint'].action}, which shares the line)")


def test_it_is_a_mode_of_prove() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "balloonproof.checker", "prove", "snapshot", "--vacuity", "--necessity"], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout) == (2, "")
    assert "--necessity and --vacuity exclude each other" in result.stderr
