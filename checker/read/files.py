"""Which files are meant by paths."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path


def record_files(paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> list[str]:
    """The files meant by paths: of a directory its own files, sorted by name, without the hidden ones."""
    several = [paths] if isinstance(paths, str | os.PathLike) else paths
    files: list[str] = []
    for path in map(Path, several):
        if path.is_dir():
            files += sorted(str(p) for p in path.iterdir() if p.is_file() and not p.name.startswith("."))
        else:
            files.append(str(path))
    return files
