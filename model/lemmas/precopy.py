"""Why pre-copy loses nothing: a change that the destination lacks is always on record somewhere, and after the last sync it is on record as dirty."""

from __future__ import annotations

from balloonproof.model.actions.migration import is_in_channels
from balloonproof.model.language import lemma
from balloonproof.model.state import Owner, Page, Phase, Send, State
from balloonproof.model.terms import FALSE, TRUE, Term, implies


def in_sync(s: State) -> Term:
    """A sync is about to begin or under way."""
    return (s.phase == Phase.BEFORE_SYNC) | (s.phase == Phase.FETCH) | (s.phase == Phase.MERGE)


def synced(s: State) -> Term:
    """The first sync of this migration is over, or a later one has merged."""
    return (s.phase == Phase.AFTER_SYNC) | (s.phase == Phase.ROUND)


def sending_goes_on(s: State) -> Term:
    """The bitmaps and the log are of use."""
    return in_sync(s) | synced(s)


def lacks(page: Page) -> Term:
    """The destination does not have the content that the guest relies on."""
    return (page.relied | page.holds_ring) & ~page.copied


def on_its_way(s: State, page: Page) -> Term:
    """The page's bit is clear, and its content has yet to be read or to arrive."""
    return (s.sent_page == page) & (s.send == Send.CLEARED) | page.in_channel | page.in_flight


def marked(s: State, page: Page) -> Term:
    """QEMU's own dirty memory has the page, or (TCG) the sync under way has just taken its mark from there."""
    return page.ram_dirty | (page.fetched & (s.phase == Phase.MERGE)) if s.is_set("dirty-log", "tcg") else page.ram_dirty


def next_sync_finds(s: State, page: Page) -> Term:
    """The next sync finds that the page changed; or a request that will mark it is taken before the last sync."""
    collected = page.fetched if s.is_set("dirty-log", "ring") else FALSE
    announced = page.deflate_queued if s.is_set("deflate-marks-dirty", "yes") and s.is_set("drain-at-stop", "yes") else FALSE
    return marked(s, page) | page.logged | collected | announced


def on_record(s: State, page: Page) -> Term:
    """The page is known to be dirty, or will be."""
    return page.dirty | next_sync_finds(s, page)


# ------------------------------------------------------------------------------------------------------------------ order


@lemma
def switching_over_stops_the_vm(s: State, page: Page) -> Term:
    """A VM that was stopped to switch over does not run."""
    return implies(s.final, ~s.running)


@lemma
def completes_only_stopped(s: State, page: Page) -> Term:
    """A migration completes only after the VM was stopped to switch over."""
    return implies(s.phase == Phase.COMPLETED, s.final)


@lemma
def timer_syncs_a_running_vm(s: State, page: Page) -> Term:
    """Sends go on only beside a sync of the throttle timer's, whose VM runs."""
    return implies(s.sends_go_on, s.running & (in_sync(s) | (s.phase == Phase.AFTER_SYNC)))


@lemma
def sends_in_a_round(s: State, page: Page) -> Term:
    """A page is being sent only in a round, beside a sync of the timer's, or when a round was cut short by a cancel or a failure."""
    return implies(s.sent_page == page, (s.phase == Phase.ROUND) | s.sends_go_on | (s.phase == Phase.CLEANUP))


@lemma
def log_is_on(s: State, page: Page) -> Term:
    """Nobody switches the log off during a migration; it is left on after one only while the VM stands still."""
    return ~s.log_stopped & implies(s.log_left_on, (s.phase == Phase.NONE) & ~s.running)


@lemma
def one_page_is_sent(s: State, page: Page) -> Term:
    """A send is under way exactly while there is a page that is being sent."""
    return (s.send == Send.IDLE) == ~(s.sent_page == page)


@lemma
def arms_before_it_clears(s: State, page: Page) -> Term:
    """A page that is being sent has had its log armed first, and its bit cleared then."""
    return implies(s.sent_page == page, (s.send == Send.ARMED) | (s.send == Send.CLEARED))


# ------------------------------------------------------------------------------------------------------------------ guest


@lemma
def ring_is_never_allocated(s: State, page: Page) -> Term:
    """The page of the used ring belongs to the driver, so nobody else ever has it from the allocator, or gives it back."""
    return implies(page.holds_ring, (page.owner == Owner.FREE) & ~page.deflate_queued)


@lemma
def relies_on_what_it_uses(s: State, page: Page) -> Term:
    """The guest relies on the content of a page that it uses, and of no other, unless it trusts what is in free pages."""
    if s.is_set("free-page-content", "zero", "poison") or s.is_set("device-initialises-reported", "yes"):
        return TRUE
    return implies(page.relied, (page.owner == Owner.USED) | page.holds_ring)


# -------------------------------------------------------------------------------------------------------------- dirty log


@lemma
def chunk_is_due_after_a_sync(s: State, page: Page) -> Term:
    """A chunk's log is due for a clear from a sync on, until the first of its pages is sent, and never when no migration runs."""
    return implies(page.chunk.clear_pending, (s.phase != Phase.NONE) & (s.phase != Phase.COMPLETED) & ~(s.sent_page == page))


