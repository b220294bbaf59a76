"""One automaton for all kinds of lines of a grammar, made as lines are read: it finds a line's kind in one pass, and what to note of it.

The patterns of ``line_patterns.py`` become one nondeterministic automaton (``regular.py``); its sets of states, each with what was
noted on the way there, are the states of this one. They are computed when they are first reached, so a reader that keeps them pays
only for the lines that it meets. What is looked for ahead is followed alongside, as an obligation that a thread of the automaton
must meet or must not meet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Generic, TypeVar

from .regular import END, Accept, Automaton, Char, Label, Look, Split

Note = TypeVar("Note")
"""What is noted of the part of a line that was read: hashable, and equal where nothing later depends on the difference."""

Take = Callable[[Note, Label, str], Note]
"""What a note becomes when a character with this label is read."""

_Obligation = tuple[bool, frozenset[int]]
_Thread = tuple[int, frozenset[_Obligation]]
_Look = tuple[bool, int]
_Way = tuple[int, tuple[_Look, ...]]
"""A place reached without reading, with the looks (negative or not, first state) passed."""

Threads = tuple[tuple[_Thread, Note], ...]
"""A state: the ways to read what was read so far, the preferred first, and what is noted on each; none if no line begins so."""


class LineAutomaton(Generic[Note]):
    """The automaton for kinds of lines by name, each with the expression for a whole line (named groups are fields)."""

    def __init__(self, patterns: Mapping[str, str], first: Note, take: Take[Note]) -> None:
        self.kinds, self.take = tuple(patterns), take
        self.automaton = Automaton()
        starts = [self.automaton.add_expression(text.removesuffix(r"\Z"), index) for index, text in enumerate(patterns.values())]
        self._closures: dict[int, list[_Way]] = {}
        self._reach: dict[int, tuple[frozenset[int], bool]] = {}
        self.start: Threads[Note] = self._entered([(self.automaton.add(Split(tuple(starts))), frozenset(), first)])
        """The state at the beginning of a line."""

    def after(self, state: Threads[Note], character: str) -> Threads[Note]:
        """The state after a character."""
        symbol = ord(character)
        moved: list[tuple[int, frozenset[_Obligation], Note]] = []
        for (place, obligations), note in state:
            found = self.automaton.states[place]
            if symbol < END and isinstance(found, Char) and found.symbols >> symbol & 1:
                kept = self._kept(obligations, symbol)
                if kept is not None:
                    moved.append((found.next, kept, self.take(note, found.label, character)))
        return self._entered(moved)

    def end(self, state: Threads[Note]) -> tuple[str, Note] | None:
        """The kind of a line that ends here, and what was noted of it; None if none does."""
        for (place, obligations), note in state:
            found = self.automaton.states[place]
            if isinstance(found, Accept) and all(self._look_step(places, END)[1] != negative for negative, places in obligations):
                return self.kinds[found.kind], note
        return None

    def match(self, text: str) -> tuple[str, Note] | None:
        """The same for a whole line."""
        state = self.start
        for character in text:
            state = self.after(state, character)
        return self.end(state)

    def _kept(self, obligations: frozenset[_Obligation], symbol: int) -> frozenset[_Obligation] | None:
        """What is left of the obligations after a symbol; None if one is broken."""
        kept = set()
        for negative, places in obligations:
            after, accepted = self._look_step(places, symbol)
            if accepted:
                if negative:
                    return None
            elif after:
                kept.add((negative, after))
            elif not negative:
                return None
        return frozenset(kept)

    def _look_step(self, places: frozenset[int], symbol: int) -> tuple[frozenset[int], bool]:
        after: set[int] = set()
        for place in places:
            found = self.automaton.states[place]
            if isinstance(found, Char) and found.symbols >> symbol & 1:
                reached, accepted = self._look_closure(found.next)
                if accepted:
                    return frozenset(), True
                after |= reached
        return frozenset(after), False

    def _look_closure(self, place: int) -> tuple[frozenset[int], bool]:
        if place not in self._reach:
            closure = self._closure(place)
            if any(looks for _, looks in closure):
                raise ValueError("a look ahead cannot hold another one")
            places = frozenset(at for at, _ in closure)
            self._reach[place] = places, any(isinstance(self.automaton.states[at], Accept) for at in places)
        return self._reach[place]

    def _closure(self, place: int) -> list[_Way]:
        """Where one gets from a state without reading, in order of preference: the place and the looks passed."""
        if place in self._closures:
            return self._closures[place]
        found: list[_Way] = []
        seen = set()
        stack: list[_Way] = [(place, ())]
        while stack:
            at, looks = stack.pop()
            if (at, looks) in seen:
                continue
            seen.add((at, looks))
            state = self.automaton.states[at]
            if isinstance(state, Split):
                stack += [(way, looks) for way in reversed(state.ways)]
            elif isinstance(state, Look):
                stack.append((state.next, (*looks, (state.negative, state.sub))))
            else:
                found.append((at, looks))
        self._closures[place] = found
        return found

    def _entered(self, moved: Iterable[tuple[int, frozenset[_Obligation], Note]]) -> Threads[Note]:
        """The threads after a symbol."""
        threads: dict[_Thread, Note] = {}
        for place, obligations, note in moved:
            for at, looks in self._closure(place):
                everything = self._with_looks(obligations, looks)
                if everything is not None:
                    threads.setdefault((at, everything), note)
        return tuple(threads.items())

    def _with_looks(self, obligations: frozenset[_Obligation], looks: tuple[_Look, ...]) -> frozenset[_Obligation] | None:
        if not looks:
            return obligations
        added = set(obligations)
        for negative, sub in looks:
            places, accepted = self._look_closure(sub)
            if accepted and negative:
                return None
            if not accepted:
                added.add((negative, places))
        return frozenset(added)
