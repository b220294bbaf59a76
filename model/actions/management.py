"""What a management application does to the migration: start, cancel, retry, pause; and what failure does by itself."""

from __future__ import annotations

from balloonproof.model.actions.balloon_bitmap import bit_at_destination, bit_at_start
from balloonproof.model.actions.free_page_bitmap import asks_in_setup_only, forget_request, request_becomes_due
from balloonproof.model.actions.migration import require_no_store_begun
from balloonproof.model.language import Actor, action, require
from balloonproof.model.state import Hinting, Page, Phase, Send, State
from balloonproof.model.terms import const


@action(Actor.MANAGEMENT, event="migration.start", source="QEMU ram_init_bitmaps, memory_global_dirty_log_start")
def start_migration(s: State) -> None:
    """Start a migration, also again after one that failed: all pages dirty (40c4d4a835, 4.1), the dirty log on, an empty destination."""
    require(s.phase == Phase.NONE)
    initially_set = s.setting("dirty-log") == "manual" and s.setting("initially-set") == "yes" and not asks_in_setup_only(s)
    for page in s.pages:
        page.copied = False
        page.dirty = const(True, Page.dirty.sort) if s.keeps("fresh-bitmap") else page.ram_dirty
        page.ram_dirty = False
        page.logged = initially_set
        if s.setting("dirty-log") == "ring":
            page.armed = s.keeps("protect-at-start")
        bit_at_start(s, page)
    request_becomes_due(s)
    s.phase = Phase.BEFORE_SYNC


@action(Actor.MANAGEMENT, event="migration.cancel", source="QEMU migrate_cancel")
def cancel(s: State) -> None:
    """Cancel the migration."""
    require(s.phase == Phase.ROUND)
    s.phase = Phase.CLEANUP


@action(Actor.MIGRATION, event="migration.fail", source="QEMU migration_detect_error")
def fail(s: State) -> None:
    """The stream breaks."""
    require(s.phase == Phase.ROUND)
    s.phase = Phase.CLEANUP


def forget_migration(s: State) -> None:
    """The bitmaps are freed and the log is off."""
    for page in s.pages:
        page.copied = False
        page.dirty = False
        page.logged = False
        page.fetched = False
        page.chunk.clear_pending = False
        page.armed = False
        page.in_channel = False
        page.in_flight = False
        page.in_flight_old = False
        page.received = False
        page.slot_going = False
    s.log_stopped = False
    forget_request(s)
    s.send = Send.IDLE
    s.phase = Phase.NONE


def resume_at_destination(s: State) -> None:
    """The guest is at home where it is; a new QEMU's dirty memory is all set."""
    for page in s.pages:
        page.ram_dirty = True
    s.running = True
    s.final = False


@action(Actor.MIGRATION, event="migration.cleanup", source="QEMU PRECOPY_NOTIFY_CLEANUP: virtio_balloon_free_page_done (dd8eeb9671, 5.1)")
def cleanup(s: State) -> None:
    """After a cancel or a failure: hinting is done, and the VM goes on at the source."""
    require(s.phase == Phase.CLEANUP)
    if s.hints_enabled and s.keeps("done-on-cleanup"):
        s.hinting = Hinting.DONE
    forget_migration(s)
    s.running = s.running | s.final
    s.final = False


@action(Actor.MANAGEMENT, event="management.switch-over", source="QEMU process_incoming_migration_bh; vmstate free-page-report")
def switch_over(s: State) -> None:
    """The guest goes on at the destination, with the balloon device's status and command id; it may migrate again from there."""
    require(s.phase == Phase.COMPLETED)
    forget_migration(s)
    for page in s.pages:
        bit_at_destination(s, page)
    resume_at_destination(s)


@action(Actor.MANAGEMENT, event="management.pause", source="QEMU vm_stop; virtio_balloon_set_status (block_iothread)")
def pause(s: State) -> None:
    """Pause the VM, before or during a migration."""
    require((s.phase == Phase.NONE) | (s.phase == Phase.ROUND), s.running)
    require_no_store_begun(s)
    s.running = False


@action(Actor.MANAGEMENT, event="management.resume", source="QEMU vm_start")
def resume(s: State) -> None:
    """Let a paused VM go on."""
    require((s.phase == Phase.NONE) | (s.phase == Phase.ROUND), ~s.running, ~s.final)
    s.running = True
