"""Hints that were honoured although an earlier round had queued them: the first of them in words, the others counted, so that a trace may have any number."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from balloonproof.checker.read.events import Event, Pages

NAMED = 100
"""So many hints are named one by one."""


@dataclass
class NamedHints:
    """Hints in words, the first ones."""

    first: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, event: Event, more: str = "") -> None:
        """A hint; `more` may be said of it."""
        self.count += 1
        if self.count <= NAMED:
            where = ", ".join(f"{first:#x}+{size}" for first, size in event.pages)
            self.first.append(f"stale hint of pages {where} honoured{more} [{event.source}]")

    def lines(self) -> list[str]:
        """What to say, one line a hint, and how many more there are."""
        return self.first + ([f"and {self.count - NAMED:,} more stale hints"] if self.count > NAMED else [])


class StaleHints:
    """The stale hints of a trace on a guest of so many pages."""

    def __init__(self, page_count: int) -> None:
        self.page_count = page_count
        self.named = NamedHints()
        self.first: Event | None = None
        self._hinted: NDArray[np.bool_] | None = None

    def add(self, event: Event) -> None:
        """One more."""
        self.first = self.first or event
        self.named.add(event)
        if self._hinted is None:
            self._hinted = np.zeros(self.page_count, dtype=bool)
        for first, count in event.pages:
            self._hinted[first : first + count] = True

    def pages(self) -> Pages:
        """All pages that they name, and those that follow each other as one range."""
        hinted = np.zeros(0, dtype=bool) if self._hinted is None else self._hinted
        bounds = np.flatnonzero(np.diff(np.concatenate([[False], hinted, [False]]))).tolist()
        return tuple((first, end - first) for first, end in zip(bounds[::2], bounds[1::2], strict=True))
