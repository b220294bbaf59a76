"""The guest's page allocator and its vCPUs.

Only what the migration can notice is kept of an allocation: who has the page, and whether its content matters.
"""

from __future__ import annotations

from balloonproof.model.actions.dirty_log import change_content, log_write, record_write
from balloonproof.model.language import Actor, action, require
from balloonproof.model.state import Owner, Page, Phase, State


@action(Actor.GUEST, event="guest.allocate", source="Linux mm/page_alloc.c: rmqueue, del_page_from_free_list")
def allocate(s: State, page: Page) -> None:
    """A free page comes into use.  Its content does not matter until it is written."""
    require(s.running, page.owner == Owner.FREE, ~page.holds_ring)
    page.owner = Owner.USED


@action(Actor.GUEST, event="guest.write", source="a vCPU store; virtio-spec 15f488c balloon: a write overrides the hint")
def write(s: State, page: Page) -> None:
    """A vCPU writes a page in use: from now on the guest relies on its content."""
    require(s.running, (page.owner == Owner.USED) | page.holds_ring)
    if s.setting("memslot-removal", "none") == "vcpus-paused":
        require(~page.slot_going)
    page.relied = True
    record_write(s, page)


@action(Actor.GUEST, event="guest.begin-store", source="QEMU accel/tcg/cputlb.c: notdirty_write, before the store itself")
def begin_store(s: State, page: Page) -> None:
    """TCG: a store's slow path sets the dirty bit first and changes the content afterwards."""
    require(s.setting("dirty-log") == "tcg", s.running, page.owner == Owner.USED, ~page.store_begun)
    log_write(s, page)
    page.store_begun = True


@action(Actor.GUEST, event="guest.finish-store", source="QEMU accel/tcg/cputlb.c: the store after notdirty_write (9458a9a1df, 4.2)")
def finish_store(s: State, page: Page) -> None:
    """TCG: the content changes."""
    require(page.store_begun, s.running)
    page.relied = page.relied | (page.owner == Owner.USED)
    change_content(s, page)
    page.store_begun = False


@action(Actor.GUEST, event="guest.write-unlogged", source="QEMU before 9c1f8f4493 (2.8): the SMRAM address space is not synced")
def write_unlogged(s: State, page: Page) -> None:
    """A vCPU writes through an address space whose log nobody fetches."""
    require(not s.keeps("sync-all-address-spaces"), s.running, page.owner == Owner.USED)
    page.relied = True
    change_content(s, page)


@action(Actor.GUEST, event="guest.initialise", source="Linux mm/page_alloc.c: post_alloc_hook, free_pages_prepare (init_on_alloc, page_poison)")
def initialise(s: State, page: Page) -> None:
    """The kernel fills a free page (zeroes, poison): a write like any other for the log, but nobody relies on the content."""
    require(s.running, page.owner == Owner.FREE, ~page.holds_ring)
    record_write(s, page)


@action(Actor.GUEST, event="guest.free", source="Linux mm/page_alloc.c: free_pages_prepare, __free_one_page")
def free(s: State, page: Page) -> None:
    """A page in use is freed: its content stops to matter."""
    require(s.running, page.owner == Owner.USED, ~page.store_begun)
    page.owner = Owner.FREE
    page.relied = False


@action(Actor.GUEST, event="device.write", source="QEMU include/exec/ram_addr.h: physical_memory_set_dirty_range (device emulation)")
def device_write(s: State, page: Page) -> None:
    """An emulated device writes a page that the guest gave it: recorded in QEMU's own dirty memory, not in the kernel's log."""
    require(s.running, (page.owner == Owner.USED) | page.holds_ring)
    page.relied = True
    change_content(s, page)
    page.ram_dirty = page.ram_dirty | ((s.phase != Phase.NONE) & ~s.at_destination)


@action(Actor.GUEST, event="device.write-beyond", source="QEMU before 6886867e98 (2.1): DMA across pages marks the first one only")
def device_write_beyond(s: State, page: Page) -> None:
    """An emulated device's write reaches into another page, which is not marked."""
    require(not s.keeps("device-write-marks-all-pages"), s.running, page.owner == Owner.USED)
    page.relied = True
    change_content(s, page)
