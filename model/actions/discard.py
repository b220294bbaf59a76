"""What it means that the host discards memory (QEMU ram_block_discard_range): it reads as zeros from then on.

A discard is no write: no dirty log sees it, and no bitmap of the migration is touched (facts: QEMU ae4f344 hw/virtio/virtio-balloon.c).
"""

from __future__ import annotations

from balloonproof.model.state import Page, State


def discard(page: Page) -> None:
    """The host drops the page's memory.  Whoever relied on its content has lost it; what the destination has of it is another content now."""
    page.damaged = page.damaged | page.relied
    page.copied = False


def discards_inhibited(s: State) -> bool:
    """QEMU virtio_balloon_inhibited: VFIO and others forbid discards (ram_block_discard_disable); the request is answered all the same."""
    return s.setting("discards") == "inhibited"
