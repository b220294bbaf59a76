"""What must always hold, and what must be able to happen.

A proof about a model that cannot move is worthless, so beside each safety property stand witnesses, and what must not get stuck.
"""

from __future__ import annotations

from balloonproof.model.language import Actor, Property
from balloonproof.model.state import Hinting, Owner, Page, Phase, State
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
    lambda s, page: implies((s.phase == Phase.POSTCOPY) & ~page.received & ~page.in_flight, page.dirty),
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
    "From every reachable state a migration can complete: if the migration thread, the balloon driver and the balloon device go on, "
    "a paused VM is resumed, and a migration that failed or was cancelled is started again.",
    "progress",
    lambda s, page: s.phase == Phase.COMPLETED,
    fair=(Actor.MIGRATION, Actor.DRIVER, Actor.DEVICE, "start-migration", "resume"),
)

HINTED_PAGES_COME_BACK = Property(
    "hinted-pages-come-back",
    "When no migration runs, the guest gets every hinted page back: if the driver's worker and the device's iothread go on, and a paused VM is resumed.",
    "progress",
    lambda s, page: page.owner != Owner.HINTED,
    given=lambda s, page: (s.phase == Phase.NONE) & (page.owner == Owner.HINTED),
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
