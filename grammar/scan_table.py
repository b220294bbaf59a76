"""One table for all kinds of lines of a grammar: a deterministic automaton that finds each line's kind and fields in one pass.

The patterns of ``line_patterns.py`` become one nondeterministic automaton (``regular.py``), and its sets of states the states
of the table. Where fields begin and end is kept in registers, as in re2c's tagged automata (V. Laurikari, "NFAs with Tagged
Transitions", 2000): a table entry names at most one register, which gets the position behind the character just read.
What is looked for ahead is followed alongside, as an obligation that a thread of the automaton must meet or must not meet.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .regular import END, Accept, Automaton, Char, Look, Mark, Split, symbols_of

DEAD, LINE_END = 255, 254
"""Operations instead of a register number: no kind of line goes on like this; the line has ended, in a kind."""

_MOST_STATES = 30_000


@dataclass(frozen=True)
class ScanTable:
    """The table, as plain numbers.

    ``entries[state << shift | classes[byte]]`` is ``next state << 8 | operation``: 0, or a register (from 1) that is set to the
    position after the byte, or :data:`DEAD`, or :data:`LINE_END`; then the next state is an index into ``ends``.
    ``ends[i]`` is a kind's index in ``kinds``, and for each field of ``fields`` the registers of its beginning and its end (0: absent).
    Register 1 holds the beginning of the line at first.
    """

    kinds: tuple[str, ...]
    fields: tuple[str, ...]
    classes: bytes
    shift: int
    entries: list[int]
    ends: list[tuple[int, tuple[int, ...]]]
    registers: int
    start: int

    def match(self, text: str) -> tuple[str, dict[str, str | None]] | None:
        """The kind and the fields of a line, read one byte at a time; None for a line that is of no kind.

        This is what the table means; ``checker.read.scanner`` does the same at speed.
        """
        state, registers = self.start, [0] * self.registers
        for position, byte in enumerate(text.encode() + b"\n"):
            entry = self.entries[state << self.shift | self.classes[byte]]
            state, operation = entry >> 8, entry & 255
            if operation == DEAD:
                return None
            if operation == LINE_END:
                break
            if operation:
                registers[operation] = position + 1
        kind, places = self.ends[state]
        pairs = zip(self.fields, places[::2], places[1::2], strict=True)
        return self.kinds[kind], {name: text[registers[first] : registers[last]] for name, first, last in pairs if last}


_Obligation = tuple[bool, frozenset[int]]
_Thread = tuple[int, frozenset[_Obligation]]
_Registers = tuple[tuple[int, int], ...]
"""Pairs of a tag and the register that holds it, in order."""
_State = tuple[tuple[_Thread, _Registers], ...]

_Look = tuple[bool, int]
_Way = tuple[int, tuple[int, ...], tuple[_Look, ...]]
"""A place reached without reading, with the tags of the marks and the looks (negative or not, first state) passed."""

_NEW = 0


def compile_table(patterns: Mapping[str, str]) -> ScanTable:
    """The table for kinds of lines by name, each with the expression for a whole line (named groups are fields)."""
    return _Compiler(patterns).table()


class _Compiler:
    def __init__(self, patterns: Mapping[str, str]) -> None:
        self.kinds = tuple(patterns)
        self.automaton = Automaton([], [])
        starts = [self.automaton.add_expression(text.removesuffix(r"\Z"), index) for index, text in enumerate(patterns.values())]
        self.start = self.automaton.add(Split(tuple(starts)))
        self.classes, self.representatives = _symbol_classes(symbols_of(self.automaton.states))
        self.numbers: dict[_State, int] = {}
        self.queue: deque[_State] = deque()
        self.ends: dict[tuple[int, tuple[int, ...]], int] = {}
        self.registers = 0
        self._closures: dict[int, list[_Way]] = {}
        self._reach: dict[int, tuple[frozenset[int], bool]] = {}

    def table(self) -> ScanTable:
        shift = max(1, (len(self.representatives)).bit_length())
        start, operation = self._numbered(self._entered([(self.start, frozenset(), ())]))
        assert operation <= 1  # what begins with the line is held by register 1
        entries: list[int] = []
        while self.queue:
            state = self.queue.popleft()
            row = [DEAD] * (1 << shift)
            for index, symbol in enumerate(self.representatives):
                row[index] = self._end(state) if symbol == END else self._after(state, symbol)
            entries += row
        end_class = self.representatives.index(END)
        other = len(self.representatives)
        classes = bytes([end_class if byte == 10 else self.classes[byte] if byte < END else other for byte in range(256)])
        return ScanTable(self.kinds, tuple(self.automaton.fields), classes, shift, entries, list(self.ends), self.registers + 1, start)

    def _after(self, state: _State, symbol: int) -> int:
        moved: list[tuple[int, frozenset[_Obligation], _Registers]] = []
        for (place, obligations), registers in state:
            found = self.automaton.states[place]
            if isinstance(found, Char) and found.symbols >> symbol & 1:
                kept = self._kept(obligations, symbol)
                if kept is not None:
                    moved.append((found.next, kept, registers))
        entered = self._entered(moved)
        if not entered:
            return DEAD
        number, operation = self._numbered(entered)
        return number << 8 | operation

    def _end(self, state: _State) -> int:
        """The entry for the end of the line: the kind of the first thread that accepts there."""
        for (place, obligations), registers in state:
            found = self.automaton.states[place]
            if isinstance(found, Accept) and self._met_at_end(obligations):
                places = dict(registers)
                tags = tuple(places.get(tag, 0) for tag in range(2 * len(self.automaton.fields)))
                return self.ends.setdefault((found.kind, tags), len(self.ends)) << 8 | LINE_END
        return DEAD

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

    def _met_at_end(self, obligations: frozenset[_Obligation]) -> bool:
        return all(self._look_step(places, END)[1] != negative for negative, places in obligations)

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
            if any(looks for _, _, looks in closure):
                raise ValueError("a look ahead cannot hold another one")
            places = frozenset(at for at, _, _ in closure)
            self._reach[place] = places, any(isinstance(self.automaton.states[at], Accept) for at in places)
        return self._reach[place]

    def _closure(self, place: int) -> list[_Way]:
        """Where one gets from a state without reading, in order of preference: the place, the marks and the looks passed."""
        if place in self._closures:
            return self._closures[place]
        found = []
        seen = set()
        stack: list[_Way] = [(place, (), ())]
        while stack:
            at, marks, looks = stack.pop()
            if (at, looks) in seen:
                continue
            seen.add((at, looks))
            state = self.automaton.states[at]
            if isinstance(state, Split):
                stack += [(way, marks, looks) for way in reversed(state.ways)]
            elif isinstance(state, Mark):
                stack.append((state.next, (*marks, state.tag), looks))
            elif isinstance(state, Look):
                stack.append((state.next, marks, (*looks, (state.negative, state.sub))))
            else:
                found.append((at, marks, looks))
        self._closures[place] = found
        return found

    def _entered(self, moved: Iterable[tuple[int, frozenset[_Obligation], _Registers]]) -> _State:
        """The threads after a symbol; tags that are set now are in register 0 for the time being."""
        threads: dict[_Thread, _Registers] = {}
        for place, obligations, registers in moved:
            for at, marks, looks in self._closure(place):
                all_obligations = self._with_looks(obligations, looks)
                if all_obligations is not None and (at, all_obligations) not in threads:
                    tags = dict(registers) | dict.fromkeys(marks, _NEW)
                    threads[at, all_obligations] = tuple(sorted(tags.items()))
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

    def _numbered(self, state: _State) -> tuple[int, int]:
        """A state's number, with its new tags in the lowest register that is free there; and that register (0: no new tag)."""
        used = {register for _, registers in state for _, register in registers}
        operation = 0
        if _NEW in used:
            operation = next(number for number in range(1, DEAD) if number not in used)
            state = tuple((thread, tuple((tag, operation if register == _NEW else register) for tag, register in registers)) for thread, registers in state)
            self.registers = max(self.registers, operation)
        if state not in self.numbers:
            if len(self.numbers) == _MOST_STATES:
                raise ValueError("the line rules need too many states")
            self.numbers[state] = len(self.numbers)
            self.queue.append(state)
        return self.numbers[state], operation


def _symbol_classes(sets: Iterable[int]) -> tuple[list[int], list[int]]:
    """Symbols that no set tells apart fall into one class: the class of each symbol, and one symbol of each class.

    The line's end always has a class of its own.
    """
    distinct = sorted(set(sets))
    numbers: dict[tuple[bool, ...], int] = {}
    representatives: list[int] = []
    classes = []
    for symbol in range(END + 1):
        signature = (symbol == END, *(bool(one >> symbol & 1) for one in distinct))
        if signature not in numbers:
            numbers[signature] = len(representatives)
            representatives.append(symbol)
        classes.append(numbers[signature])
    return classes, representatives
