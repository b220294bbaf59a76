"""Reads what happened: text becomes a :class:`Trace`, whether it was written by this project, QEMU, or Linux.

- :mod:`~balloonproof.checker.read.events`: what a trace is.
- :mod:`~balloonproof.checker.read.native`: the native format; :mod:`~balloonproof.checker.read.record`: foreign logs
  of one migration, merged: files from ``qemu`` and ``simple`` (traces of either side), ``stream`` (the bytes sent),
  ``probes`` (ftrace text), ``qmp``, ``comparison`` (the truth, if memory was compared); events from ``sends`` (which
  pages were sent when, in which of the ``attempts``), ``host``, ``guest`` and ``management``; ``clocks`` brings times
  together, and ``inference`` says which system and settings were recorded.
- :mod:`~balloonproof.checker.read.sources`: files, plain or compressed, known by their content.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from ...grammar import TraceInputError, TraceSyntaxError
from ...grammar.loading import Store, keep_in
from .. import cache
from .events import Event, Expectation, Header, Pages, Source, Trace
from .files import record_files
from .native import format_event, read_native, stream_native, write_native, write_native_file
from .sources import Kind, lines, recognise

__all__ = [
    "Event",
    "Expectation",
    "Header",
    "Pages",
    "Source",
    "Trace",
    "TraceInputError",
    "TraceSyntaxError",
    "format_event",
    "is_native",
    "read_native",
    "read_trace",
    "stream_native",
    "write_native",
    "write_native_file",
]

keep_in(Store(cache.load, cache.save))


def is_native(path: str | os.PathLike[str]) -> bool:
    """Is this file a native trace (by its content)?  Raises :class:`TraceInputError` if it cannot be read."""
    return not os.path.isdir(path) and recognise(str(path)) is Kind.NATIVE


def read_trace(paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> Trace:
    """Reads one native trace, or the logs of one migration (files, or their directory); ``-`` is standard input.

    Raises :class:`TraceInputError` if a file cannot be read or the files do not go together, and
    :class:`TraceSyntaxError`, with file, line and column, at text that is not of its format.
    """
    files = record_files(paths)
    if not files:
        name = os.fspath(paths) if isinstance(paths, str | os.PathLike) else " ".join(os.fspath(path) for path in paths)
        raise TraceInputError(name, "no files to read: expected the logs of one migration")
    kinds = [recognise(path) for path in files]
    if Kind.NATIVE not in kinds:
        if len(files) == 1 and kinds[0] is Kind.IGNORED:
            next(lines(files[0]), None)  # says so if the file is empty, damaged, or not text
            raise TraceInputError(files[0], "not a trace: expected a native trace, a QEMU trace log, or ftrace text")
        from .record import read_record  # native traces do without all that reads foreign logs

        return read_record(files)
    if len(files) > 1:
        native = files[kinds.index(Kind.NATIVE)]
        raise TraceInputError(native, "a native trace is read by itself, not together with other files")
    return stream_native(files[0])
