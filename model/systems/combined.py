"""Both at once: the guest's list of free pages and the host's balloon bitmap."""

from __future__ import annotations

from balloonproof.model.language import Setting, System
from balloonproof.model.properties import BIT_SKIPS_PAGE, BOTH_SKIP_PAGE, HOST_KEEPS_CONTENT, LIST_SKIPS_PAGE, MIGRATION_COMPLETES, NO_PAGE_LOST
from balloonproof.model.systems import balloon_skip, free_page_bitmap, precopy

SETTINGS = (Setting("list-covers", ("free", "free-and-ballooned"), "the guest lists its free pages, or those in its balloon as well"),)

COMBINED = System(
    "combined",
    "The guest's list of free pages and the host's balloon bitmap in one migration.",
    frozenset({"balloon", "balloon-skip", "free-page-bitmap"}),
    precopy.ACTIONS + free_page_bitmap.ACTIONS + balloon_skip.ACTIONS,
    precopy.SETTINGS + free_page_bitmap.SETTINGS + balloon_skip.BALLOON_SETTINGS + balloon_skip.SETTINGS + SETTINGS,
    precopy.GUARDS + free_page_bitmap.GUARDS + balloon_skip.GUARDS,
    (NO_PAGE_LOST, HOST_KEEPS_CONTENT, MIGRATION_COMPLETES, LIST_SKIPS_PAGE, BIT_SKIPS_PAGE, BOTH_SKIP_PAGE),
)
