"""Reads binary files front to back, compressed or not, whatever their length, and knows the offset of each byte."""

from __future__ import annotations

from struct import Struct
from typing import Any

from ...grammar import TraceInputError
from .sources import blocks


class EndsEarly(Exception):
    """The file ends inside an item that begins at ``offset``."""

    def __init__(self, offset: int) -> None:
        super().__init__(offset)
        self.offset = offset


class ByteReader:
    """The bytes of a file, in order. ``offset`` is that of the next byte, after decompression."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.offset = 0
        self._blocks = blocks(path)
        self._block = b""
        self._at = 0

    def _more(self) -> bool:
        """Appends a block to what is held; no if the file is at its end."""
        block = next(self._blocks, None)
        if block is None:
            return False
        self._block = self._block[self._at :] + block
        self._at = 0
        return True

    def take(self, count: int) -> bytes:
        """The next bytes; :class:`EndsEarly` if there are fewer."""
        while len(self._block) - self._at < count:
            if not self._more():
                raise EndsEarly(self.offset)
        found = self._block[self._at : self._at + count]
        self._at += count
        self.offset += count
        return found

    def skip(self, count: int) -> None:
        """Passes over bytes without keeping them; :class:`EndsEarly` if there are fewer."""
        begin = self.offset
        while (held := len(self._block) - self._at) < count:
            self.offset += held
            count -= held
            self._at = len(self._block)
            if not self._more():
                raise EndsEarly(begin)
        self._at += count
        self.offset += count

    def peek(self) -> int | None:
        """The next byte, which stays next; None at the end of the file."""
        while self._at >= len(self._block):
            if not self._more():
                return None
        return self._block[self._at]

    def unpack(self, form: Struct) -> tuple[Any, ...]:
        """The next values of this form."""
        return form.unpack(self.take(form.size))

    def error(self, offset: int, found: str, expected: str) -> TraceInputError:
        """What is wrong with the bytes at an offset."""
        return TraceInputError(self.path, f"offset {offset:#x}: expected {expected}, found {found}")
