"""What the fact lists name that is no matter of protocol order, so that no model of orders can show it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Elsewhere:
    """An entry of the lists that is not in the catalogue, and why."""

    listed: str
    subject: str
    reason: str


ELSEWHERE = (
    Elsewhere("B1", "386a907b37: bitmap_mutex in migration_bitmap_clear_dirty", "two writers of one word and a counter: below the model's atomic steps"),
    Elsewhere("B2", "6eeb63f740, 1a37352277: the bulk stage ignored the bitmap", "hints had no effect; nothing was lost"),
    Elsewhere("B4", "ae440bd14c: use after free of an element with both parts", "memory safety"),
    Elsewhere("B5", "2bbadb08ce: size of the config space", "a layout that did not match, found when the device was loaded"),
    Elsewhere("B6", "12fc8903a8, 49b01711b8, 105aef9c94: iothread", "null pointers and reference counts"),
    Elsewhere("B9", "1a83e0b9c4: locking when starting", "unlocked writes of two words: below the model's atomic steps"),
    Elsewhere(
        "B11",
        "3143577d6a: hints do not clear the log",
        "hints were nearly useless; what they could lose is late-clear, what the fix can lose is lost-write",
    ),
    Elsewhere("B12", "0fe7245d8b: only the first block of an element", "hints had less effect; nothing was lost"),
    Elsewhere("B13", "d3f1f940eb: used length", "a wrong number in a used element"),
    Elsewhere("B14", "2d050ed07c: clean-ups", "no change of behaviour"),
    Elsewhere("B15", "ce0b9fa9e7, 3c11e33016: notified final sync", "relies on the guard no-hints-with-postcopy, which has an entry"),
    Elsewhere("B16", "f4578df399, be39b4cd20: virtio-mem used the hint function", "virtio-mem is not modelled"),
    Elsewhere("B17", "the 2024 proposal to skip the first sync", "virtio-mem is not modelled; not merged"),
    Elsewhere("H2", "unlocked bitmap during setup", "two writers of one word and a counter; closed by 930e239d11 as a side effect"),
    Elsewhere("H3", "hint for a RAM block without a bitmap", "a null pointer"),
    Elsewhere("H4", "a blocked stream blocks the monitor", "waiting for locks while the network stands still; no page is lost"),
    Elsewhere("I8", "f2fd57db36, ffa207d082: addresses from the guest", "checks of one number"),
    Elsewhere("I11", "483f13524b: bitmap_set misused", "a wrong argument; what it led to is the entry partial-host-page"),
    Elsewhere("I13", "dbe1a27745: madvise rounds up", "a wrong length; what it led to is the entry partial-host-page"),
    Elsewhere("I4, I6", "f59489423a, b1697f63fd: discards that KVM or protected VMs cannot bear", "what hardware does; the cure is the inhibitor"),
    Elsewhere("I14", "1d44ff586f: hole in a private file", "a warning; files shared between guests are not modelled"),
    Elsewhere("I15", "243a9284a9: subsection's name", "a typing error, found when the device was loaded"),
    Elsewhere("I16", "104e70cae7, 4a1e48beca: statistics queue", "leaked elements of a queue that migration does not depend on"),
    Elsewhere("D5", "9b3a31c745: slot changed between sync and clear", "an assertion failed"),
    Elsewhere("D15", "fb6135807f, 4934a5dd7c: counters, endless loop", "a loop that did not end, and counters"),
    Elsewhere("D16", "9470c5e082: post-copy and virtio-mem", "virtio-mem is not modelled"),
    Elsewhere("R2, guest B3", "a start with the id STOP or DONE", "modelled (guest.start-reread): the device ignores its hints; pages stay hinted until DONE"),
    Elsewhere("R3, guest B4", "a missed DONE", "pages stay hinted until the next DONE; hinted-pages-come-back holds"),
    Elsewhere("R4", "a missed STOP between rounds", "hints of the old id in the queue are dropped; no-page-lost holds"),
    Elsewhere("R5", "a STOP read while hinting is started", "the round ends early; nothing is lost"),
    Elsewhere("R6", "no config interrupt at probe", "the round is never run; nothing is lost"),
    Elsewhere("R7", "an equal id after restart", "hosts must keep the last id; QEMU migrates it"),
    Elsewhere("R8", "the newest hints are released first", "modelled (guest.shrink) for any hint; what it leads to is the entry lost-write"),
    Elsewhere("R9, guest B5", "released blocks are not initialised", "the guest does not read before it writes; reporting has the entries about trust"),
    Elsewhere("guest B6", "hv_balloon reports without a look at poison", "another protocol (Hyper-V); the rule is that of the entry poison-not-reported"),
    Elsewhere("guest B7", "a start command that finds no room in the queue", "a command that the driver cannot queue is not modelled"),
    Elsewhere("Linux 71994620bb25, da10329cb057", "who takes pages out of the balloon when memory is short", "a livelock; the steps are those of any deflate"),
    Elsewhere("Linux c9a6820fc0da", "the shrinker counts blocks for pages", "a wrong number: hinted pages were not released early"),
    Elsewhere("Linux 2019-01, tweak config_changed", "config reads in interrupts", "a deadlock; the model's driver may read the command id at any time"),
    Elsewhere("Linux 168c358af2f8", "byte order of the command id", "a wrong number, that the device never takes for its own"),
    Elsewhere("Linux 5790b53390e1", "uninitialised callbacks of queues", "a wrong count of interrupt vectors"),
    Elsewhere("Linux 6c22dc61c76b, 1ad6f58ea936", "leaks of an unloaded driver and of a failed probe", "memory that nobody gives back; nothing is lost"),
    Elsewhere(
        "Linux 6e9826e77249, d9e427f6ab81", "bounds and count of the array of page numbers", "the host was not told of some pages; it discards none of them"
    ),
    Elsewhere("Linux c7cdff0e8647", "out of memory under balloon_lock", "a deadlock inside the guest"),
    Elsewhere("Linux 63341ab03706", "managed pages of a zone", "accounting"),
    Elsewhere("Linux 21ea9fb69e7c, f68b992bbb47, dd422906380d", "fill, leak, compaction at once", "two writers of a list or an array: below the model's steps"),
    Elsewhere("Linux 6.1.64", "a target that is no multiple of the guest's pages", "a rounded number: endless inflation and deflation"),
    Elsewhere("Linux fb05f992b6bb, 15504b116300 and mainline 2026", "lists and locks of balloon compaction", "two writers of a list: below the model's steps"),
    Elsewhere("Linux 0b45f69", "reporting goes on during suspend", "use after free of a queue; the guard is a work queue that is frozen"),
    Elsewhere("Linux ba70de44c70c", "indirect descriptors while pages are isolated", "a report that cannot be queued is not made; nothing is lost"),
    Elsewhere("Linux 6.12.117", "tell_host waits although nothing was queued", "a request that the driver cannot queue is not modelled"),
    Elsewhere("Linux 43be68f2dc77, fab5857db0b6", "shutdown while somebody waits for the device", "a wait without end; nothing is lost"),
    Elsewhere("Linux 4557e0c362bc", "statistics before DRIVER_OK", "a queue that migration does not depend on"),
    Elsewhere("Linux 2020 to 2021, page_reporting", "budget, list heads, order", "time under a lock, and how much is reported"),
)
