"""The guest's list of free pages beside pre-copy: Liang Li's RFC of 2016, and what its thread made of it.

The design rule, for whoever revives the idea.  `balloonproof prove free-page-bitmap --all-settings` and the removal of each guard show it:

1. Ask when the dirty log is on, and use an answer only before the sync that follows its request (`log-before-request`, `answer-before-sync`); give each
   request an id, so that a list which a cancelled migration asked for is not taken for an answer (`answer-of-this-migration`).  Nothing else is asked of
   the guest: a page that it uses meanwhile is in the log, and that sync brings it back.
2. Clear the listed pages in the migration's own bitmap alone (`filters=bitmap`).  The RFC clears them in QEMU's dirty memory before the first sync; a device
   write that falls between the guest's walk and the filter is recorded there and nowhere else, and is lost.
   Of the RFC's choices it is the only one that loses pages.
3. With KVM's manual dirty log, which came later, clear the log before asking (`log-clear=before-request`), or ask before the first sync only
   (`asks=setup`).  If the list itself or a page sent of the same chunk clears the log, a write to a listed page whose kernel bit is still set loses its
   trace: what hinting in QEMU 6.1 suffers from.  Legacy get-and-clear needs no such rule.
4. Do not wait for the answer (`waits-for-answer=no`): a guest that never gives one would stop the migration for good (D. Berrange, in the thread).

No page is lost under 1 with `filters=bitmap` and one of `asks=setup`, `log-clear=before-request`, or `dirty-log=get-and-clear`; asking once
or in each round makes no difference.  Before the first sync, a log that starts with all bits set undoes the filter: start it clear, or ask after that sync.

Defaults are what the RFC did (so they are refuted); where it could not have decided, as for the manual log, they are what is safe.  Not covered: the dirty
ring; TCG, whose log notices a write only from the first sync on (as `precopy` has it), so that it must not be asked for a list before; post-copy; guests
that rely on what is in free pages (init_on_free, page_poison).
"""

from __future__ import annotations

from balloonproof.model.actions import dirty_log, free_page_bitmap
from balloonproof.model.language import Guard, Setting, System
from balloonproof.model.lemmas import free_page_bitmap as lemmas
from balloonproof.model.properties import LIST_SKIPS_PAGE, MIGRATION_CAN_COMPLETE, MIGRATION_COMPLETES, NO_PAGE_LOST
from balloonproof.model.systems import precopy

ACTIONS = (
    free_page_bitmap.request_free_pages,
    free_page_bitmap.begin_list,
    free_page_bitmap.list_page,
    free_page_bitmap.send_list,
    free_page_bitmap.filter_free_pages,
    free_page_bitmap.drop_list,
)

LOG_ACTIONS = tuple(item for item in precopy.ACTIONS if item not in (dirty_log.reap, dirty_log.refill_tlb))
LOG_SETTINGS = tuple(item.only("manual", "get-and-clear") if item.name == "dirty-log" else item for item in precopy.SETTINGS)
LOG_GUARDS = tuple(item for item in precopy.GUARDS if item.name != "reset-tlb-at-sync")

FILTERS = Setting(
    "filters",
    ("dirty-memory", "bitmap"),
    "the list clears bits in QEMU's own dirty memory, which device writes set too (Li 2016), or in the migration's bitmap alone",
)
ASKS = Setting(
    "asks",
    ("setup", "each-round"),
    "the host asks once, before the first sync (Li 2016; the log then starts clear, or that sync would bring every page back), or before "
    "each sync (M. Tsirkin 2016)",
)
LOG_CLEAR = Setting(
    "log-clear",
    ("before-request", "by-filter", "by-sends"),
    "with the manual dirty log, a listed page's log is cleared before the host asks, when the list is used (as QEMU 3143577d6a does for hints), or not "
    "until a page of its chunk is sent (as QEMU 4.1 to 6.0 did)",
)
WAITS = Setting(
    "waits-for-answer",
    ("yes", "no"),
    "a running VM's sync waits for the list (Li 2016), or goes on without (D. Berrange, M. Tsirkin 2016)",
)
SETTINGS = (FILTERS, ASKS, LOG_CLEAR, WAITS)

GUARDS = (
    Guard("log-before-request", "the host asks only when the dirty log is on (Li 2016)"),
    Guard("answer-of-this-migration", "a list that an earlier migration asked for is not used"),
    Guard("answer-before-sync", "a list is used only before the sync that follows its request (M. Tsirkin 2016: clear free bits before fetching KVM's log)"),
)

SAFE = (("filters", "bitmap"), ("waits-for-answer", "no"))

FREE_PAGE_BITMAP = System(
    "free-page-bitmap",
    "The guest's list of free pages beside pre-copy (Liang Li 2016).",
    frozenset({"free-page-bitmap"}),
    LOG_ACTIONS + ACTIONS,
    LOG_SETTINGS + SETTINGS,
    LOG_GUARDS + GUARDS,
    (NO_PAGE_LOST, MIGRATION_COMPLETES, LIST_SKIPS_PAGE, MIGRATION_CAN_COMPLETE),
    SAFE,
    lemmas.LEMMAS,
)
