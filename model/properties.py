"""What must always hold, and what must be able to happen.

A proof about a model that cannot move is worthless, so beside each safety property stand witnesses, and what must not get stuck.
"""

from __future__ import annotations

from balloonproof.model.language import Actor, Property
from balloonproof.model.state import Hinting, Owner, Page, Phase, Request, Snapshot, State
from balloonproof.model.terms import Term, implies


def _no_page_lost(s: State, page: Page) -> Term:
    return implies((s.phase == Phase.COMPLETED) & (page.relied | page.holds_ring), page.copied)


def _hinted_pages_released(s: State, page: Page) -> Term:
    return implies((s.phase == Phase.NONE) & (page.owner == Owner.HINTED), s.hinting == Hinting.DONE)


NO_PAGE_LOST = Property(
    "no-page-lost",
    "When migration ends, the destination has the content of every page that the guest relies on.",
    "always",
    _no_page_lost,
)

HINTED_PAGES_RELEASED = Property(
    "hinted-pages-released",
    "When no migration runs any more, whether it completed, failed or was cancelled, the guest is told DONE.",
    "always",
    _hinted_pages_released,
)

HOST_KEEPS_CONTENT = Property(
    "host-keeps-content",
    "The host never changes a page that the guest relies on.",
    "always",
    lambda s, page: ~page.damaged,
)

DESTINATION_IS_RIGHT = Property(
    "destination-is-right",
    "In post-copy, what the destination has of a page that the guest relies on is its content.",
    "always",
    lambda s, page: implies(s.at_destination & (page.relied | page.holds_ring) & page.received, page.copied),
)

NO_FAULT_HANGS = Property(
    "no-fault-hangs",
    "In post-copy, a page that the destination lacks is on its way or still dirty at the source, which answers a fault.",
    "always",
    lambda s, page: implies((s.phase == Phase.POSTCOPY) & (~page.received | page.unmapped) & ~page.in_flight, page.dirty),
)

POSTCOPY_ENDS = Property(
    "postcopy-ends",
    "A page in use is written at the destination, and post-copy ends after every page was placed.",
    "sometimes",
    lambda s, page: (s.phase == Phase.POSTCOPY) & page.relied & page.received & ~page.dirty,
)

MIGRATION_COMPLETES = Property(
    "migration-completes",
    "A migration can complete with a page in use on it.",
    "sometimes",
    lambda s, page: (s.phase == Phase.COMPLETED) & page.relied,
)

HINT_SKIPS_PAGE = Property(
    "hint-skips-page",
    "A migration can complete without ever having sent a page that was hinted.",
    "sometimes",
    lambda s, page: (s.phase == Phase.COMPLETED) & (page.owner == Owner.HINTED) & ~page.copied,
)

MIGRATION_CAN_COMPLETE = Property(
    "migration-can-complete",
    "From every reachable state a migration can complete: if the migration thread with its channels, the balloon driver and the balloon device go on, "
    "a store that has begun and the removal of a slot end, "
    "a paused VM is resumed, and a migration that failed or was cancelled is started again.",
    "progress",
    lambda s, page: s.phase == Phase.COMPLETED,
    fair=(Actor.MIGRATION, Actor.CHANNEL, Actor.DRIVER, Actor.DEVICE, "finish-store", "delete-slot", "start-migration", "resume"),
)

HINTED_PAGES_COME_BACK = Property(
    "hinted-pages-come-back",
    "When no migration runs, the guest gets every hinted page back: if the driver's worker and the device's iothread go on, and a paused VM is resumed.",
    "progress",
    lambda s, page: page.owner != Owner.HINTED,
    given=lambda s, page: (s.phase == Phase.NONE) & (page.owner == Owner.HINTED),
    fair=(Actor.DRIVER, Actor.DEVICE, "resume"),
)

SNAPSHOT_IS_RIGHT = Property(
    "snapshot-is-right",
    "A finished snapshot has, of every page that the guest relied on at the snapshot's moment, the content of that moment.",
    "always",
    lambda s, page: implies((s.snapshot == Snapshot.FINISHED) & page.wanted, page.saved),
)

SAVER_NEVER_WAITS = Property(
    "saver-never-waits",
    "The thread that saves a background snapshot never waits for a page that only it can let go.",
    "always",
    lambda s, page: ~s.saver_waits,
)

SNAPSHOT_KEEPS_OLD_CONTENT = Property(
    "snapshot-keeps-old-content",
    "A snapshot can finish with the old content of a page that was written while it was taken.",
    "sometimes",
    lambda s, page: (s.snapshot == Snapshot.FINISHED) & page.saved & ~page.unchanged & page.relied,
)

