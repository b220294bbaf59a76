"""Systems that the tests of exports print and have read back."""

from __future__ import annotations

from functools import cache

from balloonproof.model.export import EXPLICIT, ONE_PAGE, shape_of, transition_system
from balloonproof.model.export.transition_system import TransitionSystem
from balloonproof.model.systems import find_system

LEGACY = {"dirty-log": "get-and-clear"}
LAST = ("final-sync",)

CHOSEN = [
    ("precopy", {}, (), ONE_PAGE, 0),
    ("precopy", LEGACY, LAST, ONE_PAGE, 0),
    ("balloon", {}, (), ONE_PAGE, 0),
    ("hinting", {"command-id-buffer": "per-round", "dirty-log": "get-and-clear"}, (), ONE_PAGE, 0),
    ("precopy", {}, (), EXPLICIT, 3),
    ("hinting", {"release-waits-for-ack": "yes"}, (), EXPLICIT, 2),
]


@cache
def chosen(number: int) -> TransitionSystem:
    name, changed, without, reading, pages = CHOSEN[number]
    configuration = find_system(name).configure(changed, without)
    return transition_system(configuration, reading, shape_of(pages, slots=2, ids=4) if reading == EXPLICIT else None)
