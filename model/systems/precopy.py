"""Plain pre-copy migration: dirty logging, rounds, stop and copy.  Every other system is built on its steps."""

from __future__ import annotations

from balloonproof.model.actions import dirty_log, guest, management, migration
from balloonproof.model.language import Guard, Setting, System
from balloonproof.model.properties import MIGRATION_COMPLETES, NO_PAGE_LOST

ACTIONS = (
    guest.allocate,
    guest.write,
    guest.initialise,
    guest.free,
    guest.device_write,
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

SETTINGS = (
    Setting(
        "dirty-log",
        ("manual", "get-and-clear"),
        "KVM manual protection (GET leaves the bits, CLEAR comes later, per chunk: QEMU 002cad6b16, 4.1), or legacy get-and-clear; "
        "TCG's dirty memory has the latter's shape",
    ),
    Setting("initially-set", ("yes", "no"), "with manual protection, all bits start set (KVM_DIRTY_LOG_INITIALLY_SET, QEMU 5.1)"),
)

GUARDS = (
    Guard("fresh-bitmap", "a migration starts with every page dirty (QEMU 40c4d4a835, 4.1)"),
    Guard("final-sync", "the dirty log is synced once more after the VM stopped"),
    Guard("clear-only-fetched", "a clear of the log forgets only bits that were fetched (QEMU kvm_log_clear_one_slot)"),
    Guard("clear-log-before-read", "a page's log is cleared before the page is read (QEMU migration_bitmap_clear_dirty)"),
)

PRECOPY = System(
    "precopy",
    "Plain pre-copy: dirty logging, rounds, stop and copy.",
    frozenset(),
    ACTIONS,
    SETTINGS,
    GUARDS,
    (NO_PAGE_LOST, MIGRATION_COMPLETES),
)
