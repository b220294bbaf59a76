"""What becomes of requests, records and the poison value when the balloon device is reset: suspend, and another kernel.

Hinting's queue is not reset here: a system that has hinting too leaves these steps out.
"""

from __future__ import annotations

from balloonproof.model.actions.guest import store
from balloonproof.model.language import Actor, action, require
from balloonproof.model.state import Owner, Page, Request, State


def forget_requests(s: State, page: Page) -> None:
    """QEMU virtio_reset: the queues are empty."""
    if s.has("balloon"):
        page.inflate = Request.NONE
        page.deflate_queued = False
    if s.has("reporting"):
        page.report = Request.NONE


@action(Actor.GUEST, event="guest.kexec", source="Linux kexec, virtio_dev_shutdown (also in 6.1.192); QEMU virtio_balloon_device_reset (9a7ca8a7c9, 4.1)")
def kexec(s: State) -> None:
    """Another kernel takes over, and all memory is free as after boot.  The old one has reset the device, which drops its requests and the device's record."""
    require(s.running)
    for page in s.pages:
        require(~page.store_begun)
        page.owner = Owner.FREE
        page.relied = False
        store(s, page)
        if s.has("reporting"):
            page.reported = False
        if s.keeps("reset-before-kexec"):
            forget_requests(s, page)
        if s.has("balloon") and s.is_set("ballooned-record", "across-elements", "until-deflate") and s.keeps("reset-ends-record"):
            page.recorded = False
    if s.is_set("free-page-content", "poison"):
        s.poison_known = True


@action(Actor.DRIVER, event="guest.restore", source="Linux virtballoon_freeze, virtballoon_restore (S3, S4); QEMU virtio_balloon_device_reset")
def restore(s: State) -> None:
    """The guest was suspended and wakes up: no request is left, and the device was reset.  Up to mainline 2026 nobody writes poison_val to it again."""
    require(s.running)
    for page in s.pages:
        require(page.report == Request.NONE)
    if s.is_set("free-page-content", "poison"):
        s.poison_known = s.setting("restore-announces-poison") == "yes"
