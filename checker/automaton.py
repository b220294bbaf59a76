"""Sets of possible states: what a page can be in, given what was seen of it so far.

Derived from the model's compiled one-page steps and nothing else.  A set is a sorted array of packed states under a small number;
what an event makes of a
set is computed once and remembered, so a long trace costs a table look-up per event.  Steps that the trace does not show are
taken as often as possible
between events (the closure).

Beside the model's variables a state holds what has happened on the way: for each `always` property a bit that stays set once it was violated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache

import numpy as np

from balloonproof.checker.observe import Meaning, Vocabulary, in_system
from balloonproof.checker.transitions import Letter, Transitions
from balloonproof.checker.unseen_steps import UnseenSteps
from balloonproof.model.compiled import Layout, Move, compile_predicate, compile_steps
from balloonproof.model.engines.reachability import States, apply, holds, initial_states, levels, sorted_unique
from balloonproof.model.one_page import OnePage
from balloonproof.model.steps import Step
from balloonproof.model.terms import BOOL, TRUE, Term, conj, disj, substitute, variable, variables_of

IMPOSSIBLE = 0
"""The number of the empty set: no run of the model explains what was seen."""


class Remembering:
    """A one-page system whose states also remember what was violated, compiled."""

    def __init__(self, one_page: OnePage) -> None:
        self.one_page, self.bad = one_page, one_page.violated()
        self.violated: Mapping[str, Term] = {name: variable(f"violated.{name}", BOOL) for name in self.bad}
        """For each `always` property the states that a violation has led to."""
        self.layout = Layout.of({**one_page.variables, **{bit.name: bit.sort for bit in self.violated.values()}})

    @cached_property
    def moves(self) -> list[Move]:
        """The steps of the system, which also remember what they violate."""
        return compile_steps([self._remembering(step) for step in self.one_page.steps], self.layout, keep_idle=True)

    def _remembering(self, step: Step) -> Step:
        """The step, which also remembers what it violates."""
        after = {variable(name, term.sort): term for name, term in step.updates.items()}
        bits = {
            self.violated[name].name: disj(self.violated[name], substitute(bad, after))
            for name, bad in self.bad.items()
            if after.keys() & set(variables_of([bad]))
        }
        return replace(step, updates={**step.updates, **bits})


remembering = lru_cache(maxsize=8)(Remembering)
"""The same for all traces of a system that follow each other."""


class Automaton:
    """The one-page system of a configuration, seen through a trace's observations."""

    def __init__(self, one_page: OnePage, vocabulary: Vocabulary, transitions: Transitions | None = None) -> None:
        self.one_page, self.vocabulary = one_page, vocabulary
        self._transitions = transitions if transitions is not None else Transitions()
        self._system = remembering(one_page)
        self.violated, self.layout = self._system.violated, self._system.layout
        self.sets: list[States] = [np.zeros(0, dtype=np.int64)]
        self._numbers: dict[bytes, int] = {self.sets[0].tobytes(): IMPOSSIBLE}
        self._next: dict[tuple[int, str, str, bool], int] = {}
        self._stale: dict[tuple[int, str], bool] = {}
        self._tests: dict[Term, object] = {}

    @property
    def moves(self) -> list[Move]:
        """The steps of the system, which also remember what they violate."""
        return self._system.moves

    @cached_property
    def unseen(self) -> Mapping[bool, UnseenSteps]:
        """Moves that the trace need not show, inside a sync and outside one."""
        inside = UnseenSteps(self._unseen_moves(in_sync=True))
        return {True: inside, False: UnseenSteps(self._unseen_moves(in_sync=False)) if self.vocabulary.has_sync_windows else inside}

    @cached_property
    def _told_apart(self) -> frozenset[str]:
        return frozenset(step.action.name for step in self.one_page.steps if step.role == "sibling")

    def _unseen_moves(self, in_sync: bool) -> list[Move]:
        """Moves that the trace need not show, made only where they may stay unseen."""
        found = []
        for move in self.moves:
            name = move.step.action.name
            if not move.step.updates or not self.vocabulary.may_be_unseen(name):
                continue
            if move.step.role == "sibling" and self.vocabulary.header.has_host_pages_of_one:
                continue
            if name == "fetch" and self.vocabulary.has_sync_windows and not in_sync:
                continue
            condition = self.vocabulary.unseen_condition(name) if move.step.role in ("own", "") else TRUE
            found.append(replace(move, guard=conj(move.guard, in_system(condition, self.one_page))))
        return found

    @property
    def tells_siblings_apart(self) -> bool:
        """Does it matter which pages share a host page?"""
        return bool(self._told_apart)

    def number(self, states: States) -> int:
        """The number of a set."""
        key = states.tobytes()
        if key not in self._numbers:
            self._numbers[key] = len(self.sets)
            self.sets.append(states)
        return self._numbers[key]

    def initial(self) -> int:
        """Everything that is possible before the first event."""
        return self._known(IMPOSSIBLE, ("initial", "", False), lambda: self.closure(self.initial_states(), in_sync=False))

    def initial_states(self) -> States:
        """The model's initial states."""
        states = initial_states(self.one_page, self.layout)
        for name, bad in self._system.bad.items():
            states[holds(compile_predicate(bad, self.layout), states)] |= self.layout.mask(self.violated[name].name)
        return sorted_unique(states)

    def holding(self, term: Term, states: States) -> States:
        """Those of `states` where `term` holds."""
        if term is TRUE:
            return states
        reduced = in_system(term, self.one_page)
        if reduced not in self._tests:
            self._tests[reduced] = compile_predicate(reduced, self.layout)
        return states[holds(self._tests[reduced], states)]  # type: ignore[arg-type]

    def closure(self, states: States, in_sync: bool) -> States:
        """`states` and all that unseen steps can make of them."""
        return self.unseen[in_sync].closure(states)

    def moves_for(self, meaning: Meaning, role: str) -> Sequence[Move]:
        """The moves that may explain an event for a page in `role`: own (named by it), sibling (of the host page of one that is named), peer (another of
        its chunk) or stranger."""
        return [move for move in self.moves if move.step.action.name in meaning.actions and move.step.role in (self.part(move, role), "")]

    def part(self, move: Move, role: str) -> str:
        """The role whose move a page in `role` sees: a sibling is a peer to actions that do not tell it from others of the chunk."""
        return "peer" if role == "sibling" and move.step.action.name not in self._told_apart else role

    def image(self, states: States, meaning: Meaning, role: str) -> States:
        """What an event makes of possible states, before unseen steps."""
        chosen = self.holding(meaning.before if role == "own" else meaning.others_before, states)
        if meaning.actions:
            steps = [apply(move, chosen) for move in self.moves_for(meaning, role)]
            chosen = sorted_unique(np.concatenate([*steps, chosen if meaning.is_unsure else chosen[:0]]))
        return self.holding(meaning.after if role == "own" else TRUE, chosen)

    def after(self, number: int, meaning: Meaning, role: str, in_sync: bool) -> int:
        """The set after an event, unseen steps included; IMPOSSIBLE if nothing explains it."""
        key = (number, meaning.key, role, in_sync)
        found = self._next.get(key)
        if found is None:
            letter = meaning.key, role, in_sync
            found = self._next[key] = self._known(number, letter, lambda: self.closure(self.image(self.sets[number], meaning, role), in_sync))
        return found

    def is_stale_hint(self, number: int, meaning: Meaning) -> bool:
        """Is a hint that the host honours now, this page among its pages, certainly one that an earlier round had queued?"""
        key = (number, meaning.key)
        if key not in self._stale:
            states = self.holding(meaning.before, self.sets[number])
            moves = [move for move in self.moves_for(meaning, "own") if move.step.action.name == "accept-hint" and move.inputs.get("pop_newest")]
            self._stale[key] = not any(len(apply(move, states)) for move in moves)
        return self._stale[key]

    def _known(self, number: int, letter: Letter, work: Callable[[], States]) -> int:
        """The number here of what is known of a set, or of what `work` finds out."""
        return self.number(self._transitions.after(self.sets[number], letter, work))

    def everything(self) -> int:
        """After a gap in the trace: all that the model can ever be in."""
        return self._known(IMPOSSIBLE, ("everything", "", False), lambda: sorted_unique(np.concatenate(list(levels(self.moves, self.initial_states())))))

    def show(self, state: int) -> dict[str, str]:
        """A state's variables as printed values."""
        return {name: self.layout.sorts[name].values[value] for name, value in self.layout.unpack(state).items()}
