"""Post-copy: the guest goes on at the destination before all of its memory is there (QEMU migration/postcopy-ram.c, migration/ram.c).

At the switch the destination throws away what is dirty; every page that it lacks must then still be dirty at the source, which sends each once,
by itself or on request: a request for a page whose bit is clear is dropped, on the assumption that it was sent (get_queued_page).
From the switch on `copied` says that the destination's content is what the guest relies on; nothing is logged, and the source's memory stands still.
"""

from __future__ import annotations

from balloonproof.model.actions.management import forget_migration, settle_at_destination
from balloonproof.model.language import Actor, action, require
from balloonproof.model.state import Page, Phase, Send, State


@action(Actor.MIGRATION, event="postcopy.start", source="QEMU postcopy_start, ram_postcopy_send_discard_bitmap, ram_discard_range at the destination")
def start_postcopy(s: State) -> None:
    """After the final sync: the destination discards all pages that are dirty, and the guest goes on there."""
    require(s.may_switch_to_postcopy, s.phase == Phase.ROUND, s.send == Send.IDLE, s.final)
    for page in s.pages:
        if s.keeps("discard-what-is-dirty"):
            page.received = page.received & ~page.dirty
            page.unmapped = page.unmapped & ~page.dirty
        page.logged = False
        page.ram_dirty = False
    s.phase = Phase.POSTCOPY
    s.running = True  # also if it was paused (loadvm_postcopy_handle_run: only -S is heeded)
    s.final = False
    s.ran_before = True


@action(Actor.DESTINATION, event="migration.leave-zeros", source="QEMU multifd_recv_zero_page_process before 249543d0c0 (10.1)")
def leave_zeros_unwritten(s: State, page: Page) -> None:
    """A zero page arrives first of all, in a pre-copy round: its receipt is marked and nothing is written, as it reads as zeros.  But no memory is mapped."""
    require(not s.keeps("zero-pages-are-written"), s.may_switch_to_postcopy, s.send == Send.CLEARED, s.sent_page == page, ~page.received)
    s.send = Send.IDLE
    page.copied = True
    page.received = True
    page.unmapped = True


@action(Actor.MIGRATION, event="postcopy.send", source="QEMU ram_save_host_page in postcopy, from the background scan or get_queued_page")
def send_in_postcopy(s: State, page: Page) -> None:
    """Send a dirty page: clear its bit and put its content, which does not change any more, on the wire."""
    require(s.phase == Phase.POSTCOPY, page.dirty)
    page.dirty = False
    page.in_flight = True


@action(Actor.DESTINATION, event="postcopy.place", source="QEMU postcopy_place_page: UFFDIO_COPY, UFFDIO_ZEROPAGE")
def place(s: State, page: Page) -> None:
    """A page arrives: only post-copy puts any on the wire here.  Where the guest already has it, it replaces what was made of it since (663e6c1df8, 2.5)."""
    require(page.in_flight)
    page.damaged = page.damaged | (page.received & page.relied)
    page.in_flight = False
    page.received = True
    page.unmapped = False
    page.copied = True


@action(Actor.MANAGEMENT, event="postcopy.lose-channel", source="QEMU postcopy_pause")
def lose_channel(s: State) -> None:
    """The connection breaks: what is on the wire is lost, the guest goes on at the destination as far as it can."""
    require(s.phase == Phase.POSTCOPY)
    for page in s.pages:
        page.in_flight = False
    s.phase = Phase.POSTCOPY_PAUSED


@action(Actor.MANAGEMENT, event="postcopy.recover", source="QEMU ram_dirty_bitmap_sync_all, ram_dirty_bitmap_reload: the destination's received bitmap")
def recover(s: State) -> None:
    """A new connection: what the destination has not received is dirty again."""
    require(s.phase == Phase.POSTCOPY_PAUSED)
    if s.keeps("reload-bitmap-on-recovery"):
        for page in s.pages:
            page.dirty = ~page.received
    s.phase = Phase.POSTCOPY


@action(Actor.MIGRATION, event="postcopy.sync", source="QEMU before 663e6c1df8 (2.5): migration_bitmap_sync during post-copy")
def sync_in_postcopy(s: State, page: Page) -> None:
    """A sync finds old marks in the source's log: with KVM's manual log the bits of sent pages are still set."""
    require(not s.keeps("no-sync-in-postcopy"), s.phase == Phase.POSTCOPY)
    page.dirty = True


@action(Actor.MIGRATION, event="postcopy.end", source="QEMU ram_save_complete, postcopy_ram_incoming_cleanup")
def end_postcopy(s: State) -> None:
    """Every page has been sent: what was never sent reads as zeros from now on.  The guest may migrate again from here."""
    require(s.phase == Phase.POSTCOPY)
    for page in s.pages:
        require(~page.dirty, ~page.in_flight)
    forget_migration(s)
    settle_at_destination(s)
