"""Pages in the balloon are not sent: Jitendra Kolhe's patch of 2016."""

from __future__ import annotations

from balloonproof.model.actions import balloon_skip, ballooning
from balloonproof.model.language import Guard, Setting, System
from balloonproof.model.properties import BIT_SKIPS_PAGE, HOST_KEEPS_CONTENT, MIGRATION_COMPLETES, NO_PAGE_LOST
from balloonproof.model.systems import balloon, precopy

ACTIONS = (
    ballooning.inflate,
    ballooning.take_inflate,
    ballooning.deflate,
    ballooning.take_deflate,
    ballooning.leak,
    balloon_skip.skip,
    balloon_skip.choose_skip,
    balloon_skip.begin_deflate,
    balloon_skip.drain_deflate,
    balloon_skip.reboot,
)


BALLOON_SETTINGS = (balloon.WAITS_FOR_ACK, balloon.DISCARDS.only("done"))

SKIP = Setting(
    "skip",
    ("clears", "clears-before-stop", "keeps"),
    "a skipped page's dirty bit is cleared, in the final stage too (Kolhe 2016), or only while the VM runs; or it stays set, and the migration completes "
    "without the page",
)
SUSPENDED = Setting(
    "suspended",
    ("while-handled", "no", "while-queued"),
    "the bit is not believed while the host handles a deflate request (Kolhe 2016), or as soon as one is queued",
)
MARKS = Setting("deflate-marks-dirty", ("no", "yes"), "handling a deflate request marks the page dirty")
DRAIN = Setting("drain-at-stop", ("no", "yes"), "when the VM has stopped, the host takes the deflate requests that are left before the last sync")
MIGRATED = Setting("bitmap-migrated", ("yes", "no"), "the destination gets the bitmap (Kolhe 2016), or begins with an empty one")
SETTINGS = (SKIP, SUSPENDED, MARKS, DRAIN, MIGRATED)

GUARDS = (
    Guard("inflate-before-deflate", "a page is deflated only after the host has answered its inflate request (virtio-spec, Linux tell_host)"),
    Guard("clear-log-before-skip", "a page's log is cleared before it is skipped, as before it is read"),
    Guard("bit-tested-last", "the balloon bit is asked after the page's log and dirty bit were cleared (Kolhe 2016: beside save_zero_page)"),
    Guard("reset-clears-bitmap", "a reset of the device clears the bitmap: a rebooted guest's balloon is empty"),
    Guard("bitmap-of-stopped-vm", "the destination gets the bitmap as it is when the VM has stopped (Kolhe 2016: the rest in the device's state)"),
)

BALLOON_SKIP = System(
    "balloon-skip",
    "Pages in the balloon are not sent (Jitendra Kolhe 2016).",
    frozenset({"balloon", "balloon-skip"}),
    precopy.ACTIONS + ACTIONS,
    precopy.SETTINGS + BALLOON_SETTINGS + SETTINGS,
    precopy.GUARDS + GUARDS,
    (NO_PAGE_LOST, HOST_KEEPS_CONTENT, MIGRATION_COMPLETES, BIT_SKIPS_PAGE),
)
