"""Pipes as files that can be read again, though a pipe says everything once: standard input, or any other (``<(zstdcat FILE)``).

A trace is read several times: to recognise it, to follow it, to explain what was found.  What has come through a pipe is
therefore kept in a temporary file; memory does not grow with it.  A redirected file (``< FILE``) is read where it is.
"""

from __future__ import annotations

import os
import select
from dataclasses import dataclass
from functools import cache
from stat import S_ISREG
from typing import Protocol

from ..whole_file import is_special
from .put_away import PutAway

NAME = "-"
"""How standard input is called among paths."""


_STANDARD_INPUT = 0
"""Its file descriptor."""


class _Source(Protocol):
    def read(self, count: int, at: int) -> bytes:
        """At least one byte and at most so many, from this place on; none at the end."""


@dataclass(frozen=True)
class _Redirected:
    """A file, from where it stood when it was first read."""

    descriptor: int
    begin: int

    def read(self, count: int, at: int) -> bytes:
        return os.pread(self.descriptor, count, self.begin + at)


class _Pipe:
    """What has come through a pipe so far, and what will: whoever reads so far waits for more of it."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.length, self.ended = 0, False
        self.copy = PutAway()

    def read(self, count: int, at: int) -> bytes:
        if at < self.length or self.ended:
            return self.copy.read(count, at)
        block = os.read(self.descriptor, count)
        self.ended = not block
        self.copy.add(block)
        self.length += len(block)
        return block


def is_pipe(path: str) -> bool:
    """Is this standard input, or another file that need not say the same when it is read again?  OSError if there is none."""
    return path == NAME or is_special(path)


def _source(path: str) -> _Source:
    known = os.fstat(_STANDARD_INPUT) if path == NAME else os.stat(path)
    return _opened(path, known.st_dev, known.st_ino)


@cache
def _opened(path: str, device: int, inode: int) -> _Source:
    descriptor = _STANDARD_INPUT if path == NAME else os.open(path, os.O_RDONLY)
    is_file = S_ISREG(os.fstat(descriptor).st_mode)
    return _Redirected(descriptor, os.lseek(descriptor, 0, os.SEEK_CUR)) if is_file else _Pipe(descriptor)


class Reading:
    """One reading of a pipe from its beginning; any number of them may go on at once.  Raises OSError as a file does."""

    def __init__(self, path: str = NAME) -> None:
        self.source, self.position = _source(path), 0

    def has_more(self, seconds: float) -> bool:
        """Can something be read (its end, perhaps) without waiting longer than this?"""
        if isinstance(self.source, _Pipe) and self.position == self.source.length and not self.source.ended:
            return bool(select.select([self.source.descriptor], [], [], seconds)[0])
        return True

    def read(self, count: int) -> bytes:
        """At least one byte and at most so many; none at the end."""
        block = self.source.read(count, self.position)
        self.position += len(block)
        return block
