"""The loops that move pages between classes: pages hold classes, classes hold sets of possible states.

Compiled; see ``column_monitor.py`` for what the numbers mean. Pages of one class have the same set, and (where chunks were told apart)
lie in chunks of the same group. Classes whose sets have become equal are joined: ``forward`` says into which class one was joined.

Most events of a long trace do what others did before: ``moves`` remembers into which class pages of a class went by a letter, ``idle``
by which letters no class moves. Both are numbered with the version of the classes for which they hold.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from balloonproof.checker.jit import compiled, word

Numbers = NDArray[Any]
Small = NDArray[Any]

# The state of following.
EVENT, STAGE, RANGE, ALLOWED, ASKED, IN_SYNC, COMPLETED, CLASSES, ROOTS, SLOT_MASK, WANTED, SERIAL, APART, VERSION = range(14)

CLASS_BITS = 32
"""An entry of `moves` is the version, and in so many bits below it the class."""


@compiled
def root_of(number: int, forward: Small) -> int:
    """The class that a class was joined into (itself, if it was not)."""
    while forward[number] != number:
        forward[number] = forward[forward[number]]
        number = forward[number]
    return number


@compiled
def slot_of(group: int, held: int, mask: int) -> int:
    code = np.uint64(held) * np.uint64(0x9E3779B97F4A7C15) ^ np.uint64(word(group) + (1 << 20)) * np.uint64(0xC2B2AE3D27D4EB4F)
    return word((code >> np.uint64(32)) & np.uint64(mask))


@compiled
def insert(number: int, sets: Small, groups: Small, slots: Small, mask: int) -> int:
    """Makes a class findable; the class of the same group and set that was there before, if there is one."""
    slot = slot_of(groups[number], sets[number], mask)
    while slots[slot] >= 0:
        other = slots[slot]
        if sets[other] == sets[number] and groups[other] == groups[number]:
            return other
        slot = (slot + 1) & mask
    slots[slot] = number
    return number


@compiled
def class_with(group: int, held: int, state: Numbers, sets: Small, groups: Small, forward: Small, members: Numbers, roots: Small, slots: Small) -> int:
    """The class of a group that holds a set; a new one if there is none.  There must be room."""
    mask = state[SLOT_MASK]
    slot = slot_of(group, held, mask)
    while slots[slot] >= 0:
        other = slots[slot]
        if sets[other] == held and groups[other] == group:
            return other
        slot = (slot + 1) & mask
    if 2 * state[ROOTS] >= mask:
        regroup(state, sets, groups, forward, members, roots, slots)
        mask = state[SLOT_MASK]
        slot = slot_of(group, held, mask)
        while slots[slot] >= 0:
            slot = (slot + 1) & mask
    number = state[CLASSES]
    sets[number], groups[number], forward[number], members[number] = held, group, number, 0
    slots[slot] = number
    roots[state[ROOTS]] = number
    state[CLASSES] += 1
    state[ROOTS] += 1
    return number


@compiled
def regroup(state: Numbers, sets: Small, groups: Small, forward: Small, members: Numbers, roots: Small, slots: Small) -> None:
    """Joins classes of one group that hold the same set, and drops those without pages."""
    state[VERSION] += 1
    mask = word(15)
    while mask < 4 * state[ROOTS]:
        mask = 2 * mask + 1
    slots[: mask + 1] = -1
    state[SLOT_MASK] = mask
    kept = 0
    for index in range(state[ROOTS]):
        number = roots[index]
        if members[number] == 0:
            continue
        first = insert(number, sets, groups, slots, mask)
        if first == number:
            roots[kept] = number
            kept += 1
        else:
            forward[number] = first
            members[first] += members[number]
    state[ROOTS] = kept


@compiled
def move_range(
    first: int, count: int, letter: int, apart: bool, next_set: Small, moves: Numbers, state: Numbers,
    pages: Small, sets: Small, groups: Small, forward: Small, members: Numbers, roots: Small, slots: Small,
) -> None:  # fmt: skip
    """Moves the pages of a range; with `apart` into groups of their own (-1 - group), else to be remembered.

    What is impossible is not remembered: it has to be said of every page.
    """
    previous, target = -1, -1
    for page in range(first, first + count):
        number = root_of(pages[page], forward)
        if number != previous:
            previous = number
            held = sets[number]
            after = next_set[letter, held] if held else 0
            group = groups[number]
            if apart and group >= 0:
                group = -1 - group
            target = class_with(group, after, state, sets, groups, forward, members, roots, slots)
            if not apart and (after > 0 or held == 0) and number < moves.shape[1] and forward[number] == number:
                moves[letter, number] = state[VERSION] << CLASS_BITS | target
        members[number] -= 1
        members[target] += 1
        pages[page] = target


@compiled
def move_as_before(first: int, count: int, letter: int, moves: Numbers, version: int, pages: Small, forward: Small, members: Numbers) -> bool:
    """Moves the pages of a range if it is remembered where they go, all or none of them."""
    previous = -1
    for page in range(first, first + count):
        if pages[page] != previous:
            previous = pages[page]
            number = root_of(previous, forward)
            if number >= moves.shape[1] or moves[letter, number] >> CLASS_BITS != version:
                return False
    for page in range(first, first + count):
        number = root_of(pages[page], forward)
        target = moves[letter, number] & ((1 << CLASS_BITS) - 1)
        members[number] -= 1
        members[target] += 1
        pages[page] = target
    return True


@compiled
def move_where(
    where: NDArray[np.bool_], letter: int, next_set: Small, moves: Numbers, state: Numbers,
    pages: Small, sets: Small, groups: Small, forward: Small, members: Numbers, roots: Small, slots: Small,
) -> None:  # fmt: skip
    """Moves the pages that are in `where`."""
    page = 0
    while page < len(where):
        first = page
        while page < len(where) and where[page]:
            page += 1
        if page > first:
            move_range(first, page - first, letter, False, next_set, moves, state, pages, sets, groups, forward, members, roots, slots)
        page += 1


@compiled
def is_idle(letter: int, idle: Numbers, next_set: Small, state: Numbers, sets: Small, roots: Small) -> bool:
    """Does a letter move no class?"""
    now = state[VERSION] << CLASS_BITS | state[CLASSES]
    if idle[letter] == now:
        return True
    for index in range(state[ROOTS]):
        held = sets[roots[index]]
        if held and next_set[letter, held] != held:
            return False
    idle[letter] = now
    return True


@compiled
def single_out(
    chunk: int, size: int, state: Numbers,
    pages: Small, sets: Small, groups: Small, forward: Small, members: Numbers, roots: Small, slots: Small, chunk_groups: Small, marks: Numbers,
) -> None:  # fmt: skip
    """Gives the pages of a chunk classes of their own."""
    group = marks[0] + 1
    marks[0] = group
    chunk_groups[chunk] = group
    previous, target = -1, -1
    for page in range(chunk * size, min(chunk * size + size, len(pages))):
        number = root_of(pages[page], forward)
        if number != previous:
            previous = number
            target = class_with(group, sets[number], state, sets, groups, forward, members, roots, slots)
        members[number] -= 1
        members[target] += 1
        pages[page] = target


@compiled
def renumber(pages: Small, forward: Small, fresh: Small) -> None:
    """Puts every page directly into the class that its own was joined into, by its new number."""
    for page in range(len(pages)):
        pages[page] = fresh[root_of(pages[page], forward)]
