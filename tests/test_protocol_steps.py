"""What the locks of QEMU leave open, and what they do not: what can overlap, in the states that one page can see."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import pytest

from balloonproof.model.engines.premise import check_projection
from balloonproof.model.engines.reachability import Reachable, explore
from balloonproof.model.language import Configuration, Property
from balloonproof.model.one_page import OnePage
from balloonproof.model.state import Page, Phase, Send, State
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
