"""Why pages that the host's balloon bitmap has are not missed: whatever is skipped, the guest cannot use."""

from __future__ import annotations

from balloonproof.model.language import lemma
from balloonproof.model.lemmas import ballooning
from balloonproof.model.lemmas.precopy import synced
from balloonproof.model.state import Owner, Page, Phase, State
from balloonproof.model.terms import TRUE, Term, implies


@lemma
def bit_is_of_a_ballooned_page(s: State, page: Page) -> Term:
    """A page's bit in the balloon bitmap is set only while it is in the balloon, or until the host takes the request that names it on its way out."""
    return implies(page.balloon_bit, (page.owner == Owner.BALLOONED) | page.deflate_queued)


@lemma
def last_sync_waits_for_deflate(s: State, page: Page) -> Term:
    """From the last sync on no deflate request is left, and the stopped guest makes none."""
    if not s.is_set("drain-at-stop", "yes"):
        return TRUE
    drained = (s.phase == Phase.FETCH) | (s.phase == Phase.MERGE) | synced(s) | (s.phase == Phase.COMPLETED)
    return implies(s.final & drained, ~page.deflate_queued)


SKIP_LEMMAS = (*ballooning.BALLOON_LEMMAS, bit_is_of_a_ballooned_page, last_sync_waits_for_deflate)
