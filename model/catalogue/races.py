"""The entries, system by system.  Commits are QEMU's unless they say Linux."""

from __future__ import annotations

from balloonproof.model.catalogue.entry import Race

LOST = "no-page-lost"

PRECOPY = (
    Race(
        "stale-bitmap",
        "A second migration after a cancelled one starts from what is dirty now, and never sends what was clean since the first.",
        "precopy", LOST, "2.x to 4.0", "fixed by 40c4d4a835 (4.1)", "D1", {"initially-set": "no"}, ("fresh-bitmap",),
    ),
    Race(
        "stale-bitmap-legacy",
        "The same with the legacy dirty log.",
        "precopy", LOST, "2.x to 4.0", "fixed by 40c4d4a835 (4.1)", "D1", {"dirty-log": "get-and-clear"}, ("fresh-bitmap",),
    ),
    Race(
        "clear-unfetched",
        "The deferred clear of a chunk forgets a bit that was set after the last fetch.",
        "precopy", LOST, "rule of the feature since 4.1", "002cad6b16, ff4aa11419, 9f4bf4baa8", "D2", {}, ("clear-only-fetched",),
    ),
    Race(
        "clear-wrong-offset",
        "The clear is passed a wrong start and takes bits that nobody had fetched.",
        "precopy", LOST, "4.1 to 4.2", "fixed by 25aa6b3718 (5.0)", "D3", {}, ("clear-only-fetched",),
    ),
    Race(
        "clear-unaligned",
        "A clear of a size that is no multiple of 64 pages takes the bits of pages beyond it.",
        "precopy", LOST, "4.1 to 5.2", "fixed by 4054adbdd2 (6.0)", "D4", {"initially-set": "no"}, ("clear-only-fetched",),
    ),
    Race(
        "clear-after-read",
        "A page is read before its log is cleared: a write in between leaves no trace.",
        "precopy", LOST, "rule of the feature since 4.1", "002cad6b16: migration_bitmap_clear_dirty", "D2", {}, ("clear-log-before-read",),
    ),
    Race(
        "no-final-sync",
        "What was written after the last sync and before the VM stopped is not sent.",
        "precopy", LOST, "rule of pre-copy", "ram_save_complete, migration_switchover_start", "", {}, ("final-sync",),
    ),
    Race(
        "ring-not-protected",
        "With the dirty ring and initially set bits pages are not write-protected at first, and writes push no entry.",
        "precopy", LOST, "while the ring was made", "fixed by a81a592698 (6.1)", "D6", {"dirty-log": "ring"}, ("protect-at-start",),
    ),
    Race(
        "ring-entry-lost",
        "A dirty ring's entry is handed back before its content is seen.",
        "precopy", LOST, "6.1 to 7.1, weakly ordered hosts", "fixed by 52281c6d11, 4802bf910e (7.2)", "D7", {"dirty-log": "ring"}, ("collect-before-reset",),
    ),
    Race(
        "log-switched-off",
        "A dirty rate measurement ends during a migration and switches the dirty log off for both.",
        "precopy", LOST, "5.2 to 6.1", "fixed by 63b41db4bc, 7b0538ed3a, a5c90c61a1 (6.2)", "D8", {}, ("log-kept-on",),
    ),
    Race(
        "tcg-late-store",
        "TCG sets the dirty bit before the store; a sync in between takes the bit, and the page is read before the store.",
        "precopy", LOST, "up to 4.1", "fixed by 9458a9a1df (4.2)", "D9", {"dirty-log": "tcg"}, ("sync-waits-for-stores",),
    ),
    Race(
        "tcg-tlb-not-reset",
        "A sync takes dirty bits without resetting the vCPUs' TLBs, which let further writes through unnoticed.",
        "precopy", LOST, "7.2.22, reproduced", "missing physical_memory_dirty_bits_cleared", "tcg", {"dirty-log": "tcg"}, ("reset-tlb-at-sync",),
    ),
    Race(
        "smram-not-synced",
        "The log of the SMRAM address space is never fetched.",
        "precopy", LOST, "up to 2.7", "fixed by 9c1f8f4493 (2.8)", "D10", {}, ("sync-all-address-spaces",),
    ),
    Race(
        "dma-marks-first-page",
        "An emulated device's write across pages marks only the first.",
        "precopy", LOST, "up to 2.0", "fixed by 6886867e98 (2.1)", "D11", {}, ("device-write-marks-all-pages",),
    ),
    Race(
        "slot-removal",
        "A vCPU writes between the last fetch of a slot's log and the deletion of the slot.",
        "precopy", LOST, "open at HEAD, said in a comment", "kvm_set_phys_mem", "D14", {"memslot-removal": "vcpus-run"}, fix=None,
    ),
    Race(
        "multifd-two-channels",
        "A page is handed to two channels in two rounds without a flush between them, and the older content arrives last.",
        "precopy", LOST, "rule of multifd", "multifd_ram_flush_and_sync", "", {"multifd": "yes"}, ("flush-channels-each-round",),
    ),
)  # fmt: skip

ACK = {"release-waits-for-ack": "yes"}
OWN_ID = {"dirty-log": "get-and-clear", "command-id-buffer": "per-round"}

