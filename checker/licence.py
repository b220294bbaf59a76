"""What the host did outside its licence, whether or not the trace shows that a page was lost by it.

A hint lets the host skip a page that the guest has not written since the command id of the hint's round was issued.  A
hint that is honoured in a later round says nothing about writes before that round began: honouring it is a fault by
itself.  (virtio-spec 15f488c, balloon: free page hinting; facts of the race: `model.actions.balloon_device.take_start`.)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from balloonproof.checker.following import follow
from balloonproof.checker.judging import Judged
from balloonproof.checker.monitor import Judgement, PageMonitor
from balloonproof.checker.read.events import Event
from balloonproof.checker.stale_hints import NamedHints
from balloonproof.checker.verdict import HINTS_IN_THEIR_ROUND, Finding
from balloonproof.model.workers import silent


def stale_hints(monitor: PageMonitor) -> list[Finding]:
    """At most one finding: the hints that were honoured although, in every run that explains the trace, an earlier round had queued them."""
    stale = monitor.stale_hints
    if stale.first is None:
        return []
    pages = stale.pages()
    return [Finding("violated", pages, sum(size for _, size in pages), stale.first, HINTS_IN_THEIR_ROUND, stale_hints=stale.named.lines())]


class _Blamed:
    """The hints that cleared lost pages' bits although they belonged to an earlier round, with how many of the pages each names."""

    def __init__(self, item: Judgement) -> None:
        self.event, self.named = item.event, NamedHints()
        self._firsts, self._ends = np.array([(first, first + count) for first, count in item.pages]).T

    def look(self, monitor: PageMonitor, event: Event) -> None:
        """The host takes a hint, which may be one of them.  Told by the first lost page that it names."""
        if self.event is not None and event.time > self.event.time:
            return
        lost, number = -1, 0
        for first, count in event.pages:
            low, high = np.searchsorted(self._ends, first, "right"), np.searchsorted(self._firsts, first + count, "left")
            if low < high:
                lost = lost if lost >= 0 else max(first, int(self._firsts[low]))
                number += int((np.minimum(self._ends[low:high], first + count) - np.maximum(self._firsts[low:high], first)).sum())
        if lost >= 0 and monitor.is_stale(event, lost):
            self.named.add(event, f", {number} of them lost")


def hints_to_blame(judged: Judged, items: Sequence[Judgement]) -> list[list[str]]:
    """For each judgement that pages were lost the stale hints to blame, by following the trace once more."""
    blamed = [_Blamed(item) if item.kind == "violated" else None for item in items]
    if judged.followed.counts["host.hint"] and any(blamed):

        def look(monitor: PageMonitor, event: Event) -> None:
            for one in blamed:
                if one is not None:
                    one.look(monitor, event)

        follow(judged.trace, judged.configuration, silent, at_hint=look)
    return [[] if one is None else one.named.lines() for one in blamed]
