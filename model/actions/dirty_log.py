"""The dirty log: how a write is remembered, fetched, merged into the migration's bitmap, and forgotten.

Four places hold the memory of a write (facts: QEMU ae4f344 accel/kvm/kvm-all.c, migration/ram.c):
the kernel's bit (`logged`), QEMU's copy of it (`fetched`), QEMU's own dirty memory (`ram_dirty`), the migration's bitmap (`dirty`).
With KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2 (QEMU 002cad6b16, 4.1) a fetch leaves the kernel's bit set, and a write to a page whose bit is
still set leaves no trace; the bit is cleared later, a chunk at a time.
The dirty ring and TCG notice only the first write to a page; what arms the page again is the order that matters there.
"""

from __future__ import annotations

from balloonproof.model.language import Actor, action, require
from balloonproof.model.state import Chunk, Page, Phase, Send, State
from balloonproof.model.terms import TRUE, Term, implies


def log_matters(s: State) -> Term:
    """Between the start of a migration and its end: before and after, what the log holds is forgotten unread."""
    return (s.phase != Phase.NONE) & (s.phase != Phase.CLEANUP) & (s.phase != Phase.COMPLETED)


def log_write(s: State, page: Page) -> None:
    """A store leaves its mark in the log, if the log is on and the page's writes are noticed."""
    on = (s.phase != Phase.NONE) & ~s.log_stopped & ~s.at_destination
    if s.is_set("dirty-log", "tcg"):  # the slow path of a store (notdirty_write) marks QEMU's own dirty memory and makes the TLB entry dirty
        page.ram_dirty = page.ram_dirty | (on & page.armed)
        page.armed = False
    elif s.is_set("dirty-log", "ring"):  # the first write to a protected page pushes an entry and makes the page writable
        page.logged = page.logged | (on & page.armed)
        page.armed = page.armed & ~on
    else:  # snapshots have no log, and `on` is never true there
        page.logged = page.logged | on


def change_content(s: State, page: Page) -> None:
    """The content changes: what the destination has, or is about to get, is another content now.

    In post-copy it is the destination's content that changes, which is then the right one by definition; the page must be there to be touched.
    So it must after a lazy restore.  While a background snapshot is taken, a write to a protected page faults and waits until the page was saved.
    """
    require(implies(s.at_destination, page.received & ~page.unmapped))
    if s.has("background-snapshot"):
        require(~page.armed)
    if s.has("destructive-hints"):
        page.armed = False
        if s.setting("restore") == "on-fault":
            require(implies(s.restored, page.received))
    page.populated = True
    page.unchanged = False
    page.discarded = False
    page.reads_old = False
    page.copied = s.at_destination
    page.in_flight_old = page.in_flight_old | page.in_flight
    page.in_flight = False


def record_write(s: State, page: Page) -> None:
    """A vCPU's store: content and log change in one step, as the log does it for everything but TCG (see `begin_store`)."""
    log_write(s, page)
    change_content(s, page)


def clear_chunk(s: State, chunk: Chunk) -> None:
    """Clear the kernel's bits of one chunk, once per sync: KVM_CLEAR_DIRTY_LOG with the fetched copy as mask.

    QEMU migration_clear_memory_region_dirty_bitmap, kvm_log_clear_one_slot: bits that were never fetched must stay ("data loss" comment there).
    Without manual protection nothing is left to clear.
    """
    if s.setting("dirty-log") != "manual":
        return
    pending = chunk.clear_pending
    for page in chunk.pages:
        mask = page.fetched if s.keeps("clear-only-fetched") else TRUE
        page.logged = page.logged & ~(pending & mask)
        page.fetched = page.fetched & ~pending
    chunk.clear_pending = False


