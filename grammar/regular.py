"""Regular expressions as nondeterministic automata: the part of Python's syntax that the line rules of the grammars expand to.

Characters, classes, groups, alternatives, repetition, and looking ahead. An atomic group is read as a plain one: the grammars
are written so that longest match and backtracking agree (see ``line_patterns.py``). A lazy repetition must be followed by a
look ahead that ends it: it stops at the first place where that matches, as it does inside an atomic group.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

END = 128
"""The symbol after the last character of a line. Symbols below it are ASCII characters; others are in no class."""

TERMINAL = "(?P>"
"""How a group begins that is a terminal, which Python does not have: ``(?P>NAME>...)``."""

_ANY = ((1 << END) - 1) & ~(1 << 10)
_ALNUM = frozenset(string.ascii_letters + string.digits)


Label = tuple[str, str]
"""What a character of a line is part of: its field, and its terminal; each empty if it is part of none."""


class Char(NamedTuple):
    """Reads one symbol of a set (bit n: symbol n)."""

    symbols: int
    label: Label
    next: int


class Split(NamedTuple):
    """Goes on in either place, the first preferred."""

    ways: tuple[int, ...]


class Look(NamedTuple):
    """Goes on only where what ``sub`` accepts follows (or, if ``negative``, does not follow)."""

    negative: bool
    sub: int
    next: int


class Accept(NamedTuple):
    """The end of a kind of line (of the kind with this index), or of what a :class:`Look` looks for (-1)."""

    kind: int


State = Char | Split | Look | Accept
Builder = Callable[[int], int]
"""Adds the states of an expression to an automaton, given where to go on after it; returns where it begins."""


@dataclass
class Automaton:
    """A nondeterministic automaton: its states by number."""

    states: list[State] = field(default_factory=list)

    def add(self, state: State) -> int:
        self.states.append(state)
        return len(self.states) - 1

    def add_expression(self, text: str, accept: int) -> int:
        """Adds ``text``; returns its first state. Raises :class:`ValueError` for syntax that is not supported."""
        parser = _Parser(text, self)
        builder = parser.alternatives()
        if parser.position != len(text):
            raise ValueError(f"unsupported regular expression at {parser.position}: {text!r}")
        return builder(self.add(Accept(accept)))


class _Parser:
    """Reads an expression from left to right; each method returns the builder of what it read."""

    def __init__(self, text: str, automaton: Automaton) -> None:
        self.text, self.automaton, self.position = text, automaton, 0
        self.field, self.terminal = "", ""

    def take(self, *options: str) -> str:
        """The first of ``options`` that stands here, which is then behind us, or nothing."""
        for option in options:
            if self.text.startswith(option, self.position):
                self.position += len(option)
                return option
        return ""

    def alternatives(self) -> Builder:
        ways = [self.sequence()]
        while self.take("|"):
            ways.append(self.sequence())
        if len(ways) == 1:
            return ways[0]
        return lambda after: self.automaton.add(Split(tuple(way(after) for way in ways)))

    def sequence(self) -> Builder:
        parts: list[Builder] = []
        lazy: tuple[Builder, int, int | None] | None = None
        while self.position < len(self.text) and self.text[self.position] not in "|)":
            negative = {"(?!": True, "(?=": False}.get(self.text[self.position : self.position + 3])
            if lazy is not None and negative is not False:
                raise ValueError(f"a lazy repetition must end at a look ahead: {self.text!r}")
            part = self.atom()
            low, high, is_lazy = self.quantifier()
            if lazy is not None:
                parts += [self._until(part, *lazy), part]
                lazy = None
            elif is_lazy:
                lazy = (part, low, high)
            else:
                parts.append(part if (low, high) == (1, 1) else self._repeat(part, low, high))
        if lazy is not None:
            raise ValueError(f"a lazy repetition must end at a look ahead: {self.text!r}")
        return _joined(parts)

    def _repeat(self, part: Builder, low: int, high: int | None) -> Builder:
        def build(after: int) -> int:
            if high is None:
                loop = self.automaton.add(Split(()))
                self.automaton.states[loop] = Split((part(loop), after))
                start = loop
            else:
                start = after
                for _ in range(high - low):
                    start = self.automaton.add(Split((part(start), after)))
            return _joined([part] * low)(start)

        return build

    def _until(self, look: Builder, part: Builder, low: int, high: int | None) -> Builder:
        """``part`` again and again (lazily) up to where ``look`` first matches."""

        def guarded(after: int) -> int:
            start = look(part(after))
            found = self.automaton.states[start]
            assert isinstance(found, Look)
            self.automaton.states[start] = Look(True, found.sub, found.next)
            return start

        return _joined([*([part] * low), self._repeat(guarded, 0, None if high is None else high - low)])

    def quantifier(self) -> tuple[int, int | None, bool]:
        low, high = 1, 1
        mark = self.take("?", "*", "+", "{")
        if mark == "{":
            end = self.text.index("}", self.position)
            least, comma, most = self.text[self.position : end].partition(",")
            self.position = end + 1
            low, high = int(least), int(most or least)
            if comma and not most:
                raise ValueError(f"unsupported repetition: {self.text!r}")
        elif mark:
            return (1 if mark == "+" else 0), (1 if mark == "?" else None), bool(self.take("?"))
        return low, high, bool(mark and self.take("?"))

    def atom(self) -> Builder:
        if self.take("(?=", "(?!"):
            negative = self.text[self.position - 1] == "!"
            inner = self.closed()
            sub = inner(self.automaton.add(Accept(-1)))
            return lambda after: self.automaton.add(Look(negative, sub, after))
        if self.take("(?P<"):
            self.field = self.name()
            inner, self.field = self.closed(), ""
            return inner
        if self.take(TERMINAL):
            self.terminal = self.name()
            inner, self.terminal = self.closed(), ""
            return inner
        if self.take("(?:", "(?>"):
            return self.closed()
        if self.take("[^"):
            return self._char(_ANY_OR_NEWLINE & ~self.class_members())
        if self.take("["):
            return self._char(self.class_members())
        if self.take("."):
            return self._char(_ANY)
        if self.take("$", r"\Z"):
            return self._char(1 << END)
        if self.text[self.position] in "(*+?{)":
            raise ValueError(f"unsupported regular expression at {self.position}: {self.text!r}")
        return self._char(1 << self.character())

    def name(self) -> str:
        end = self.text.index(">", self.position)
        name, self.position = self.text[self.position : end], end + 1
        return name

    def closed(self) -> Builder:
        """The inside of a group up to its parenthesis."""
        inner = self.alternatives()
        if not self.take(")"):
            raise ValueError(f"a group is not closed: {self.text!r}")
        return inner

    def character(self) -> int:
        """The code of one character, escaped or not."""
        escaped = self.take("\\")
        found = self.text[self.position]
        self.position += 1
        if not found.isascii() or (escaped and found in _ALNUM and found not in "nt"):
            raise ValueError(f"unsupported character at {self.position}: {self.text!r}")
        return ord({"n": "\n", "t": "\t"}[found] if escaped and found in "nt" else found)

    def class_members(self) -> int:
        members = 0
        while not self.take("]"):
            low = high = self.character()
            if self.text[self.position] == "-" and self.text[self.position + 1] != "]":
                self.position += 1
                high = self.character()
            for code in range(low, high + 1):
                members |= 1 << code
        return members

    def _char(self, symbols: int) -> Builder:
        label = self.field, self.terminal
        return lambda after: self.automaton.add(Char(symbols, label, after))


_ANY_OR_NEWLINE = (1 << END) - 1


def _joined(parts: list[Builder]) -> Builder:
    def build(after: int) -> int:
        for part in reversed(parts):
            after = part(after)
        return after

    return build
