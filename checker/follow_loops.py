"""The loops that follow events on all pages.

Compiled; see ``column_monitor.py`` for what calls them and ``class_loops.py`` for what they move. An event about pages moves them to
other classes; one that all pages learn of moves the classes, and joins those whose sets have become equal.
"""

from __future__ import annotations

import numpy as np

from balloonproof.checker.class_loops import (
    ALLOWED,
    APART,
    ASKED,
    CLASS_BITS,
    CLASSES,
    COMPLETED,
    EVENT,
    IN_SYNC,
    RANGE,
    ROOTS,
    SERIAL,
    STAGE,
    VERSION,
    WANTED,
    Numbers,
    Small,
    is_idle,
    move_as_before,
    move_range,
    regroup,
    root_of,
    single_out,
)
from balloonproof.checker.jit import compiled, unsigned

# What is done about a kind of event: its row in `plans` is the operation, the flags, and six letters (own, peer, stranger; outside
# a sync and inside one).  A letter is a row of `next_set`.
UNKNOWN, NOTHING, PAGES, EVERYWHERE = -1, 0, 1, 2
OPENS_SYNC, CLOSES_SYNC, COMPLETES, ASKS = 1, 2, 4, 8
OPERATION, FLAGS, LETTERS = 0, 1, 2

BEGIN, NAMED, OTHERS, END = range(4)

# Why following stopped.
DONE, UNKNOWN_KIND, ASK, MISSING, IMPOSSIBLE_HERE, FULL = range(6)

MOST_WANTED = 1 << 12


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
    plans: Small, next_set: Small, moves: Numbers, idle: Numbers, state: Numbers, wanted: Small, chunk: int,
    pages: Small, sets: Small, groups: Small, forward: Small, members: Numbers, roots: Small, slots: Small,
    chunk_groups: Small, marks: Numbers, stamps: Numbers,
) -> int:  # fmt: skip
    """Follows events from ``state[EVENT]`` on; says why it stopped.  To go on after ASK set ``state[ASKED]``, after IMPOSSIBLE_HERE ``state[ALLOWED]``."""
    state[WANTED] = 0
    while state[EVENT] < len(kinds):
        if state[STAGE] == BEGIN:
            state[EVENT] = follow_as_before(
                state[EVENT], kinds, range_ends, firsts, counts, plans, next_set, moves, idle, state, pages, sets, forward, members, roots
            )
            if state[EVENT] == len(kinds):
                break
        reason = follow_one(
            state[EVENT], plans[kinds[state[EVENT]]], range_ends, firsts, counts, next_set, moves, idle, state, wanted, chunk,
            pages, sets, groups, forward, members, roots, slots, chunk_groups, marks, stamps,
        )  # fmt: skip
        if reason != DONE:
            return reason
        state[STAGE], state[ALLOWED], state[ASKED] = BEGIN, 0, 0
        state[EVENT] += 1
    return DONE


@compiled
def follow_as_before(
    event: int, kinds: Small, range_ends: Numbers, firsts: Numbers, counts: Numbers,
    plans: Small, next_set: Small, moves: Numbers, idle: Numbers, state: Numbers, pages: Small, sets: Small, forward: Small, members: Numbers,
    roots: Small,
) -> int:  # fmt: skip
    """Follows events that do what was done before; returns the first that does not."""
    begin = range_ends[event - 1] if event > 0 else 0
    version, side, remembered = state[VERSION], state[IN_SYNC], unsigned(moves.shape[1])
    while event < len(kinds):
        kind, end = unsigned(kinds[event]), range_ends[event]
        if plans[kind, OPERATION] == UNKNOWN or plans[kind, FLAGS]:
            break
        if plans[kind, OPERATION] == EVERYWHERE:
            if not is_idle(plans[kind, LETTERS + side], idle, next_set, state, sets, roots):
                break
        elif plans[kind, OPERATION] == PAGES:
            if plans[kind, LETTERS + 2] >= 0 and not (
                is_idle(plans[kind, LETTERS + 2 + side], idle, next_set, state, sets, roots)
                and is_idle(plans[kind, LETTERS + 4 + side], idle, next_set, state, sets, roots)
            ):
                break
            letter = unsigned(plans[kind, LETTERS + side])
            if end != begin + 1:
                break
            if counts[begin] == 1:  # the same as below, but for a single page, as most events name
                page = unsigned(firsts[begin])
                number = unsigned(root_of(pages[page], forward))
                if number >= remembered or moves[letter, number] >> CLASS_BITS != version:
                    break
                target = unsigned(moves[letter, number] & ((1 << CLASS_BITS) - 1))
                members[number] -= 1
                members[target] += 1
                pages[page] = target
            elif not move_as_before(firsts[begin], counts[begin], letter, moves, version, pages, forward, members):
                break
        begin = end
        event += 1
    return event


@compiled
def follow_one(
    event: int, plan: Small, range_ends: Numbers, firsts: Numbers, counts: Numbers,
    next_set: Small, moves: Numbers, idle: Numbers, state: Numbers, wanted: Small, chunk: int,
    pages: Small, sets: Small, groups: Small, forward: Small, members: Numbers, roots: Small, slots: Small,
    chunk_groups: Small, marks: Numbers, stamps: Numbers,
) -> int:  # fmt: skip
    """Follows one event from the stage that it has reached on; says why it stopped."""
    room = len(sets) - 8
    if state[STAGE] == BEGIN:
        if plan[OPERATION] == UNKNOWN:
            return UNKNOWN_KIND
        if plan[FLAGS] & ASKS and not state[ASKED]:
            return ASK
        if plan[OPERATION] == NOTHING:
            return DONE
        if plan[FLAGS] & OPENS_SYNC:
            state[IN_SYNC] = 1
        state[RANGE] = range_ends[event - 1] if event > 0 else 0
        state[SERIAL] += 1
        state[STAGE] = NAMED if plan[OPERATION] == PAGES else OTHERS
    side = state[IN_SYNC]
    own, peer, stranger = plan[LETTERS + side], plan[LETTERS + 2 + side], plan[LETTERS + 4 + side]
    others = plan[OPERATION] == PAGES
    if state[STAGE] == NAMED:
        if state[RANGE] == (range_ends[event - 1] if event > 0 else 0):  # not again after a stop behind the first range
            state[APART] = peer >= 0 and not (is_idle(peer, idle, next_set, state, sets, roots) and is_idle(stranger, idle, next_set, state, sets, roots))
        apart = state[APART] != 0
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
            move_range(first, count, own, apart, next_set, moves, state, pages, sets, groups, forward, members, roots, slots)
            if apart:
                for number in range(first // chunk, (first + count - 1) // chunk + 1):
                    marks[chunk_groups[number] + 1] = state[SERIAL]
            state[RANGE] += 1
            state[ALLOWED] = 0
        state[STAGE] = OTHERS if apart else END
    if state[STAGE] == OTHERS and (others or not is_idle(own, idle, next_set, state, sets, roots)):
        if not state[ALLOWED]:
            reason = look_at_classes(own, peer, stranger, others, state[SERIAL], next_set, state, sets, groups, members, roots, marks, wanted)
            if reason != DONE:
                return reason
        move_classes(own, peer, stranger, others, state[SERIAL], next_set, state, sets, groups, forward, members, roots, slots, marks)
    if plan[FLAGS] & CLOSES_SYNC:
        state[IN_SYNC] = 0
    if plan[FLAGS] & COMPLETES:
        state[COMPLETED] = 1
    return DONE


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
