"""The dirty log: how a write is remembered, fetched, merged into the migration's bitmap, and forgotten.

Four places hold the memory of a write (facts: QEMU ae4f344 accel/kvm/kvm-all.c, migration/ram.c):
the kernel's bit (`logged`), QEMU's copy of it (`fetched`), QEMU's own dirty memory (`ram_dirty`), the migration's bitmap (`dirty`).
With KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2 (QEMU 002cad6b16, 4.1) a fetch leaves the kernel's bit set, and a write to a page whose bit is
still set leaves no trace; the bit is cleared later, a chunk at a time.
"""

from __future__ import annotations

from balloonproof.model.language import Actor, action, require
from balloonproof.model.state import Chunk, Page, Phase, State
from balloonproof.model.terms import TRUE


def record_write(s: State, page: Page) -> None:
    """A vCPU's store changes the source's content and sets the kernel's dirty bit while the log is on."""
    page.copied = False
    page.logged = page.logged | (s.phase != Phase.NONE)


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


@action(Actor.MIGRATION, event="migration.fetch", source="QEMU memory_global_dirty_log_sync, kvm_log_sync (KVM_GET_DIRTY_LOG)")
def fetch(s: State) -> None:
    """First half of a sync: fetch the kernel's bits into QEMU's dirty memory.  Get-and-clear also re-arms the log."""
    require(s.phase == Phase.FETCH)
    for page in s.pages:
        page.ram_dirty = page.ram_dirty | page.logged
        if s.setting("dirty-log") == "manual":
            page.fetched = page.logged
        else:
            page.logged = False
    s.phase = Phase.MERGE


@action(Actor.MIGRATION, event="migration.merge", source="QEMU ramblock_sync_dirty_bitmap, clear_bmap_set (under bitmap_mutex)")
def merge(s: State) -> None:
    """Second half of a sync: move QEMU's dirty memory into the migration's bitmap; every chunk's log is due for a clear."""
    require(s.phase == Phase.MERGE)
    for page in s.pages:
        page.dirty = page.dirty | page.ram_dirty
        page.ram_dirty = False
        if s.setting("dirty-log") == "manual":
            page.chunk.clear_pending = True
    s.phase = Phase.AFTER_SYNC