HINTING = (
    Race(
        "lost-write",
        "A hinted page is taken back and rewritten before the device reads its hint, which then clears the only trace of the write.",
        "hinting", LOST, "open at HEAD, since 6.1, reproduced", "3143577d6a", "H1", fix=None,
    ),
    Race(
        "stale-start",
        "A start command of an earlier round is read late, from the buffer that now holds the current id, and its old hints are accepted.",
        "hinting", LOST, "open at HEAD, since 4.0, reproduced", "Linux 86a559787e6f", "R1", {"dirty-log": "get-and-clear"}, fix=None,
    ),
    Race(
        "stale-start-ring",
        "The same with the dirty ring.",
        "hinting", LOST, "open at HEAD", "Linux 86a559787e6f", "R1", {"dirty-log": "ring"}, fix=None,
    ),
    Race(
        "stale-start-early-ack",
        "The same where only the shrinker waits for the device: pages released at DONE still have stale hints queued.",
        "hinting", LOST, "a weaker form of the 2026 proposal", "HINT_WAIT_ON_ACK", "", {"release-waits-for-ack": "early"}, fix={"release-waits-for-ack": "yes"},
    ),
    Race(
        "late-clear",
        "A page is rewritten after its hint was consumed, while the kernel's bit is still set; the send of another page of the chunk clears it.",
        "hinting", LOST, "4.1 to 6.0", "ended by 3143577d6a (6.1)", "", {**ACK, "hint-clears-log": "no"}, fix={"hint-clears-log": "yes"},
    ),
    Race(
        "hints-during-sync",
        "Hints are taken while the log is fetched, and clear what the sync has just found.",
        "hinting", LOST, "rule of the feature", "c13c4153f7 (4.0)", "B3", OWN_ID, ("stop-before-sync",),
    ),
    Race(
        "unrequested-start",
        "A guest starts hinting with the last id although nothing was requested, after the sync and before the next id.",
        "hinting", LOST, "4.0 to 5.0", "fixed by 20a4da0f23 (5.1)", "B8", OWN_ID, ("start-only-when-requested",),
    ),
    Race(
        "any-id-starts",
        "Any command starts hinting: hints of an earlier round are accepted.",
        "hinting", LOST, "rule of the feature", "virtio-spec: device MUST ignore other ids", "", OWN_ID, ("check-command-id",),
    ),
    Race(
        "hints-never-stop",
        "A hint is honoured although hinting is not started.",
        "hinting", LOST, "rule of the feature", "c13c4153f7 (4.0)", "", OWN_ID, ("hints-only-when-started",),
    ),
    Race(
        "device-runs-on",
        "The balloon's iothread goes on while the VM is stopped, and writes its used ring after the final sync.",
        "hinting", LOST, "rule of the feature", "c13c4153f7 (4.0): block_iothread", "B3", OWN_ID, ("block-when-stopped",),
    ),
    Race(
        "never-done",
        "A migration that fails or is cancelled never tells the guest DONE, which keeps every hinted page.",
        "hinting", "hinted-pages-released", "4.0 to 5.0", "fixed by dd8eeb9671 (5.1)", "B7", {**OWN_ID, "early-release": "no"}, ("done-on-cleanup",),
    ),
    Race(
        "hinting-tcg-tlb",
        "TCG without the TLB reset loses writes beside hints as well.",
        "hinting", LOST, "7.2.22", "missing physical_memory_dirty_bits_cleared", "tcg",
        {"dirty-log": "tcg", "command-id-buffer": "per-round"}, ("reset-tlb-at-sync",),
    ),
)  # fmt: skip

BALLOON = (
    Race(
        "deflate-before-inflate",
        "A page is deflated and used while its inflate request is still queued; the device then discards it.",
        "balloon", LOST, "rule of the spec", "virtio-spec: MUST NOT deflate before the inflate ack", "", {}, ("inflate-before-deflate",),
    ),
)  # fmt: skip

POSTCOPY = (
    Race(
        "hints-with-postcopy",
        "A hinted page has its bit clear and was never sent: the destination's fault is never answered.",
        "postcopy", "no-fault-hangs", "4.0 to 6.1", "fixed by fd51e54fa1 (6.2)", "B10", {}, ("no-hints-with-postcopy",),
    ),
    Race(
        "inflate-in-postcopy",
        "The destination discards a page that has arrived; the next fault asks for a page that was sent already.",
        "postcopy", "no-fault-hangs", "up to 2.4", "fixed by 371ff5a3f0 (2.5), d24f31db3b (5.1)", "I1, I5", {}, ("inhibit-in-postcopy",),
    ),
    Race(
        "kept-stale-copies",
        "The destination keeps an old copy of a page that is dirty at the switch, and the guest reads it.",
        "postcopy", "destination-is-right", "rule of post-copy", "ram_postcopy_send_discard_bitmap", "", {}, ("discard-what-is-dirty",),
    ),
    Race(
        "sync-in-postcopy",
        "A sync during post-copy finds an old mark; the page is sent again over what the guest has made of it.",
        "postcopy", "host-keeps-content", "up to 2.4", "fixed by 663e6c1df8 (2.5)", "D12", {}, ("no-sync-in-postcopy",),
    ),
    Race(
        "lost-on-the-wire",
        "The connection breaks with a page on the wire, whose bit is clear at the source.",
        "postcopy", "no-fault-hangs", "rule of post-copy recovery", "ram_dirty_bitmap_reload", "", {}, ("reload-bitmap-on-recovery",),
    ),
)  # fmt: skip

RACES: tuple[Race, ...] = PRECOPY + HINTING + BALLOON + POSTCOPY
