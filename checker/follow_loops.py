"""The loops that follow events on all pages: pages hold classes, classes hold sets of possible states.

Compiled; see ``column_monitor.py`` for what calls them and what the numbers mean. Pages of one class have the same set, and (where
chunks were told apart) lie in chunks of the same group. An event about pages moves them to other classes; one that all pages
learn of moves the classes, and joins those whose sets have become equal: ``forward`` says into which class one was joined.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from balloonproof.checker.jit import compiled, word

Numbers = NDArray[Any]
Small = NDArray[Any]

# What is done about a kind of event: its row in `plans` is the operation, the flags, and six letters (own, peer, stranger; outside
# a sync and inside one).  A letter is a row of `next_set`.
UNKNOWN, NOTHING, PAGES, EVERYWHERE = -1, 0, 1, 2
OPENS_SYNC, CLOSES_SYNC, COMPLETES, ASKS = 1, 2, 4, 8
OPERATION, FLAGS, LETTERS = 0, 1, 2

# The state of following.
EVENT, STAGE, RANGE, ALLOWED, ASKED, IN_SYNC, COMPLETED, CLASSES, ROOTS, SLOT_MASK, WANTED, SERIAL = range(12)
BEGIN, NAMED, OTHERS, END = range(4)

# Why following stopped.
DONE, UNKNOWN_KIND, ASK, MISSING, IMPOSSIBLE_HERE, FULL = range(6)

MOST_WANTED = 1 << 12


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
def want(letter: int, held: int, state: Numbers, wanted: Small) -> None:
    """Asks for an entry of `next_set` that is not known yet."""
    number = state[WANTED]
    if number < MOST_WANTED:
        wanted[number, 0], wanted[number, 1] = letter, held
        state[WANTED] = number + 1


@compiled
def look_at_range(
    first: int, count: int, letter: int, next_set: Small, state: Numbers, pages: Small, sets: Small, forward: Small, stamps: Numbers, wanted: Small
) -> int:  # fmt: skip
    """Can the pages of a range be moved?  DONE, MISSING or IMPOSSIBLE_HERE."""
    stamp = stamps[0] + 1
    stamps[0] = stamp
    bad, previous = False, -1
    for page in range(first, first + count):
        if pages[page] == previous:
            continue
        previous = pages[page]
        number = root_of(previous, forward)
        if stamps[number + 1] == stamp:
            continue
        stamps[number + 1] = stamp
        held = sets[number]
        if held:
            after = next_set[letter, held]
            if after < 0:
                want(letter, held, state, wanted)
            elif after == 0:
                bad = True
    if state[WANTED]:
        return MISSING
    return IMPOSSIBLE_HERE if bad else DONE


@compiled
def move_range(
    first: int, count: int, letter: int, apart: bool, next_set: Small, state: Numbers,
    pages: Small, sets: Small, groups: Small, forward: Small, members: Numbers, roots: Small, slots: Small,
) -> None:  # fmt: skip
    """Moves the pages of a range; with `apart` into groups of their own (-1 - group)."""
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
        members[number] -= 1
        members[target] += 1
        pages[page] = target


@compiled
def move_where(
    where: NDArray[np.bool_], letter: int, next_set: Small, state: Numbers,
    pages: Small, sets: Small, groups: Small, forward: Small, members: Numbers, roots: Small, slots: Small,
) -> None:  # fmt: skip
    """Moves the pages that are in `where`."""
    page = 0
    while page < len(where):
        first = page
        while page < len(where) and where[page]:
            page += 1
        if page > first:
            move_range(first, page - first, letter, False, next_set, state, pages, sets, groups, forward, members, roots, slots)
        page += 1


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
def letter_of(number: int, own: int, peer: int, stranger: int, others: bool, serial: int, groups: Small, marks: Numbers) -> int:
    """The letter by which a class moves in an event that all pages learn of (-1: it does not)."""
    if not others:
        return own
    group = groups[number]
    if group < 0:
        return -1
    return peer if marks[group + 1] == serial else stranger


@compiled
def look_at_classes(
    own: int, peer: int, stranger: int, others: bool, serial: int, next_set: Small, state: Numbers,
    sets: Small, groups: Small, members: Numbers, roots: Small, marks: Numbers, wanted: Small,
) -> int:  # fmt: skip
    """Can all classes be moved?  DONE, MISSING or IMPOSSIBLE_HERE."""
    bad = False
    for index in range(state[ROOTS]):
        number = roots[index]
        held = sets[number]
        if held == 0 or members[number] == 0:
            continue
        letter = letter_of(number, own, peer, stranger, others, serial, groups, marks)
        if letter < 0:
            continue
        after = next_set[letter, held]
        if after < 0:
            want(letter, held, state, wanted)
        elif after == 0:
            bad = True
    if state[WANTED]:
        return MISSING
    return IMPOSSIBLE_HERE if bad else DONE


@compiled
def move_classes(
    own: int, peer: int, stranger: int, others: bool, serial: int, next_set: Small, state: Numbers,
    sets: Small, groups: Small, forward: Small, members: Numbers, roots: Small, slots: Small, marks: Numbers,
) -> None:  # fmt: skip
    """Moves all classes (after an event that names pages: all others, and puts the named ones back into their groups)."""
    for index in range(state[ROOTS]):
        number = roots[index]
        letter = letter_of(number, own, peer, stranger, others, serial, groups, marks)
        if letter >= 0 and sets[number]:
            sets[number] = next_set[letter, sets[number]] if members[number] else sets[number]
    if others:
        for index in range(state[ROOTS]):
            number = roots[index]
            if groups[number] < 0:
                groups[number] = -1 - groups[number]
    regroup(state, sets, groups, forward, members, roots, slots)


@compiled
def follow(
    kinds: Small, range_ends: Numbers, firsts: Numbers, counts: Numbers,
    plans: Small, next_set: Small, state: Numbers, wanted: Small, chunk: int,
    pages: Small, sets: Small, groups: Small, forward: Small, members: Numbers, roots: Small, slots: Small,
    chunk_groups: Small, marks: Numbers, stamps: Numbers,
) -> int:  # fmt: skip
    """Follows events from ``state[EVENT]`` on; says why it stopped.  To go on after ASK set ``state[ASKED]``, after IMPOSSIBLE_HERE ``state[ALLOWED]``."""
    state[WANTED] = 0
    room = len(sets) - 8
    while state[EVENT] < len(kinds):
        event = state[EVENT]
        plan = plans[kinds[event]]
        if state[STAGE] == BEGIN:
            if plan[OPERATION] == UNKNOWN:
                return UNKNOWN_KIND
            if plan[FLAGS] & ASKS and not state[ASKED]:
                return ASK
            if plan[OPERATION] == NOTHING:
                state[EVENT] += 1
                continue
            if plan[FLAGS] & OPENS_SYNC:
                state[IN_SYNC] = 1
            state[RANGE] = range_ends[event - 1] if event > 0 else 0
            state[SERIAL] += 1
            state[STAGE] = NAMED if plan[OPERATION] == PAGES else OTHERS
        side = state[IN_SYNC]
        own, peer, stranger = plan[LETTERS + side], plan[LETTERS + 2 + side], plan[LETTERS + 4 + side]
        others = plan[OPERATION] == PAGES
        if state[STAGE] == NAMED:
            apart = peer >= 0
            while state[RANGE] < range_ends[event]:
                first, count = firsts[state[RANGE]], counts[state[RANGE]]
                if state[CLASSES] + 2 * state[ROOTS] > room:
                    return FULL
                if apart and peer != stranger and len(chunk_groups) > 1:
                    for number in range(first // chunk, (first + count - 1) // chunk + 1):
                        if chunk_groups[number] == 0:
                            single_out(number, chunk, state, pages, sets, groups, forward, members, roots, slots, chunk_groups, marks)
                        if state[CLASSES] + 2 * state[ROOTS] > room:
                            return FULL
                if not state[ALLOWED]:
                    reason = look_at_range(first, count, own, next_set, state, pages, sets, forward, stamps, wanted)
                    if reason != DONE:
                        return reason
                move_range(first, count, own, apart, next_set, state, pages, sets, groups, forward, members, roots, slots)
                if apart:
                    for number in range(first // chunk, (first + count - 1) // chunk + 1):
                        marks[chunk_groups[number] + 1] = state[SERIAL]
                state[RANGE] += 1
                state[ALLOWED] = 0
            state[STAGE] = OTHERS if apart else END
        if state[STAGE] == OTHERS:
            if not state[ALLOWED]:
                reason = look_at_classes(own, peer, stranger, others, state[SERIAL], next_set, state, sets, groups, members, roots, marks, wanted)
                if reason != DONE:
                    return reason
            move_classes(own, peer, stranger, others, state[SERIAL], next_set, state, sets, groups, forward, members, roots, slots, marks)
        if plan[FLAGS] & CLOSES_SYNC:
            state[IN_SYNC] = 0
        if plan[FLAGS] & COMPLETES:
            state[COMPLETED] = 1
        state[STAGE], state[ALLOWED], state[ASKED] = BEGIN, 0, 0
        state[EVENT] += 1
    return DONE


@compiled
def renumber(pages: Small, forward: Small, fresh: Small) -> None:
    """Puts every page directly into the class that its own was joined into, by its new number."""
    for page in range(len(pages)):
        pages[page] = fresh[root_of(pages[page], forward)]


@compiled
def naming(kinds: Small, range_ends: Numbers, firsts: Numbers, counts: Numbers, chosen: Small, pages: Numbers, found: Numbers) -> int:
    """Which events are of kinds chosen by 1, or by 2 and name one of the sorted `pages`; fills `found`, says how many."""
    number = 0
    for event in range(len(kinds)):
        choice = chosen[kinds[event]]
        hit = choice == 1
        if choice == 2:
            for index in range(range_ends[event - 1] if event > 0 else 0, range_ends[event]):
                at = np.searchsorted(pages, firsts[index])
                if at < len(pages) and pages[at] < firsts[index] + counts[index]:
                    hit = True
                    break
        if hit:
            found[number] = event
            number += 1
    return number
