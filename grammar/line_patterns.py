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
from ast import literal_eval
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken
from lark.grammar import NonTerminal, Terminal
from lark.lexer import PatternStr

from .errors import TraceSyntaxError, describe_found
from .line_automaton import LineAutomaton, Note, Take
from .regular import TERMINAL

OTHER = "other"


Fields = dict[str, str | Any]
"""The text of each field of a line; None for a field that the line leaves out."""


class Line(NamedTuple):
    """One parsed line: its number (from 1), its kind (empty for a line that says nothing), and its fields."""

    number: int
    kind: str
    fields: Fields


class LineParser:
    """Parses the lines of one grammar."""

    def __init__(self, lark: Lark) -> None:
        self._lark = lark
        self._expansion = _Expansion(lark)
        self.kinds = self._expansion.kinds()
        before, after = self._expansion.around_kind()
        self._patterns = {kind: re.compile(before + self._expansion.pattern(kind) + after + r"\Z") for kind in self.kinds}
        self._by_name = {self._expansion.leading_literal(kind): kind for kind in self.kinds if kind != OTHER}
        event = self._expansion.pattern("event", capture=True) if OTHER in self.kinds else ""
        self._head = re.compile(before + event) if event else None

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
        kind = self._by_name.get(head["event"], OTHER)
        found = self._patterns[kind].match(text)
        return None if found is None else (kind, found.groupdict())

    def parse_with_grammar(self, text: str, number: int = 1, path: str = "<text>") -> tuple[str, Fields]:
        """The same by Lark; raises :class:`TraceSyntaxError` at a line that the grammar does not hold."""
        try:
            tree = self._lark.parse(text)
        except UnexpectedInput as error:
            raise self._syntax_error(error, text, number, path) from None
        fields: Fields = {}
        kind = ""
        for child in tree.children:
            if isinstance(child, Tree) and child.data in self._expansion.all_kinds:
                kind = str(child.data)
                parts: list[Any] = child.children
            else:
                parts = [child]
            for part in parts:
                if isinstance(part, Tree):
                    fields[str(part.data)] = text[part.meta.start_pos : part.meta.end_pos]
        if kind in self._patterns:
            fields = dict.fromkeys(self._patterns[kind].groupindex) | fields
        return kind, fields

    def automaton(self, first: Note, take: Take[Note], only: Sequence[str] = ()) -> LineAutomaton[Note]:
        """All kinds of lines (or those named in `only`), and the empty kind if a line may say nothing, as one automaton, for fast scanning."""
        expansion = _Expansion(self._lark, names_terminals=True)
        before, after = expansion.around_kind()
        patterns = {kind: before + expansion.pattern(kind) + after for kind in only or self.kinds}
        if OTHER in patterns:
            listed = "|".join(map(re.escape, self._by_name))
            patterns[OTHER] = f"{before}(?!(?:{listed})(?:[^A-Za-z0-9_]|$)){expansion.pattern(OTHER)}{after}"
        if expansion.kind_is_optional():
            patterns[""] = before + after
        return LineAutomaton(patterns, first, take)

    def _syntax_error(self, error: UnexpectedInput, text: str, number: int, path: str) -> TraceSyntaxError:
        names: Iterable[str] = ()
        position = len(text)
        if isinstance(error, UnexpectedCharacters):
            names, position = error.allowed or (), error.pos_in_stream or 0
        elif isinstance(error, UnexpectedToken):
            names = error.accepts or error.expected
            if error.token.type != "$END":
                position = error.pos_in_stream if error.pos_in_stream is not None else position
        return TraceSyntaxError(path, number, position + 1, describe_found(text, position + 1), self._describe(names), text)

    def _describe(self, names: Iterable[str]) -> tuple[str, ...]:
        """Terminals in words: literals in quotes, patterns by name. A literal that a pattern covers is left out."""
        terminals = [self._expansion.terminals[name] for name in names if name in self._expansion.terminals]
        patterns = [t for t in terminals if not isinstance(t.pattern, PatternStr)]
        covering = [re.compile(t.pattern.to_regexp()) for t in patterns]
        words = [t.name.strip("_").lower().replace("_", " ") for t in patterns]
        words = ["blank" if word in ("ws", "gap") else word for word in words]
        literals = [repr(t.pattern.value) for t in terminals if isinstance(t.pattern, PatternStr) and not any(c.fullmatch(t.pattern.value) for c in covering)]
        ends = ["end of line"] if "$END" in set(names) else []
        return tuple(sorted(set(words)) + sorted(set(literals)) + ends)


