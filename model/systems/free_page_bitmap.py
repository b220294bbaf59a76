"""The guest's list of free pages beside pre-copy: Liang Li's RFC of 2016, and what its thread made of it."""

from __future__ import annotations

from balloonproof.model.actions import free_page_bitmap
from balloonproof.model.language import Guard, Setting, System
from balloonproof.model.properties import LIST_SKIPS_PAGE, MIGRATION_COMPLETES, NO_PAGE_LOST
from balloonproof.model.systems import precopy

ACTIONS = (
    free_page_bitmap.request_free_pages,
    free_page_bitmap.begin_list,
    free_page_bitmap.list_page,
    free_page_bitmap.send_list,
    free_page_bitmap.filter_free_pages,
    free_page_bitmap.drop_list,
)

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

FREE_PAGE_BITMAP = System(
    "free-page-bitmap",
    "The guest's list of free pages beside pre-copy (Liang Li 2016).",
    frozenset({"free-page-bitmap"}),
    precopy.ACTIONS + ACTIONS,
    precopy.SETTINGS + SETTINGS,
    precopy.GUARDS + GUARDS,
    (NO_PAGE_LOST, MIGRATION_COMPLETES, LIST_SKIPS_PAGE),
)
