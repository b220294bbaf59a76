"""The variables of the model: what the guest, the balloon device, the dirty log and the migration thread know.

Facts: QEMU ae4f3443209a (2026-08-19), Linux 6.1.192 to mainline 2026, virtio-spec 15f488c (2026-04-08).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from enum import Enum, auto

from balloonproof.model.language import (
    CommandId,
    Configuration,
    Field,
    FreePageQueue,
    PageReference,
    Record,
    Transaction,
)
from balloonproof.model.terms import FALSE, Term


class Owner(Enum):
    """Who has the page inside the guest."""

    FREE = auto()
    USED = auto()
    HINTED = auto()
    BALLOONED = auto()
    DEFLATING = auto()
    ISOLATED = auto()


class Phase(Enum):
    """Where the migration thread is.

    ROUND covers all sending in pre-copy, before and after the VM was stopped (`final`); in POSTCOPY and POSTCOPY_PAUSED the guest runs at the destination.
    """

    NONE = auto()
    BEFORE_SYNC = auto()
    FETCH = auto()
    MERGE = auto()
    AFTER_SYNC = auto()
    ROUND = auto()
    COMPLETED = auto()
    CLEANUP = auto()
    POSTCOPY = auto()
    POSTCOPY_PAUSED = auto()


class Send(Enum):
    """How far the page that is being sent has come: arming the log, clearing the bit, reading the page are three steps."""

    IDLE = auto()
    READ = auto()
    ARMED = auto()
    CLEARED = auto()
    SKIPPING = auto()


class Snapshot(Enum):
    """Where a snapshot is.

    The moment of a background snapshot is the step to STOPPED; that of a paused VM the step to SAVING.  LOADED: a new VM has the snapshot and has yet to start.
    """

    NONE = auto()
    PREPARING = auto()
    POPULATED = auto()
    STOPPED = auto()
    PROTECTED = auto()
    SAVING = auto()
    FINISHED = auto()
    LOADED = auto()


class Hinting(Enum):
    """QEMU's free_page_hint_status (include/hw/virtio/virtio-balloon.h)."""

    STOP = auto()
    REQUESTED = auto()
    START = auto()
    DONE = auto()


class Request(Enum):
    """How far a request that names a page has come (inflate, report); ANSWERED is met only without the guard `discard-before-answer`."""

    NONE = auto()
    QUEUED = auto()
    HANDLED = auto()
    ANSWERED = auto()


class Pins(Enum):
    """How many assigned devices have all of the guest's memory pinned."""

    NONE = auto()
    ONE = auto()
    SEVERAL = auto()


class Asking(Enum):
    """The host's request for the guest's list of free pages: none, to be made, open, or answered or given up."""

    OFF = auto()
    DUE = auto()
    OPEN = auto()
    CLOSED = auto()


class FreeList(Enum):
    """The guest's list of free pages: none, being made, or on its way to the host."""

    NONE = auto()
    WALKING = auto()
    SENT = auto()


class Chunk(Record):
    """A part of the RAM block whose dirty log is cleared as one (RAMBlock.clear_bmap, 2^18 pages by default)."""

    clear_pending = Field(bool, False, "the chunk's log has not been cleared since the last sync (clear_bmap)")

    pages: Sequence[Page] = ()


class HostPage(Record):
    """A page of the host's memory, which can be larger than a guest page: what the host discards, it discards in these."""

    pages: Sequence[Page] = ()


