"""Files that are written as a whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISREG
from typing import TextIO

from balloonproof.model.ending import in_order


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[TextIO]:
    """A text file to write that takes `path`'s place when the block ends; if it raises, or a signal ends the process in it, nothing is left behind.

    What is behind a symbolic link is replaced, not the link.  What is no regular file, such as a device or a pipe, is written to where it is.
    What is no character, such as a byte of a file's name that is not UTF-8, is written as a number.  OSError names `path`.
    """
    name = os.fspath(path)
    try:
        if is_special(name):
            with open(name, "w", encoding="utf-8", errors="backslashreplace") as stream:
                yield stream
            return
        target = Path(os.path.realpath(name))
        with _replaced(target) as stream:
            yield stream
    except OSError as error:
        # not every error of the system says of which file it speaks, and none knows the temporary one
        if error.errno is None or isinstance(error, BrokenPipeError):
            raise
        raise OSError(error.errno, error.strerror, name) from None


def is_special(name: str) -> bool:
    """Is there something that is no regular file?"""
    try:
        return not S_ISREG(os.stat(name).st_mode)
    except FileNotFoundError:
        return False


@contextmanager
def _replaced(target: Path) -> Iterator[TextIO]:
    with in_order():
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".balloonproof-", suffix=".part")
        try:
            with open(handle, "w", encoding="utf-8", errors="backslashreplace") as stream:
                yield stream
            os.chmod(temporary, _mode(target))
            os.replace(temporary, target)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(temporary)
            raise


def _mode(target: Path) -> int:
    """The permissions of the file that is replaced, else those of any new file."""
    with suppress(FileNotFoundError):
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
