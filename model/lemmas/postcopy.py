"""Why post-copy loses nothing: at the switch the destination has kept only what is right, and from then on every page is in one place."""

from __future__ import annotations

from balloonproof.model.language import lemma
from balloonproof.model.lemmas import ballooning, hinting
from balloonproof.model.lemmas.precopy import on_its_way, sending_goes_on
from balloonproof.model.state import Page, Phase, State
from balloonproof.model.terms import TRUE, Term, implies


@lemma
def page_never_sent_is_dirty(s: State, page: Page) -> Term:
    """Before the switch, a page that the destination has never got is still dirty, or on its way."""
    if not s.may_switch_to_postcopy:
        return TRUE
    return implies(sending_goes_on(s) & ~page.received, page.dirty | on_its_way(s, page))


@lemma
def page_is_in_one_place(s: State, page: Page) -> Term:
    """In post-copy a page is either still dirty at the source, or on the wire, or has been received."""
    if not s.may_switch_to_postcopy:
        return TRUE
    some = page.dirty | page.in_flight | page.received
    one = ~(page.dirty & page.in_flight) & ~(page.dirty & page.received) & ~(page.in_flight & page.received)
    return implies(s.phase == Phase.POSTCOPY, some & one)


@lemma
def wire_carries_pages_in_postcopy(s: State, page: Page) -> Term:
    """Before the switch a page is sent in one step, and while the connection is broken nothing is on the wire; what is on the wire does not change."""
    return implies(page.in_flight, s.phase == Phase.POSTCOPY) & ~page.in_flight_old


@lemma
def postcopy_needs_the_capability(s: State, page: Page) -> Term:
    """Without the capability postcopy-ram the guest never runs at the destination before its memory is there."""
    if s.may_switch_to_postcopy:
        return TRUE
    return (s.phase != Phase.POSTCOPY) & (s.phase != Phase.POSTCOPY_PAUSED)


POSTCOPY_LEMMAS = (page_never_sent_is_dirty, page_is_in_one_place, wire_carries_pages_in_postcopy, postcopy_needs_the_capability)
LEMMAS = tuple(dict.fromkeys((*hinting.LEMMAS, *ballooning.BALLOON_LEMMAS, *POSTCOPY_LEMMAS)))
