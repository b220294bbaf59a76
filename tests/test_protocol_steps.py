"""What the locks of QEMU leave open, and what they do not: what can overlap, in the states that one page can see."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import pytest

from balloonproof.model.engines.premise import check_projection
from balloonproof.model.engines.reachability import Reachable, apply, explore
from balloonproof.model.language import Configuration, Property
from balloonproof.model.one_page import OnePage
from balloonproof.model.state import Hinting, Owner, Page, Phase, Send, State
from balloonproof.model.systems import find_system
from balloonproof.model.terms import Term, disj, exists


@cache
def reachable(configuration: Configuration) -> Reachable:
    return explore(OnePage(configuration))


def configured(system: str, settings: Mapping[str, str] | None = None, without: tuple[str, ...] = ()) -> Configuration:
    return find_system(system).configure(settings, without)


def can_be(configuration: Configuration, condition: Callable[[State, Page], Term]) -> bool:
    """Is there a reachable state like this?"""
    found = reachable(configuration)
    return found.first(found.system.predicate(Property("condition", "", "sometimes", condition))) is not None


def is_safe(configuration: Configuration) -> bool:
    found = reachable(configuration)
    return found.first(disj(*found.system.violated().values())) is None


# ------------------------------------------------------------------------------------------------------------- mid-round sync

TIMED = {"mid-round-sync": "yes"}


@pytest.mark.parametrize("send", [Send.ARMED, Send.CLEARED])
@pytest.mark.parametrize("phase", [Phase.BEFORE_SYNC, Phase.FETCH, Phase.MERGE, Phase.AFTER_SYNC])
def test_a_page_is_on_its_way_through_a_sync_of_the_timer(phase: Phase, send: Send) -> None:
    assert can_be(configured("precopy", TIMED), lambda s, page: (s.phase == phase) & (s.send == send))
    assert not can_be(configured("precopy"), lambda s, page: (s.phase == phase) & (s.send == send))


def can_happen(configuration: Configuration, action: str, condition: Callable[[State, Page], Term]) -> bool:
    """Can the action be taken from a reachable state like this?"""
    found = reachable(configuration)
    here = found.system.predicate(Property("condition", "", "sometimes", condition))
    return any(found.first(exists(step.inputs.values(), step.guard) & here) is not None for step in found.system.steps if step.action.name == action)


def test_a_merge_waits_for_the_mutex_and_a_fetch_does_not() -> None:
    assert can_happen(configured("precopy", TIMED), "fetch", lambda s, page: s.send != Send.IDLE)
    assert can_happen(configured("precopy", TIMED), "merge", lambda s, page: s.send == Send.IDLE)
    assert not can_happen(configured("precopy", TIMED), "merge", lambda s, page: s.send != Send.IDLE)


def test_the_last_sync_is_beside_no_send() -> None:
    assert not can_be(configured("precopy", TIMED), lambda s, page: s.final & s.sends_go_on)
    assert not can_be(configured("precopy", TIMED), lambda s, page: s.final & (s.phase == Phase.FETCH) & (s.send != Send.IDLE))


@pytest.mark.parametrize("log", ["manual", "get-and-clear", "ring", "tcg"])
def test_a_sync_of_the_timer_loses_nothing(log: str) -> None:
    configuration = configured("precopy", {**TIMED, "dirty-log": log, "multifd": "yes"})
    assert is_safe(configuration)
    assert [failure for _, failure in check_projection(configuration) if failure] == []


def test_a_sync_of_the_timer_loses_nothing_beside_hints_that_are_waited_for() -> None:
    assert is_safe(configured("hinting", {**TIMED, "release-waits-for-ack": "yes"}))


def test_a_sync_does_not_wait_for_channels_and_the_next_turn_of_a_page_does() -> None:
    multifd = configured("precopy", {"multifd": "yes"})
    assert can_happen(multifd, "merge", lambda s, page: page.in_channel)
    assert can_happen(multifd, "fetch", lambda s, page: page.in_flight)
    assert not can_be(multifd, lambda s, page: page.in_channel & page.in_flight)


# ------------------------------------------------------------------------------------------------- failures, and a VM that is paused


def before(s: State) -> Term:
    """No migration runs."""
    return s.phase == Phase.NONE


@pytest.mark.parametrize("action", ["cancel", "fail"])
def test_a_migration_can_end_before_its_first_sync(action: str) -> None:
    assert can_happen(configured("precopy"), action, lambda s, page: (s.phase == Phase.BEFORE_SYNC) & ~s.final & ~page.copied & page.dirty)
    assert not can_happen(configured("precopy", TIMED), action, lambda s, page: (s.phase == Phase.BEFORE_SYNC) & s.sends_go_on)


def test_a_migration_that_failed_in_setup_still_says_done() -> None:
    hinting = configured("hinting", {"release-waits-for-ack": "yes"})
    assert can_happen(hinting, "cleanup", lambda s, page: (page.owner == Owner.HINTED) & (s.hinting == Hinting.STOP) & s.running)
    assert not can_be(hinting, lambda s, page: before(s) & (page.owner == Owner.HINTED) & (s.hinting != Hinting.DONE))


def test_a_paused_vm_is_paused_after_a_migration_as_well() -> None:
    paused = configured("precopy")
    assert can_happen(paused, "complete", lambda s, page: ~s.ran_before)
    for action in ("cleanup", "switch-over"):
        found = reachable(paused)
        (move,) = [item for item in found.moves if item.step.action.name == action]
        for state in map(int, found.states):
            if move.enabled(state):
                old, new = found.layout.unpack(state), found.layout.unpack(move.after(state))
                assert new["running"] == (old["ran_before"] if old["final"] else old["running"])


@pytest.mark.parametrize("log", ["manual", "get-and-clear", "ring"])
def test_a_retry_on_a_paused_vm_begins_with_what_the_log_holds(log: str) -> None:
    configuration = configured("precopy", {"dirty-log": log, "initially-set": "no"})
    assert is_safe(configuration)
    assert can_happen(configuration, "start-migration", lambda s, page: page.logged)
    assert can_happen(configuration, "start-migration", lambda s, page: s.log_left_on & ~page.logged)
    assert not can_be(configuration, lambda s, page: before(s) & s.running & page.logged)
    assert not can_be(configuration, lambda s, page: before(s) & ~s.log_left_on & page.logged)


# ----------------------------------------------------------------------------------------------------------------------- reset


def after(configuration: Configuration, action: str) -> list[dict[str, int]]:
    """What one page can see after the action."""
    found = reachable(configuration)
    states: set[int] = set()
    for move in found.moves:
        if move.step.action.name == action:
            states |= {int(state) for state in apply(move, found.states)}
    return [found.layout.unpack(state) for state in sorted(states)]


def test_a_reset_beside_hinting_leaves_no_hint_no_round_and_no_held_page() -> None:
    states = after(configured("hinting", {"release-waits-for-ack": "yes"}), "kexec")
    assert states
    for name in ("hinting", "queue.hint", "queue.earlier_hint", "queue.start", "in_round", "received", "active", "page.owner", "page.relied"):
        assert {state[name] for state in states} == {0}, name


def test_a_suspend_beside_hinting_leaves_no_hint_no_round_and_no_held_page_and_the_ids_that_were_known() -> None:
    states = after(configured("hinting", {"release-waits-for-ack": "yes"}), "suspend")
    assert states
    for name in ("hinting", "queue.hint", "queue.earlier_hint", "queue.start", "in_round"):
        assert {state[name] for state in states} == {0}, name
    assert len({state["received"] for state in states}) > 1
    assert list(Owner).index(Owner.HINTED) not in {state["page.owner"] for state in states}


@pytest.mark.parametrize("system", ["balloon", "balloon-skip", "hinting", "reporting"])
def test_a_device_is_reset_in_no_sync(system: str) -> None:
    for phase in (Phase.FETCH, Phase.MERGE, Phase.AFTER_SYNC):
        assert not can_happen(configured(system), "kexec", lambda s, page, phase=phase: s.phase == phase)
    assert can_happen(configured(system), "kexec", lambda s, page: (s.phase == Phase.ROUND) & page.relied)
