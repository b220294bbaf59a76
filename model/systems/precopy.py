"""Plain pre-copy migration: dirty logging, rounds, stop and copy.  Every other system is built on its steps."""

from __future__ import annotations

from balloonproof.model.actions import dirty_log, guest, management, migration
from balloonproof.model.language import Guard, Setting, System
from balloonproof.model.lemmas import precopy as lemmas
from balloonproof.model.properties import MIGRATION_CAN_COMPLETE, MIGRATION_COMPLETES, NO_PAGE_LOST

ACTIONS = (
    guest.allocate,
    guest.write,
    guest.initialise,
    guest.free,
    guest.device_write,
    dirty_log.reap,
    dirty_log.refill_tlb,
    management.start_migration,
    migration.stop_hints,
    dirty_log.fetch,
    dirty_log.merge,
    migration.request_hints,
    migration.finish_hints,
    migration.arm_log,
    migration.clear_bit,
    migration.read_page,
    migration.end_round,
    migration.stop_vm,
    migration.complete,
    management.cancel,
    management.fail,
    management.cleanup,
    management.switch_over,
    management.pause,
    management.resume,
)

MORE_ACTIONS = (
    guest.begin_store,
    guest.finish_store,
    guest.write_unlogged,
    guest.device_write_beyond,
    dirty_log.stop_log,
    dirty_log.begin_slot_removal,
    dirty_log.delete_slot,
    migration.begin_timed_sync,
    migration.hand_to_channel,
    migration.channel_read,
    migration.channel_deliver,
    migration.channel_deliver_zeros,
    migration.channel_deliver_old,
)
"""Steps whose order does not depend on what other systems add: they are decided here, once."""

SETTINGS = (
    Setting(
        "dirty-log",
        ("manual", "get-and-clear", "ring", "tcg"),
        "KVM manual protection (GET leaves the bits, CLEAR comes later, per chunk: QEMU 002cad6b16, 4.1), legacy get-and-clear, "
        "the dirty ring (QEMU b4420f198d, 6.1), or TCG's dirty memory",
    ),
    Setting("initially-set", ("yes", "no"), "with manual protection, all bits start set (KVM_DIRTY_LOG_INITIALLY_SET, QEMU 5.1)"),
)

MID_ROUND_SYNC = Setting(
    "mid-round-sync",
    ("no", "yes"),
    "only the migration thread syncs, between two sends; or, with auto-converge, a timer in the main loop too, beside the sends (QEMU 52ac968ab2, 9.2)",
)

MORE_SETTINGS = (
    MID_ROUND_SYNC,
    Setting("multifd", ("no", "yes"), "pages are handed to channels, which read them later and in any order (QEMU migration/multifd.c)"),
    Setting(
        "zero-page-detection",
        ("multifd", "legacy"),
        "with multifd, zero pages are found by the channel that reads the page, or by the migration thread, which sends them itself (QEMU 70c25c92e6, 9.0)",
    ),
    Setting(
        "memslot-removal",
        ("none", "vcpus-run", "vcpus-paused"),
        "the guest's memory map changes during the migration: a slot is deleted after its log was fetched a last time, "
        "with vCPUs writing in between (QEMU kvm_set_phys_mem at HEAD says so in a comment) or not",
    ),
)

GUARDS = (
    Guard("fresh-bitmap", "a migration starts with every page dirty (QEMU 40c4d4a835, 4.1)"),
    Guard("final-sync", "the dirty log is synced once more after the VM stopped"),
    Guard("clear-only-fetched", "a clear of the log forgets only bits that were fetched (QEMU kvm_log_clear_one_slot)"),
    Guard("clear-log-before-read", "a page's log is cleared before the page is read (QEMU migration_bitmap_clear_dirty)"),
    Guard("reset-tlb-at-sync", "TCG: a sync makes every TLB entry notice the next write (QEMU physical_memory_dirty_bits_cleared; missing in 7.2.22)"),
)

MORE_GUARDS = (
    Guard("sync-waits-for-stores", "TCG: a sync waits for stores that have set the dirty bit and not yet written (QEMU 9458a9a1df, 4.2)"),
    Guard("collect-before-reset", "dirty ring: an entry is collected before it is handed back to the kernel (QEMU 52281c6d11, 7.2)"),
    Guard("protect-at-start", "dirty ring: pages are write-protected from the start, so not initially set (QEMU a81a592698, 6.1)"),
    Guard("log-kept-on", "nobody else switches the dirty log off during a migration (QEMU 63b41db4bc, 6.2)"),
    Guard("start-withdraws-stop", "a migration that starts withdraws a stop of the log that waits for the VM to go on (QEMU 1931076077, 2.10)"),
    Guard("sync-all-address-spaces", "the log of every address space is fetched (QEMU 9c1f8f4493, 2.8)"),
    Guard("device-write-marks-all-pages", "a device's write marks every page that it touches (QEMU 6886867e98, 2.1)"),
    Guard("flush-channels-each-round", "multifd: the channels are empty before a page can be handed out again (QEMU multifd_ram_flush_and_sync)"),
    Guard("receipt-is-marked", "multifd: the destination marks what it has received, so that zeros replace it (QEMU 5ef7e26bdb, 9.1)"),
    Guard("destination-begins-as-zeros", "multifd: the destination's memory is all zeros before anything was received (assumed since QEMU 5ef7e26bdb, 9.1)"),
)

PRECOPY = System(
    "precopy",
    "Plain pre-copy: dirty logging, rounds, stop and copy.",
    frozenset(),
    ACTIONS + MORE_ACTIONS,
    SETTINGS + MORE_SETTINGS,
    GUARDS + MORE_GUARDS,
    (NO_PAGE_LOST, MIGRATION_COMPLETES, MIGRATION_CAN_COMPLETE),
    lemmas=lemmas.LEMMAS,
)