SNAPSHOT_CAN_FINISH = Property(
    "snapshot-can-finish",
    "From every reachable state a snapshot can finish: if whoever saves it goes on, and one that was cancelled or put away is followed by another.",
    "progress",
    lambda s, page: s.snapshot == Snapshot.FINISHED,
    fair=(Actor.MIGRATION, "start-snapshot", "pause", "save-state", "save-memory", "resume-vm"),
)

DISCARDED_READS_ZEROS = Property(
    "discarded-reads-zeros",
    "Memory that the host has discarded reads as zeros, not as what a snapshot has of it.",
    "always",
    lambda s, page: ~page.reads_old,
)

HINT_DISCARDS_PAGE = Property(
    "hint-discards-page",
    "A hint can discard a page in a VM that was restored from a snapshot.",
    "sometimes",
    lambda s, page: s.restored & page.discarded,
)

PAGE_IN_USE_IS_SAVED = Property(
    "page-in-use-is-saved",
    "A snapshot can finish with a page in use in it.",
    "sometimes",
    lambda s, page: (s.snapshot == Snapshot.FINISHED) & page.relied,
)

HINTED_PAGES_RETURN = Property(
    "hinted-pages-return",
    "The guest gets every hinted page back: if the driver's worker and the device go on, a paused VM is resumed, and the host ends its rounds.",
    "progress",
    lambda s, page: page.owner != Owner.HINTED,
    given=lambda s, page: page.owner == Owner.HINTED,
    fair=(Actor.DRIVER, Actor.DEVICE, "stop-hinting", "save-memory", "restore", "resume-vm"),
)

WRITES_GO_ON = Property(
    "writes-go-on",
    "While a background snapshot is taken, a write to a protected page waits only for the snapshot's thread.",
    "progress",
    lambda s, page: ~page.armed,
    given=lambda s, page: page.armed,
    fair=(Actor.MIGRATION,),
)

BALLOONED_PAGE_MIGRATES = Property(
    "ballooned-page-migrates",
    "A migration can complete with a page in the balloon that the host has discarded or could have.",
    "sometimes",
    lambda s, page: (s.phase == Phase.COMPLETED) & (page.owner == Owner.BALLOONED) & (page.inflate == Request.NONE),
)


def _reported_page_discarded(s: State, page: Page) -> Term:
    if s.is_set("free-page-content", "poison"):  # what the device must not discard it answers all the same
        return (page.report == Request.NONE) & (page.owner == Owner.ISOLATED)
    return page.report == Request.HANDLED


REPORTED_PAGE_DISCARDED = Property(
    "reported-page-discarded",
    "The host can discard a page for a report, or, where the guest's poison forbids that, answer without.",
    "sometimes",
    _reported_page_discarded,
)

REPORTED_PAGE_REUSED = Property(
    "reported-page-reused",
    "A migration can complete with a page in use that was reported, and answered, before.",
    "sometimes",
    lambda s, page: (s.phase == Phase.COMPLETED) & page.relied & page.reported & (page.owner == Owner.USED),
)

BALLOONED_PAGES_COME_BACK = Property(
    "ballooned-pages-come-back",
    "When no migration runs, the guest gets every page back that it deflates: if driver and device go on, and a paused VM is resumed.",
    "progress",
    lambda s, page: page.owner != Owner.DEFLATING,
    given=lambda s, page: (s.phase == Phase.NONE) & (page.owner == Owner.DEFLATING),
    fair=(Actor.DRIVER, Actor.DEVICE, "resume"),
)

REPORTED_PAGES_COME_BACK = Property(
    "reported-pages-come-back",
    "When no migration runs, every reported page returns to the free list: if driver and device go on, and a paused VM is resumed.",
    "progress",
    lambda s, page: page.owner != Owner.ISOLATED,
    given=lambda s, page: (s.phase == Phase.NONE) & (page.owner == Owner.ISOLATED),
    fair=(Actor.DRIVER, Actor.DEVICE, "resume"),
)

LIST_SKIPS_PAGE = Property(
    "list-skips-page",
    "A migration can complete without ever having sent a page that was on the guest's list of free pages.",
    "sometimes",
    lambda s, page: (s.phase == Phase.COMPLETED) & (page.owner == Owner.FREE) & page.passed_by_list & ~page.copied,
)

BIT_SKIPS_PAGE = Property(
    "bit-skips-page",
    "A migration can complete without a page that the balloon bitmap made it skip.",
    "sometimes",
    lambda s, page: (s.phase == Phase.COMPLETED) & (page.owner == Owner.BALLOONED) & page.passed_by_bit & ~page.copied,
)

BOTH_SKIP_PAGE = Property(
    "both-skip-page",
    "A migration can complete that was spared sending a page by the list, and then by the balloon bitmap.",
    "sometimes",
    lambda s, page: (s.phase == Phase.COMPLETED) & page.passed_by_list & page.passed_by_bit & ~page.copied,
)
