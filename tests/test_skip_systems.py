"""The list of free pages (Liang Li 2016), the balloon bitmap (Jitendra Kolhe 2016), and both: which rules make them sound."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import pytest

from balloonproof.model.engines.premise import check_projection
from balloonproof.model.engines.progress import check_progress
from balloonproof.model.engines.reachability import explore
from balloonproof.model.engines.verdict import decide, explicit_run
from balloonproof.model.language import Actor, Configuration, System
from balloonproof.model.one_page import OnePage
from balloonproof.model.properties import MIGRATION_CAN_COMPLETE
from balloonproof.model.systems import BALLOON_SKIP, COMBINED, FREE_PAGE_BITMAP
from balloonproof.model.systems.combined import SETS
from balloonproof.model.terms import disj
from balloonproof.model.workers import silent

Settings = Mapping[str, str]

BITMAP = {"filters": "bitmap"}
LEGACY = {"dirty-log": "get-and-clear"}
NOT_ACKNOWLEDGED = {"deflate-waits-for-ack": "no"}
EACH_ROUND = {**BITMAP, **LEGACY, "asks": "each-round", "waits-for-answer": "no"}

FULL = replace(
    COMBINED,
    settings=(
        *BALLOON_SKIP.settings,
        *(item for item in FREE_PAGE_BITMAP.settings if not BALLOON_SKIP.has_setting(item.name)),
        SETS.only("separate", "list-covers-balloon"),
    ),
)
"""Both, with every setting that either of them has."""


@cache
def depth_of_loss(configuration: Configuration) -> int | None:
    """The length of the shortest run of the one-page system that violates something; None if there is none."""
    system = OnePage(configuration)
    bad = disj(*system.violated().values())
    found = explore(system, stop_at=bad).first(bad)
    return found[0] if found else None


def is_safe(system: System, settings: Settings, without: tuple[str, ...] = ()) -> bool:
    return depth_of_loss(system.configure(settings, without)) is None


def some(system: System, count: int, seed: int) -> list[dict[str, str]]:
    """Random combinations of a system's settings."""
    dice = random.Random(seed)
    return [{item.name: dice.choice(item.values) for item in system.settings} for _ in range(count)]


def short(value: object) -> str:
    """A test's name for a system or its settings."""
    if isinstance(value, Mapping):
        return ",".join(f"{name}={item}" for name, item in value.items())
    return value.name if isinstance(value, System) else str(value)


# ------------------------------------------------------------------------------------------------------- the rules for settings


def list_rule(settings: Settings) -> bool:
    """What the docstring of free_page_bitmap says."""
    log_is_safe = settings["dirty-log"] != "manual" or settings["asks"] == "setup" or settings["log-clear"] == "before-request"
    return settings["filters"] == "bitmap" and log_is_safe


def bit_rule(settings: Settings) -> bool:
    """What the docstring of balloon_skip says."""
    drained = settings["drain-at-stop"] == "yes" and (settings["skip"] == "keeps" or settings["deflate-marks-dirty"] == "yes")
    return settings["deflate-waits-for-ack"] == "yes" or settings["suspended"] == "while-queued" or drained


@pytest.mark.parametrize("settings", some(FREE_PAGE_BITMAP, 16, 1), ids=short)
def test_the_list_is_safe_exactly_where_its_rule_says(settings: Settings) -> None:
    assert is_safe(FREE_PAGE_BITMAP, settings) == list_rule(settings)


@pytest.mark.parametrize("settings", some(BALLOON_SKIP, 16, 2), ids=short)
def test_the_balloon_bitmap_is_safe_exactly_where_its_rule_says(settings: Settings) -> None:
    assert is_safe(BALLOON_SKIP, settings) == bit_rule(settings)


@pytest.mark.parametrize("settings", some(FULL, 12, 3), ids=short)
def test_both_together_are_safe_exactly_where_each_is(settings: Settings) -> None:
    assert is_safe(FULL, settings) == (list_rule(settings) and bit_rule(settings))


def test_one_bitmap_for_both_sets_loses_pages() -> None:
    assert not any(is_safe(COMBINED, {**settings, "sets": "one-bitmap"}) for settings in some(COMBINED, 6, 4))


LOSSES = [
    (FREE_PAGE_BITMAP, {}, 18),  # the RFC as posted: a device's write is forgotten
    (FREE_PAGE_BITMAP, {**BITMAP, "asks": "each-round", "log-clear": "by-filter", "waits-for-answer": "no"}, 18),  # the same as hinting's lost write
    (BALLOON_SKIP, NOT_ACKNOWLEDGED, 20),  # suspending while a request is handled does not help
    (BALLOON_SKIP, {**NOT_ACKNOWLEDGED, "suspended": "no"}, 20),
    (BALLOON_SKIP, {**NOT_ACKNOWLEDGED, "skip": "keeps"}, 17),
    (COMBINED, {"sets": "one-bitmap"}, 21),
]


@pytest.mark.parametrize(("system", "settings", "steps"), LOSSES, ids=short)
def test_how_soon_a_page_is_lost(system: System, settings: Settings, steps: int) -> None:
    assert depth_of_loss(system.configure(settings)) == steps


def test_the_rfc_as_posted_is_refuted_on_explicit_pages() -> None:
    result = decide(FREE_PAGE_BITMAP.configure())
    assert result.verdict == "refuted"
    names = [step.step.action.name for step in result.counterexamples[0].run.steps]
    assert names.index("list-page") < names.index("device-write") < names.index("filter-free-pages")


# --------------------------------------------------------------------------------------------------------------------- guards

