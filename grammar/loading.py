"""Loads the grammars of this folder, once each."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from lark import Lark

from .line_patterns import LineParser


@cache
def load(name: str) -> Lark:
    """The LALR parser for one line of the format ``name`` ("trace", "qemu_log" or "ftrace")."""
    text = (Path(__file__).parent / f"{name}.lark").read_text(encoding="utf-8")
    return Lark(text, start="line", parser="lalr", propagate_positions=True, maybe_placeholders=False)


@cache
def line_parser(name: str) -> LineParser:
    """The parser for lines of the format ``name``: the fast patterns, with the grammar itself behind them."""
    return LineParser(load(name))
