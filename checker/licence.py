"""What the host did outside its licence, whether or not the trace shows that a page was lost by it.

A hint lets the host skip a page that the guest has not written since the command id of the hint's round was issued.  A
hint that is honoured in a later round says nothing about writes before that round began: honouring it is a fault by
itself.  (virtio-spec 15f488c, balloon: free page hinting; facts of the race: `model.actions.balloon_device.take_start`.)
"""

from __future__ import annotations

from balloonproof.checker.monitor import PageMonitor
from balloonproof.checker.read.events import Pages, merge_ranges
from balloonproof.checker.verdict import HINTS_IN_THEIR_ROUND, Finding


def stale_hints(monitor: PageMonitor) -> list[Finding]:
    """At most one finding: the hints that were honoured although, in every run that explains the trace, an earlier round had queued them."""
    stale = monitor.stale_hints
    if not stale:
        return []
    pages: Pages = merge_ranges(tuple(sorted(one for event in stale for one in event.pages)))
    told = [f"stale hint of pages {', '.join(f'{a:#x}+{n}' for a, n in event.pages)} honoured [{event.source}]" for event in stale]
    count = sum(size for _, size in pages)
    return [Finding("violated", pages, count, stale[0], HINTS_IN_THEIR_ROUND, stale_hints=told)]
