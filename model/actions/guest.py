"""The guest's page allocator and its vCPUs.

Only what the migration can notice is kept of an allocation: who has the page, and whether its content matters.

A kernel with init_on_free (setting `free-page-content=zero`) or page_poison=1 (`poison`) writes over a page when it is freed and relies on what it wrote: with
zeros it hands the page out without initialising it again, with poison it checks the value when it allocates.
"""

from __future__ import annotations

from balloonproof.model.actions.dirty_log import change_content, log_write, record_write
from balloonproof.model.actions.discard import knows_zero
from balloonproof.model.language import Actor, action, require
from balloonproof.model.state import Owner, Page, Phase, State


def give_to_allocator(s: State, page: Page) -> None:
    """Linux free_pages_prepare (init_on_free, kernel_poison_pages), __free_one_page: the page is free, and filled if the kernel fills free pages."""
    fills = s.is_set("free-page-content", "zero", "poison")
    page.owner = Owner.FREE
    page.relied = fills
    if fills:
        record_write(s, page)
        store(s, page, zeros=s.is_set("free-page-content", "zero"))


def take_from_allocator(s: State, page: Page, owner: Owner) -> None:
    """Linux alloc_pages: a free page is taken, by someone who does not rely on what is in it."""
    require(s.running, page.owner == Owner.FREE, ~page.holds_ring)
    page.owner = owner
    if s.is_set("free-page-content", "zero", "poison") or knows_zero(s):
        page.relied = False


def store(s: State, page: Page, zeros: bool = False) -> None:
    """The page's content is now zeros, or something else."""
    if knows_zero(s):
        page.zero = zeros


@action(Actor.GUEST, event="guest.allocate", source="Linux mm/page_alloc.c: rmqueue, del_page_from_free_list")
def allocate(s: State, page: Page) -> None:
    """A free page comes into use.  Its content does not matter until it is written, unless it is known to be zeros; poison was checked just now."""
    require(s.running, page.owner == Owner.FREE, ~page.holds_ring)
    page.owner = Owner.USED
    if s.is_set("free-page-content", "poison"):
        page.relied = False


@action(Actor.GUEST, event="guest.write", source="a vCPU store; virtio-spec 15f488c balloon: a write overrides the hint")
def write(s: State, page: Page) -> None:
    """A vCPU writes a page in use: from now on the guest relies on its content."""
    require(s.running, (page.owner == Owner.USED) | page.holds_ring)
    if s.is_set("memslot-removal", "vcpus-paused"):
        require(~page.slot_going)
    page.relied = True
    record_write(s, page)
    store(s, page)


@action(Actor.GUEST, event="guest.begin-store", source="QEMU accel/tcg/cputlb.c: notdirty_write, before the store itself")
def begin_store(s: State, page: Page) -> None:
    """TCG: a store's slow path sets the dirty bit first and changes the content afterwards."""
    require(s.setting("dirty-log") == "tcg", s.running, page.owner == Owner.USED, ~page.store_begun)
    log_write(s, page)
    page.store_begun = True


@action(Actor.GUEST, event="guest.finish-store", source="QEMU accel/tcg/cputlb.c: the store after notdirty_write (9458a9a1df, 4.2)")
def finish_store(s: State, page: Page) -> None:
    """TCG: the content changes.  The VM runs, since it does not stop inside a store."""
    require(page.store_begun)
    page.relied = page.relied | (page.owner == Owner.USED)
    change_content(s, page)
    store(s, page)
    page.store_begun = False


@action(Actor.GUEST, event="guest.write-unlogged", source="QEMU before 9c1f8f4493 (2.8): the SMRAM address space is not synced")
def write_unlogged(s: State, page: Page) -> None:
    """A vCPU writes through an address space whose log nobody fetches."""
    require(not s.keeps("sync-all-address-spaces"), s.running, page.owner == Owner.USED)
    page.relied = True
    change_content(s, page)
    store(s, page)


@action(Actor.GUEST, event="guest.initialise", source="Linux mm/page_alloc.c: post_alloc_hook, free_pages_prepare (init_on_alloc, page_poison)")
def initialise(s: State, page: Page) -> None:
    """The kernel fills a free page (zeroes, poison): a write like any other for the log, but it makes nobody rely on the content."""
    require(s.running, page.owner == Owner.FREE, ~page.holds_ring)
    record_write(s, page)
    if knows_zero(s):
        page.zero = page.zero & page.relied


@action(Actor.GUEST, event="guest.free", source="Linux mm/page_alloc.c: free_pages_prepare, __free_one_page")
def free(s: State, page: Page) -> None:
    """A page in use is freed: its content stops to matter, unless the kernel fills free pages and relies on that."""
    require(s.running, page.owner == Owner.USED, ~page.store_begun)
    give_to_allocator(s, page)


@action(Actor.GUEST, event="device.write", source="QEMU include/exec/ram_addr.h: physical_memory_set_dirty_range (device emulation)")
def device_write(s: State, page: Page) -> None:
    """An emulated device writes a page that the guest gave it: recorded in QEMU's own dirty memory, not in the kernel's log."""
    require(s.running, (page.owner == Owner.USED) | page.holds_ring)
    write_from_outside(s, page)


def write_from_outside(s: State, page: Page) -> None:
    """A write that no vCPU makes, so that the kernel's log does not see it."""
    page.relied = True
    change_content(s, page)
    page.ram_dirty = page.ram_dirty | ((s.phase != Phase.NONE) & ~s.at_destination)
    store(s, page)


@action(Actor.GUEST, event="device.write-beyond", source="QEMU before 6886867e98 (2.1): DMA across pages marks the first one only")
def device_write_beyond(s: State, page: Page) -> None:
    """An emulated device's write reaches into another page, which is not marked."""
    require(not s.keeps("device-write-marks-all-pages"), s.running, page.owner == Owner.USED)
    page.relied = True
    change_content(s, page)
    store(s, page)
