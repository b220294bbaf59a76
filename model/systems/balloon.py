"""Inflate and deflate beside pre-copy."""

from __future__ import annotations

from balloonproof.model.actions import ballooning
from balloonproof.model.language import Guard, Setting, System
from balloonproof.model.properties import HOST_KEEPS_CONTENT, MIGRATION_CAN_COMPLETE, MIGRATION_COMPLETES, NO_PAGE_LOST
from balloonproof.model.systems import precopy

ACTIONS = (
    ballooning.inflate,
    ballooning.take_inflate,
    ballooning.deflate,
    ballooning.take_deflate,
    ballooning.leak,
)

SETTINGS = (
    Setting(
        "deflate-waits-for-ack",
        ("yes", "no"),
        "a deflated page is used only after the host has answered (Linux always; virtio-spec: required with MUST_TELL_HOST)",
    ),
    Setting("discards", ("done", "inhibited"), "inflating discards the page's memory, or is answered without (QEMU virtio_balloon_inhibited)"),
)

GUARDS = (Guard("inflate-before-deflate", "a page is deflated only after the host has answered its inflate request (virtio-spec, Linux tell_host)"),)

BALLOON = System(
    "balloon",
    "Inflate and deflate beside pre-copy.",
    frozenset({"balloon"}),
    precopy.ACTIONS + ACTIONS,
    precopy.SETTINGS + SETTINGS,
    precopy.GUARDS + GUARDS,
    (NO_PAGE_LOST, HOST_KEEPS_CONTENT, MIGRATION_COMPLETES, MIGRATION_CAN_COMPLETE),
)
