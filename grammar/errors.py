"""Errors about the text of a trace: which file, which line, what stands there, what was expected."""

from __future__ import annotations

from collections.abc import Iterable

_CONTEXT_SPAN = 60


class TraceInputError(ValueError):
    """A file cannot be read at all: missing, empty, damaged, or of no known kind. ``path`` names it."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


class TraceSyntaxError(ValueError):
    """A line does not have the form its format demands.

    ``line`` and ``column`` count from 1. ``found`` and each of ``expected`` are words for people, not patterns.
    ``text`` is the line, ``context`` the line with a caret under the column; a long line is cut around it.
    """

    def __init__(self, path: str, line: int, column: int, found: str, expected: Iterable[str], text: str = "") -> None:
        self.path = path
        self.line = line
        self.column = column
        self.found = found
        self.text = text
        self.expected = tuple(expected)
        self.context = excerpt(text, column)
        super().__init__(path, line, column, found, self.expected)

    def __str__(self) -> str:
        expected = " or ".join(self.expected) or "nothing more"
        message = f"{self.path}:{self.line}:{self.column}: expected {expected}, found {self.found}"
        return f"{message}\n{self.context}" if self.context else message


def excerpt(text: str, column: int) -> str:
    """The line ``text`` with a caret under ``column`` (from 1); at most 60 characters on either side are kept."""
    if not text:
        return ""
    at = column - 1
    first, last = max(0, at - _CONTEXT_SPAN), at + _CONTEXT_SPAN
    before = ("..." if first else "") + text[first:at].expandtabs()
    after = text[at:last].expandtabs() + ("..." if last < len(text) else "")
    return f"{before}{after}\n{' ' * len(before)}^"


def describe_found(text: str, column: int) -> str:
    """What stands at ``column`` (from 1) of the line, in a few characters."""
    rest = text[column - 1 :]
    if not rest:
        return "end of line"
    blank = len(rest) - len(rest.lstrip())
    word = rest[:blank] + (rest.split(maxsplit=1)[0] if rest.strip() else "")
    return repr(word if len(word) <= 24 else word[:21] + "...")
