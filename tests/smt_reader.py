"""A small reader of SMT-LIB 2 scripts, independent of what prints them: S-expressions, annotations, and an evaluator."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

Expression = str | list[Any]

TOKEN = re.compile(r'\s+|;[^\n]*|(\(|\)|\|[^|]*\||"[^"]*"|[^\s()|";]+)')


def read(text: str) -> list[Expression]:
    """The commands of a script; ValueError if parentheses do not match."""
    stack: list[list[Expression]] = [[]]
    for token in tokens(text):
        if token == "(":
            stack.append([])
        elif token == ")":
            if len(stack) == 1:
                raise ValueError("a closing parenthesis too many")
            done = stack.pop()
            stack[-1].append(done)
        else:
            stack[-1].append(token)
    if len(stack) != 1:
        raise ValueError("a parenthesis is not closed")
    return stack[0]


def tokens(text: str) -> Iterator[str]:
    position = 0
    while position < len(text):
        found = TOKEN.match(text, position)
        if found is None:
            raise ValueError(f"unexpected {text[position]!r}")
        position = found.end()
        if found[1]:
            yield found[1]


class Vmt:
    """A VMT-LIB file: declared symbols, definitions, and what the annotations say."""

    def __init__(self, text: str) -> None:
        self.sorts: dict[str, Expression] = {}
        self.definitions: dict[str, Expression] = {}
        self.next: dict[str, str] = {}
        self.annotated: dict[tuple[str, str], Expression] = {}
        for command in read(text):
            match command:
                case ["declare-fun", str(name), [], sort]:
                    self._new(name, self.sorts)
                    self.sorts[name] = sort
                case ["define-fun", str(name), [], sort, ["!", body, str(key), str(value)]]:
                    self._define(name, body)
                    if key == ":next":
                        assert self.sorts[body] == self.sorts[value] == sort
                        self.next[body] = value
                    else:
                        self.annotated[key, value] = body
                case ["define-fun", str(name), [], _, body]:
                    self._define(name, body)
                case _:
                    raise ValueError(f"unexpected {command}")

    def _new(self, name: str, table: Mapping[str, Expression]) -> None:
        if name in self.sorts or name in self.definitions:
            raise ValueError(f"{name} is declared twice")

    def _define(self, name: str, body: Expression) -> None:
        self._new(name, self.definitions)
        self.definitions[name] = body

    def evaluate(self, expression: Expression, values: Mapping[str, Any]) -> Any:
        """The value of a formula; bit-vectors are numbers."""
        match expression:
            case str(name):
                return self._atom(name, values)
            case ["let", [[str(name), bound]], body]:
                return self.evaluate(body, {**values, name: self.evaluate(bound, values)})
            case ["and", *parts]:
                return all(self.evaluate(part, values) for part in parts)
            case ["or", *parts]:
                return any(self.evaluate(part, values) for part in parts)
            case ["not", part]:
                return not self.evaluate(part, values)
            case ["=", left, right]:
                return self.evaluate(left, values) == self.evaluate(right, values)
            case ["bvule", left, right]:
                return self.evaluate(left, values) <= self.evaluate(right, values)
            case ["ite", condition, left, right]:
                return self.evaluate(left if self.evaluate(condition, values) else right, values)
        raise NotImplementedError(expression)

    def _atom(self, name: str, values: Mapping[str, Any]) -> Any:
        if name in ("true", "false"):
            return name == "true"
        if name.startswith("#b"):
            return int(name[2:], 2)
        return values[name] if name in values else self.evaluate(self.definitions[name], values)
