"""Why the guest's list of free pages loses nothing, used as the rule in `systems.free_page_bitmap` says: what was used since the request is in the log."""

from __future__ import annotations

from balloonproof.model.language import lemma
from balloonproof.model.lemmas import precopy
from balloonproof.model.lemmas.precopy import lacks, synced
from balloonproof.model.state import Asking, FreeList, Page, Phase, State
from balloonproof.model.terms import TRUE, Term, implies


@lemma
def request_ends_with_the_sync(s: State, page: Page) -> Term:
    """A request stands in a migration, and not beyond the beginning of a sync."""
    during = (s.phase == Phase.BEFORE_SYNC) | (s.phase == Phase.ROUND) | (s.phase == Phase.COMPLETED) | (s.phase == Phase.CLEANUP)
    return implies(s.asking == Asking.OPEN, during)


@lemma
def list_answers_the_request_or_is_stale(s: State, page: Page) -> Term:
    """A list that is not known to be stale was begun for the request that stands."""
    return implies((s.free_list != FreeList.NONE) & ~s.list_stale, (s.asking == Asking.OPEN) & ~s.request_unseen)


@lemma
def stopped_guest_makes_no_list(s: State, page: Page) -> Term:
    """What is asked for after the last sync, the stopped guest does not see."""
    return implies(s.final & synced(s) & (s.asking == Asking.OPEN), s.request_unseen)


@lemma
def only_listed_pages_are_on_the_list(s: State, page: Page) -> Term:
    """A page is marked only while there is a list, and never the used ring."""
    return implies(page.listed, (s.free_list != FreeList.NONE) & ~page.holds_ring)


@lemma
def log_is_clear_while_a_request_stands(s: State, page: Page) -> Term:
    """The log was cleared before the host asked, so that nothing clears it before the next sync."""
    if not s.is_set("log-clear", "before-request"):
        return TRUE
    return implies(s.asking == Asking.OPEN, ~page.chunk.clear_pending)


@lemma
def used_since_listed_is_logged(s: State, page: Page) -> Term:
    """A page on the list that stands, which the guest has written since, is on record outside the bitmap."""
    stands = (s.asking == Asking.OPEN) & ~s.list_stale & ((s.phase == Phase.BEFORE_SYNC) | (s.phase == Phase.ROUND))
    return implies(stands & page.listed & lacks(page), page.logged | page.ram_dirty)


LIST_LEMMAS = (
    request_ends_with_the_sync,
    list_answers_the_request_or_is_stale,
    stopped_guest_makes_no_list,
    only_listed_pages_are_on_the_list,
    log_is_clear_while_a_request_stands,
    used_since_listed_is_logged,
)
LEMMAS = (*precopy.LEMMAS, *LIST_LEMMAS)