class _Expansion:
    """Walks the rules of a grammar and writes them as regular expressions; with `names_terminals` as those of :mod:`.regular`."""

    def __init__(self, lark: Lark, names_terminals: bool = False) -> None:
        self.names_terminals = names_terminals
        self.rules: dict[str, Tree[Any]] = {str(name): tree for name, _, tree, _ in lark.grammar.rule_defs}
        self.terminals = {t.name: t for t in lark.terminals}
        unstamped = [str(symbol) for symbol in self._alternatives("line")]
        self.all_kinds = {*self.kinds(), *(name for name in unstamped if not name.startswith("_"))}

    def kinds(self) -> tuple[str, ...]:
        return tuple(self._alternatives("_kind"))

    def around_kind(self) -> tuple[str, str]:
        """The expressions for what stands before and after ``_kind`` in the first alternative of ``line``."""
        parts = list(self.rules["line"].children[0].children)
        at = next(i for i, part in enumerate(parts) if "_kind" in _symbols(part))
        written = [self._write(part, capture=True) for part in (*parts[:at], *parts[at + 1 :])]
        return "".join(written[:at]), "".join(written[at:])

    def kind_is_optional(self) -> bool:
        """May a line be without a kind?"""
        part = next(part for part in self.rules["line"].children[0].children if "_kind" in _symbols(part))
        return isinstance(part, Tree) and part.data == "expr" and str(part.children[1]) == "?"

    def pattern(self, rule: str, capture: bool = False) -> str:
        """The expression for a rule; its fields become named groups (the rule itself only with ``capture``)."""
        if capture:
            return f"(?P<{rule}>{self._write(self.rules[rule], capture=False)})"
        return self._write(self.rules[rule], capture=True)

    def leading_literal(self, kind: str) -> str:
        first = self.rules[kind]
        while isinstance(first, Tree) and first.children:
            first = first.children[0]
        return str(literal_eval(first)) if isinstance(first, Token) and first.type == "STRING" else ""

    def _alternatives(self, rule: str) -> list[str]:
        """The rules that stand alone as an alternative of ``rule``."""
        alternatives = (_symbols(alternative) for alternative in self.rules[rule].children)
        return [names[0] for names in alternatives if len(names) == 1]

    def _write(self, node: Any, capture: bool) -> str:
        if isinstance(node, NonTerminal):
            name = str(node.name)
            field = capture and not name.startswith("_")
            inner = self._write(self.rules[name], capture and not field)
            return f"(?P<{name}>{inner})" if field else inner
        if isinstance(node, Terminal):
            head = f"{TERMINAL}{node.name}>" if self.names_terminals else "(?>"
            return f"{head}{self.terminals[str(node.name)].pattern.to_regexp()})"
        if isinstance(node, Token):
            return re.escape(str(literal_eval(node)))
        parts = [self._write(child, capture) for child in node.children if node.data != "expr"]
        match str(node.data):
            case "expansions":
                return parts[0] if len(parts) == 1 else f"(?:{'|'.join(parts)})"
            case "expansion" | "value" | "literal":
                return "".join(parts)
            case "maybe":
                return f"(?:{''.join(parts)})?"
            case "expr":
                repeated, operator = node.children
                return f"(?:{self._write(repeated, capture)}){operator}"
        raise ValueError(f"line rules cannot use {node.data}")


def _symbols(node: Any) -> list[str]:
    """The names of the rules used in a piece of a rule."""
    if isinstance(node, NonTerminal):
        return [str(node.name)]
    return [name for child in node.children for name in _symbols(child)] if isinstance(node, Tree) else []
