"""Which actions, settings and guards make which protocol.  The first value of a setting is QEMU HEAD with Linux HEAD."""

from __future__ import annotations

from balloonproof.model.actions import balloon_device, balloon_driver, dirty_log, guest, management, migration
from balloonproof.model.language import Guard, Setting, System, UnknownName
from balloonproof.model.properties import (
    HINT_SKIPS_PAGE,
    HINTED_PAGES_COME_BACK,
    HINTED_PAGES_RELEASED,
    MIGRATION_CAN_COMPLETE,
    MIGRATION_COMPLETES,
    NO_PAGE_LOST,
)

_PRECOPY_ACTIONS = (
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

_HINTING_ACTIONS = (
    balloon_driver.read_config,
    balloon_driver.send_start,
    balloon_driver.send_start_reread,
    balloon_driver.hint,
    balloon_driver.send_stop,
    balloon_driver.release,
    balloon_driver.shrink,
    balloon_device.take_start,
    balloon_device.take_stop,
    balloon_device.accept_hint,
    balloon_device.drop_hint,
)

_PRECOPY_SETTINGS = (
    Setting(
        "dirty-log",
        ("manual", "get-and-clear"),
        "KVM manual protection (GET leaves the bits, CLEAR comes later, per chunk: QEMU 002cad6b16, 4.1), or legacy get-and-clear; "
        "TCG's dirty memory has the latter's shape",
    ),
    Setting("initially-set", ("yes", "no"), "with manual protection, all bits start set (KVM_DIRTY_LOG_INITIALLY_SET, QEMU 5.1)"),
)

_HINTING_SETTINGS = (
    Setting("hint-clears-log", ("yes", "no"), "a hint clears its chunk's dirty log too (QEMU 3143577d6a, 6.1)"),
    Setting("early-release", ("yes", "no"), "the shrinker frees hinted pages before DONE (Linux virtio_balloon_shrinker_scan)"),
    Setting(
        "release-waits-for-ack",
        ("no", "yes", "early"),
        "hinted pages are given back only after the device used their descriptor: on every path "
        "(the 2026 HINT_WAIT_ON_ACK proposal), or only by the shrinker (early)",
    ),
    Setting(
        "command-id-buffer",
        ("shared", "per-round"),
        "start commands point at one buffer that the next round overwrites (Linux cmd_id_active), or carry their own id",
    ),
    Setting("drain-before-new-id", ("no", "yes"), "the host takes everything out of the queue before it issues a new id"),
)

_PRECOPY_GUARDS = (
    Guard("fresh-bitmap", "a migration starts with every page dirty (QEMU 40c4d4a835, 4.1)"),
    Guard("final-sync", "the dirty log is synced once more after the VM stopped"),
    Guard("clear-only-fetched", "a clear of the log forgets only bits that were fetched (QEMU kvm_log_clear_one_slot)"),
    Guard("clear-log-before-read", "a page's log is cleared before the page is read (QEMU migration_bitmap_clear_dirty)"),
)

_HINTING_GUARDS = (
    Guard("stop-before-sync", "hinting is stopped before each sync (QEMU c13c4153f7, 4.0)"),
    Guard("check-command-id", "only the current command id starts hinting"),
    Guard("start-only-when-requested", "hinting starts only after it was requested (QEMU 20a4da0f23, 5.1)"),
    Guard("hints-only-when-started", "a hint is honoured only while hinting is started"),
    Guard("block-when-stopped", "the balloon's iothread touches nothing while the VM is stopped (QEMU block_iothread)"),
    Guard("done-on-cleanup", "a cancelled or failed migration tells the guest DONE (QEMU dd8eeb9671, 5.1)"),
)

PRECOPY = System(
    "precopy",
    "Plain pre-copy: dirty logging, rounds, stop and copy.",
    frozenset(),
    _PRECOPY_ACTIONS,
    _PRECOPY_SETTINGS,
    _PRECOPY_GUARDS,
    (NO_PAGE_LOST, MIGRATION_COMPLETES, MIGRATION_CAN_COMPLETE),
)

HINTING = System(
    "hinting",
    "Free page hinting over pre-copy: VIRTIO_BALLOON_F_FREE_PAGE_HINT as QEMU and Linux run it.",
    frozenset({"hinting"}),
    _PRECOPY_ACTIONS + _HINTING_ACTIONS,
    _PRECOPY_SETTINGS + _HINTING_SETTINGS,
    _PRECOPY_GUARDS + _HINTING_GUARDS,
    (NO_PAGE_LOST, HINTED_PAGES_RELEASED, MIGRATION_COMPLETES, HINT_SKIPS_PAGE, MIGRATION_CAN_COMPLETE, HINTED_PAGES_COME_BACK),
    safe=(("release-waits-for-ack", "yes"),),
)

SYSTEMS: tuple[System, ...] = (PRECOPY, HINTING)


def find_system(name: str) -> System:
    """The system called `name`; UnknownName with the nearest name if there is none."""
    for system in SYSTEMS:
        if system.name == name:
            return system
    raise UnknownName("system", name, [system.name for system in SYSTEMS])
