"""Free page hinting over pre-copy: VIRTIO_BALLOON_F_FREE_PAGE_HINT as QEMU and Linux run it, each era of both as settings."""

from __future__ import annotations

from balloonproof.model.actions import balloon_device, balloon_driver, device_reset, migration
from balloonproof.model.language import Guard, Setting, System
from balloonproof.model.lemmas import hinting as lemmas
from balloonproof.model.properties import (
    HINT_SKIPS_PAGE,
    HINTED_PAGES_COME_BACK,
    HINTED_PAGES_RELEASED,
    MIGRATION_CAN_COMPLETE,
    MIGRATION_COMPLETES,
    NO_PAGE_LOST,
)
from balloonproof.model.systems import balloon, precopy

DRIVER_ACTIONS = (
    balloon_driver.read_config,
    balloon_driver.send_start,
    balloon_driver.send_start_reread,
    balloon_driver.hint,
    balloon_driver.send_stop,
    balloon_driver.release,
    balloon_driver.shrink,
)
"""The guest's side, which is the same whatever the host does with a hint."""

ACTIONS = (
    *DRIVER_ACTIONS,
    balloon_device.take_start,
    balloon_device.take_stop,
    balloon_device.accept_hint,
    balloon_device.drop_hint,
)

EARLY_RELEASE = Setting(
    "early-release",
    ("yes", "no"),
    "hinted pages are given back before DONE: by the shrinker (Linux virtio_balloon_shrinker_scan), or at suspend (virtballoon_freeze)",
)

COMMAND_ID_BUFFER = Setting(
    "command-id-buffer",
    ("shared", "per-round"),
    "start commands point at one buffer that the next round overwrites (Linux cmd_id_active), or carry their own id",
)

SETTINGS = (
    Setting("hint-clears-log", ("yes", "no"), "a hint clears its chunk's dirty log too (QEMU 3143577d6a, 6.1)"),
    EARLY_RELEASE,
    Setting(
        "release-waits-for-ack",
        ("no", "yes", "early"),
        "hinted pages are given back only after the device used their descriptor: on every path "
        "(the 2026 HINT_WAIT_ON_ACK proposal), or only by the shrinker (early)",
    ),
    COMMAND_ID_BUFFER,
    Setting("drain-before-new-id", ("no", "yes"), "the host takes everything out of the queue before it issues a new id"),
)

GUARDS = (
    Guard("stop-before-sync", "hinting is stopped before each sync (QEMU c13c4153f7, 4.0)"),
    Guard("check-command-id", "only the current command id starts hinting"),
    Guard("start-only-when-requested", "hinting starts only after it was requested (QEMU 20a4da0f23, 5.1)"),
    Guard("hints-only-when-started", "a hint is honoured only while hinting is started"),
    Guard("block-when-stopped", "the balloon's iothread touches nothing while the VM is stopped (QEMU block_iothread)"),
    balloon.RESET_BEFORE_KEXEC,
    Guard("done-on-cleanup", "a cancelled or failed migration tells the guest DONE (QEMU dd8eeb9671, 5.1)"),
)

HINTING = System(
    "hinting",
    "Free page hinting over pre-copy: VIRTIO_BALLOON_F_FREE_PAGE_HINT as QEMU and Linux run it.",
    frozenset({"hinting"}),
    (*precopy.ACTIONS, migration.begin_timed_sync, *ACTIONS, device_reset.suspend, device_reset.kexec),
    (*precopy.SETTINGS, precopy.MID_ROUND_SYNC, *SETTINGS),
    precopy.GUARDS + GUARDS,
    (NO_PAGE_LOST, HINTED_PAGES_RELEASED, MIGRATION_COMPLETES, HINT_SKIPS_PAGE, MIGRATION_CAN_COMPLETE, HINTED_PAGES_COME_BACK),
    safe=(("release-waits-for-ack", "yes"),),
    lemmas=lemmas.LEMMAS,
)
