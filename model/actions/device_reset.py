"""What becomes of requests, records, hints and the poison value when the balloon device is reset: suspend, and another kernel.

A reset is a write of the guest's to the device's status, which the device handles under the big QEMU lock, so it falls into no sync.
"""

from __future__ import annotations

from balloonproof.model.actions.balloon_bitmap import bit_at_reset
from balloonproof.model.actions.discard import is_syncing
from balloonproof.model.actions.free_page_bitmap import lose_list
from balloonproof.model.actions.guest import store
from balloonproof.model.language import Actor, action, require
from balloonproof.model.state import Hinting, Owner, Page, Request, State


def forget_requests(s: State, page: Page) -> None:
    """QEMU virtio_reset: the queues are empty."""
    if s.has("balloon"):
        page.inflate = Request.NONE
        page.deflate_queued = False
    if s.has("reporting"):
        page.report = Request.NONE


def forget_hints(s: State) -> None:
    """QEMU virtio_balloon_device_reset: hinting stops, whatever its state was; the command id counts on, and the queue is empty."""
    if s.has("hinting"):
        s.hinting = Hinting.STOP
        s.queue.clear()


def begin_with_new_driver(s: State) -> None:
    """Another kernel's driver has read no command id, and is in no round."""
    if s.has("hinting"):
        s.received = s.stop_id
        s.active = s.received
        s.in_round = False


@action(Actor.GUEST, event="guest.kexec", source="Linux kexec, reboot: virtio_dev_shutdown (6.1.192); QEMU virtio_balloon_device_reset (9a7ca8a7c9, 4.1)")
def kexec(s: State) -> None:
    """Another kernel takes over, and all memory is free as after boot.  The device has been reset, which drops its requests, records and hints."""
    require(s.running, ~is_syncing(s))
    for page in s.pages:
        require(~page.store_begun)
        page.owner = Owner.FREE
        page.relied = False
        store(s, page)
        if s.keeps("reset-before-kexec"):
            forget_requests(s, page)
        if s.has("balloon") and s.is_set("ballooned-record", "across-elements", "until-deflate") and s.keeps("reset-ends-record"):
            page.recorded = False
        bit_at_reset(s, page)
    if s.is_set("free-page-content", "poison"):
        s.poison_known = True
    if s.keeps("reset-before-kexec"):
        forget_hints(s)
    begin_with_new_driver(s)
    lose_list(s)


@action(Actor.DRIVER, event="guest.restore", source="Linux virtballoon_freeze, virtballoon_restore (S3, S4); QEMU virtio_balloon_device_reset")
def suspend(s: State) -> None:
    """The guest was suspended and wakes up: the driver had taken back what it had out before the device was reset.

    Hinted pages go back to the allocator without a look at their descriptors, as by the shrinker (`early-release`).  The driver's worker has ended what it
    began before it is frozen (WQ_FREEZABLE), and the command ids that it knew stay.  Up to mainline 2026 nobody writes poison_val to the device again.
    """
    require(s.running, ~is_syncing(s))
    if s.has("hinting"):
        require(~s.in_round, (s.received == s.active) | (s.received == s.stop_id) | (s.received == s.done_id))
    for page in s.pages:
        require(page.owner != Owner.HINTED, page.owner != Owner.BALLOONED, page.owner != Owner.DEFLATING)
        require(page.report == Request.NONE, page.inflate == Request.NONE, ~page.deflate_queued)
    forget_hints(s)
    if s.is_set("free-page-content", "poison"):
        s.poison_known = s.setting("restore-announces-poison") == "yes"
