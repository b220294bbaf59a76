"""Progress on real pages: ways on that the one-page system finds exist among real steps too, with the real queue and counted ids."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balloonproof.model.engines.page_progress import ALONE, ReachablePages, check_page_progress, explore_pages
from balloonproof.model.engines.progress import ProgressCheck, check_progress
from balloonproof.model.engines.reachability import contains, explore
from balloonproof.model.explicit import Explicit, Shape
from balloonproof.model.language import Configuration, Property
from balloonproof.model.one_page import OnePage
from balloonproof.model.simulate import Simulator
from balloonproof.model.systems import find_system

PEERS = Shape((0, 0), slots=3, ids=5)
STRANGERS = Shape((0, 1), slots=3, ids=5)
ACKS = (("release-waits-for-ack", "yes"),)


@cache
def pages(system: str, shape: Shape, setting: tuple[tuple[str, str], ...] = (), without: tuple[str, ...] = ()) -> ReachablePages:
    return explore_pages(Explicit(find_system(system).configure(dict(setting), without), shape))


def progress_properties(configuration: Configuration) -> list[Property]:
    return [item for item in configuration.system.properties if item.kind == "progress"]


@pytest.mark.parametrize(
    ("system", "shape", "setting"),
    [
        ("precopy", PEERS, ()),
        ("precopy", STRANGERS, ()),
        ("precopy", PEERS, (("dirty-log", "ring"),)),
        ("precopy", PEERS, (("mid-round-sync", "yes"),)),
        ("balloon", PEERS, ()),
        ("reporting", ALONE, ()),
        ("free-page-bitmap", ALONE, ()),
        ("balloon-skip", ALONE, ()),
        ("snapshot", PEERS, ()),
        ("firecracker", PEERS, ()),
        ("hinting", ALONE, ()),
        ("hinting", ALONE, ACKS),
    ],
    ids=str,
)
def test_real_pages_find_a_way_on(system: str, shape: Shape, setting: tuple[tuple[str, str], ...]) -> None:
    found = pages(system, shape, setting)
    checks = [check_page_progress(found, item) for item in progress_properties(found.system.configuration)]
    assert checks
    assert [(item.name, item.stuck) for item in checks if item.stuck or not item.states] == []


def both(system: str, item: Property, setting: tuple[tuple[str, str], ...] = (), without: Iterable[str] = ()) -> tuple[ProgressCheck, ProgressCheck]:
    """What the one-page system says of `item`, and what a page with the real queue does."""
    found = pages(system, ALONE, setting, tuple(without))
    return check_progress(explore(OnePage(found.system.configuration)), item), check_page_progress(found, item)


def named(system: str, name: str) -> Property:
    return next(item for item in find_system(system).properties if item.name == name)


def test_pages_that_never_come_back_are_found_by_both() -> None:
    one, real = both("hinting", named("hinting", "hinted-pages-come-back"), (("early-release", "no"),), ("done-on-cleanup",))
    assert one.stuck
    assert 0 < real.stuck <= real.states
    assert "page0.owner hinted" in real.example


@pytest.mark.parametrize(
    ("system", "name"),
    [("precopy", "migration-can-complete"), ("balloon", "ballooned-pages-come-back"), ("reporting", "reported-pages-come-back"), ("snapshot", "writes-go-on")],
)
def test_both_agree_whichever_of_the_fair_is_left_out(system: str, name: str) -> None:
    item = named(system, name)
    for left_out in item.fair:
        one, real = both(system, replace(item, fair=tuple(actor for actor in item.fair if actor != left_out)))
        assert bool(one.stuck) == bool(real.stuck), left_out
    one, real = both(system, replace(item, fair=()))
    assert one.stuck
    assert real.stuck


@pytest.mark.parametrize(("system", "shape"), [("precopy", STRANGERS), ("firecracker", PEERS), ("hinting", ALONE)])
@given(seed=st.integers(0, 1000))
@settings(deadline=None, max_examples=30)
def test_the_search_of_real_pages_meets_every_simulated_run(system: str, shape: Shape, seed: int) -> None:
    found = pages(system, shape)
    run = simulator(system, shape).run(30, seed)
    seen = np.array([found.layout.pack(step.after) for step in run.steps], dtype=np.int64)
    assert contains(found.states, seen).all()


@cache
def simulator(system: str, shape: Shape) -> Simulator:
    return Simulator(pages(system, shape).system)


def test_where_no_id_is_left_nothing_is_asked() -> None:
    found = pages("hinting", Shape((0,), slots=2, ids=3))
    assert check_page_progress(found, named("hinting", "migration-can-complete")).states == 0


def test_a_state_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"2 pages of hinting.* bits, more than 63"):
        explore_pages(Explicit(find_system("hinting").configure(), Shape((0, 0), slots=5)))
