"""The balloon device's iothread: QEMU hw/virtio/virtio-balloon.c get_free_page_hints, one element at a time under free_page_lock.

An element is taken, handled and completed in one step: the lock covers all of it.
"""

from __future__ import annotations

from balloonproof.model.actions.dirty_log import clear_chunk
from balloonproof.model.language import Actor, CommandId, action, require
from balloonproof.model.state import Hinting, Page, Phase, Send, State
from balloonproof.model.terms import TRUE, Term, choose, implies


def take_element(s: State) -> None:
    """Common to every element: the iothread is blocked while the VM is stopped, and completing the element writes the used ring.

    The used ring is guest memory in use; the write is recorded in QEMU's own dirty memory (virtqueue_push).
    """
    if s.keeps("block-when-stopped"):
        require(s.running)
    for page in s.pages:
        require(implies(s.at_destination & page.holds_ring, page.received))
        page.copied = page.copied & (~page.holds_ring | s.at_destination)
        page.ram_dirty = page.ram_dirty | (page.holds_ring & (s.phase != Phase.NONE) & ~s.at_destination)


def obey_command(s: State, command: CommandId) -> None:
    """REQUESTED and the current id: START.  Any other command while started: STOP.  Otherwise ignored (QEMU 20a4da0f23, 5.1)."""
    started: Term = TRUE
    if s.keeps("check-command-id"):
        started = started & (command == s.command_id)
    if s.keeps("start-only-when-requested"):
        started = started & (s.hinting == Hinting.REQUESTED)
    stopped = choose(s.hinting == Hinting.START, Hinting.STOP, s.hinting)
    s.hinting = choose(started, Hinting.START, stopped)


@action(Actor.DEVICE, event="host.start", source="QEMU get_free_page_hints: iov_to_buf of the id when the element is popped")
def take_start(s: State) -> None:
    """Take a start command and read its id *now*: from the buffer shared by all rounds, or from the command's own."""
    take_element(s)
    own = s.queue.pop_start()
    obey_command(s, s.active if s.setting("command-id-buffer") == "shared" else own)


@action(Actor.DEVICE, event="host.stop", source="QEMU get_free_page_hints; Linux cmd_id_stop")
def take_stop(s: State) -> None:
    """Take a stop command (id 0)."""
    take_element(s)
    s.queue.pop_stop()
    obey_command(s, s.stop_id)


def is_honoured(s: State) -> Term:
    """qemu_guest_free_page_hint acts only during a migration, and is called only while hinting is started."""
    started = s.hinting == Hinting.START if s.keeps("hints-only-when-started") else TRUE
    return started & (s.phase != Phase.NONE) & ~s.at_destination


@action(Actor.DEVICE, event="host.hint", source="QEMU migration/ram.c: qemu_guest_free_page_hint (under bitmap_mutex)")
def accept_hint(s: State, page: Page) -> None:
    """Honour a hint: clear the chunk's dirty log if it is due (QEMU 3143577d6a, 6.1), then the page's bit: it will not be sent."""
    take_element(s)
    s.queue.pop_hint(page)
    require(is_honoured(s), s.send == Send.IDLE)
    if s.setting("hint-clears-log") == "yes":
        clear_chunk(s, page.chunk)
    page.dirty = False


@action(Actor.DEVICE, event="host.drop", source="QEMU get_free_page_hints: status is not START")
def drop_hint(s: State, page: Page) -> None:
    """Complete a hint without acting on it."""
    take_element(s)
    s.queue.pop_hint(page)
    require(~is_honoured(s))
