"""What a log looks like: one Lark grammar per format, and how to match lines of it quickly.

- ``trace.lark``: this project's own trace format, written to be read and diffed.
- ``qemu_log.lark``: lines of QEMU's ``log`` trace backend, with both prefixes it has had.
- ``ftrace.lark``: lines of Linux ftrace text, for uprobes in QEMU and kprobes in the guest.
- :mod:`~balloonproof.grammar.loading` loads a grammar, :mod:`~balloonproof.grammar.line_grammar`
  turns its line rules into regular expressions, :mod:`~balloonproof.grammar.line_patterns` matches
  lines by them, :mod:`~balloonproof.grammar.errors` says what is wrong with a line.

A grammar is the only definition of its format: nothing here or downstream spells a line out a second time.
What the lines mean is the business of ``checker.read``.
"""

from .errors import TraceInputError, TraceSyntaxError
from .line_patterns import Line, LineParser
from .loading import line_parser

__all__ = ["Line", "LineParser", "TraceInputError", "TraceSyntaxError", "line_parser"]