@lemma
def fetched_bits_wait_for_the_clear(s: State, page: Page) -> Term:
    """What was fetched from KVM's manual log waits, with its chunk, to be cleared there."""
    return implies(synced(s) & page.fetched, page.chunk.clear_pending) if s.is_set("dirty-log", "manual") else TRUE


@lemma
def fetched_bits_are_dirty(s: State, page: Page) -> Term:
    """What was fetched from KVM's manual log and will be cleared there is in the bitmap or on its way into it, so that the clear forgets nothing."""
    if not s.is_set("dirty-log", "manual"):
        return TRUE
    merging = implies((s.phase == Phase.MERGE) & page.fetched, page.ram_dirty)
    return merging & implies(sending_goes_on(s) & page.chunk.clear_pending & page.fetched, page.dirty | page.ram_dirty)


@lemma
def ring_notices_or_has_noticed(s: State, page: Page) -> Term:
    """Dirty ring: the next write to the page is noticed, or one was and its entry is not collected yet."""
    if not s.is_set("dirty-log", "ring"):
        return TRUE
    matters = sending_goes_on(s) | ((s.phase == Phase.CLEANUP) & ~s.running) | s.log_left_on
    return implies(matters, page.armed | page.logged | page.slot_going)


@lemma
def tcg_notices_or_has_noticed(s: State, page: Page) -> Term:
    """TCG: the next write to the page is noticed, or one was and is in QEMU's dirty memory; before the first sync all is dirty anyway."""
    if not s.is_set("dirty-log", "tcg"):
        return TRUE
    return implies(synced(s) | s.sends_go_on, page.armed | marked(s, page)) & implies(in_sync(s), page.armed | marked(s, page) | page.dirty)


@lemma
def store_is_marked_before_it_is_made(s: State, page: Page) -> Term:
    """TCG: a store that has begun is in a running vCPU, in a page in use, and has its mark already."""
    has_mark = implies(synced(s) | s.sends_go_on, marked(s, page)) & implies(in_sync(s), marked(s, page) | page.dirty)
    return implies(page.store_begun, s.running & (page.owner == Owner.USED) & has_mark)


@lemma
def going_slot_is_merged(s: State, page: Page) -> Term:
    """What the log of a slot that is being removed held was fetched, and nothing is written there until the slot is gone."""
    safe = implies(sending_goes_on(s) & lacks(page), page.dirty | page.ram_dirty | on_its_way(s, page))
    return implies(page.slot_going, (s.phase != Phase.NONE) & safe)


# --------------------------------------------------------------------------------------------------------------- channels


@lemma
def channels_are_empty_at_the_end(s: State, page: Page) -> Term:
    """Multifd: no migration completes before the channels have delivered everything."""
    if s.may_switch_to_postcopy:  # the wire of post-copy is another
        return TRUE
    return implies(is_in_channels(page), sending_goes_on(s) | (s.phase == Phase.CLEANUP))


@lemma
def page_is_handed_out_once(s: State, page: Page) -> Term:
    """Multifd: a page is in one channel at most, and is not sent again before that was flushed."""
    one = ~(page.in_channel & page.in_flight) & ~(page.in_channel & page.in_flight_old) & ~(page.in_flight & page.in_flight_old)
    return one & implies(is_in_channels(page), ~(s.sent_page == page))


@lemma
def old_content_is_known_to_be_old(s: State, page: Page) -> Term:
    """Multifd: a content that was overwritten while a channel had it is not taken for what the destination needs."""
    return implies(page.in_flight_old, ~page.copied)


# ----------------------------------------------------------------------------------------------------------- the argument


@lemma
def change_is_on_record(s: State, page: Page) -> Term:
    """While a migration runs, a page that the destination lacks is on record as changed, or on its way."""
    return implies(sending_goes_on(s) & lacks(page), on_record(s, page) | on_its_way(s, page))


@lemma
def last_sync_finds_all(s: State, page: Page) -> Term:
    """Once the log was fetched from a stopped VM, no change is on record in the log alone; once it was merged, all are in the bitmap."""
    fetched = page.fetched if s.is_set("dirty-log", "tcg") else page.ram_dirty
    merging = implies(s.phase == Phase.MERGE, page.dirty | fetched | on_its_way(s, page))
    merged = implies(synced(s), page.dirty | on_its_way(s, page))
    return implies(s.final & lacks(page), merging & merged)


LEMMAS = (
    switching_over_stops_the_vm,
    completes_only_stopped,
    timer_syncs_a_running_vm,
    sends_in_a_round,
    log_is_on,
    one_page_is_sent,
    arms_before_it_clears,
    ring_is_never_allocated,
    relies_on_what_it_uses,
    chunk_is_due_after_a_sync,
    fetched_bits_wait_for_the_clear,
    fetched_bits_are_dirty,
    ring_notices_or_has_noticed,
    tcg_notices_or_has_noticed,
    store_is_marked_before_it_is_made,
    going_slot_is_merged,
    channels_are_empty_at_the_end,
    page_is_handed_out_once,
    old_content_is_known_to_be_old,
    change_is_on_record,
    last_sync_finds_all,
)
