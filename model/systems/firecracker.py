"""Free page hints that discard, snapshots of a paused VM and restore page by page, as Firecracker does them.

The rule has three parts.  A hint may discard a page only if the guest cannot have written it since it was hinted: the guest waits for the host before it
takes a hinted page back, or the host makes writes wait while it looks and discards *and* knows a round's start from an older one (`per-round`); to look
first and discard later is not enough.  A snapshot is of one moment for guest, device and memory: a paused VM's device takes nothing from its queue, and no
round outlives a pause, because the tracking of writes does not.  Discarded memory reads as zeros from then on, wherever memory comes from later: a
mapped file, a fault handler, an earlier snapshot under one that saves only changes.
"""

from __future__ import annotations

from balloonproof.model.actions import destructive_hints, management, paused_snapshot
from balloonproof.model.language import Guard, Setting, System
from balloonproof.model.lemmas import firecracker as lemmas
from balloonproof.model.properties import (
    DISCARDED_READS_ZEROS,
    HINT_DISCARDS_PAGE,
    HINTED_PAGES_RETURN,
    HOST_KEEPS_CONTENT,
    PAGE_IN_USE_IS_SAVED,
    SNAPSHOT_CAN_FINISH,
)
from balloonproof.model.systems import hinting, snapshot

ACTIONS = (
    *hinting.DRIVER_ACTIONS,
    destructive_hints.start_hinting,
    destructive_hints.stop_hinting,
    destructive_hints.take_command,
    destructive_hints.take_end,
    destructive_hints.take_end_and_finish,
    destructive_hints.look_for_writes,
    destructive_hints.discard_hinted,
    destructive_hints.ignore_hint,
    management.pause,
    paused_snapshot.save_state,
    paused_snapshot.save_memory,
    paused_snapshot.use_unsaved,
    paused_snapshot.restore,
    paused_snapshot.resume_vm,
    paused_snapshot.serve_fault,
)

SETTINGS = (
    hinting.EARLY_RELEASE,
    Setting("release-waits-for-ack", ("no", "yes"), "hinted pages are given back only after the device used their descriptor (HINT_WAIT_ON_ACK, 2026)"),
    hinting.COMMAND_ID_BUFFER,
    Setting(
        "written-pages",
        ("discarded", "looked-up", "locked"),
        "the host discards hinted pages whether they were written since the round began or not; or it looks first and discards later "
        "(asynchronous write protection); or writes wait while it does both (synchronous write protection)",
    ),
    Setting(
        "restore",
        ("mapped", "on-fault"),
        "restored memory is a private mapping of the snapshot's file, or a handler serves each page's first fault (userfaultfd)",
    ),
    Setting(
        "saves",
        ("all", "written", "written-and-discarded"),
        "a snapshot has all memory; or, laid over an earlier one, only what was written since, or also what was discarded",
    ),
)

GUARDS = (
    Guard("check-command-id", "hints count only while the guest's command is the host's (Firecracker guest_cmd, host_cmd)"),
    Guard("hints-only-when-started", "hints are dropped while the guest's command is not the host's"),
    Guard("pause-quiesces-device", "pausing the VM stops the device's event loop too, not only the vCPUs (e2b infra PR 2552, 3001)"),
    Guard("done-before-queues", "a resumed or restored VM's round is over before its queues are looked at (Firecracker kick)"),
    Guard("remap-on-discard", "a discard in a private mapping of the snapshot's file maps anonymous memory over it (Firecracker discard_range)"),
    Guard("handler-tracks-discards", "the fault handler serves zeros where memory was discarded since the restore (UFFD_EVENT_REMOVE)"),
)

FIRECRACKER = System(
    "firecracker",
    "Hints that discard, snapshots of a paused VM, restore page by page, as Firecracker does them.",
    frozenset({"hinting", "destructive-hints"}),
    snapshot.GUEST_ACTIONS + ACTIONS,
    SETTINGS,
    GUARDS,
    (HOST_KEEPS_CONTENT, DISCARDED_READS_ZEROS, HINT_DISCARDS_PAGE, PAGE_IN_USE_IS_SAVED, SNAPSHOT_CAN_FINISH, HINTED_PAGES_RETURN),
    safe=(("release-waits-for-ack", "yes"),),
    lemmas=lemmas.LEMMAS,
)
