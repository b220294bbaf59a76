"""Snapshots of a paused VM, and their restore page by page: Firecracker (src/vmm/src/persist.rs, docs/snapshotting).

While a VM is paused nothing in it changes, if its devices pause as well, so the saved memory is that of one moment and a restore goes on from
there.  One run follows one VM: from the pause it goes on in place, or from the snapshot.
"""

from __future__ import annotations

from balloonproof.model.actions.destructive_hints import track_writes
from balloonproof.model.language import Actor, action, require
from balloonproof.model.state import Hinting, Page, Snapshot, State
from balloonproof.model.terms import implies


@action(Actor.MANAGEMENT, event="snapshot.devices", source="Firecracker create_snapshot: save_state; the bitmap of written pages is sampled")
def save_state(s: State) -> None:
    """The VM paused, save the state of vCPUs and devices: this is the snapshot's moment.

    A snapshot of changes reads which pages were written, and the tracking of writes begins anew (e2b infra PR 3001: the same tracking that hints look at).
    """
    require(s.snapshot == Snapshot.NONE, ~s.running)
    s.snapshot = Snapshot.SAVING
    s.moved_on = False
    if s.setting("saves") != "all":
        track_writes(s)


@action(Actor.MANAGEMENT, event="snapshot.memory", source="Firecracker create_snapshot: snapshot_memory_to_file")
def save_memory(s: State) -> None:
    """Save the memory: the snapshot is complete."""
    require(s.snapshot == Snapshot.SAVING)
    s.snapshot = Snapshot.FINISHED


@action(Actor.DEVICE, event="host.use-unsaved", source="e2b infra PR 2552: the event loop takes hints while the snapshot is written")
def use_unsaved(s: State, page: Page) -> None:
    """The paused VM's device uses a hint between saving its own state and saving the memory that its used ring is in.

    In the snapshot the guest has its descriptor back, while the device will take the hint again.
    """
    require(not s.keeps("pause-quiesces-device"), s.snapshot == Snapshot.SAVING, s.queue.holds_hint(page))
    page.used_unsaved = True


@action(Actor.MANAGEMENT, event="snapshot.restore", source="Firecracker restore_from_snapshot; balloon persist.rs: hinting_state as saved")
def restore(s: State) -> None:
    """Load the snapshot into a new VM, which is paused.  Nothing was written in it yet, as far as its tracking of writes knows.

    A snapshot of changes is laid over an earlier one.  Where memory was discarded in between nothing was written, so what the earlier one has shows.
    """
    require(s.snapshot == Snapshot.FINISHED, ~s.moved_on)
    for page in s.pages:
        if s.setting("saves") == "written":
            page.reads_old = page.reads_old | page.discarded
        page.discarded = False
        page.found_unwritten = False
        page.received = False
    track_writes(s)
    s.restored = True
    s.snapshot = Snapshot.LOADED


@action(Actor.MANAGEMENT, event="snapshot.resume", source="Firecracker resume_vm: the balloon's kick sets host_cmd to DONE, then the queues are looked at")
def resume_vm(s: State) -> None:
    """Let the paused VM go on, in place or restored.  A hinting round that was under way is over before its queue is looked at."""
    require(~s.running, s.snapshot != Snapshot.SAVING)
    for page in s.pages:
        require(implies(s.snapshot == Snapshot.FINISHED, ~page.used_unsaved))
    if s.keeps("done-before-queues"):
        s.hinting = Hinting.DONE
    s.running = True
    s.snapshot = Snapshot.NONE


@action(Actor.HANDLER, event="snapshot.fault", source="Firecracker docs/snapshotting/handling-page-faults-on-snapshot-resume.md (UFFDIO_COPY, UFFDIO_ZEROPAGE)")
def serve_fault(s: State, page: Page) -> None:
    """A page that is not there is touched: the handler places what the snapshot has, or zeros where memory was discarded since (UFFD_EVENT_REMOVE)."""
    require(s.setting("restore") == "on-fault", s.restored, s.running, ~page.received)
    if not s.keeps("handler-tracks-discards"):
        page.reads_old = page.reads_old | page.discarded
    page.received = True
