"""A grammar's rules for lines: written as regular expressions, and parsed by Lark, which is the definition and says what is wrong.

Lark is imported here and nowhere else, and this module only where something is asked that is not known yet (see ``loading.py``):
importing it and making a parser takes longer than checking a short trace.
"""

from __future__ import annotations

import re
from ast import literal_eval
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken
from lark.grammar import NonTerminal, Terminal
from lark.lexer import PatternStr

from .errors import TraceSyntaxError, describe_found
from .line_patterns import OTHER, Expressions, Fields
from .regular import TERMINAL


class LineGrammar:
    """The LALR parser for one line of the format `name` ("trace", "qemu_log", "ftrace", "qmp_log")."""

    def __init__(self, name: str) -> None:
        text = (Path(__file__).parent / f"{name}.lark").read_text(encoding="utf-8")
        self._lark = Lark(text, start="line", parser="lalr", propagate_positions=True, maybe_placeholders=False)
        self._expansion = _Expansion(self._lark)

    def expressions(self) -> Expressions:
        """The rules as regular expressions."""
        plain, named = self._expansion, _Expansion(self._lark, names_terminals=True)
        kinds = plain.kinds()
        before, after = plain.around_kind()
        lines = {kind: before + plain.pattern(kind) + after + r"\Z" for kind in kinds}
        if plain.kind_is_optional():
            lines[""] = before + after + r"\Z"
        names = {plain.leading_literal(kind): kind for kind in kinds if kind != OTHER}
        head = before + plain.pattern("event", capture=True) if OTHER in kinds else ""
        before, after = named.around_kind()
        labelled = {kind: before + named.pattern(kind) + after for kind in kinds}
        if OTHER in kinds:
            listed = "|".join(map(re.escape, names))
            labelled[OTHER] = f"{before}(?!(?:{listed})(?:[^A-Za-z0-9_]|$)){named.pattern(OTHER)}{after}"
        if named.kind_is_optional():
            labelled[""] = before + after
        return Expressions(lines, names, head, labelled)

    def parse(self, text: str, number: int, path: str) -> tuple[str, Fields]:
        """The kind and the fields of a line; raises :class:`TraceSyntaxError` at one that the grammar does not hold."""
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
        return kind, fields

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
