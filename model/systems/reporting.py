"""Free page reporting beside pre-copy, with guests that trust what is in a free page.

The rule: from the report to its answer the page is off the free list, and the host discards only in between.  What else is needed depends on what the guest
relies on:

- Nothing in a free page (Linux by default): nothing more.  Migration need not know of discards.
- Zeros that the guest wrote when it freed the page (init_on_free): discarded memory must read as zeros.  The write was logged, and the discard changes nothing.
- Poison that it wrote (page_poison): the device must know of it before the first report and again after each reset, and then discard nothing.  Linux does
  not tell it after suspend, so this is refuted at HEAD.
- Zeros that the device made (DEVICE_INIT_REPORTED, proposed in 2026): no write was logged, so the destination keeps what it was sent before.  The discard must
  mark the page dirty in the same step (under the big QEMU lock no sync comes between), and no request may be handled once the VM is stopped for the last sync.

A report that does not cover whole host pages is answered and ignored by QEMU, like one that comes while discards are inhibited.
"""

from __future__ import annotations

from balloonproof.model.actions import device_reset, reporting
from balloonproof.model.language import Guard, Setting, System
from balloonproof.model.lemmas import ballooning as lemmas
from balloonproof.model.properties import (
    HOST_KEEPS_CONTENT,
    MIGRATION_CAN_COMPLETE,
    MIGRATION_COMPLETES,
    NO_PAGE_LOST,
    REPORTED_PAGE_DISCARDED,
    REPORTED_PAGE_REUSED,
    REPORTED_PAGES_COME_BACK,
)
from balloonproof.model.systems import balloon, precopy

ACTIONS = (
    reporting.report,
    reporting.discard_reported,
    reporting.answer_report,
    reporting.put_back,
)

SETTINGS = (
    Setting(
        "free-page-content",
        ("undefined", "zero", "poison"),
        "what the guest relies on in a free page: nothing, zeros (Linux init_on_free), or its poison (page_poison=1)",
    ),
    Setting("restore-announces-poison", ("no", "yes"), "after suspend the driver writes poison_val to the device again (Linux virtballoon_restore does not)"),
    Setting(
        "device-initialises-reported",
        ("no", "yes"),
        "the device answers which reported pages read as zeros now, and the guest uses them without zeroing (DEVICE_INIT_REPORTED, proposed in 2026)",
    ),
    Setting("discard-marks-dirty", ("no", "yes"), "a discard during migration marks the page dirty, so that it is sent again"),
)

GUARDS = (
    Guard("isolate-while-reported", "a page is reported only off the free list (Linux __isolate_free_page)"),
    Guard("put-back-waits-for-answer", "a reported page is put back only after the host has answered (Linux virtballoon_free_page_report: wait_event)"),
    Guard("report-needs-page-poison", "a guest that poisons free pages reports only to a device with PAGE_POISON (Linux fb69c2c896fc, 5.7)"),
    Guard("poison-value-announced", "poison_val is written before DRIVER_OK (Linux virtballoon_probe, virtio-spec)"),
    Guard("poison-forbids-discard", "the device discards nothing if poison_val is not zero (QEMU virtio_balloon_handle_report)"),
    Guard("discard-reads-zero", "discarded memory reads as zeros, not as the file behind a private mapping (QEMU 1d44ff586f warns; Firecracker remaps)"),
    Guard("block-when-stopped", "the device handles no request while the VM is stopped (QEMU virtio_queue_host_notifier, vm_running)"),
)

REPORTING = System(
    "reporting",
    "Free page reporting beside pre-copy, with guests that trust what is in a free page.",
    frozenset({"reporting"}),
    precopy.ACTIONS + ACTIONS + balloon.PINNING_ACTIONS + (device_reset.suspend, device_reset.kexec),
    precopy.SETTINGS + SETTINGS,
    precopy.GUARDS + GUARDS + balloon.DISCARD_GUARDS + balloon.PINNING_GUARDS,
    (NO_PAGE_LOST, HOST_KEEPS_CONTENT, MIGRATION_COMPLETES, REPORTED_PAGE_DISCARDED, REPORTED_PAGE_REUSED, MIGRATION_CAN_COMPLETE, REPORTED_PAGES_COME_BACK),
    lemmas=lemmas.REPORTING_LEMMAS,
)