class Page(Record):
    """One guest page, with every bit that QEMU and the kernel keep about it."""

    owner = Field(Owner, Owner.FREE, "who has the page in the guest")
    relied = Field(bool, False, "the guest relies on its content: written since it was allocated")
    holds_ring = Field(bool, None, "it holds the used ring of the free page queue, which the device writes")
    copied = Field(bool, False, "the destination has the content that the source has")
    logged = Field(bool, False, "the kernel's dirty bit")
    fetched = Field(bool, False, "QEMU's slot copy of the kernel's bit (KVMSlot.dirty_bmap); TCG: the sync under way has taken its mark")
    ram_dirty = Field(bool, True, "QEMU's own dirty memory: fetched bits and device writes (DIRTY_MEMORY_MIGRATION)")
    dirty = Field(bool, False, "the migration's dirty bitmap: the page is to be sent (RAMBlock.bmap)")
    armed = Field(bool, False, "dirty ring, TCG, userfaultfd: the next write to it is noticed (write-protected; no dirty TLB entry)")
    store_begun = Field(bool, False, "TCG: a store has set the dirty bit and has yet to change the content")
    in_channel = Field(bool, False, "multifd, snapshot: handed to a channel or the stream, which has yet to read it")
    in_flight = Field(bool, False, "multifd, post-copy: it was read and is on its way, and it has not been written since")
    in_flight_old = Field(bool, False, "multifd: a channel has read it, and it was written since")
    slot_going = Field(bool, False, "its memory slot is being removed: the log was fetched, the slot still takes writes")
    received = Field(bool, False, "the destination has received the page (receivedmap); in post-copy, touching one that it has not faults")
    unmapped = Field(bool, False, "post-copy: counted as received, but the destination has written nothing there: touching it faults")
    populated = Field(bool, True, "the host has memory for it; where it has not, it reads as zeros and cannot be write-protected")
    wanted = Field(bool, False, "snapshot: the guest relied on its content at the snapshot's moment")
    unchanged = Field(bool, False, "snapshot: it is wanted, and its content has not changed since that moment")
    saved = Field(bool, False, "snapshot: the snapshot has the content of that moment")
    discarded = Field(bool, False, "lazy restore: the host has discarded it and nobody has written it since, so it must read as zeros")
    reads_old = Field(bool, False, "lazy restore: it reads as what a snapshot has of it although it must read as zeros")
    found_unwritten = Field(bool, False, "the host has looked: it was not written since the round began, so its hint will discard it")
    used_unsaved = Field(bool, False, "its hint was used after the device's state was saved: the guest knows, the restored device does not")
    damaged = Field(bool, False, "the host changed content that the guest relies on")
    inflate = Field(Request, Request.NONE, "the inflate request that names it; HANDLED: the device has read it")
    recorded = Field(bool, False, "the device has it on record as ballooned (QEMU PartiallyBalloonedPage)")
    report = Field(Request, Request.NONE, "the report that names it; HANDLED: the device has discarded it")
    reported = Field(bool, False, "the host has answered a report of it once")
    zero = Field(bool, False, "it is known to read as zeros")
    replaced = Field(bool, False, "an assigned device still has the memory that the page had before it was discarded")
    deflate_queued = Field(bool, False, "a request that names it waits in the deflate queue")

    listed = Field(bool, False, "it is on the guest's list of free pages")
    passed_by_list = Field(bool, False, "the migration was spared sending it by that list")
    balloon_bit = Field(bool, False, "its bit in the host's balloon bitmap")
    balloon_bit_sent = Field(bool, False, "that bit as it was when the migration began")
    deflate_handled = Field(bool, False, "the host has begun to handle a deflate request that names it")
    passed_by_bit = Field(bool, False, "the migration was spared sending it by the balloon bitmap")

    chunk: Chunk
    host_page: HostPage