@action(Actor.MIGRATION, event="migration.fetch", source="QEMU memory_global_dirty_log_sync, kvm_log_sync (KVM_GET_DIRTY_LOG), kvm_dirty_ring_flush")
def fetch(s: State) -> None:
    """First half of a sync: fetch the kernel's bits into QEMU's dirty memory.  Get-and-clear and the ring also re-arm the log.

    TCG has no log but that dirty memory: its bits are exchanged for zeros, and what is written from now on marks it for the next sync, although
    the TLBs are reset only when all of the memory was gone through (QEMU physical_memory_sync_dirty_bitmap).
    """
    require(s.phase == Phase.FETCH)
    log = s.setting("dirty-log")
    for page in s.pages:
        if log == "tcg":
            page.fetched = page.ram_dirty
            page.ram_dirty = False
        elif log == "ring":
            page.ram_dirty = page.ram_dirty | page.logged | page.fetched
            page.armed = page.armed | page.logged
            page.fetched = False
        else:
            page.ram_dirty = page.ram_dirty | page.logged
        if log == "manual":
            page.fetched = page.logged
        else:
            page.logged = False
    s.phase = Phase.MERGE


@action(Actor.MIGRATION, event="migration.merge", source="QEMU ramblock_sync_dirty_bitmap, clear_bmap_set (under bitmap_mutex)")
def merge(s: State) -> None:
    """Second half of a sync: QEMU's dirty memory goes into the migration's bitmap; every chunk's log is due for a clear, TCG's TLBs are reset."""
    require(s.phase == Phase.MERGE, s.send == Send.IDLE)
    for page in s.pages:
        if s.keeps("sync-waits-for-stores"):
            require(~page.store_begun)
        if s.setting("dirty-log") == "tcg":
            page.dirty = page.dirty | page.fetched
            page.fetched = False
            page.armed = page.armed | s.keeps("reset-tlb-at-sync")
        else:
            page.dirty = page.dirty | page.ram_dirty
            page.ram_dirty = False
        if s.setting("dirty-log") == "manual":
            page.chunk.clear_pending = True
    s.phase = Phase.AFTER_SYNC


@action(Actor.LOG, event="log.reap", source="QEMU kvm_dirty_ring_reap_one, KVM_RESET_DIRTY_RINGS (b4420f198d, 6.1)")
def reap(s: State, page: Page) -> None:
    """Dirty ring: an entry is collected into the slot's bitmap between two syncs, then the page is protected again."""
    require(s.setting("dirty-log") == "ring", log_matters(s), page.logged)
    page.logged = False
    page.armed = True
    if s.keeps("collect-before-reset"):
        page.fetched = True


@action(Actor.LOG, event="log.refill-tlb", source="QEMU accel/tcg/cputlb.c: tlb_set_page_full (TLB_NOTDIRTY)")
def refill_tlb(s: State, page: Page) -> None:
    """TCG: the page's TLB entry was dropped for a reason of the guest's; the new one notices the next write."""
    require(s.setting("dirty-log") == "tcg", ~page.armed)
    page.armed = True


@action(Actor.MANAGEMENT, event="log.stop-elsewhere", source="QEMU migration/dirtyrate.c before 63b41db4bc (6.2)")
def stop_log(s: State) -> None:
    """Somebody else who used the dirty log, for a dirty rate measurement, switches it off for all."""
    require(not s.keeps("log-kept-on"), s.phase != Phase.NONE)
    s.log_stopped = True


@action(Actor.MANAGEMENT, event="slot.fetch", source="QEMU kvm_set_phys_mem (!add): kvm_slot_sync_dirty_pages")
def begin_slot_removal(s: State, page: Page) -> None:
    """The guest's memory map changes: before its slot is deleted, the slot's log is fetched a last time."""
    require(s.setting("memslot-removal") != "none", s.setting("dirty-log") != "tcg", log_matters(s), ~page.slot_going)
    page.ram_dirty = page.ram_dirty | page.logged | page.fetched
    page.fetched = False
    page.logged = False
    page.slot_going = True


@action(Actor.MANAGEMENT, event="slot.delete", source="QEMU kvm_set_phys_mem: KVM_SET_USER_MEMORY_REGION with size 0")
def delete_slot(s: State, page: Page) -> None:
    """The slot is deleted with what its log holds by now; the memory is mapped again by a new slot with an empty log."""
    require(page.slot_going)
    page.logged = False
    page.armed = s.setting("dirty-log") == "ring"
    page.slot_going = False
