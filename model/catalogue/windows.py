"""When a race can happen: the events at the two ends of its window, and the event that must not fall into it.

Event names are those of actions (`Action.event`) and of real logs.  A race that is a missing rule rather than a matter of time has no window.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Scope(Enum):
    """What one opening of a window is about."""

    PAGE = "page"
    """A page: what names no page is about all.  The first message about it is the first to be read."""
    QUEUE = "queue"
    """One message of a queue, first in, first out."""
    CHUNK = "chunk"
    """A page, and the close is about any page of its chunk; a window opens only while such a close is due, which `due` makes it."""
    SPAN = "span"
    """A stretch of time, the same for all pages."""


@dataclass(frozen=True)
class Window:
    """A window opens with a message or a state, and closes when the message was read or the state is over; what `strikes` while it is open makes the race.

    `exists_if`: values of settings without which this is no race.
    """

    name: str
    meaning: str
    opens: frozenset[str]
    closes: frozenset[str]
    strikes: frozenset[str]
    scope: Scope = Scope.PAGE
    due: frozenset[str] = frozenset()
    exists_if: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)

    @property
    def ends(self) -> tuple[frozenset[str], ...]:
        """Its events; of each set a trace must be able to show one."""
        return self.opens, self.closes, self.strikes


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


WRITTEN = _names("guest.write guest.dirty")
WRITTEN_BY_ANY = WRITTEN | _names("device.write")
"""Where a device's write is as good as a vCPU's, because no log tells them apart."""

TAKEN = _names("guest.allocate") | WRITTEN
TAKEN_BACK = _names("guest.shrink guest.release") | TAKEN
STARTED = _names("guest.start guest.start-reread")
DISCARDED = _names("host.discard-ballooned")
INFLATED = DISCARDED | _names("host.inflated")
REPORTED = _names("host.discard-reported host.reported")
NEXT_ID = _names("migration.request-hints migration.finish-hints")

NOT_ALL_RELEASES_WAIT = ("no", "early")

SLOT_REMOVAL = Window(
    "slot removal", "a page is written between the last fetch of its slot's log and the deletion of the slot",
    _names("slot.fetch"), _names("slot.delete"), WRITTEN, exists_if={"memslot-removal": ("vcpus-run",)},
)  # fmt: skip
UNFINISHED_STORE = Window(
    "unfinished store", "a page is sent between the mark of a store and the store",
    _names("guest.begin-store"), _names("guest.finish-store"), _names("migration.send"), exists_if={"dirty-log": ("tcg",)},
)  # fmt: skip
TWO_CHANNELS = Window(
    "two channels", "a page is read by a second channel before the first has delivered it",
    _names("multifd.read"), _names("multifd.deliver multifd.deliver-old"), _names("multifd.read"), exists_if={"multifd": ("yes",)},
)  # fmt: skip

LOST_WRITE = Window(
    "lost write", "a hinted page is taken back, and may be written, before the device has read its hint",
    _names("guest.hint"), _names("host.hint host.drop"), TAKEN_BACK,
    exists_if={"dirty-log": ("manual",), "hint-clears-log": ("yes",), "release-waits-for-ack": NOT_ALL_RELEASES_WAIT},
)  # fmt: skip
STALE_START = Window(
    "stale start", "a start command is read after the next one has overwritten the buffer that both share",
    STARTED, _names("host.start"), STARTED, Scope.QUEUE,
    exists_if={"command-id-buffer": ("shared",), "release-waits-for-ack": NOT_ALL_RELEASES_WAIT},
)  # fmt: skip
LATE_CLEAR = Window(
    "late clear", "a page is written after its hint was read, and before the send of another page clears their chunk's log",
    _names("host.hint"), _names("migration.arm migration.send"), WRITTEN, Scope.CHUNK, _names("migration.merge migration.sync-end"),
    exists_if={"dirty-log": ("manual",), "hint-clears-log": ("no",)},
)  # fmt: skip
HINT_IN_SYNC = Window(
    "hint in a sync", "a hint is honoured after the log was fetched and before there is a new id",
    _names("migration.fetch migration.sync-begin"), NEXT_ID, _names("host.hint"), Scope.SPAN,
)  # fmt: skip
START_BEFORE_ID = Window(
    "start before the next id", "a start command with the last id is read after hinting was stopped for a sync and before there is a new id",
    _names("migration.stop-hints migration.sync-begin"), NEXT_ID, _names("host.start"), Scope.SPAN,
)  # fmt: skip
DEVICE_RUNS_ON = Window(
    "device runs on", "the device reads its queue while the VM is stopped for the last round",
    _names("migration.stop-vm"), _names("migration.cleanup management.switch-over management.resume"),
    _names("host.start host.stop host.hint host.drop"), Scope.SPAN,
)  # fmt: skip

EARLY_DEFLATE = Window(
    "early deflate", "a page is deflated before the device has answered its inflate request",
    _names("guest.inflate"), INFLATED, _names("guest.deflate guest.leak"),
)  # fmt: skip
DISCARD_WHILE_PINNED = Window(
    "discard while pinned", "memory is discarded while a device has it pinned",
    _names("device.attach"), _names("device.detach"), DISCARDED, Scope.SPAN,
)  # fmt: skip
KEXEC_WITH_HINTS = Window(
    "kexec with hints", "another kernel takes over before the device has read a hint of the old one",
    _names("guest.hint"), _names("host.hint host.drop"), _names("guest.kexec"),
)  # fmt: skip
KEXEC = Window(
    "another kernel", "another kernel takes over while a request of the old one is queued",
    _names("guest.inflate"), INFLATED, _names("guest.kexec"),
)  # fmt: skip
ALLOCATED_WHILE_REPORTED = Window(
    "allocated while reported", "a page is allocated before the device has discarded it as reported",
    _names("guest.report"), REPORTED, TAKEN,
)  # fmt: skip
EARLY_PUT_BACK = Window(
    "early put-back", "a reported page is given back before the host has answered",
    _names("guest.report"), REPORTED, _names("guest.put-back"),
)  # fmt: skip

LISTED_THEN_DMA = Window(
    "device writes a listed page", "a listed page is written by a device before the filter is applied",
    _names("guest.list"), _names("migration.filter"), _names("device.write"), exists_if={"filters": ("dirty-memory",)},
)  # fmt: skip
LISTED_THEN_TAKEN = Window(
    "listed page is taken", "a listed page is allocated or written before the filter is applied",
    _names("guest.list"), _names("migration.filter"), TAKEN,
)  # fmt: skip
LISTED_THEN_SKIPPED = Window(
    "listed page is skipped", "a listed page is allocated or written before its turn comes, and is skipped",
    _names("guest.list"), _names("migration.skip"), TAKEN, exists_if={"sets": ("one-bitmap",)},
)  # fmt: skip
SKIPPED_WHILE_DEFLATING = Window(
    "skip while a deflate waits", "a page is used again while the device has not read that it was deflated",
    _names("guest.deflate"), _names("host.deflate"), TAKEN, exists_if={"deflate-waits-for-ack": ("no",)},
)  # fmt: skip

DISCARD_IN_POSTCOPY = Window(
    "discard in post-copy", "memory is discarded while pages arrive on demand",
    _names("postcopy.start"), _names("postcopy.end"), DISCARDED, Scope.SPAN,
)  # fmt: skip
SYNC_IN_POSTCOPY = Window(
    "sync in post-copy", "the dirty log is fetched while pages arrive on demand",
    _names("postcopy.start"), _names("postcopy.end"), _names("postcopy.sync"), Scope.SPAN,
)  # fmt: skip
ON_THE_WIRE = Window(
    "page on the wire", "the connection breaks between the send and the arrival of a page",
    _names("postcopy.send"), _names("postcopy.place"), _names("postcopy.lose-channel"),
)  # fmt: skip

DISCARD_IN_SNAPSHOT = Window(
    "discard in a snapshot", "memory is discarded between the snapshot's moment and its end",
    _names("snapshot.moment"), _names("snapshot.finish"), DISCARDED, Scope.SPAN,
)  # fmt: skip
LET_GO_BEFORE_FLUSH = Window(
    "let go before the flush", "a page is written after its protection ended and before the stream has read it",
    _names("snapshot.let-go"), _names("snapshot.flush"), WRITTEN_BY_ANY,
)  # fmt: skip
DISCARDED_BY_HINT = Window(
    "discarded by its hint", "a hinted page is taken back, and may be written, before its hint discards it",
    _names("guest.hint"), _names("host.discard host.ignore"), TAKEN_BACK, exists_if={"release-waits-for-ack": ("no",)},
)  # fmt: skip
LOOKED_THEN_WRITTEN = Window(
    "looked, then written", "a page is written between the look whether it was and its discard",
    _names("host.look"), _names("host.discard"), WRITTEN_BY_ANY, exists_if={"written-pages": ("looked-up",)},
)  # fmt: skip
QUEUE_WHILE_SAVING = Window(
    "queue while saving", "a paused VM's device takes from its queue between the two parts of a snapshot",
    _names("snapshot.devices"), _names("snapshot.memory"), _names("host.use-unsaved"), Scope.SPAN,
)  # fmt: skip
