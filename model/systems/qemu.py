"""All features at once: balloon, free page hinting, free page reporting, pre-copy and post-copy, as QEMU HEAD and Linux HEAD have them.

What holds for the parts holds for the whole where they share no bit.  They share the guest's allocator (a page that is reported can be hinted
while its report is forgotten, a hinted page that was released can be reported while its hint is still queued), the destination's copy, and
the discards.  At HEAD the whole is refuted by the race that refutes `hinting`; with the cure of that race it is proved.
"""

from __future__ import annotations

from balloonproof.model.actions import device_reset, migration
from balloonproof.model.language import Setting, System
from balloonproof.model.lemmas import qemu as lemmas
from balloonproof.model.properties import (
    DESTINATION_IS_RIGHT,
    HINT_SKIPS_PAGE,
    HINTED_PAGES_RELEASED,
    HOST_KEEPS_CONTENT,
    MIGRATION_CAN_COMPLETE,
    MIGRATION_COMPLETES,
    NO_FAULT_HANGS,
    NO_PAGE_LOST,
    REPORTED_PAGE_DISCARDED,
)
from balloonproof.model.systems import balloon, hinting, postcopy, precopy, reporting

SETTINGS = (
    *precopy.SETTINGS,
    precopy.MID_ROUND_SYNC,
    *hinting.SETTINGS,
    *balloon.SETTINGS,
    Setting("postcopy-ram", ("no", "yes"), "the migration capability: the migration may switch to post-copy, and drives no hints"),
)

QEMU = System(
    "qemu",
    "QEMU HEAD with Linux HEAD, all features at once.",
    frozenset({"balloon", "hinting", "reporting", "postcopy"}),
    (
        *precopy.ACTIONS,
        migration.begin_timed_sync,
        *balloon.ACTIONS,
        *hinting.ACTIONS,
        *reporting.ACTIONS,
        *postcopy.ACTIONS,
        device_reset.suspend,
        device_reset.kexec,
    ),
    SETTINGS,
    precopy.GUARDS
    + balloon.GUARDS
    + hinting.GUARDS
    + postcopy.GUARDS
    + tuple(item for item in reporting.GUARDS if item.name in ("isolate-while-reported", "put-back-waits-for-answer")),
    (
        NO_PAGE_LOST,
        HOST_KEEPS_CONTENT,
        DESTINATION_IS_RIGHT,
        NO_FAULT_HANGS,
        HINTED_PAGES_RELEASED,
        MIGRATION_COMPLETES,
        HINT_SKIPS_PAGE,
        REPORTED_PAGE_DISCARDED,
        MIGRATION_CAN_COMPLETE,
    ),
    safe=(("release-waits-for-ack", "yes"),),
    lemmas=lemmas.LEMMAS,
)
