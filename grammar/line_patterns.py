"""Matches lines at the speed of ``re``, by patterns made from a Lark grammar.

Lark's LALR parser reads some twenty thousand lines a second, and a recorded migration has several hundred thousand.
The rules for a line are regular (they do not recurse), so each kind of line is expanded into one pattern with a named
group per field. A line that no pattern matches goes to Lark, which parses it or says what is wrong with it: the
patterns decide nothing, they only save time. Terminals are matched as atomic groups, as Lark's lexer does not go back
into a terminal either.

Conventions of the grammars: ``line`` is an optional ``_stamp`` followed by ``_kind``; each alternative of ``_kind`` is
a kind of line; a rule inside either whose name has no leading underscore is a field, whose value is the text it covers.
Kinds begin with their literal name; the kind ``other``, if there is one, begins with the field ``event``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from .line_automaton import LineAutomaton, Note, Take

OTHER = "other"


Fields = dict[str, str | Any]
"""The text of each field of a line; None for a field that the line leaves out."""


class Line(NamedTuple):
    """One parsed line: its number (from 1), its kind (empty for a line that says nothing), and its fields."""

    number: int
    kind: str
    fields: Fields


class Expressions(NamedTuple):
    """The rules of a grammar as regular expressions: text, so that it can be kept."""

    lines: Mapping[str, str]
    """For each kind of line, in order: the expression for a whole one, its fields as named groups; of the empty kind if a line may say nothing."""
    names: Mapping[str, str]
    """Of kinds that begin with a literal name: the name, and the kind."""
    head: str
    """The expression for the beginning of a line up to its field ``event``; empty if a line's kind is not told by that."""
    labelled: Mapping[str, str]
    """The same for :mod:`.regular`: terminals are named too."""


class Grammar(Protocol):
    """What a parser of lines has behind it, see :class:`.line_grammar.LineGrammar`."""

    def parse(self, text: str, number: int, path: str) -> tuple[str, Fields]: ...


class LineParser:
    """Parses the lines of one grammar; `grammar` gives it where patterns are not enough."""

    def __init__(self, expressions: Expressions, grammar: Callable[[], Grammar]) -> None:
        self._expressions, self._grammar = expressions, grammar
        self.kinds = tuple(kind for kind in expressions.lines if kind)
        self._patterns = {kind: re.compile(text) for kind, text in expressions.lines.items()}
        self._head = re.compile(expressions.head) if expressions.head else None

    def parse(self, lines: Iterable[tuple[int, str]], path: str) -> Iterator[Line]:
        """Parses numbered lines without line ends; raises :class:`TraceSyntaxError`, naming ``path``, at a bad one."""
        for number, text in lines:
            fast = self.match(text)
            if fast is None:
                fast = self.parse_with_grammar(text, number, path)
            yield Line(number, fast[0], fast[1])

    def match(self, text: str) -> tuple[str, Fields] | None:
        """The kind and the fields of a line by pattern alone, or None where the grammar has to decide."""
        if self._head is None:
            for kind, pattern in self._patterns.items():
                found = pattern.match(text)
                if found is not None:
                    return kind, found.groupdict()
            return None
        head = self._head.match(text)
        if head is None:
            return None
        kind = self._expressions.names.get(head["event"], OTHER)
        found = self._patterns[kind].match(text)
        return None if found is None else (kind, found.groupdict())

    def parse_with_grammar(self, text: str, number: int = 1, path: str = "<text>") -> tuple[str, Fields]:
        """The same by Lark; raises :class:`TraceSyntaxError` at a line that the grammar does not hold."""
        kind, fields = self._grammar().parse(text, number, path)
        if kind in self._patterns:
            fields = dict.fromkeys(self._patterns[kind].groupindex) | fields
        return kind, fields

    def automaton(self, first: Note, take: Take[Note], only: Sequence[str] = ()) -> LineAutomaton[Note]:
        """All kinds of lines (or those named in `only`), and the empty kind if a line may say nothing, as one automaton, for fast scanning."""
        labelled = self._expressions.labelled
        return LineAutomaton({kind: labelled[kind] for kind in labelled if not kind or kind in (only or self.kinds)}, first, take)
