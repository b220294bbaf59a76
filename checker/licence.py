"""What the host did outside its licence, whether or not the trace shows that a page was lost by it.

A hint lets the host skip a page that the guest has not written since the command id of the hint's round was issued.  A
hint that is honoured in a later round says nothing about writes before that round began: honouring it is a fault by
itself.  (virtio-spec 15f488c, balloon: free page hinting; facts of the race: `model.actions.balloon_device.take_start`.)
"""

from __future__ import annotations

from collections.abc import Sequence

from balloonproof.checker.explain import PageView, events_by_page, is_stale
from balloonproof.checker.monitor import PageMonitor
from balloonproof.checker.read.events import Event, Pages, Trace, merge_ranges
from balloonproof.checker.verdict import HINTS_IN_THEIR_ROUND, Finding


def stale_hints(monitor: PageMonitor, trace: Trace) -> list[Finding]:
    """At most one finding: the hints that were honoured although, in every run that explains the trace, an earlier round had queued them."""
    if not all(trace.header.observes(name) for name in ("host.hint", "host.command", "guest.hint", "guest.start")):
        return []  # without the guest's side no hint is certainly of an earlier round
    honoured = [event for event in trace.events if event.name == "host.hint" and event.pages and "dropped" not in event.flags]
    first_pages = {event.pages[0][0] for event in honoured}
    seen = events_by_page(monitor, trace.events, first_pages)
    stale = [event for event in honoured if _certainly_stale(monitor, seen[event.pages[0][0]], event)]
    if not stale:
        return []
    pages: Pages = merge_ranges(tuple(sorted(one for event in stale for one in event.pages)))
    told = [f"stale hint of pages {', '.join(f'{a:#x}+{n}' for a, n in event.pages)} honoured [{event.source}]" for event in stale]
    count = sum(size for _, size in pages)
    return [Finding("violated", pages, count, stale[0], HINTS_IN_THEIR_ROUND, stale_hints=told)]


def _certainly_stale(monitor: PageMonitor, seen: Sequence[Event], event: Event) -> bool:
    view = PageView(monitor, seen, event.pages[0][0], event)
    return bool(view.sights) and view.sights[-1].event == event and is_stale(monitor.automaton, view.sights[-1])
