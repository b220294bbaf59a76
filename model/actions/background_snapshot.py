"""QEMU's background snapshot: the VM goes on while its memory, as it was at one moment, is saved (migration/migration.c bg_migration_thread, migration/ram.c).

There is no dirty log.  At the snapshot's moment every page is write-protected with userfaultfd; one thread saves each page once and lets it go
(takes its protection away).  A write to a protected page faults and waits: in `dirty_log.change_content` it cannot happen until the page was let go.
`dirty` is the same bitmap as in a migration (RAMBlock.bmap): the page is still to be saved.
"""

from __future__ import annotations

from balloonproof.model.language import Actor, action, require
from balloonproof.model.state import Owner, Page, Snapshot, State
from balloonproof.model.terms import FALSE, TRUE


@action(Actor.GUEST, event="guest.trust-zeros", source="virtio-spec issue 242 (proposed 2026, VIRTIO_BALLOON_F_DEVICE_INIT_ON_INFLATE)")
def trust_zeros(s: State, page: Page) -> None:
    """The guest takes a page whose memory the host has discarded for zeros, without writing it: from now on it relies on them."""
    require(s.running, page.owner == Owner.USED, ~page.populated)
    page.relied = True


@action(Actor.GUEST, event="device.write-elsewhere", source="a process that maps the memory itself (vhost-user): userfaultfd protects QEMU's mapping alone")
def write_elsewhere(s: State, page: Page) -> None:
    """A device in another process writes a page that the guest gave it, past the protection."""
    require(not s.keeps("one-mapping"), s.running, page.owner == Owner.USED)
    page.relied = True
    page.populated = True
    page.unchanged = False


@action(Actor.MANAGEMENT, event="snapshot.start", source="QEMU ram_init_bitmaps with background-snapshot")
def start_snapshot(s: State) -> None:
    """Start a snapshot, also after one that was cancelled: every page is to be saved."""
    require(s.snapshot == Snapshot.NONE)
    for page in s.pages:
        page.dirty = TRUE if s.keeps("fresh-bitmap") else page.dirty
    s.snapshot = Snapshot.PREPARING


@action(Actor.MIGRATION, event="snapshot.populate", source="QEMU ram_write_tracking_prepare: populate_read (eeccb99c9d, 6.0)")
def populate(s: State) -> None:
    """Read every page once, the VM running, so that there is something to protect: protection skips a page without memory."""
    require(s.snapshot == Snapshot.PREPARING)
    if s.keeps("populate-first"):
        for page in s.pages:
            page.populated = True
    s.snapshot = Snapshot.POPULATED


@action(Actor.MIGRATION, event="snapshot.moment", source="QEMU migration_stop_vm, qemu_savevm_state_complete_precopy_non_iterable")
def save_devices(s: State) -> None:
    """Stop the VM and save the state of vCPUs and devices: this is the snapshot's moment."""
    require(s.snapshot == Snapshot.POPULATED)
    for page in s.pages:
        page.wanted = page.relied | page.holds_ring
        page.unchanged = page.relied | page.holds_ring
        page.saved = False
    s.running = FALSE if s.keeps("stop-until-protected") else s.running
    s.snapshot = Snapshot.STOPPED


@action(Actor.MIGRATION, event="snapshot.protect", source="QEMU ram_write_tracking_start: UFFDIO_REGISTER, UFFDIO_WRITEPROTECT")
def protect(s: State) -> None:
    """Write-protect every page that has memory."""
    require(s.snapshot == Snapshot.STOPPED)
    for page in s.pages:
        page.armed = page.populated
    s.snapshot = Snapshot.PROTECTED


@action(Actor.MIGRATION, event="snapshot.start-vm", source="QEMU bg_migration_vm_start_bh: vm_start in the main loop, not in the snapshot's thread")
def start_vm(s: State) -> None:
    """The VM goes on.  Its devices write guest memory as they start, and whoever starts them waits for these pages."""
    require(s.snapshot == Snapshot.PROTECTED)
    s.running = True
    s.snapshot = Snapshot.SAVING


@action(Actor.MIGRATION, event="snapshot.wait-for-itself", source="QEMU bg_migration_thread: 'Start VM from BH handler to avoid write-fault lock here'")
def start_vm_itself(s: State, page: Page) -> None:
    """The thread that saves the pages starts the VM itself, and the start writes a protected ring."""
    require(not s.keeps("start-vm-elsewhere"), s.snapshot == Snapshot.PROTECTED, page.holds_ring)
    s.saver_waits = True


@action(Actor.MIGRATION, event="snapshot.save", source="QEMU ram_save_host_page, for the background scan or poll_fault_page: qemu_put_buffer_async")
def save_page(s: State, page: Page) -> None:
    """Put a page that is still to be saved into the stream, by reference.  Pages that a write waits for come first, which only removes runs."""
    require(s.snapshot == Snapshot.SAVING, page.dirty, ~s.saver_waits)
    page.dirty = False
    page.in_channel = True


@action(Actor.MIGRATION, event="snapshot.flush", source="QEMU qemu_fflush")
def flush_page(s: State, page: Page) -> None:
    """The stream reads the page."""
    require(page.in_channel)
    page.in_channel = False
    page.saved = page.unchanged


@action(Actor.MIGRATION, event="snapshot.let-go", source="QEMU ram_save_release_protection")
def let_go(s: State, page: Page) -> None:
    """Take the page's protection away: a write that waits goes on."""
    require(s.snapshot == Snapshot.SAVING, page.armed, ~s.saver_waits)
    if s.keeps("save-before-let-go"):
        require(~page.dirty)
    if s.keeps("flush-before-let-go"):
        require(~page.in_channel)
    page.armed = False


@action(Actor.MIGRATION, event="snapshot.sync", source="QEMU ram_init_bitmaps: no dirty log with background-snapshot")
def sync_in_snapshot(s: State, page: Page) -> None:
    """A sync finds a page written and makes it dirty again: it would be saved once more, with its new content."""
    require(not s.keeps("no-sync-in-snapshot"), s.snapshot == Snapshot.SAVING)
    page.dirty = True


@action(Actor.MIGRATION, event="snapshot.finish", source="QEMU bg_migration_iteration_finish, ram_write_tracking_stop")
def finish_snapshot(s: State) -> None:
    """Every page has been saved: the snapshot is complete."""
    require(s.snapshot == Snapshot.SAVING, ~s.saver_waits)
    for page in s.pages:
        require(~page.dirty, ~page.in_channel)
        page.armed = False
    s.snapshot = Snapshot.FINISHED


@action(Actor.MANAGEMENT, event="snapshot.cancel", source="QEMU migrate_cancel; ram_save_cleanup: ram_write_tracking_stop")
def cancel_snapshot(s: State) -> None:
    """Give the snapshot up: every page is let go."""
    require(s.snapshot == Snapshot.SAVING, ~s.saver_waits)
    forget_snapshot(s)


@action(Actor.MANAGEMENT, event="snapshot.close", source="QEMU migration_cleanup")
def close_snapshot(s: State) -> None:
    """A finished snapshot is put away; another may follow."""
    require(s.snapshot == Snapshot.FINISHED)
    forget_snapshot(s)


def forget_snapshot(s: State) -> None:
    """What was kept about the pages for the snapshot is forgotten."""
    for page in s.pages:
        page.dirty = False
        page.in_channel = False
        page.armed = False
        page.wanted = False
        page.unchanged = False
        page.saved = False
    s.snapshot = Snapshot.NONE
