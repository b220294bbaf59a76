"""Inflate and deflate: Linux drivers/virtio/virtio_balloon.c and QEMU virtio_balloon_handle_output.

Inflate and deflate have a queue each, with no order between the two; of a queue only what concerns one page matters here, so each page carries its own
mark.  Linux has one request of up to 256 pages under way in each queue and waits for it; here every page is told and answered on its own,
and the pages whose requests the device has read and not answered are those of its current element: this allows more orders, never fewer.

A page comes into the balloon when its target grows (fill_balloon) and when compaction moves a balloon page to it (virtballoon_migratepage: inflate the new
page, deflate the old); it leaves when the target shrinks, under memory pressure (DEFLATE_ON_OOM: virtio_balloon_oom_notify) and, again, by compaction.  All of
them queue the request, wait for the answer and only then go on, so each is the steps below; migration sends a page in the balloon like any other.
"""

from __future__ import annotations

from balloonproof.model.actions.balloon_bitmap import bit_cleared, bit_set
from balloonproof.model.actions.discard import answer, discard, handles_requests, is_answered, is_discardable, may_discard
from balloonproof.model.actions.guest import give_to_allocator, take_from_allocator
from balloonproof.model.language import Actor, action, require
from balloonproof.model.state import Owner, Page, Request, State
from balloonproof.model.terms import Term


@action(Actor.DRIVER, event="guest.inflate", source="Linux fill_balloon, virtballoon_migratepage (new page): balloon_page_enqueue, tell_host")
def inflate(s: State, page: Page) -> None:
    """Take a free page out of the allocator into the balloon, and tell the host."""
    require(is_answered(page.inflate))
    take_from_allocator(s, page, Owner.BALLOONED)
    page.inflate = Request.QUEUED


@action(Actor.DEVICE, event="host.inflate", source="QEMU virtio_balloon_handle_output, balloon_inflate_page (under the BQL)")
def take_inflate(s: State, page: Page) -> None:
    """Read an inflate request and put the page on record as ballooned."""
    require(handles_requests(s), page.inflate == Request.QUEUED)
    page.inflate = Request.HANDLED
    if keeps_record(s):
        page.recorded = True
    bit_set(s, page)


def keeps_record(s: State) -> bool:
    """Does the record outlive the answer?  Without, the pages on record are those whose request is in the device's hands."""
    return s.is_set("ballooned-record", "across-elements", "until-deflate")


def is_recorded(s: State, page: Page) -> Term:
    """The device has the page on record as ballooned."""
    return page.recorded if keeps_record(s) else is_discardable(s, page.inflate, Request.HANDLED)


@action(Actor.DEVICE, event="host.discard-ballooned", source="QEMU balloon_inflate_page: ram_block_discard_range; PartiallyBalloonedPage (ed48c59875, 4.0)")
def discard_ballooned(s: State, page: Page) -> None:
    """Discard the page; a host page that is larger than it only once all of it is on record, since all of it goes."""
    require(handles_requests(s), may_discard(s), is_recorded(s, page))
    if s.is_set("ballooned-record", "across-elements"):
        require(is_discardable(s, page.inflate, Request.HANDLED))
    for item in page.host_page.pages if s.is_set("host-page-size", "larger") else [page]:
        if s.keeps("whole-host-page") and item is not page:
            require(is_recorded(s, item))
        discard(s, item)
        if s.is_set("ballooned-record", "across-elements"):
            item.recorded = False


@action(Actor.DEVICE, event="host.inflated", source="QEMU virtio_balloon_handle_output: virtqueue_push, virtio_notify; virtio_balloon_pbp_free (1b47b37c33)")
def answer_inflate(s: State, page: Page) -> None:
    """Use the descriptor, which tells the guest that it is done; the record of the element ends with it (a8cd64d488, 4.1)."""
    require(handles_requests(s))
    page.inflate = answer(s, page.inflate, read=Request.HANDLED)


@action(Actor.DRIVER, event="guest.deflate", source="Linux leak_balloon, virtio_balloon_oom_notify, virtballoon_migratepage (old page): tell_host")
def deflate(s: State, page: Page) -> None:
    """Tell the host that a page leaves the balloon; the driver may use it at once, or (Linux, MUST_TELL_HOST) only after the host has answered."""
    require(s.running, page.owner == Owner.BALLOONED, ~page.deflate_queued)
    if s.keeps("inflate-before-deflate"):
        require(is_answered(page.inflate))
    page.deflate_queued = s.keeps("deflate-is-told")
    page.owner = Owner.DEFLATING
    if s.setting("deflate-waits-for-ack") == "no":
        give_to_allocator(s, page)


@action(Actor.DEVICE, event="host.deflate", source="QEMU virtio_balloon_handle_output, balloon_deflate_page (madvise WILLNEED); b27b323914 (4.0)")
def take_deflate(s: State, page: Page) -> None:
    """Take a deflate request and answer it: the page's memory comes back when it is touched, and it is no longer on record as ballooned."""
    require(handles_requests(s), page.deflate_queued)
    page.deflate_queued = False
    if keeps_record(s) and s.keeps("forget-on-deflate"):
        page.recorded = False
    bit_cleared(s, page)


@action(Actor.DRIVER, event="guest.leak", source="Linux leak_balloon: release_pages_balloon; virtballoon_migratepage: balloon_page_finalize, put_page")
def leak(s: State, page: Page) -> None:
    """The host has answered: give the page back to the allocator."""
    require(s.running, page.owner == Owner.DEFLATING, ~page.deflate_queued)
    give_to_allocator(s, page)
