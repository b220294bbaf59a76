"""Both at once: the guest's list of free pages and the host's balloon bitmap."""

from __future__ import annotations

from balloonproof.model.language import Setting, System
from balloonproof.model.properties import BIT_SKIPS_PAGE, BOTH_SKIP_PAGE, HOST_KEEPS_CONTENT, LIST_SKIPS_PAGE, MIGRATION_COMPLETES, NO_PAGE_LOST
from balloonproof.model.systems import balloon_skip, free_page_bitmap, precopy

SETS = Setting(
    "sets",
    ("separate", "list-covers-balloon", "one-bitmap"),
    "the guest lists its free pages, and the host keeps its balloon bitmap beside that list; or the guest lists the pages in its balloon as well; or "
    "the host enters listed pages into its balloon bitmap and skips them when their turn comes",
)

LIST_SETTINGS = (
    free_page_bitmap.FILTERS.only("bitmap"),
    free_page_bitmap.ASKS.only("each-round", "setup"),
    free_page_bitmap.LOG_CLEAR.only("before-request", "by-filter"),
    free_page_bitmap.WAITS.only("no"),
)

BALLOON_SETTINGS = (
    *balloon_skip.BALLOON_SETTINGS,
    balloon_skip.SKIP.only("clears", "keeps"),
    balloon_skip.SUSPENDED.only("no"),
    balloon_skip.MARKS.only("no"),
    balloon_skip.DRAIN,
    balloon_skip.MIGRATED.only("yes"),
)

COMBINED = System(
    "combined",
    "The guest's list of free pages and the host's balloon bitmap in one migration.",
    frozenset({"balloon", "balloon-skip", "free-page-bitmap"}),
    precopy.ACTIONS + free_page_bitmap.ACTIONS + balloon_skip.ACTIONS,
    precopy.SETTINGS + LIST_SETTINGS + BALLOON_SETTINGS + (SETS,),
    precopy.GUARDS + free_page_bitmap.GUARDS + balloon_skip.GUARDS,
    (NO_PAGE_LOST, HOST_KEEPS_CONTENT, MIGRATION_COMPLETES, LIST_SKIPS_PAGE, BIT_SKIPS_PAGE, BOTH_SKIP_PAGE),
)
