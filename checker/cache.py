"""What was worked out is kept on disk for the next run, in ``$XDG_CACHE_HOME/balloonproof`` or ``~/.cache/balloonproof``.

The environment variable ``BALLOONPROOF_CACHE`` names another folder; ``off`` turns this off. Nothing depends on it: what is not there,
damaged, or cannot be written is worked out again. Entries belong to the content of this program's sources, and are text (JSON)
behind a checksum.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from balloonproof.checker.whole_file import whole_file

VARIABLE = "BALLOONPROOF_CACHE"
_PREFIX = "version-"
_OTHER_VERSIONS = 3
_MOST_ALIKE = 400


def folder() -> Path | None:
    """Where entries of this version of the sources are kept; None if nothing is to be kept."""
    chosen = os.environ.get(VARIABLE)
    if chosen == "off":
        return None
    base = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    with suppress(RuntimeError):  # no home
        return (Path(chosen) if chosen else base / "balloonproof").expanduser() / f"{_PREFIX}{_version()}"
    return None


@cache
def _version() -> str:
    """A checksum over all sources."""
    digest = hashlib.sha256()
    root = Path(__file__).parent.parent
    for part in ("checker", "grammar", "model"):
        for path in sorted((root / part).rglob("*")):
            if path.suffix in (".py", ".lark"):
                digest.update(f"{path.relative_to(root)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:32]


def load(name: str) -> Any:
    """The entry of this name; None if there is none, or it is damaged."""
    place = folder()
    if place is not None:
        with suppress(OSError, ValueError):
            checksum, _, text = (place / f"{name}.json").read_text(encoding="utf-8").partition("\n")
            if checksum == _checksum(text):
                return json.loads(text)
    return None


def save(name: str, data: Any) -> None:
    """Keeps an entry, if that is possible.

    Of entries whose names differ in what follows the last hyphen only the newest few hundred are left, and of other versions of the sources
    only those of the newest few.
    """
    place = folder()
    if place is None:
        return
    text = json.dumps(data, separators=(",", ":"))
    with suppress(OSError):
        if not place.exists():
            place.mkdir(parents=True, mode=0o700)
            others = [path for path in place.parent.glob(f"{_PREFIX}*") if path != place]
            for path in sorted(others, key=lambda path: path.stat().st_mtime)[:-_OTHER_VERSIONS]:
                shutil.rmtree(path, ignore_errors=True)
        with whole_file(place / f"{name}.json") as stream:
            stream.write(f"{_checksum(text)}\n{text}")
        alike = list(place.glob(f"{name.rpartition('-')[0]}-*.json"))
        for path in sorted(alike, key=lambda path: path.stat().st_mtime)[:-_MOST_ALIKE]:
            path.unlink()


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
