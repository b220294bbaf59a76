"""Pages in the balloon are not sent: Jitendra Kolhe's patch of 2016.

The design rule, for whoever revives the idea.  `balloonproof prove balloon-skip --all-settings` and the removal of each guard show it:

1. A page's bit must be clear before the guest uses the page again.  That is so if the guest waits for the host's answer to its deflate request
   (`deflate-waits-for-ack=yes`: MUST_TELL_HOST; Linux always does); then nothing else is needed, and all other settings are free.
2. Without, one of these is needed, and enough:
   - do not believe a bit while a deflate request for the page is queued, whether the host has begun to handle it or not (`suspended=while-queued`);
   - keep a skipped page's dirty bit, and take all deflate requests when the VM has stopped (`skip=keeps`, `drain-at-stop=yes`);
   - mark a page dirty when its deflate request is handled, and take all of them when the VM has stopped, before the last sync (`deflate-marks-dirty=yes`,
     `drain-at-stop=yes`).
   Suspending while a request is handled, which is what the patch does, is not enough: the window is the time that the request waits.  Nor is marking or
   keeping without the drain: a request can still be queued when the VM stops.  All three assume that the request is queued before the page is used,
   as Linux does; a guest that tells the host afterwards needs 1.
3. Ask the bit after the page's log and dirty bit were cleared, as when a page is sent (`bit-tested-last`, `clear-log-before-skip`).  Skipping is sending,
   with nothing to read.  (With get-and-clear both may be left out, and where a skipped page stays dirty.)
4. Answer an inflate request before its page can be deflated (`inflate-before-deflate`), clear the bitmap at a reset of the device
   (`reset-clears-bitmap`: a rebooted guest deflates nothing), and give the destination the bitmap of the stopped VM (`bitmap-of-stopped-vm`) or none.

Defaults are what the patch did as far as its archived part and the replies tell; where it left a rule open, what is safe (1).  Not covered: post-copy,
host pages larger than guest pages.
"""

from __future__ import annotations

from balloonproof.model.actions import balloon_skip, device_reset
from balloonproof.model.language import Guard, Setting, System
from balloonproof.model.lemmas import balloon_skip as lemmas
from balloonproof.model.properties import BIT_SKIPS_PAGE, HOST_KEEPS_CONTENT, MIGRATION_CAN_COMPLETE, MIGRATION_COMPLETES, NO_PAGE_LOST
from balloonproof.model.systems import balloon, free_page_bitmap

ACTIONS = (
    *balloon.ACTIONS,
    balloon_skip.skip,
    balloon_skip.choose_skip,
    balloon_skip.drain_deflate,
    device_reset.kexec,
)


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
    *balloon.GUARDS,
    Guard("clear-log-before-skip", "a page's log is cleared before it is skipped, as before it is read"),
    Guard("bit-tested-last", "the balloon bit is asked after the page's log and dirty bit were cleared (Kolhe 2016: beside save_zero_page)"),
    Guard("reset-clears-bitmap", "a reset of the device clears the bitmap: a rebooted guest's balloon is empty"),
    Guard("bitmap-of-stopped-vm", "the destination gets the bitmap as it is when the VM has stopped (Kolhe 2016: the rest in the device's state)"),
)

BALLOON_SKIP = System(
    "balloon-skip",
    "Pages in the balloon are not sent (Jitendra Kolhe 2016).",
    frozenset({"balloon", "balloon-skip"}),
    free_page_bitmap.LOG_ACTIONS + ACTIONS + (balloon_skip.begin_deflate,),
    free_page_bitmap.LOG_SETTINGS + balloon.SETTINGS + SETTINGS,
    free_page_bitmap.LOG_GUARDS + GUARDS,
    (NO_PAGE_LOST, HOST_KEEPS_CONTENT, MIGRATION_COMPLETES, BIT_SKIPS_PAGE, MIGRATION_CAN_COMPLETE),
    lemmas=lemmas.SKIP_LEMMAS,
)
