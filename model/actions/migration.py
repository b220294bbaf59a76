"""QEMU's migration thread: sync, send, switch over (migration/ram.c, migration/migration.c).

A sync runs under the BQL with its notifier calls before and after it, so no management command falls between them.  The migration thread sends without
the BQL, a batch of pages at a time under bitmap_mutex (63268c4970, 6.1).  Its own syncs come between two batches; the throttle timer's run in the main
loop (52ac968ab2, 9.2) and wait for the mutex only to merge, so a page can be on its way through the other steps of a sync.
"""

from __future__ import annotations

from balloonproof.model.actions.balloon_bitmap import drain_before_last_sync, leave_out
from balloonproof.model.actions.dirty_log import clear_chunk
from balloonproof.model.actions.free_page_bitmap import request_meets_sync
from balloonproof.model.language import Actor, action, require
from balloonproof.model.state import Hinting, Page, Phase, Send, State
from balloonproof.model.terms import Term, disj


def may_send(s: State) -> Term:
    """The migration thread takes up pages: in a round, and beside a sync of the throttle timer's."""
    in_sync = disj(*(s.phase == phase for phase in (Phase.BEFORE_SYNC, Phase.FETCH, Phase.MERGE, Phase.AFTER_SYNC)))
    return (s.phase == Phase.ROUND) | (s.sends_go_on & in_sync)


@action(Actor.MIGRATION, event="migration.stop-hints", source="QEMU PRECOPY_NOTIFY_BEFORE_BITMAP_SYNC: virtio_balloon_free_page_stop")
def stop_hints(s: State) -> None:
    """Before a sync: stop taking hints (c13c4153f7).  Hints that are still queued are dropped when they are popped."""
    require(s.phase == Phase.BEFORE_SYNC)
    if s.hints_enabled and s.keeps("stop-before-sync"):
        s.hinting = Hinting.STOP
    request_meets_sync(s)
    drain_before_last_sync(s)
    s.phase = Phase.FETCH


@action(Actor.MIGRATION, event="migration.request-hints", source="QEMU PRECOPY_NOTIFY_AFTER_BITMAP_SYNC: virtio_balloon_free_page_start")
def request_hints(s: State) -> None:
    """After a sync, the VM running: issue a new command id and request hints."""
    require(s.phase == Phase.AFTER_SYNC, s.running)
    if s.hints_enabled:
        if s.setting("drain-before-new-id") == "yes":
            require(s.queue.is_empty())
        s.issue_command_id()
        s.hinting = Hinting.REQUESTED
    s.sends_go_on = False
    s.phase = Phase.ROUND


@action(Actor.MIGRATION, event="migration.finish-hints", source="QEMU PRECOPY_NOTIFY_AFTER_BITMAP_SYNC, VM not running: virtio_balloon_free_page_done")
def finish_hints(s: State) -> None:
    """After a sync, the VM stopped: hinting is done."""
    require(s.phase == Phase.AFTER_SYNC, ~s.running)
    if s.hints_enabled:
        s.hinting = Hinting.DONE
    s.phase = Phase.ROUND


@action(Actor.MIGRATION, event="migration.arm", source="QEMU migration_clear_memory_region_dirty_bitmap")
def arm_log(s: State, page: Page) -> None:
    """Sending a dirty page, 1: clear its chunk's log if that is due, so that a write from now on is seen."""
    if s.keeps("clear-log-before-read"):
        require(may_send(s), s.send == Send.IDLE, page.dirty)
        require_turn(s, page)
        s.begin_send(page)
    else:
        require(s.send == Send.READ, s.sent_page == page)
    clear_chunk(s, page.chunk)
    s.send = Send.ARMED


@action(Actor.MIGRATION, event="migration.clear-bit", source="QEMU migration_bitmap_clear_dirty")
def clear_bit(s: State, page: Page) -> None:
    """Sending, 2: clear its bit."""
    require(s.send == Send.ARMED, s.sent_page == page)
    page.dirty = False
    if s.is_set("multifd", "yes") and s.setting("zero-page-detection") == "multifd":
        page.in_channel = True
        s.send = Send.IDLE
    else:
        s.send = Send.CLEARED if s.keeps("clear-log-before-read") else Send.IDLE


@action(Actor.MIGRATION, event="migration.send", source="QEMU ram_save_target_page")
def read_page(s: State, page: Page) -> None:
    """Sending, 3: read the content and send it."""
    if s.keeps("clear-log-before-read"):
        require(s.send == Send.CLEARED, s.sent_page == page)
        s.send = Send.IDLE
    else:
        require(may_send(s), s.send == Send.IDLE, page.dirty)
        s.begin_send(page)
        s.send = Send.READ
    page.copied = True
    if s.may_switch_to_postcopy:
        page.received = True
        page.unmapped = False
    if s.is_set("multifd", "yes"):  # the migration thread has found it to be zeros; the main channel's receiver writes them in any case
        page.received = True


