"""What it means that the host discards memory (QEMU ram_block_discard_range): it reads as zeros from then on.

A discard is no write: no dirty log sees it, and no bitmap of the migration is touched (facts: QEMU ae4f344 hw/virtio/virtio-balloon.c).
The device handles a request under the big QEMU lock: it discards, or leaves it where it must not, and uses the descriptor, which is its answer.
"""

from __future__ import annotations

from balloonproof.model.language import require
from balloonproof.model.state import Page, Phase, Pins, Request, State
from balloonproof.model.terms import FALSE, TRUE, Term


def knows_zero(s: State) -> bool:
    """Is it of any consequence that a page reads as zeros?  Only where the guest relies on zeros that it need not have written."""
    return s.is_set("free-page-content", "zero") or s.is_set("device-initialises-reported", "yes")


def discard(s: State, page: Page) -> None:
    """The host drops the page's memory.  Zeros stay zeros; whoever relied on other content has lost it, and what the destination has is other content now.

    At the destination of a post-copy migration the page is missing from then on: the next touch faults and asks the source for it.
    A private mapping of a file shows the file again instead (QEMU 1d44ff586f; Firecracker remaps such memory anonymously): that is the guard's other side.
    """
    reads_zero = s.keeps("discard-reads-zero")
    unchanged = page.zero if knows_zero(s) and reads_zero else FALSE
    page.damaged = page.damaged | (page.relied & ~unchanged)
    page.copied = page.copied & unchanged
    if s.may_switch_to_postcopy:
        page.received = page.received & ~s.at_destination
    if s.has("background-snapshot"):
        page.populated = False
        page.armed = False
        page.unchanged = False
    if s.has("destructive-hints"):
        lose_to_snapshot(s, page)
    if knows_zero(s):
        page.zero = reads_zero
    if s.is_set("discard-marks-dirty", "yes"):
        page.ram_dirty = page.ram_dirty | (s.phase != Phase.NONE)
    if not (s.keeps("inhibit-while-pinned") and s.keeps("inhibitors-are-counted")):
        page.replaced = page.replaced | (s.pins != Pins.NONE)


def lose_to_snapshot(s: State, page: Page) -> None:
    """In a VM that can come from a snapshot: what is found where memory was discarded, zeros or what the snapshot has (Firecracker).

    A discard takes the write tracking of the page away with its memory.  Memory restored by page faults is missing again and the next touch
    asks the handler; in a private mapping of the snapshot's file the old content shows again, unless anonymous memory is mapped over it.
    """
    page.armed = False
    page.discarded = True
    if s.setting("restore") == "on-fault":
        page.received = page.received & ~s.restored
    elif not s.keeps("remap-on-discard"):
        page.reads_old = page.reads_old | s.restored


def may_discard(s: State) -> Term:
    """QEMU virtio_balloon_inhibited: assigned devices and others forbid discards, as do an incoming post-copy migration and a background snapshot.

    The request is answered all the same, and so it is where a discard fails.
    """
    in_postcopy = s.at_destination if s.keeps("inhibit-in-postcopy") else FALSE
    in_snapshot = s.in_snapshot if s.keeps("inhibit-in-snapshot") else FALSE
    return ~(s.inhibited | in_postcopy | in_snapshot)


def is_syncing(s: State) -> Term:
    """A sync holds the big QEMU lock, so what needs the lock happens before or after it."""
    return (s.phase == Phase.FETCH) | (s.phase == Phase.MERGE) | (s.phase == Phase.AFTER_SYNC)


def handles_requests(s: State) -> Term:
    """The device handles the inflate, deflate and reporting queues: while the VM runs, and not during a sync."""
    runs = s.running if s.keeps("block-when-stopped") else TRUE
    return runs & ~is_syncing(s)


def is_discardable(s: State, request: Term, read: Request) -> Term:
    """The device has read the request (it has come as far as `read`) and not answered it: its licence to change the page.

    virtio-spec 15f488c, balloon: the device may modify a page that it was told of before it acknowledges the request.
    """
    return request == (read if s.keeps("discard-before-answer") else Request.ANSWERED)


def answer(s: State, request: Term, read: Request) -> Request:
    """The device uses the descriptor of a request that has come as far as `read`; what the request is now."""
    if s.keeps("discard-before-answer"):
        require((request == read) | (request == Request.HANDLED))
        return Request.NONE
    require(request == read)
    return Request.ANSWERED


def is_answered(request: Term) -> Term:
    """The driver has its descriptor back, or none under way."""
    return (request == Request.NONE) | (request == Request.ANSWERED)
