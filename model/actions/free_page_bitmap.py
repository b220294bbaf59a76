"""The guest's list of free pages, asked for during a migration (Liang Li 2016; M. Tsirkin's iterative variant).

The host asks, the guest walks its free lists and answers with a bitmap, the host clears those pages' dirty bits.  Nothing keeps a page on the list
free: the guest may use it at once, and only the dirty log tells.  (Facts: lore "A PV solution for live migration optimization", 2016-03-03 and replies.)

Requests carry ids in effect, but all that matters of an id is whether its request still stands, so that is what is kept (`list_stale`).
"""

from __future__ import annotations

from balloonproof.model.actions.dirty_log import clear_chunk
from balloonproof.model.language import Actor, action, require
from balloonproof.model.state import Asking, FreeList, Owner, Page, Phase, Send, State
from balloonproof.model.terms import choose


def asks_in_setup_only(s: State) -> bool:
    return s.has("free-page-bitmap") and s.setting("asks") == "setup"


def request_becomes_due(s: State) -> None:
    """A migration starts: the host is to ask for the free pages."""
    if s.has("free-page-bitmap"):
        s.asking = choose(s.asking == Asking.OPEN, Asking.OPEN, Asking.DUE)
        for page in s.pages:
            page.passed_by_list = False


def _withdraw(s: State, then: Asking) -> None:
    """The request stands no more: whatever the guest has made of it is stale."""
    s.list_stale = s.list_stale | ((s.asking == Asking.OPEN) & (s.free_list != FreeList.NONE))
    s.asking = then


def request_meets_sync(s: State) -> None:
    """A sync is about to begin: the host waits for the answer (2016), or goes on without it and will not take it any more."""
    if not s.has("free-page-bitmap"):
        return
    if s.setting("waits-for-answer") == "yes":
        require(~s.running | (s.asking == Asking.CLOSED))
    then = Asking.CLOSED if asks_in_setup_only(s) else Asking.DUE
    if s.keeps("answer-before-sync"):
        _withdraw(s, then)
    else:
        s.asking = choose(s.asking == Asking.OPEN, Asking.OPEN, then)


def forget_request(s: State) -> None:
    """The migration is over."""
    if not s.has("free-page-bitmap"):
        return
    for page in s.pages:
        page.passed_by_list = False
    if s.keeps("answer-of-this-migration"):
        _withdraw(s, Asking.OFF)
    else:
        s.asking = choose(s.asking == Asking.OPEN, Asking.OPEN, Asking.OFF)


def lose_list(s: State) -> None:
    """The device is reset: what the driver has made of the list is gone, and a request that still stands is seen anew."""
    if not s.has("free-page-bitmap"):
        return
    for page in s.pages:
        page.listed = False
    s.free_list = FreeList.NONE
    s.list_stale = False
    s.request_unseen = s.asking == Asking.OPEN


@action(Actor.MIGRATION, event="host.request-free-pages", source="Li 2016, QEMU patch 4: ram_save_setup; M. Tsirkin 2016: in each round")
def request_free_pages(s: State) -> None:
    """Ask the guest for its free pages: before the first sync, or before each; the dirty log is on.

    With `log-clear=before-request` the log of every chunk is cleared first, so that a write to a page on the list leaves a trace.
    """
    before_sync = s.phase == Phase.BEFORE_SYNC
    where = before_sync if asks_in_setup_only(s) else before_sync | ((s.phase == Phase.ROUND) & (s.send == Send.IDLE))
    possible = where & (s.asking == Asking.DUE)
    if not s.keeps("log-before-request"):
        possible = possible | ((s.phase == Phase.NONE) & (s.asking == Asking.OFF))
    require(possible)
    if s.setting("log-clear") == "before-request":
        for page in s.pages:
            clear_chunk(s, page.chunk)
    s.asking = Asking.OPEN
    s.request_unseen = True


@action(Actor.DRIVER, event="guest.begin-list", source="Li 2016, kernel patch 2: the fvq's element comes back; get_free_pages")
def begin_list(s: State) -> None:
    """The guest sees the request and begins to walk its free lists, once the host has taken the bitmap of the last walk."""
    require(s.running, s.request_unseen, s.free_list == FreeList.NONE)
    s.request_unseen = False
    s.free_list = FreeList.WALKING
    s.list_stale = s.asking != Asking.OPEN


@action(Actor.DRIVER, event="guest.list", source="Li 2016, kernel patch 1: mark_free_pages_bitmap under zone->lock")
def list_page(s: State, page: Page) -> None:
    """Set the bit of a page that is free at this moment.  The page is not taken out of the allocator."""
    listable = page.owner == Owner.FREE
    if s.has("balloon-skip") and s.setting("sets") == "list-covers-balloon":
        listable = listable | (page.owner == Owner.BALLOONED)
    require(s.running, s.free_list == FreeList.WALKING, listable, ~page.holds_ring, ~page.listed)
    page.listed = True


@action(Actor.DRIVER, event="guest.send-list", source="Li 2016, kernel patch 2: virtqueue_add_outbuf of the bitmap")
def send_list(s: State) -> None:
    """Answer: the list is on its way to the host."""
    require(s.running, s.free_list == FreeList.WALKING)
    s.free_list = FreeList.SENT


def _take_list(s: State) -> None:
    require(s.free_list == FreeList.SENT)
    for page in s.pages:
        page.listed = False
    s.free_list = FreeList.NONE
    s.list_stale = False


@action(Actor.MIGRATION, event="migration.filter", source="Li 2016, QEMU patch 4: filter_out_guest_free_pages")
def filter_free_pages(s: State) -> None:
    """Take the answer to the open request: the pages on the list need not be sent."""
    require((s.phase == Phase.BEFORE_SYNC) | ((s.phase == Phase.ROUND) & (s.send == Send.IDLE)))
    require(~s.list_stale)
    for page in s.pages:
        if s.setting("log-clear") == "by-filter":
            clear_chunk(s, page.chunk)
        if s.has("balloon-skip") and s.setting("sets") == "one-bitmap":
            page.balloon_bit = page.balloon_bit | page.listed
            continue
        page.passed_by_list = page.passed_by_list | (page.listed & page.dirty)
        page.dirty = page.dirty & ~page.listed
        if s.setting("filters") == "dirty-memory":
            page.ram_dirty = page.ram_dirty & ~page.listed
    _take_list(s)
    s.asking = Asking.CLOSED


@action(Actor.DEVICE, event="host.drop-list", source="M. Tsirkin 2016: nobody waits for the answer")
def drop_list(s: State) -> None:
    """Take an answer whose request stands no more, and forget it."""
    require(s.list_stale)
    _take_list(s)
