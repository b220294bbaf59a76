"""Standard input as a file that can be read again, though a pipe says everything once.

A trace is read several times: to recognise it, to follow it, to explain what was found.  What has come through a pipe is
therefore kept in a temporary file (in the folder that TMPDIR names), without a name, so that nothing is left behind; memory does not
grow with it.  A redirected file (``< FILE``) is read where it is.
"""

from __future__ import annotations

import os
import select
import tempfile
from dataclasses import dataclass
from functools import cache
from stat import S_ISREG
from typing import IO, Protocol

NAME = "-"
"""How standard input is called among paths."""

_DESCRIPTOR = 0


class _Source(Protocol):
    def read(self, count: int, at: int) -> bytes:
        """At least one byte and at most so many, from this place on; none at the end."""


@dataclass(frozen=True)
class _Redirected:
    """A file, from where it stood when it was first read."""

    begin: int

    def read(self, count: int, at: int) -> bytes:
        return os.pread(_DESCRIPTOR, count, self.begin + at)


class _Pipe:
    """What has come through a pipe so far, and what will: whoever reads so far waits for more of it."""

    def __init__(self) -> None:
        self.length, self.ended = 0, False
        self.copy: IO[bytes] = tempfile.TemporaryFile(prefix="balloonproof-")  # noqa: SIM115

    def read(self, count: int, at: int) -> bytes:
        if at < self.length or self.ended:
            return os.pread(self.copy.fileno(), count, at)
        block = os.read(_DESCRIPTOR, count)
        self.ended = not block
        self.copy.write(block)
        self.copy.flush()
        self.length += len(block)
        return block


@cache
def _source() -> _Source:
    is_file = S_ISREG(os.fstat(_DESCRIPTOR).st_mode)
    return _Redirected(os.lseek(_DESCRIPTOR, 0, os.SEEK_CUR)) if is_file else _Pipe()


class Reading:
    """One reading of standard input from its beginning; any number of them may go on at once.  Raises OSError as a file does."""

    def __init__(self) -> None:
        self.source, self.position = _source(), 0

    def has_more(self, seconds: float) -> bool:
        """Can something be read (its end, perhaps) without waiting longer than this?"""
        if isinstance(self.source, _Pipe) and self.position == self.source.length and not self.source.ended:
            return bool(select.select([_DESCRIPTOR], [], [], seconds)[0])
        return True

    def read(self, count: int) -> bytes:
        """At least one byte and at most so many; none at the end."""
        block = self.source.read(count, self.position)
        self.position += len(block)
        return block