class State(Record):
    """The globals, and access to pages, queue and command ids."""

    phase = Field(Phase, Phase.NONE, "where the migration thread is")
    running = Field(bool, True, "the vCPUs run and the devices are not blocked")
    final = Field(bool, False, "the VM was stopped to switch over")
    ran_before = Field(bool, True, "the VM was running when it was stopped to switch over (vm_old_state)")
    send = Field(Send, Send.IDLE, "progress of the page being sent; not idle: the migration thread holds bitmap_mutex")
    sends_go_on = Field(bool, False, "the sync under way is the throttle timer's: the migration thread goes on sending beside it")
    hinting = Field(Hinting, Hinting.STOP, "free_page_hint_status of the balloon device")
    log_stopped = Field(bool, False, "someone switched the dirty log off during the migration")
    log_left_on = Field(bool, False, "the VM was paused when the last migration ended: the dirty log is to be switched off when it goes on")
    snapshot = Field(Snapshot, Snapshot.NONE, "where the snapshot is")
    saver_waits = Field(bool, False, "the thread that saves a background snapshot waits for a page that only it can let go")
    restored = Field(bool, False, "the VM was restored from a snapshot")
    moved_on = Field(bool, False, "the device of a paused VM has taken something from its queue since the snapshot's moment")
    poison_known = Field(bool, True, "the device has the value that the guest writes over free pages (poison_val)")
    pins = Field(Pins, Pins.NONE, "assigned devices that have the guest's memory pinned")
    inhibited = Field(bool, False, "discards are forbidden (ram_block_discard_disable)")
    in_round = Field(bool, False, "the guest's hinting worker (report_free_page_func) is between start and stop")

    asking = Field(Asking, Asking.OFF, "the host's request for the guest's list of free pages")
    request_unseen = Field(bool, False, "the guest has not seen the host's last request for the list")
    free_list = Field(FreeList, FreeList.NONE, "the guest's list of free pages")
    list_stale = Field(bool, False, "the request that the list answers stands no more")

    pages: Sequence[Page]
    queue: FreePageQueue
    sent_page: PageReference

    def __init__(self, transaction: Transaction, configuration: Configuration) -> None:
        super().__init__(transaction, "")
        self.configuration = configuration

    def setting(self, name: str) -> str:
        return self.configuration.setting(name)

    def is_set(self, name: str, *values: str) -> bool:
        """Does the system have the setting, with one of these values?"""
        return self.configuration.system.has_setting(name) and self.setting(name) in values

    def keeps(self, guard: str) -> bool:
        """Is the named guard in force?"""
        return self.configuration.keeps(guard)

    def has(self, feature: str) -> bool:
        return feature in self.configuration.system.features

    @property
    def hints_enabled(self) -> bool:
        """The migration drives free page hinting; with the capability postcopy-ram it does not (QEMU fd51e54fa1, 6.2)."""
        return self.has("hinting") and not (self.may_switch_to_postcopy and self.keeps("no-hints-with-postcopy"))

    @property
    def may_switch_to_postcopy(self) -> bool:
        """The migration has the capability postcopy-ram."""
        return self.has("postcopy") and not self.is_set("postcopy-ram", "no")

    @property
    def at_destination(self) -> Term:
        """Does the guest run at the destination, while the migration goes on (post-copy)?"""
        if not self.may_switch_to_postcopy:
            return FALSE
        return (self.phase == Phase.POSTCOPY) | (self.phase == Phase.POSTCOPY_PAUSED)

    @property
    def in_snapshot(self) -> Term:
        """Is a snapshot under way (QEMU migration_in_bg_snapshot)?"""
        return (self.snapshot != Snapshot.NONE) & (self.snapshot != Snapshot.FINISHED)

    @property
    @abstractmethod
    def command_id(self) -> CommandId:
        """The id that the host issued last (free_page_hint_cmd_id)."""

    @abstractmethod
    def issue_command_id(self) -> None:
        """Count the host's command id up: the new one differs from every id that exists anywhere."""

    @property
    @abstractmethod
    def stop_id(self) -> CommandId:
        """VIRTIO_BALLOON_CMD_ID_STOP (0)."""

    @property
    @abstractmethod
    def done_id(self) -> CommandId:
        """VIRTIO_BALLOON_CMD_ID_DONE (1)."""

    @property
    @abstractmethod
    def received(self) -> CommandId:
        """What the guest read last from the device's configuration (cmd_id_received_cache)."""

    @received.setter
    def received(self, value: CommandId) -> None: ...

    @property
    @abstractmethod
    def active(self) -> CommandId:
        """The id of the guest's round, and the buffer that start commands share (cmd_id_active)."""

    @active.setter
    def active(self, value: CommandId) -> None: ...

    @abstractmethod
    def begin_send(self, page: Page) -> None:
        """`page` is now the page being sent (`sent_page`)."""

    @abstractmethod
    def every(self, pages: Sequence[Page], condition: Callable[[Page], Term]) -> Term:
        """Does `condition` hold for every page of a chunk or host page?  A value to compute with; as a guard, require it of each page."""

    @abstractmethod
    def choose_id(self, condition: Term, then: CommandId, otherwise: CommandId) -> CommandId:
        """`then` where `condition` holds, else `otherwise`."""
