"""Free page reporting: Linux mm/page_reporting.c, virtballoon_free_page_report; QEMU virtio_balloon_handle_report.

The guest takes blocks of free pages off the free list, reports up to 32 of them in one request, waits for its answer and puts them back.  Only one request
is under way at a time; here each page is reported and answered on its own, which allows more orders, never fewer.  PageReported only keeps the guest from
reporting a page again before it was used, and a merge of buddies drops it, so here a page may be reported again at any time.
"""

from __future__ import annotations

from balloonproof.model.actions.discard import answer, discard, handles_requests, is_answered, is_discardable, may_discard
from balloonproof.model.language import Actor, action, require
from balloonproof.model.state import Owner, Page, Request, State
from balloonproof.model.terms import FALSE, Term


@action(Actor.DRIVER, event="guest.report", source="Linux page_reporting_cycle: __isolate_free_page; virtballoon_free_page_report: virtqueue_add_inbuf")
def report(s: State, page: Page) -> None:
    """Take a free page off the free list and report it.  It is not allocated: what the kernel filled it with must stay."""
    require(s.running, page.owner == Owner.FREE, ~page.holds_ring, is_answered(page.report))
    if s.is_set("free-page-content", "zero", "poison"):
        require(page.relied)  # such a kernel fills what it frees, at boot too, and reports nothing else
    if s.keeps("isolate-while-reported"):
        page.owner = Owner.ISOLATED
    page.report = Request.QUEUED


def poison_forbids(s: State) -> Term:
    """The device knows that the guest relies on poison in its free pages: it answers the report and does nothing else (poison_val != 0)."""
    guards = ("report-needs-page-poison", "poison-value-announced", "poison-forbids-discard")
    return s.poison_known if s.is_set("free-page-content", "poison") and all(map(s.keeps, guards)) else FALSE


@action(Actor.DEVICE, event="host.discard-reported", source="QEMU virtio_balloon_handle_report: ram_block_discard_range (91b867191d, 5.1; under the BQL)")
def discard_reported(s: State, page: Page) -> None:
    """Discard a reported page.  A device that initialises what is reported says so in its answer; the guest then relies on the zeros.

    It does so from the answer on; here already from the discard on, between which and the answer nothing happens that could tell.
    """
    require(handles_requests(s), may_discard(s), ~poison_forbids(s), is_discardable(s, page.report, Request.QUEUED))
    page.report = Request.HANDLED if s.keeps("discard-before-answer") else Request.NONE
    discard(s, page)
    if s.is_set("device-initialises-reported", "yes"):
        page.relied = True


@action(Actor.DEVICE, event="host.reported", source="QEMU virtio_balloon_handle_report: virtqueue_push, virtio_notify")
def answer_report(s: State, page: Page) -> None:
    """Use the descriptor: the guest may have its page back."""
    require(handles_requests(s))
    page.report = answer(s, page.report, read=Request.QUEUED)


@action(Actor.DRIVER, event="guest.put-back", source="Linux page_reporting_drain: __putback_isolated_page, __SetPageReported")
def put_back(s: State, page: Page) -> None:
    """The host has answered: put the page back on the free list as it is.  (It is not freed: nothing is written over it.)"""
    require(s.running, page.owner == Owner.ISOLATED)
    if s.keeps("put-back-waits-for-answer"):
        require(is_answered(page.report))
    page.owner = Owner.FREE
    page.reported = True
