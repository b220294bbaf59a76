"""Free page hints that discard at once: Firecracker's balloon device (PR 5491, src/vmm/src/devices/virtio/balloon/device.rs).

The host compares its command with the guest's last one (host_cmd, guest_cmd) and discards hinted memory while they are the same id.  In `hinting`,
REQUESTED is an id that the guest's last command differs from, START one that it equals.  The guest may have taken a hinted page back and written it
by then; where the host tracks writes (userfaultfd write protection), it can look before it discards.
"""

from __future__ import annotations

from balloonproof.model.actions.discard import discard
from balloonproof.model.language import Actor, CommandId, action, require
from balloonproof.model.state import Hinting, Page, Snapshot, State
from balloonproof.model.terms import TRUE, Term, choose


def track_writes(s: State) -> None:
    """Where writes are tracked: from now on no page counts as written (UFFDIO_WRITEPROTECT of all memory)."""
    if s.setting("written-pages") != "discarded":
        for page in s.pages:
            page.armed = True


@action(Actor.MANAGEMENT, event="hinting.start", source="Firecracker PATCH /balloon/hinting/start")
def start_hinting(s: State) -> None:
    """Ask the guest for hints with a new id; the tracking of writes begins anew."""
    require(s.running)
    s.issue_command_id()
    s.hinting = Hinting.REQUESTED
    track_writes(s)


@action(Actor.MANAGEMENT, event="hinting.stop", source="Firecracker PATCH /balloon/hinting/stop: host_cmd is DONE")
def stop_hinting(s: State) -> None:
    """Want no more hints, and tell the guest to take its pages back."""
    require(s.running)
    s.hinting = Hinting.DONE


def take_element(s: State) -> None:
    """Common to every element: the device's event loop may be stopped together with the vCPUs (`pause-quiesces-device`) or go on.

    A new VM's device looks at its queue only once the VM was resumed.
    """
    require(s.running if s.keeps("pause-quiesces-device") else s.snapshot != Snapshot.LOADED)
    s.moved_on = s.moved_on | (s.snapshot != Snapshot.NONE)


def in_round(s: State) -> Term:
    """Is the host's command an id?"""
    return (s.hinting == Hinting.REQUESTED) | (s.hinting == Hinting.START)


def obey_command(s: State, command: CommandId) -> None:
    """The guest's command is remembered; hints count while it is the host's."""
    same = command == s.command_id if s.keeps("check-command-id") else TRUE
    s.hinting = choose(in_round(s), choose(same, Hinting.START, Hinting.REQUESTED), s.hinting)


@action(Actor.DEVICE, event="host.start", source="Firecracker process_free_page_hinting_queue: the id is read when the descriptor is popped")
def take_command(s: State) -> None:
    """Take a start command and read its id now: from the buffer shared by all rounds, or from the command's own."""
    take_element(s)
    own = s.queue.pop_start()
    obey_command(s, s.active if s.setting("command-id-buffer") == "shared" else own)


@action(Actor.DEVICE, event="host.stop", source="Firecracker process_free_page_hinting_queue, without acknowledge_on_finish")
def take_end(s: State) -> None:
    """Take a stop command (id 0): no hint counts any more, and the guest keeps the pages until the host says DONE.

    A driver sends no hint between a stop and its next start, so no run shows that they would not count.
    """
    take_element(s)
    s.queue.pop_stop()
    s.hinting = choose(in_round(s), Hinting.REQUESTED, s.hinting)


@action(Actor.DEVICE, event="host.stop-done", source="Firecracker process_free_page_hinting_queue, with acknowledge_on_finish")
def take_end_and_finish(s: State) -> None:
    """Take a stop command, and answer DONE at once."""
    take_element(s)
    s.queue.pop_stop()
    s.hinting = choose(in_round(s), Hinting.DONE, s.hinting)


@action(Actor.DEVICE, event="host.look", source="Firecracker docs/ballooning.md (9ab66fa39): skip ranges that were written; PAGEMAP_SCAN")
def look_for_writes(s: State, page: Page) -> None:
    """Look whether a hinted page was written since the round began, some time before it is discarded."""
    require(s.setting("written-pages") == "looked-up", s.hinting == Hinting.START, s.queue.holds_hint(page), page.armed)
    if s.keeps("pause-quiesces-device"):
        require(s.running)
    page.found_unwritten = True


def is_discarded(s: State, page: Page) -> Term:
    """Does the host discard this page for its hint?"""
    started = s.hinting == Hinting.START if s.keeps("hints-only-when-started") else TRUE
    match s.setting("written-pages"):
        case "looked-up":
            return started & page.found_unwritten
        case "locked":
            return started & page.armed
        case _:
            return started


@action(Actor.DEVICE, event="host.discard", source="Firecracker process_free_page_hinting_queue: guest_cmd is host_cmd; discard_range")
def discard_hinted(s: State, page: Page) -> None:
    """Take a hint and discard the page."""
    take_element(s)
    s.queue.pop_hint(page)
    require(is_discarded(s, page))
    discard(s, page)
    page.found_unwritten = False
    page.used_unsaved = False


@action(Actor.DEVICE, event="host.ignore", source="Firecracker process_free_page_hinting_queue: another command, STOP or DONE")
def ignore_hint(s: State, page: Page) -> None:
    """Complete a hint without acting on it."""
    take_element(s)
    s.queue.pop_hint(page)
    require(~is_discarded(s, page))
    page.found_unwritten = False
    page.used_unsaved = False
