"""A log that is being written: its lines as they come, as ``tail -f`` shows them.

Only whole lines are handed out: the last one may be half written, and is waited for.
"""

from __future__ import annotations

import os
import time
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ...grammar import TraceInputError
from . import standard_input
from .sources import codec_of, decode

PAUSE = (0, "")
"""In the place of a line: there is none yet."""
_BLOCK = 1 << 16
_PAUSE = 0.1
"""Seconds between two looks at a file that has said all it has."""

GoOn = Callable[[bool], bool]
"""Asked again and again, and told whether more has come: shall it go on?"""


@dataclass
class GrowingFile:
    """A file, a pipe, or standard input (``-``), that somebody writes; each iteration begins at its first line."""

    path: str
    go_on: GoOn

    def lines(self) -> Iterator[tuple[int, str]]:
        """Its lines with their numbers, as :func:`.sources.lines`, and :data:`PAUSE` whenever nothing new has come for a while.

        They end where a pipe does, or when it shall not go on.

        Raises :class:`TraceInputError` if the file cannot be read, is compressed, or did not only grow.
        """
        number, rest = 1, b""
        for block in self._blocks():
            if not block:
                yield PAUSE
            *whole, rest = (rest + block).split(b"\n")
            for text in whole:
                yield number, decode(text, self.path, number)
                number += 1

    def _blocks(self) -> Iterator[bytes]:
        begun = False
        try:
            for block in self._of_pipe() if standard_input.is_pipe(self.path) else self._of_file():
                if block and not begun and codec_of(block):
                    raise TraceInputError(self.path, "is compressed: only plain text can be followed while it is written")
                block = block if begun else block.removeprefix(BOM_UTF8)
                begun = begun or bool(block)
                yield block
                if not self.go_on(bool(block)):
                    return
        except OSError as error:
            if error.filename not in (None, self.path):
                raise
            raise TraceInputError(self.path, f"cannot be read: {error.strerror or error}") from None

    def _of_file(self) -> Iterator[bytes]:
        """What is new, nothing if nothing is."""
        with open(self.path, "rb") as file:
            position = 0
            while True:
                block = file.read(_BLOCK)
                position += len(block)
                yield block
                if not block:
                    self._check(file.fileno(), position)
                    time.sleep(_PAUSE)

    def _check(self, descriptor: int, position: int) -> None:
        """Is the file still there, and has nothing of it been taken away?"""
        mine = os.fstat(descriptor)
        try:
            named = os.stat(self.path)
        except FileNotFoundError:
            raise TraceInputError(self.path, "was removed while it was followed") from None
        if (named.st_dev, named.st_ino) != (mine.st_dev, mine.st_ino):
            raise TraceInputError(self.path, "was replaced by another file while it was followed")
        if mine.st_size < position:
            raise TraceInputError(self.path, f"was cut to {mine.st_size} bytes while it was followed, after {position} had been read")

    def _of_pipe(self) -> Iterator[bytes]:
        reading = standard_input.Reading(self.path)
        while True:
            if not reading.has_more(_PAUSE):
                yield b""
                continue
            block = reading.read(_BLOCK)
            if not block:
                return
            yield block
