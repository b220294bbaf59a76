"""Loads the grammars of this folder, once each, and Lark only where it is needed.

What the grammars come to as regular expressions can be kept by others (:func:`keep_in`), so that a later run need not ask Lark for it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from .line_patterns import Expressions, LineParser

if TYPE_CHECKING:
    from .line_grammar import LineGrammar


class Store(NamedTuple):
    """How what was worked out is found again, by name (None if it is not there), and how it is kept: as what JSON holds."""

    load: Callable[[str], Any] = lambda name: None
    save: Callable[[str, Any], None] = lambda name, data: None


_store = Store()


def keep_in(store: Store) -> None:
    """From now on, what is worked out of the grammars is kept there."""
    global _store
    _store = store


@cache
def load(name: str) -> LineGrammar:
    """The grammar of the format `name` ("trace", "qemu_log", "ftrace" or "qmp_log")."""
    from .line_grammar import LineGrammar

    return LineGrammar(name)


@cache
def line_parser(name: str) -> LineParser:
    """The parser for lines of the format `name`: the fast patterns, with the grammar itself behind them."""
    return LineParser(_expressions(name), lambda: load(name))


def _expressions(name: str) -> Expressions:
    entry = f"expressions-{name}"
    try:
        return Expressions(**_store.load(entry))
    except TypeError:  # not there, or not what was written there
        pass
    expressions = load(name).expressions()
    _store.save(entry, expressions._asdict())
    return expressions
