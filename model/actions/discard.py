"""What it means that the host discards memory (QEMU ram_block_discard_range): it reads as zeros from then on.

A discard is no write: no dirty log sees it, and no bitmap of the migration is touched (facts: QEMU ae4f344 hw/virtio/virtio-balloon.c).
"""

from __future__ import annotations

from balloonproof.model.state import Page, State
from balloonproof.model.terms import FALSE, TRUE, Term


def discard_unless(s: State, page: Page, kept: Term) -> None:
    """The host drops the page's memory, except where `kept`.

    Whoever relied on its content has lost it; what the destination has of it is another content now.

    At the destination of a post-copy migration the page is missing from then on: the next touch faults and asks the source for it.
    """
    page.damaged = page.damaged | (page.relied & ~kept)
    page.copied = page.copied & kept
    if s.has("postcopy"):
        page.received = page.received & (kept | ~s.at_destination)
    if s.has("background-snapshot"):
        page.populated = page.populated & kept
        page.armed = page.armed & kept
        page.unchanged = page.unchanged & kept
    if s.has("destructive-hints"):
        lose_to_snapshot(s, page, kept)


def lose_to_snapshot(s: State, page: Page, kept: Term) -> None:
    """In a VM that can come from a snapshot: what is found where memory was discarded, zeros or what the snapshot has (Firecracker).

    A discard takes the write tracking of the page away with its memory.  Memory restored by page faults is missing again and the next touch
    asks the handler; in a private mapping of the snapshot's file the old content shows again, unless anonymous memory is mapped over it.
    """
    page.armed = page.armed & kept
    page.discarded = page.discarded | ~kept
    if s.setting("restore") == "on-fault":
        page.received = page.received & (kept | ~s.restored)
    elif not s.keeps("remap-on-discard"):
        page.reads_old = page.reads_old | (~kept & s.restored)


def discards_inhibited(s: State) -> Term:
    """QEMU virtio_balloon_inhibited: VFIO and others forbid discards (ram_block_discard_disable), as do an incoming post-copy migration and a snapshot.

    The request is answered all the same.
    """
    if s.setting("discards") == "inhibited":
        return TRUE
    in_postcopy = s.at_destination if s.keeps("inhibit-in-postcopy") else FALSE
    return in_postcopy | (s.in_snapshot if s.keeps("inhibit-in-snapshot") else FALSE)
