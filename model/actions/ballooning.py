"""Inflate and deflate: Linux drivers/virtio/virtio_balloon.c and QEMU virtio_balloon_handle_output.

Inflate and deflate have a queue each, with no order between the two; of a queue only what concerns one page matters here, so each page carries its own
mark.  Linux has one request of up to 256 pages under way in each queue and waits for it; here every page is told on its own, which allows more orders.
"""

from __future__ import annotations

from balloonproof.model.actions.balloon_bitmap import bit_cleared, bit_set
from balloonproof.model.actions.discard import discard_unless, discards_inhibited
from balloonproof.model.language import Actor, action, require
from balloonproof.model.state import Owner, Page, Phase, State
from balloonproof.model.terms import Term


def holds_bql(s: State) -> Term:
    """A sync runs under the big QEMU lock, so no request of the guest is handled meanwhile (QEMU migration_bitmap_sync_precopy's callers)."""
    return (s.phase == Phase.FETCH) | (s.phase == Phase.MERGE) | (s.phase == Phase.AFTER_SYNC)


def forget_requests(page: Page) -> None:
    """The device is reset: nothing is queued any more."""
    page.inflate_queued = False
    page.deflate_queued = False


@action(Actor.DRIVER, event="guest.inflate", source="Linux fill_balloon: balloon_page_alloc, balloon_page_enqueue, tell_host")
def inflate(s: State, page: Page) -> None:
    """Take a free page out of the allocator into the balloon, and tell the host."""
    require(s.running, page.owner == Owner.FREE, ~page.holds_ring, ~page.inflate_queued)
    page.owner = Owner.BALLOONED
    page.inflate_queued = True


@action(Actor.DEVICE, event="host.inflate", source="QEMU virtio_balloon_handle_output, balloon_inflate_page (under the BQL)")
def take_inflate(s: State, page: Page) -> None:
    """Take an inflate request: discard the page, then use the descriptor, which tells the guest that it is done."""
    require(s.running, page.inflate_queued, ~holds_bql(s))
    page.inflate_queued = False
    bit_set(s, page)
    discard_unless(s, page, discards_inhibited(s))


@action(Actor.DRIVER, event="guest.deflate", source="Linux leak_balloon: balloon_page_list_dequeue, tell_host")
def deflate(s: State, page: Page) -> None:
    """Tell the host that a page leaves the balloon; the driver may use it at once, or (Linux, MUST_TELL_HOST) only after the host has answered."""
    require(s.running, page.owner == Owner.BALLOONED, ~page.deflate_queued)
    if s.keeps("inflate-before-deflate"):
        require(~page.inflate_queued)
    page.deflate_queued = True
    page.owner = Owner.DEFLATING if s.setting("deflate-waits-for-ack") == "yes" else Owner.FREE


@action(Actor.DEVICE, event="host.deflate", source="QEMU virtio_balloon_handle_output, balloon_deflate_page (madvise WILLNEED)")
def take_deflate(s: State, page: Page) -> None:
    """Take a deflate request: the page's memory comes back when it is touched."""
    require(s.running, page.deflate_queued, ~holds_bql(s))
    page.deflate_queued = False
    bit_cleared(s, page)


@action(Actor.DRIVER, event="guest.leak", source="Linux leak_balloon: release_pages_balloon")
def leak(s: State, page: Page) -> None:
    """The host has answered: give the page back to the allocator."""
    require(s.running, page.owner == Owner.DEFLATING, ~page.deflate_queued)
    page.owner = Owner.FREE
