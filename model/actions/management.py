"""What a management application does to the migration: start, cancel, retry, pause; and what failure does by itself."""

from __future__ import annotations

from balloonproof.model.actions.balloon_bitmap import bit_at_destination, bit_at_start
from balloonproof.model.actions.free_page_bitmap import asks_in_setup_only, forget_request, request_becomes_due
from balloonproof.model.actions.migration import require_no_store_begun
from balloonproof.model.language import Actor, action, require
from balloonproof.model.state import Hinting, Phase, Send, State
from balloonproof.model.terms import FALSE, Term, choose


@action(Actor.MANAGEMENT, event="migration.start", source="QEMU ram_init_bitmaps, memory_global_dirty_log_start")
def start_migration(s: State) -> None:
    """Start a migration, also again after one that failed: all pages dirty (40c4d4a835, 4.1), the dirty log on, an empty destination.

    A log that was left on goes on with what it holds (memory_global_dirty_log_start, a5c90c61a1).
    """
    require(s.phase == Phase.NONE)
    initially_set = s.setting("dirty-log") == "manual" and s.setting("initially-set") == "yes" and not asks_in_setup_only(s)
    for page in s.pages:
        page.copied = False
        page.dirty = s.keeps("fresh-bitmap")
        page.ram_dirty = page.ram_dirty & ~page.dirty  # what the first sync has nothing to add to
        page.logged = choose(s.log_left_on, page.logged, initially_set)
        if s.setting("dirty-log") == "ring":
            page.armed = choose(s.log_left_on, page.armed, s.keeps("protect-at-start"))
        bit_at_start(s, page)
    if s.keeps("start-withdraws-stop"):
        s.log_left_on = False
    request_becomes_due(s)
    s.phase = Phase.BEFORE_SYNC


def may_break_off(s: State) -> Term:
    """In a round, or before the migration thread syncs; the throttle timer has the BQL from before its sync on, so nothing ends beside that."""
    return (s.phase == Phase.ROUND) | ((s.phase == Phase.BEFORE_SYNC) & ~s.sends_go_on)


@action(Actor.MANAGEMENT, event="migration.cancel", source="QEMU migrate_cancel")
def cancel(s: State) -> None:
    """Cancel the migration."""
    require(may_break_off(s))
    s.phase = Phase.CLEANUP


@action(Actor.MIGRATION, event="migration.fail", source="QEMU migration_detect_error")
def fail(s: State) -> None:
    """The stream breaks; or setting up fails before the first sync, or the VM could not be stopped before the last."""
    require(may_break_off(s))
    s.phase = Phase.CLEANUP


def forget_migration(s: State, log_stays_on: Term = FALSE) -> None:
    """The bitmaps are freed and the log is off, unless that has to wait; under the BQL, so no slot is half removed."""
    for page in s.pages:
        require(~page.slot_going)
        page.copied = False
        page.dirty = False
        page.logged = page.logged & log_stays_on
        page.fetched = page.fetched & log_stays_on
        page.chunk.clear_pending = False
        page.armed = page.armed & log_stays_on
        page.in_channel = False
        page.in_flight = False
        page.in_flight_old = False
        page.received = False
        page.unmapped = False
    s.log_stopped = False
    s.log_left_on = log_stays_on
    forget_request(s)
    s.send = Send.IDLE
    s.phase = Phase.NONE


def settle_at_destination(s: State) -> None:
    """The guest is at home where it is; a new QEMU's dirty memory is all set."""
    for page in s.pages:
        page.ram_dirty = True


@action(Actor.MIGRATION, event="migration.cleanup", source="QEMU PRECOPY_NOTIFY_CLEANUP: virtio_balloon_free_page_done (dd8eeb9671, 5.1)")
def cleanup(s: State) -> None:
    """After a cancel or a failure: hinting is done, and the VM goes on at the source if it ran before (vm_resume with vm_old_state).

    While it stands still, the dirty log stays on (memory_global_dirty_log_stop: 1931076077, 2.10).
    """
    require(s.phase == Phase.CLEANUP)
    if s.hints_enabled and s.keeps("done-on-cleanup"):
        s.hinting = Hinting.DONE
    start_again(s)
    forget_migration(s, log_stays_on=~s.running)


def start_again(s: State) -> None:
    """A VM that was stopped to switch over is again what it was before."""
    s.running = s.running | (s.final & s.ran_before)
    s.final = False
    s.ran_before = True


@action(Actor.MANAGEMENT, event="management.switch-over", source="QEMU process_incoming_migration_bh; vmstate free-page-report")
def switch_over(s: State) -> None:
    """The guest goes on at the destination, with the balloon device's status and command id; it may migrate again from there.

    One that was paused stays so (global_state_get_runstate); started with -S, it is paused at once.
    """
    require(s.phase == Phase.COMPLETED)
    forget_migration(s)
    for page in s.pages:
        bit_at_destination(s, page)
    settle_at_destination(s)
    start_again(s)


@action(Actor.MANAGEMENT, event="management.pause", source="QEMU vm_stop; virtio_balloon_set_status (block_iothread)")
def pause(s: State) -> None:
    """Pause the VM, before or during a migration."""
    require((s.phase == Phase.NONE) | (s.phase == Phase.ROUND), s.running)
    require_no_store_begun(s)
    s.running = False


@action(Actor.MANAGEMENT, event="management.resume", source="QEMU vm_start")
def resume(s: State) -> None:
    """Let a paused VM go on.  What was left on of an earlier migration's dirty log is switched off before any vCPU runs (memory_vm_change_state_handler)."""
    require((s.phase == Phase.NONE) | (s.phase == Phase.ROUND), ~s.running, ~s.final)
    for page in s.pages:
        page.logged = page.logged & ~s.log_left_on
        page.fetched = page.fetched & ~s.log_left_on
        page.armed = page.armed & ~s.log_left_on
    s.log_stopped = s.log_stopped | (s.log_left_on & (s.phase != Phase.NONE))
    s.log_left_on = False
    s.running = True
