"""Follows a long trace that is read as columns: the same judgements as `Monitor`, some hundred times faster.

A page stores the number of a class, and a class the number of a set of possible states (`automaton`).  An event about a page moves the page to another
class; an event that all pages learn of moves the classes.  Both look up what becomes of a set in a table that the automaton fills on demand:
the loops of `follow_loops` run until they need an entry, or meet an event that has to be judged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from balloonproof.checker import class_loops as classes
from balloonproof.checker import follow_loops as loops
from balloonproof.checker.automaton import IMPOSSIBLE
from balloonproof.checker.monitor import CHECKPOINTS, COMPLETING, PageMonitor, Places
from balloonproof.checker.observe import LOST_SOME, Meaning
from balloonproof.checker.read.event_batches import EventBatch, EventKinds
from balloonproof.checker.read.events import Event, Header
from balloonproof.checker.read.scanner import Batch, Kinds
from balloonproof.model.language import Configuration

Letter = tuple[Meaning, str, bool]
"""What may happen to a set: an event's meaning, for a page in this role, inside a sync or not."""

_FIRST_CLASSES, _FIRST_LETTERS, _FIRST_SETS = 1 << 12, 64, 1 << 10
_KNOWN_CLASSES = 1 << 12
"""Of so many classes (the first ones) it is remembered where their pages go."""


