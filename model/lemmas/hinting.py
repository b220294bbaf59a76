"""Why hinting is safe where hinted pages are given back only after the device has used their hint (`release-waits-for-ack=yes`).

A hint that the device can still take is then of a page that nobody uses, so it may be late and even stale: clearing the page's bit loses nothing.
The write that follows the release is in the log, which the hint cleared with the bit.
"""

from __future__ import annotations

from balloonproof.model.actions.discard import is_syncing
from balloonproof.model.language import lemma
from balloonproof.model.lemmas import precopy
from balloonproof.model.state import Hinting, Owner, Page, Phase, State
from balloonproof.model.terms import TRUE, Term, implies


@lemma
def queued_hint_is_of_a_held_page(s: State, page: Page) -> Term:
    """While a hint of the page is queued, the driver holds the page."""
    return implies(s.queue.holds_hint(page), page.owner == Owner.HINTED) if s.is_set("release-waits-for-ack", "yes") else TRUE


@lemma
def hinting_stops_for_a_sync(s: State, page: Page) -> Term:
    """From before the fetch of a sync until its end no hint is honoured."""
    if not s.hints_enabled:
        return TRUE
    return implies(is_syncing(s), s.hinting == Hinting.STOP)


@lemma
def hinting_is_done_when_the_vm_stops(s: State, page: Page) -> Term:
    """After the last sync of a migration, and when it has completed, hinting is done."""
    if not s.hints_enabled:
        return TRUE
    return implies(((s.phase == Phase.ROUND) & s.final) | (s.phase == Phase.COMPLETED), s.hinting == Hinting.DONE)


@lemma
def nothing_is_held_before_the_first_request(s: State, page: Page) -> Term:
    """While no migration runs, hinting is done; before the first that asks for hints, and after a reset, no page is held, and the driver begins no round."""
    if not s.has("hinting"):
        return TRUE
    no_new_id = (s.received == s.stop_id) | (s.received == s.done_id) | (s.received == s.active)
    never = (s.hinting == Hinting.STOP) & no_new_id & ~s.in_round & (page.owner != Owner.HINTED)
    return implies(s.phase == Phase.NONE, (s.hinting == Hinting.DONE) | never) if s.hints_enabled else never


@lemma
def hints_are_asked_for_after_a_sync(s: State, page: Page) -> Term:
    """TCG: hints are asked for only after a sync, from which on every write is noticed, also to a page that is not dirty."""
    if not s.is_set("dirty-log", "tcg"):
        return TRUE
    asked = (s.hinting == Hinting.REQUESTED) | (s.hinting == Hinting.START)
    return implies((s.phase == Phase.BEFORE_SYNC) & asked, page.armed | precopy.marked(s, page))


LEMMAS = (
    *precopy.LEMMAS,
    queued_hint_is_of_a_held_page,
    hinting_stops_for_a_sync,
    hinting_is_done_when_the_vm_stops,
    nothing_is_held_before_the_first_request,
    hints_are_asked_for_after_a_sync,
)
