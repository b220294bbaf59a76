"""When zero pages were sent: the source logs none of them, the destination their order among the others."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Sequence

from .alignment import Ahead
from .qemu import Load, QemuLog, Save, Section

_NEVER = 1 << 63
TIMED_SYNC = "cpu_throttle_dirty_sync"
"""The line that QEMU's source logs where the timer of auto-converge syncs beside the sends (52ac968ab2, 9.2)."""


class ZeroPages:
    """When zero pages were sent: after the page before them that the source shows, and at the right side of a sync, if that can be told.

    A sync lies between two sections of RAM (QEMU migration_iteration_run), but for one that a timer makes.
    """

    def __init__(self, source: QemuLog, sections: Sequence[Section], destination: QemuLog) -> None:
        self.starts = array("q", (step.time for step in source.steps if step.kind == "migration_bitmap_sync_start"))
        self.ends = array("q", (step.time for step in source.steps if step.kind == "migration_bitmap_sync_end"))
        self.is_told = bool(sections) and destination.load_sections > 0
        """Are the sections of both sides known?"""
        self.by_section = destination.load_sections > 0 and TIMED_SYNC not in source.kinds
        self.unsure = 0
        self.begin(0)

    def begin(self, time: int, section: int = -1) -> None:
        """A page was sent at that time, in that section of the destination's."""
        self.time, self.section = time, section
        self.next: tuple[int, int] | None = None

    def time_of(self, load: Load, pairs: Ahead[tuple[Save | None, Load | None]]) -> int:
        """At least this late, and no later than is known."""
        if self.is_told:
            return self.time
        until, section = self.next = self.next or self._next(pairs)
        if bisect_right(self.starts, self.time) == bisect_right(self.starts, until):
            return self.time
        if self.by_section and load.section == self.section != section:
            return self.time
        if self.by_section and load.section == section != self.section:
            ended = bisect_right(self.ends, until)
            return max(self.time, self.ends[ended - 1] if ended else 0)
        self.unsure += 1
        return self.time

    def _next(self, pairs: Ahead[tuple[Save | None, Load | None]]) -> tuple[int, int]:
        """Time and section of the next page that both sides show."""
        ahead = 0
        while pairs.has(ahead):
            save, load = pairs.item(ahead)
            if save is not None and load is not None:
                return save.time, load.section
            ahead += 1
        return _NEVER, -1