@action(Actor.MIGRATION, event="multifd.hand-over", source="QEMU ram_save_target_page: ram_save_multifd_page if it is no zero page (70c25c92e6, 9.0)")
def hand_to_channel(s: State, page: Page) -> None:
    """Multifd, when the migration thread looks for zero pages itself: this one is none, and a channel will read and send it."""
    require(s.is_set("zero-page-detection", "legacy"), s.is_set("multifd", "yes"), s.send == Send.CLEARED, s.sent_page == page)
    page.in_channel = True
    s.send = Send.IDLE


@action(Actor.CHANNEL, event="multifd.read", source="QEMU migration/multifd-nocomp.c: multifd_send_prepare_iovs, zero page detection")
def channel_read(s: State, page: Page) -> None:
    """Multifd: a channel reads a page that was handed to it, some time after its bit was cleared."""
    require(page.in_channel)
    page.in_channel = False
    page.in_flight = True


@action(Actor.CHANNEL, event="multifd.deliver", source="QEMU migration/multifd.c: the destination's channel writes the page")
def channel_deliver(s: State, page: Page) -> None:
    """Multifd: the content that a channel has read reaches the destination."""
    require(page.in_flight)
    page.in_flight = False
    page.received = True
    page.copied = True


@action(Actor.CHANNEL, event="multifd.deliver-zeros", source="QEMU migration/multifd-zero-page.c: multifd_recv_zero_page_process (5ef7e26bdb, 9.1)")
def channel_deliver_zeros(s: State, page: Page) -> None:
    """Multifd: what a channel has read is zeros.  The destination writes them only over a page that it has received before: its memory begins as zeros."""
    require(s.setting("zero-page-detection") == "multifd", page.in_flight)
    page.in_flight = False
    reads_zero = ~page.received & s.keeps("destination-begins-as-zeros")
    page.copied = reads_zero | (page.received & s.keeps("receipt-is-marked"))
    page.received = True


@action(Actor.CHANNEL, event="multifd.deliver-old", source="QEMU migration/multifd.c: nothing orders two channels but a flush")
def channel_deliver_old(s: State, page: Page) -> None:
    """Multifd: a content that was overwritten since reaches the destination, perhaps after a newer one."""
    require(page.in_flight_old)
    page.in_flight_old = False
    page.received = True
    page.copied = False


def require_no_store_begun(s: State) -> None:
    """A vCPU stops between two stores, never inside one."""
    for page in s.pages:
        require(~page.store_begun)


def is_in_channels(page: Page) -> Term:
    """Multifd: a content of the page is in a channel or on its way."""
    return page.in_channel | page.in_flight | page.in_flight_old


def require_turn(s: State, page: Page) -> None:
    """A page's next turn comes in another pass through memory, before which multifd's channels are flushed (find_dirty_block; no sync flushes them)."""
    if s.keeps("flush-channels-each-round"):
        require(~is_in_channels(page))


@action(Actor.MIGRATION, event="migration.end-round", source="QEMU ram_state_pending_sync, from migration_iteration_run")
def end_round(s: State) -> None:
    """The migration thread goes for another sync: when little is left to send, so in the middle of a pass through memory too."""
    require(s.phase == Phase.ROUND, s.send == Send.IDLE, ~s.final)
    s.phase = Phase.BEFORE_SYNC


@action(Actor.MIGRATION, event="migration.sync-by-timer", source="QEMU cpu_throttle_dirty_sync_timer_tick (52ac968ab2, 9.2), in the main loop")
def begin_timed_sync(s: State) -> None:
    """Auto-converge: a timer syncs while the migration thread goes on sending.  Not in QEMU's first round; here in any, which only allows more.

    Its clock (QEMU_CLOCK_VIRTUAL_RT) stands still while the VM is stopped.
    """
    require(s.is_set("mid-round-sync", "yes"), s.phase == Phase.ROUND, s.running)
    s.sends_go_on = True
    s.phase = Phase.BEFORE_SYNC


@action(Actor.MIGRATION, event="migration.stop-vm", source="QEMU migration_switchover_start: vm_stop_force_state, virtio_balloon_set_status (block_iothread)")
def stop_vm(s: State) -> None:
    """Stop the VM, which blocks the balloon's iothread too, and sync a last time."""
    require(s.phase == Phase.ROUND, s.send == Send.IDLE, ~s.final)
    require_no_store_begun(s)
    s.ran_before = s.running
    s.running = False
    s.final = True
    s.phase = Phase.BEFORE_SYNC if s.keeps("final-sync") else Phase.ROUND


@action(Actor.MIGRATION, event="migration.complete", source="QEMU ram_save_complete")
def complete(s: State) -> None:
    """Every dirty page has been sent, and multifd's channels are empty: the destination takes over."""
    require(s.phase == Phase.ROUND, s.send == Send.IDLE, s.final)
    for page in s.pages:
        require(~page.dirty | leave_out(s, page), ~is_in_channels(page))
    s.phase = Phase.COMPLETED
