"""The guest's balloon driver, hinting side: Linux drivers/virtio/virtio_balloon.c (6.1.192 to mainline 2026).

Config interrupts carry no reason and every one makes the driver read the id again, so the driver may read it at any time.
A hint is one 4 MiB block there; here every page is hinted on its own, which allows more orders, never fewer.
"""

from __future__ import annotations

from balloonproof.model.actions.guest import give_to_allocator, take_from_allocator
from balloonproof.model.language import Actor, CommandId, action, require
from balloonproof.model.state import Hinting, Owner, Page, State
from balloonproof.model.terms import Term


def shown_id(s: State) -> CommandId:
    """free_page_hint_cmd_id as the device shows it: the id only while a round is requested; once it was started the field reads STOP.

    Firecracker shows the id until the round ends.
    """
    otherwise = s.choose_id(s.hinting == Hinting.DONE, s.done_id, s.stop_id)
    shown = s.hinting == Hinting.REQUESTED
    if s.has("destructive-hints"):
        shown = shown | (s.hinting == Hinting.START)
    return s.choose_id(shown, s.command_id, otherwise)


def begin_round(s: State, reread: bool = False) -> None:
    """Start a round for an id that is neither STOP nor DONE nor the one of the last round."""
    require(s.running, ~s.in_round)
    require(s.received != s.stop_id, s.received != s.done_id, s.received != s.active)
    if reread:
        s.received = shown_id(s)
    s.active = s.received
    s.queue.add_start(None if s.setting("command-id-buffer") == "shared" else s.received)
    s.in_round = True


@action(Actor.DRIVER, event="guest.read-config", source="Linux virtio_balloon_cmd_id_received; QEMU virtio_balloon_get_config")
def read_config(s: State) -> None:
    """The worker reads the command id."""
    require(s.running)
    s.received = shown_id(s)


@action(Actor.DRIVER, event="guest.start", source="Linux report_free_page_func, send_cmd_id_start")
def send_start(s: State) -> None:
    """A new id was read: queue a start command.  The one id buffer is overwritten even if an older start still points at it."""
    begin_round(s)


@action(Actor.DRIVER, event="guest.start-reread", source="Linux send_cmd_id_start: virtio_balloon_cmd_id_received is called again")
def send_start_reread(s: State) -> None:
    """As send-start, but the id changed after the decision and is read again: the start may carry STOP or DONE."""
    begin_round(s, reread=True)


@action(Actor.DRIVER, event="guest.hint", source="Linux get_free_page_and_send: alloc_pages, virtqueue_add_inbuf")
def hint(s: State, page: Page) -> None:
    """Take a free page out of the allocator, queue it as a hint and keep it on free_page_list."""
    require(s.in_round, s.received == s.active)
    take_from_allocator(s, page, Owner.HINTED)
    page.used_unsaved = False
    s.queue.add_hint(page)


@action(Actor.DRIVER, event="guest.stop", source="Linux send_cmd_id_stop")
def send_stop(s: State) -> None:
    """End the round: no page is left, or the id changed."""
    require(s.running, s.in_round)
    s.queue.add_stop()
    s.in_round = False


def awaits_device(s: State, page: Page) -> Term:
    """Has the device yet to use the page's hint, as far as the guest can see?"""
    return s.queue.holds_hint(page) & ~page.used_unsaved


def give_back(s: State, page: Page) -> None:
    """A page leaves free_page_list for the allocator; its descriptor is neither waited for nor withdrawn.

    With HINT_WAIT_ON_ACK (lore 20260119154236.39412-1-jackabt.amazon@gmail.com) the driver waits until the device has used the descriptor before it
    puts the page on free_page_list at all, so neither the shrinker nor DONE can release it earlier.  (It also sends nothing while it waits, which only
    removes runs and is left out.)  `early` is a weaker rule that nobody posted: only the shrinker waits.
    """
    require(page.owner == Owner.HINTED)
    give_to_allocator(s, page)


@action(Actor.DRIVER, event="guest.release", source="Linux return_free_pages_to_mm, VIRTIO_BALLOON_CMD_ID_DONE")
def release(s: State, page: Page) -> None:
    """DONE was read: give a hinted page back.  All go in one pass of the worker; here it may read a new id in between, which only allows more."""
    require(s.running, ~s.in_round, s.received == s.done_id)
    if s.setting("release-waits-for-ack") == "yes":
        require(~awaits_device(s, page))
    give_back(s, page)


@action(Actor.DRIVER, event="guest.shrink", source="Linux virtio_balloon_shrinker_scan; virtio-spec 15f488c: MAY release hinted pages")
def shrink(s: State, page: Page) -> None:
    """Memory pressure takes a hinted page back before DONE, newest first, so often one that the device has not read yet."""
    require(s.running, s.setting("early-release") == "yes")
    if s.setting("release-waits-for-ack") != "no":
        require(~awaits_device(s, page))
    give_back(s, page)
