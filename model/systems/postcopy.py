"""Post-copy after pre-copy rounds, with the balloon and free page hinting beside it.

The rule: whatever the destination lacks must still be dirty at the source.  So nothing may clear a page's bit without sending it (no hints), and
nothing may take a page away from the destination that was sent already (no discards) while post-copy lasts.
"""

from __future__ import annotations

from balloonproof.model.actions import device_reset, postcopy
from balloonproof.model.language import Guard, System
from balloonproof.model.lemmas import postcopy as lemmas
from balloonproof.model.properties import (
    DESTINATION_IS_RIGHT,
    HINTED_PAGES_RELEASED,
    HOST_KEEPS_CONTENT,
    MIGRATION_COMPLETES,
    NO_FAULT_HANGS,
    NO_PAGE_LOST,
    POSTCOPY_ENDS,
)
from balloonproof.model.systems import balloon, hinting, precopy

ACTIONS = (
    postcopy.leave_zeros_unwritten,
    postcopy.start_postcopy,
    postcopy.send_in_postcopy,
    postcopy.place,
    postcopy.lose_channel,
    postcopy.recover,
    postcopy.sync_in_postcopy,
    postcopy.end_postcopy,
)

GUARDS = (
    Guard("no-hints-with-postcopy", "free page hinting is off when post-copy is possible (QEMU fd51e54fa1, 6.2)"),
    Guard("inhibit-in-postcopy", "nothing is discarded at the destination until post-copy has ended (QEMU 371ff5a3f0, 2.5)"),
    Guard("discard-what-is-dirty", "at the switch the destination throws its old copies of dirty pages away (QEMU ram_postcopy_send_discard_bitmap)"),
    Guard("reload-bitmap-on-recovery", "after a broken connection, what was not received is dirty again (QEMU ram_dirty_bitmap_reload)"),
    Guard("zero-pages-are-written", "a zero page is written at the destination even if nothing was there before (QEMU 249543d0c0, 10.1)"),
    Guard("no-sync-in-postcopy", "the source's log is not read any more after the switch (QEMU 663e6c1df8, 2.5)"),
)

POSTCOPY = System(
    "postcopy",
    "Post-copy after pre-copy rounds: discard bitmap, page requests, recovery; balloon and hints beside it.",
    frozenset({"postcopy", "balloon", "hinting"}),
    (*precopy.ACTIONS, *balloon.ACTIONS, *hinting.ACTIONS, *ACTIONS, device_reset.suspend, device_reset.kexec),
    precopy.SETTINGS + balloon.SETTINGS + hinting.SETTINGS,
    precopy.GUARDS + balloon.GUARDS + hinting.GUARDS + GUARDS,
    (NO_PAGE_LOST, DESTINATION_IS_RIGHT, NO_FAULT_HANGS, HOST_KEEPS_CONTENT, HINTED_PAGES_RELEASED, MIGRATION_COMPLETES, POSTCOPY_ENDS),
    lemmas=lemmas.LEMMAS,
)
