"""Bytes that need not be in memory."""

from __future__ import annotations

import os
import tempfile
from typing import IO


class PutAway:
    """A temporary file (in the folder that TMPDIR names) without a name, so that nothing is left behind; there is one when something is put away."""

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None

    def add(self, block: bytes) -> None:
        """Puts bytes behind those that are there.  OSError names the folder where there is no room for them."""
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="balloonproof-")  # noqa: SIM115
        try:
            self._file.write(block)
            self._file.flush()
        except OSError as error:
            raise OSError(error.errno, error.strerror, tempfile.gettempdir()) from None

    def read(self, count: int, at: int) -> bytes:
        """So many bytes from this place on, or as many as there are."""
        return b"" if self._file is None else os.pread(self._file.fileno(), count, at)