class ColumnMonitor(PageMonitor):
    """Follows batches of events on all pages of a guest; `is_hidden` names those that are treated as unobserved."""

    def __init__(self, configuration: Configuration, header: Header, pages: int, is_hidden: Callable[[str], bool] = lambda name: False) -> None:
        super().__init__(configuration, header, pages)
        self.is_hidden = is_hidden
        self.event_counts: Counter[str] = Counter()
        self.stopped: Event | None = None
        self.pages = np.zeros(pages, dtype=np.int32)
        self.state = np.zeros(14, dtype=np.int64)
        self.sets, self.groups, self.forward, self.roots = (np.zeros(_FIRST_CLASSES, dtype=np.int32) for _ in range(4))
        self.members = np.zeros(_FIRST_CLASSES, dtype=np.int64)
        self.stamps = np.zeros(_FIRST_CLASSES + 1, dtype=np.int64)
        self.slots = np.zeros(8 * _FIRST_CLASSES, dtype=np.int32)
        chunks = -(-pages // self.neighbours.chunk)
        self.chunk_groups, self.marks = np.zeros(chunks, dtype=np.int32), np.zeros(chunks + 2, dtype=np.int64)
        self.next_set = np.full((_FIRST_LETTERS, _FIRST_SETS), -1, dtype=np.int32)
        self.moves, self.idle = np.zeros((_FIRST_LETTERS, _KNOWN_CLASSES), dtype=np.int64), np.zeros(_FIRST_LETTERS, dtype=np.int64)
        self.letters: list[Letter] = []
        self._letter_numbers: dict[object, int] = {}
        self.wanted = np.zeros((loops.MOST_WANTED, 2), dtype=np.int32)
        self._kinds: Kinds | EventKinds | None = None
        self._examples: dict[int, Event] = {}
        self.plans = np.zeros((0, 8), dtype=np.int32)
        # All pages are of one class in the beginning.
        self.sets[0], self.members[0] = self.automaton.initial(), pages
        self.state[classes.CLASSES] = self.state[classes.ROOTS] = 1
        self._regroup()

    # ------------------------------------------------------------------------------------------------------ following

    def follow(self, batch: Batch | EventBatch) -> None:
        """Follow the events of a batch; up to the start of post-copy, which is then in `stopped`."""
        if batch.kinds_seen is not self._kinds:
            self._kinds, self._examples = batch.kinds_seen, {}
            self.plans = np.zeros((0, 8), dtype=np.int32)
        more = len(batch.kinds_seen.kinds) - len(self.plans)
        self.plans = np.concatenate([self.plans, np.full((more, 8), loops.UNKNOWN, dtype=np.int32)])
        state = self.state
        state[classes.EVENT] = 0
        while self.stopped is None:
            reason = self._run(batch.kinds, batch.range_ends, batch.firsts, batch.counts)
            if reason == loops.DONE:
                break
            number = int(state[classes.EVENT])
            if reason == loops.UNKNOWN_KIND:
                self._plan(int(batch.kinds[number]))
            elif reason == loops.MISSING:
                self._fill()
            elif reason == loops.FULL:
                self._make_room()
            elif reason == loops.ASK:
                self._ask(batch, number)
            else:
                self._impossible_here(batch, number)
        self._count(batch.kinds[: int(state[classes.EVENT]) + (self.stopped is not None)])
        self.completed = bool(state[classes.COMPLETED])
        self.in_sync = bool(state[classes.IN_SYNC])

    @property
    def position(self) -> int:
        """How many events of the batch have been followed."""
        return int(self.state[classes.EVENT])

    def _run(self, kinds: NDArray[np.int32], range_ends: NDArray[np.int64], firsts: NDArray[np.int64], counts: NDArray[np.int64]) -> int:
        return loops.follow(
            kinds, range_ends, firsts, counts, self.plans, self.next_set, self.moves, self.idle, self.state, self.wanted, self.neighbours.chunk,
            self.pages, self.sets, self.groups, self.forward, self.members, self.roots, self.slots, self.chunk_groups, self.marks, self.stamps,
        )  # fmt: skip

    def _count(self, kinds: NDArray[np.int32]) -> None:
        for kind, number in enumerate(np.bincount(kinds).tolist()):
            if number and not self.is_hidden(self._example(kind).name):
                self.event_counts[self._example(kind).name] += number

    def _example(self, kind: int) -> Event:
        if kind not in self._examples:
            assert self._kinds is not None
            self._examples[kind] = self._kinds.event(kind)
        return self._examples[kind]

    def _plan(self, kind: int) -> None:
        """What is to be done about a kind of event."""
        example, plan = self._example(kind), self.plans[kind]
        plan[:] = loops.NOTHING
        plan[loops.FLAGS] = 0
        if self.is_hidden(example.name):
            return
        if example.name == LOST_SOME or self.vocabulary.ends_at(example.name):
            plan[loops.FLAGS] = loops.ASKS
            return
        meaning = self.meaning_of(example)
        if meaning is None:
            return
        flags = {
            loops.OPENS_SYNC: meaning.opens_sync,
            loops.CLOSES_SYNC: "merge" in meaning.actions,
            loops.COMPLETES: bool(COMPLETING.intersection(meaning.actions)),
            loops.ASKS: bool(CHECKPOINTS.intersection(meaning.actions))
            or example.name in ("memory.compared", "memory.differs")
            or (self.at_hint is not None and example.name == "host.hint"),
        }
        plan[loops.FLAGS] = sum(flag for flag, is_set in flags.items() if is_set)
        if example.name == "memory.compared":
            return
        plan[loops.OPERATION] = loops.PAGES if example.pages or meaning.is_statement else loops.EVERYWHERE
        for place, role in enumerate(("own", "peer", "stranger")):
            for in_sync in (False, True):
                told = role == "own" or (meaning.others and plan[loops.OPERATION] == loops.PAGES)
                plan[loops.LETTERS + 2 * place + in_sync] = self._letter(meaning, role, in_sync) if told else -1

    def _letter(self, meaning: Meaning, role: str, in_sync: bool) -> int:
        """The row of `next_set` for it: the same for whatever moves sets alike."""
        moves = tuple(map(id, self.automaton.moves_for(meaning, role))) if meaning.actions else None
        restricted = (id(meaning.before), id(meaning.after)) if role == "own" else (id(meaning.others_before), None)
        key = (moves, meaning.is_unsure, restricted, in_sync)
        if key not in self._letter_numbers:
            self._letter_numbers[key] = len(self.letters)
            self.letters.append((meaning, role, in_sync))
            if len(self.letters) > len(self.next_set):
                self.next_set = np.concatenate([self.next_set, np.full_like(self.next_set, -1)])
                self.moves, self.idle = (np.concatenate([known, np.zeros_like(known)]) for known in (self.moves, self.idle))
        return self._letter_numbers[key]

    def _fill(self) -> None:
        """Asks the automaton for the entries that the loop needs."""
        for letter, number in set(map(tuple, self.wanted[: int(self.state[classes.WANTED])].tolist())):
            meaning, role, in_sync = self.letters[letter]
            after = self.automaton.after(number, meaning, role, in_sync)
            self._know_sets()
            self.next_set[letter, number] = after

    def _know_sets(self) -> None:
        """A column of `next_set` for each of the automaton's sets."""
        while len(self.automaton.sets) > self.next_set.shape[1]:
            self.next_set = np.concatenate([self.next_set, np.full_like(self.next_set, -1)], axis=1)

    def _ask(self, batch: Batch | EventBatch, number: int) -> None:
        """An event before which something has to be done: judged, remembered, or not followed at all."""
        event = batch.event(number)
        self.state[classes.ASKED] = 1
        if self.vocabulary.ends_at(event.name):
            self.stopped = event
        elif event.name == LOST_SOME:
            self.judge(event)
            self.sets[self.roots[: int(self.state[classes.ROOTS])]] = self.automaton.everything()
            self._know_sets()
            self._regroup()
        elif event.name == "host.hint":
            assert self.at_hint is not None
            self.at_hint(event)
        elif event.name == "memory.differs":
            self.say_differs(event)
        elif event.name == "memory.compared":
            self.say_compared(event)
        else:
            self.conclude(event)

    # -------------------------------------------------------------------------------------------------------- judging

    def _impossible_here(self, batch: Batch | EventBatch, number: int) -> None:
        """Some pages cannot have seen this event: say so, and let the loop go on."""
        state, event = self.state, batch.event(number)
        self.in_sync = bool(state[classes.IN_SYNC])
        plan = self.plans[batch.kinds[number]]
        own, peer, stranger = (int(plan[loops.LETTERS + 2 * place + self.in_sync]) for place in range(3))
        if state[classes.STAGE] == loops.NAMED:
            at = int(state[classes.RANGE])
            self._say_impossible(event, own, self.places(range(int(batch.firsts[at]), int(batch.firsts[at] + batch.counts[at]))))
        elif plan[loops.OPERATION] == loops.EVERYWHERE:
            self._say_impossible(event, own, self.places())
        else:
            letters = {"peer": peer, "stranger": stranger}
            for role, where in self.neighbours.parts(self.page_count, event.pages, is_statement=False):
                if role in letters:
                    self._say_impossible(event, letters[role], self.places(where=where))
        state[classes.ALLOWED] = 1

    def _say_impossible(self, event: Event, letter: int, places: Places) -> None:
        bad = {number for number in self.numbers_in_use() if number != IMPOSSIBLE and self.next_set[letter, number] == IMPOSSIBLE}
        self.say_impossible(event, places, bad)

    def numbers_in_use(self) -> list[int]:
        live = self.roots[: int(self.state[classes.ROOTS])]
        return sorted(set(self.sets[live[self.members[live] > 0]].tolist()))

    def numbers(self, pages: slice) -> NDArray[np.int32]:
        known = np.arange(int(self.state[classes.CLASSES]), dtype=np.int32)
        while not np.array_equal(self.forward[known], known):
            known = self.forward[known]
        return self.sets[known][self.pages[pages]]

    def say_equal(self, event: Event, meaning: Meaning, where: NDArray[np.bool_]) -> None:
        """The pages of `where` are equal on both sides."""
        letter = self._letter(meaning, "own", self.in_sync)
        present = {int(number) for block in self.places(where=where) for number in np.unique(block.numbers)} - {IMPOSSIBLE}
        self.state[classes.WANTED] = 0
        for number in present:
            loops.want(letter, number, self.state, self.wanted)
        self._fill()
        self._say_impossible(event, letter, self.places(where=where))
        if self.state[classes.CLASSES] + 2 * self.state[classes.ROOTS] > len(self.sets):
            self._make_room()
        classes.move_where(
            where, letter, self.next_set, self.moves, self.state,
            self.pages, self.sets, self.groups, self.forward, self.members, self.roots, self.slots,
        )  # fmt: skip

    # ------------------------------------------------------------------------------------------------------- classes

    def _regroup(self) -> None:
        classes.regroup(self.state, self.sets, self.groups, self.forward, self.members, self.roots, self.slots)

    def _resize(self, size: int) -> None:
        """Room for so many classes (at least as many as there are)."""
        more = size - len(self.sets)
        if more > 0:
            self.sets, self.groups, self.forward, self.roots = (
                np.append(a, np.zeros(more, a.dtype)) for a in (self.sets, self.groups, self.forward, self.roots)
            )
            self.members = np.append(self.members, np.zeros(more, np.int64))
            self.stamps = np.append(self.stamps, np.zeros(more, np.int64))
            self.slots = np.zeros(8 * (1 << (size - 1).bit_length()), dtype=np.int32)

    def _make_room(self) -> None:
        """Numbers the classes that are left anew, and makes room for more of them."""
        self._regroup()
        live = self.roots[: int(self.state[classes.ROOTS])].copy()
        fresh = np.zeros(int(self.state[classes.CLASSES]), dtype=np.int32)
        fresh[live] = np.arange(len(live), dtype=np.int32)
        classes.renumber(self.pages, self.forward, fresh)
        count = len(live)
        self.sets[:count], self.groups[:count], self.members[:count] = self.sets[live], self.groups[live], self.members[live]
        self.forward[:count] = self.roots[:count] = np.arange(count, dtype=np.int32)
        self.state[classes.CLASSES] = count
        self._resize(max(len(self.sets), 8 * count, min(self.page_count // 16, 1 << 20)))
        self._regroup()
