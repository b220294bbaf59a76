"""QEMU's background snapshot, with the balloon beside it.

The rule: from the snapshot's moment on, nothing may change a page before the snapshot has read it.  Writes are made to wait for that, so every page
must be protected before anything can write it, and be let go only after the stream has read it (not only after it was handed over).  A discard waits
for nothing, so there must be none; a page without memory cannot be protected, so there must be none either.
"""

from __future__ import annotations

from balloonproof.model.actions import background_snapshot, guest
from balloonproof.model.language import Guard, System
from balloonproof.model.lemmas import snapshot as lemmas
from balloonproof.model.properties import (
    HOST_KEEPS_CONTENT,
    SAVER_NEVER_WAITS,
    SNAPSHOT_CAN_FINISH,
    SNAPSHOT_IS_RIGHT,
    SNAPSHOT_KEEPS_OLD_CONTENT,
    WRITES_GO_ON,
)
from balloonproof.model.systems import balloon

GUEST_ACTIONS = (
    guest.allocate,
    guest.write,
    guest.initialise,
    guest.free,
    guest.device_write,
)

ACTIONS = (
    background_snapshot.trust_zeros,
    background_snapshot.write_elsewhere,
    background_snapshot.start_snapshot,
    background_snapshot.populate,
    background_snapshot.save_devices,
    background_snapshot.protect,
    background_snapshot.start_vm,
    background_snapshot.start_vm_itself,
    background_snapshot.save_page,
    background_snapshot.flush_page,
    background_snapshot.let_go,
    background_snapshot.sync_in_snapshot,
    background_snapshot.finish_snapshot,
    background_snapshot.cancel_snapshot,
    background_snapshot.close_snapshot,
)

GUARDS = (
    Guard("fresh-bitmap", "a snapshot starts with every page to be saved (QEMU ram_init_bitmaps)"),
    Guard("populate-first", "every page has memory before the pages are protected (QEMU eeccb99c9d, 6.0)"),
    Guard("stop-until-protected", "the VM stands still from the snapshot's moment until every page is protected"),
    Guard("start-vm-elsewhere", "the VM is started by another thread than the one that lets pages go (QEMU bg_migration_vm_start_bh)"),
    Guard("save-before-let-go", "a page is saved before a write to it goes on (QEMU 278e2f551a, 6.0)"),
    Guard("flush-before-let-go", "the stream has read the page before a write to it goes on (QEMU 278e2f551a, 6.0: qemu_fflush)"),
    Guard("no-sync-in-snapshot", "no dirty log makes a page dirty that was saved (QEMU ram_init_bitmaps)"),
    Guard("inhibit-in-snapshot", "nothing is discarded while a snapshot is taken (QEMU 1a8e44a89f, 6.0)"),
    Guard("one-mapping", "whatever writes guest memory does so through the protected mapping (not a vhost-user process)"),
)

SNAPSHOT = System(
    "snapshot",
    "QEMU's background snapshot: write protection, each page saved once; balloon beside it.",
    frozenset({"background-snapshot", "balloon"}),
    GUEST_ACTIONS + balloon.ACTIONS + ACTIONS,
    balloon.SETTINGS,
    balloon.GUARDS + GUARDS,
    (HOST_KEEPS_CONTENT, SNAPSHOT_IS_RIGHT, SAVER_NEVER_WAITS, SNAPSHOT_KEEPS_OLD_CONTENT, SNAPSHOT_CAN_FINISH, WRITES_GO_ON),
    lemmas=lemmas.LEMMAS,
)
