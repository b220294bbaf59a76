"""Why a background snapshot has every page as it was at its moment: what is still to be saved is protected."""

from __future__ import annotations

from balloonproof.model.language import lemma
from balloonproof.model.lemmas import ballooning, precopy
from balloonproof.model.state import Page, Snapshot, State
from balloonproof.model.terms import Term, implies


def to_be_saved(page: Page) -> Term:
    """The stream has yet to read the page."""
    return page.dirty | page.in_channel


@lemma
def snapshot_begins_with_all_pages(s: State, page: Page) -> Term:
    """Until the VM goes on after the snapshot's moment, every page is still to be saved."""
    began = (s.snapshot != Snapshot.NONE) & (s.snapshot != Snapshot.SAVING) & (s.snapshot != Snapshot.FINISHED)
    return implies(began, page.dirty)


@lemma
def finished_snapshot_lacks_nothing(s: State, page: Page) -> Term:
    """A page is to be saved only while a snapshot is under way."""
    return implies(to_be_saved(page), s.in_snapshot)


@lemma
def every_page_has_memory(s: State, page: Page) -> Term:
    """From when all pages were read once until they are protected, the host has memory for each, since nothing is discarded meanwhile."""
    return implies((s.snapshot == Snapshot.POPULATED) | (s.snapshot == Snapshot.STOPPED), page.populated)


@lemma
def vm_stands_still_until_protected(s: State, page: Page) -> Term:
    """From the snapshot's moment until the VM goes on, it does not run."""
    return implies((s.snapshot == Snapshot.STOPPED) | (s.snapshot == Snapshot.PROTECTED), ~s.running)


@lemma
def unsaved_page_is_protected(s: State, page: Page) -> Term:
    """Once the pages were protected, one that is still to be saved is protected, so that a write to it waits."""
    return implies((s.snapshot == Snapshot.PROTECTED) | ((s.snapshot == Snapshot.SAVING) & to_be_saved(page)), page.armed)


@lemma
def wanted_page_is_saved_or_unchanged(s: State, page: Page) -> Term:
    """From the snapshot's moment on, a page that the guest relied on then is either saved, or still has the content of that moment and is still to be saved."""
    taken = (s.snapshot == Snapshot.STOPPED) | (s.snapshot == Snapshot.PROTECTED) | (s.snapshot == Snapshot.SAVING) | (s.snapshot == Snapshot.FINISHED)
    return implies(taken & page.wanted, (page.saved & ~to_be_saved(page)) | (page.unchanged & to_be_saved(page)))


LEMMAS = (
    precopy.ring_is_never_allocated,
    precopy.relies_on_what_it_uses,
    ballooning.inflate_request_is_of_a_ballooned_page,
    snapshot_begins_with_all_pages,
    finished_snapshot_lacks_nothing,
    every_page_has_memory,
    vm_stands_still_until_protected,
    unsaved_page_is_protected,
    wanted_page_is_saved_or_unchanged,
)
