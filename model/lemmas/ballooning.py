"""Why the balloon and free page reporting harm nobody: whatever the host may discard, the guest cannot use."""

from __future__ import annotations

from balloonproof.model.actions.ballooning import keeps_record
from balloonproof.model.actions.discard import is_answered
from balloonproof.model.language import lemma
from balloonproof.model.lemmas import precopy
from balloonproof.model.state import Owner, Page, State
from balloonproof.model.terms import TRUE, Term, implies


@lemma
def inflate_request_is_of_a_ballooned_page(s: State, page: Page) -> Term:
    """From the inflate request to its answer the page is in the balloon."""
    return implies(~is_answered(page.inflate), page.owner == Owner.BALLOONED)


@lemma
def deflate_request_keeps_the_page(s: State, page: Page) -> Term:
    """A guest that waits for the host uses a page only after its deflate request was answered."""
    if not s.is_set("deflate-waits-for-ack", "yes"):
        return TRUE
    return implies(page.deflate_queued, page.owner == Owner.DEFLATING)


@lemma
def recorded_page_is_out_of_use(s: State, page: Page) -> Term:
    """What the device has on record as ballooned is in the balloon, or on its way out with a request that will end the record."""
    of_pages_in_hand = s.is_set("ballooned-record", "across-elements") and s.is_set("host-page-size", "same")  # then the record adds nothing
    if not keeps_record(s) or of_pages_in_hand:
        return TRUE
    return implies(page.recorded, (page.owner == Owner.BALLOONED) | ((page.owner == Owner.DEFLATING) & page.deflate_queued))


@lemma
def reported_page_is_off_the_free_list(s: State, page: Page) -> Term:
    """From the report to its answer the page is off the free list."""
    return implies(~is_answered(page.report), page.owner == Owner.ISOLATED)


BALLOON_LEMMAS = (*precopy.LEMMAS, inflate_request_is_of_a_ballooned_page, deflate_request_keeps_the_page, recorded_page_is_out_of_use)
REPORTING_LEMMAS = (*precopy.LEMMAS, reported_page_is_off_the_free_list)
