"""Both at once: the guest's list of free pages and the host's balloon bitmap, which J. Kolhe called ideal in March 2016 and nobody built.

The design rule, for whoever builds it:

1. The two compose.  Keep them apart (`sets=separate`), each under its own rules (`free_page_bitmap`, `balloon_skip`), and every page may go from one
   to the other and back while a round runs.  Both clear a page's dirty bit after its log, and at a moment when its content does not matter; a write after that
   moment is in the log, whoever had the page in between.  A page on its way (allocated for the balloon, or deflated and not answered yet) is in neither
   set, and is sent.
2. No guard of either becomes needless, and none is needed that neither needs alone.
3. The guest may list the pages in its balloon too (`sets=list-covers-balloon`): what makes the list sound for a free page makes it sound for these.
4. One bitmap for both sets (`sets=one-bitmap`) loses pages, whatever else is done: a page leaves the balloon with a request that clears its bit,
   and leaves the list without a word.  The list must be applied once, before the sync that follows its request, and forgotten.
5. After a reset of the device the list is gone while the request still stands: show it to the new driver again.

Settings with one value are fixed here, because the systems by themselves have decided them.  Defaults are what is safe, since there is no original.
"""

from __future__ import annotations

from balloonproof.model.language import Setting, System
from balloonproof.model.lemmas import combined as lemmas
from balloonproof.model.properties import (
    BIT_SKIPS_PAGE,
    BOTH_SKIP_PAGE,
    HOST_KEEPS_CONTENT,
    LIST_SKIPS_PAGE,
    MIGRATION_CAN_COMPLETE,
    MIGRATION_COMPLETES,
    NO_PAGE_LOST,
)
from balloonproof.model.systems import balloon, balloon_skip, free_page_bitmap

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
    *balloon.SETTINGS,
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
    free_page_bitmap.LOG_ACTIONS + free_page_bitmap.ACTIONS + balloon_skip.ACTIONS,
    free_page_bitmap.LOG_SETTINGS + LIST_SETTINGS + BALLOON_SETTINGS + (SETS,),
    free_page_bitmap.LOG_GUARDS + free_page_bitmap.GUARDS + balloon_skip.GUARDS,
    (NO_PAGE_LOST, HOST_KEEPS_CONTENT, MIGRATION_COMPLETES, LIST_SKIPS_PAGE, BIT_SKIPS_PAGE, BOTH_SKIP_PAGE, MIGRATION_CAN_COMPLETE),
    lemmas=lemmas.LEMMAS,
)
