"""Inflate and deflate beside pre-copy.

The rule: a page may be discarded only while the guest cannot use it, and both sides must mean the same stretch of time.

- A device that discards between reading an inflate request and answering it (QEMU) binds the guest to wait for that answer, and to nothing after it:
  the guest may use a page before the host knows of the deflate.
- A device that discards until it is told of the deflate (what virtio-spec allows with MUST_TELL_HOST) binds the guest to tell of every deflate and to wait
  for its answer; the device must forget the page when it is told, and everything when it is reset (which the specification does not say).
- A host page that is larger than a guest page goes as a whole, so all of it must be in the balloon.  A record of this that outlives a request is of the
  second kind.
- Memory that an assigned device has pinned must not be discarded at all.

Migration needs to know nothing of it.  No bitmap is touched, a page in the balloon is sent like any other, and the first write after a deflate is logged like
any other.
"""

from __future__ import annotations

from balloonproof.model.actions import ballooning, device_reset, pinning
from balloonproof.model.language import Guard, Setting, System
from balloonproof.model.lemmas import ballooning as lemmas
from balloonproof.model.properties import (
    BALLOONED_PAGE_MIGRATES,
    BALLOONED_PAGES_COME_BACK,
    HOST_KEEPS_CONTENT,
    MIGRATION_CAN_COMPLETE,
    MIGRATION_COMPLETES,
    NO_PAGE_LOST,
)
from balloonproof.model.systems import precopy

ACTIONS = (
    ballooning.inflate,
    ballooning.take_inflate,
    ballooning.discard_ballooned,
    ballooning.answer_inflate,
    ballooning.deflate,
    ballooning.take_deflate,
    ballooning.leak,
)

PINNING_ACTIONS = (pinning.attach, pinning.detach, pinning.detach_of_many, pinning.assigned_device_write)

SETTINGS = (
    Setting(
        "deflate-waits-for-ack",
        ("yes", "no"),
        "a deflated page is used only after the host has answered (Linux always; virtio-spec: required with MUST_TELL_HOST)",
    ),
)

RECORD_SETTINGS = (
    Setting("host-page-size", ("same", "larger"), "a host page is one guest page, or holds several, which are discarded together"),
    Setting(
        "ballooned-record",
        ("until-answer", "across-elements", "until-deflate"),
        "what the device has on record as ballooned, and so may discard: the pages of the request in hand (QEMU a8cd64d488, 4.1); what earlier requests left "
        "of a larger host page too (QEMU ed48c59875, 4.0); every page until its deflate, at any time (virtio-spec's licence with MUST_TELL_HOST)",
    ),
)

GUARDS = (
    Guard("inflate-before-deflate", "a page is deflated only after the host has answered its inflate request (virtio-spec; Linux balloon_lock, tell_host)"),
)

RECORD_GUARDS = (
    Guard("deflate-is-told", "a page leaves the balloon only with a deflate request (virtio-spec: MUST use the deflate queue)"),
    Guard("whole-host-page", "a host page is discarded only when all guest pages in it are on record (QEMU ed48c59875, 4.0)"),
    Guard("forget-on-deflate", "a deflated page is taken off the record (QEMU b27b323914, 4.0)"),
    Guard("reset-ends-record", "a reset of the device ends its record (QEMU 9a7ca8a7c9, 4.1)"),
)

RESET_BEFORE_KEXEC = Guard("reset-before-kexec", "a kernel resets the device before another kernel takes its memory (Linux virtio_dev_shutdown)")

DISCARD_GUARDS = (
    Guard("discard-before-answer", "what a request lets the device discard is discarded before its answer (virtio-spec: before acknowledging)"),
    RESET_BEFORE_KEXEC,
)

PINNING_GUARDS = (
    Guard("inhibit-while-pinned", "nothing is discarded while an assigned device has the memory pinned (QEMU c65ee43315, 238e917285, 3.1)"),
    Guard("inhibitors-are-counted", "discards are allowed again only when the last inhibitor is gone (QEMU 01ccbec7bd, 3.1)"),
)

BALLOON = System(
    "balloon",
    "Inflate and deflate beside pre-copy.",
    frozenset({"balloon"}),
    precopy.ACTIONS + ACTIONS + PINNING_ACTIONS + (device_reset.kexec,),
    precopy.SETTINGS + SETTINGS + RECORD_SETTINGS,
    precopy.GUARDS + GUARDS + RECORD_GUARDS + DISCARD_GUARDS + PINNING_GUARDS,
    (NO_PAGE_LOST, HOST_KEEPS_CONTENT, MIGRATION_COMPLETES, BALLOONED_PAGE_MIGRATES, MIGRATION_CAN_COMPLETE, BALLOONED_PAGES_COME_BACK),
    lemmas=lemmas.BALLOON_LEMMAS,
)