NEEDED_BY_LIST = {
    "fresh-bitmap": EACH_ROUND,
    "final-sync": BITMAP,
    "clear-only-fetched": BITMAP,
    "clear-log-before-read": BITMAP,
    "log-before-request": BITMAP,
    "answer-of-this-migration": EACH_ROUND,
    "answer-before-sync": BITMAP,
}
NEEDED_BY_BIT = {
    "fresh-bitmap": LEGACY,
    "final-sync": {},
    "clear-only-fetched": {},
    "clear-log-before-read": {},
    "inflate-before-deflate": {},
    "clear-log-before-skip": {},
    "bit-tested-last": {},
    "reset-clears-bitmap": {},
    "bitmap-of-stopped-vm": {},
}
GUARDS = [(FREE_PAGE_BITMAP, *item) for item in NEEDED_BY_LIST.items()] + [(BALLOON_SKIP, *item) for item in NEEDED_BY_BIT.items()]
COMBINED_GUARDS = {item.name: {"asks": "setup"} for item in COMBINED.guards} | dict.fromkeys(("fresh-bitmap", "answer-of-this-migration"), LEGACY)


def test_every_guard_is_in_the_tables() -> None:
    for system, table in ((FREE_PAGE_BITMAP, NEEDED_BY_LIST), (BALLOON_SKIP, NEEDED_BY_BIT), (COMBINED, COMBINED_GUARDS)):
        assert {item.name for item in system.guards} == set(table)


@pytest.mark.parametrize(("system", "guard", "settings"), GUARDS, ids=short)
def test_without_a_guard_a_page_is_lost(system: System, guard: str, settings: Settings) -> None:
    assert is_safe(system, settings)
    assert not is_safe(system, settings, (guard,))


@pytest.mark.parametrize(("guard", "settings"), COMBINED_GUARDS.items(), ids=short)
def test_and_so_it_is_of_both_together(guard: str, settings: Settings) -> None:
    assert not is_safe(COMBINED, settings, (guard,))


def test_suspending_while_a_request_is_handled_changes_nothing_for_a_guest_that_does_not_wait() -> None:
    for settings in some(BALLOON_SKIP, 6, 5):
        other = {**settings, **NOT_ACKNOWLEDGED}
        assert is_safe(BALLOON_SKIP, {**other, "suspended": "while-handled"}) == is_safe(BALLOON_SKIP, {**other, "suspended": "no"})


# ---------------------------------------------------------------------------------------------------- premise, witnesses, progress

PREMISE = [
    (FREE_PAGE_BITMAP, {}),
    (FREE_PAGE_BITMAP, {**BITMAP, "asks": "each-round", "log-clear": "by-filter", "waits-for-answer": "no"}),
    (BALLOON_SKIP, {**NOT_ACKNOWLEDGED, "deflate-marks-dirty": "yes", "drain-at-stop": "yes"}),
    (BALLOON_SKIP, {"skip": "keeps", "suspended": "while-queued", "bitmap-migrated": "no"}),
    (COMBINED, {"sets": "list-covers-balloon"}),
    (COMBINED, {"sets": "one-bitmap", "skip": "keeps", "drain-at-stop": "yes"}),
]


def failures(configuration: Configuration) -> list[str]:
    return [name for name, failure in check_projection(configuration) if failure is not None]


@pytest.mark.parametrize(("system", "settings"), PREMISE, ids=short)
def test_one_page_suffices(system: System, settings: Settings) -> None:
    assert failures(system.configure(settings)) == []


@pytest.mark.parametrize("system", [FREE_PAGE_BITMAP, BALLOON_SKIP], ids=lambda system: system.name)
def test_so_it_is_without_guards(system: System) -> None:
    assert failures(system.configure({}, [item.name for item in system.guards])) == []


@pytest.mark.parametrize("skip", ["clears", "clears-before-stop", "keeps"])
def test_the_balloon_bitmap_spares_a_page_whatever_skip_does(skip: str) -> None:
    assert not missing_witnesses(BALLOON_SKIP.configure({"skip": skip}))


@pytest.mark.parametrize("settings", some(FREE_PAGE_BITMAP, 6, 6), ids=short)
def test_the_list_spares_a_page_under_any_settings(settings: Settings) -> None:
    assert not missing_witnesses(FREE_PAGE_BITMAP.configure(settings))


def missing_witnesses(configuration: Configuration) -> list[str]:
    found = explore(OnePage(configuration))
    return [name for name, term in found.system.witnessed().items() if found.first(term) is None]


def test_one_migration_skips_by_both() -> None:
    found = explore(OnePage(COMBINED.configure({**LEGACY, "asks": "setup"})))
    both = next(item for item in COMBINED.properties if item.name == "both-skip-page")
    run = explicit_run(found, both, found.system.predicate(both), silent)
    assert run is not None
    names = [step.step.name for step in run.steps]
    assert "filter-free-pages" in names
    assert "skip(page0)" in names
    assert "read-page(page0)" not in names
    assert names[-1] == "complete"


WITHOUT_GUEST = replace(MIGRATION_CAN_COMPLETE, name="completes-without-guest", fair=(Actor.MIGRATION, Actor.DEVICE, "start-migration", "resume"))


@pytest.mark.parametrize(
    ("system", "settings", "completes"),
    [
        (FREE_PAGE_BITMAP, {**BITMAP, "waits-for-answer": "no"}, True),
        (FREE_PAGE_BITMAP, {**BITMAP, "waits-for-answer": "yes"}, False),
        (BALLOON_SKIP, {"drain-at-stop": "yes"}, True),
        (COMBINED, LEGACY, True),
    ],
    ids=short,
)
def test_a_migration_that_waits_for_the_guest_may_wait_for_good(system: System, settings: Settings, completes: bool) -> None:
    found = explore(OnePage(system.configure(settings)))
    assert (check_progress(found, WITHOUT_GUEST).stuck == 0) == completes
