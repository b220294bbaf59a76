"""The entries, system by system.  Commits are QEMU's unless they say Linux."""

from __future__ import annotations

from balloonproof.model.catalogue import windows
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
        "precopy", LOST, "while 6.2 was made", "fixed by 63b41db4bc, 7b0538ed3a (6.2), a5c90c61a1 (7.0)", "D8", {}, ("log-kept-on",),
    ),
    Race(
        "late-stop-of-the-log",
        "A migration of a paused VM is cancelled, which leaves the log on until the VM goes on; it does so in the next migration, whose log is switched off.",
        "precopy", LOST, "rule of the log", "1931076077 (2.10), a5c90c61a1 (7.0)", "", {}, ("start-withdraws-stop",),
    ),
    Race(
        "tcg-late-store",
        "TCG sets the dirty bit before the store; a sync in between takes the bit, and the page is read before the store.",
        "precopy", LOST, "up to 4.1", "fixed by 9458a9a1df (4.2)", "D9", {"dirty-log": "tcg"}, ("sync-waits-for-stores",),
        window=windows.UNFINISHED_STORE,
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
        window=windows.SLOT_REMOVAL,
    ),
    Race(
        "multifd-two-channels",
        "A page is handed to two channels in two rounds without a flush between them, and the older content arrives last.",
        "precopy", LOST, "rule of multifd", "multifd_ram_flush_and_sync", "", {"multifd": "yes"}, ("flush-channels-each-round",),
        window=windows.TWO_CHANNELS,
    ),
    Race(
        "zeros-not-written",
        "The destination does not mark what multifd delivers, takes zeros that replace it for the first thing to arrive, and leaves the old content.",
        "precopy", LOST, "rule of multifd since 9.1", "5ef7e26bdb", "", {"multifd": "yes"}, ("receipt-is-marked",),
    ),
    Race(
        "zeros-over-loaded-memory",
        "The destination's memory is not all zeros at first (pci_add_option_rom loads a file at realize): zeros that arrive first are not written.",
        "precopy", LOST, "ours, deduced; since 9.1", "ours: 5ef7e26bdb looks no more", "", {"multifd": "yes"}, ("destination-begins-as-zeros",),
    ),
)  # fmt: skip

ACK = {"release-waits-for-ack": "yes"}
OWN_ID = {"dirty-log": "get-and-clear", "command-id-buffer": "per-round"}

HINTING = (
    Race(
        "lost-write",
        "A hinted page is taken back and rewritten before the device reads its hint, which then clears the only trace of the write.",
        "hinting", LOST, "open at HEAD, since 6.1, reproduced", "3143577d6a", "H1", fix=None,
        window=windows.LOST_WRITE,
    ),
    Race(
        "stale-start",
        "A start command of an earlier round is read late, from the buffer that now holds the current id, and its old hints are accepted.",
        "hinting", LOST, "open at HEAD, since 4.0, reproduced", "Linux 86a559787e6f", "R1, guest B2", {"dirty-log": "get-and-clear"}, fix=None,
        window=windows.STALE_START,
    ),
    Race(
        "stale-start-ring",
        "The same with the dirty ring.",
        "hinting", LOST, "open at HEAD", "Linux 86a559787e6f", "R1", {"dirty-log": "ring"}, fix=None,
        window=windows.STALE_START,
    ),
    Race(
        "stale-start-early-ack",
        "The same where only the shrinker waits for the device: pages released at DONE still have stale hints queued.",
        "hinting", LOST, "a weaker form of the 2026 proposal", "HINT_WAIT_ON_ACK", "", {"release-waits-for-ack": "early"}, fix={"release-waits-for-ack": "yes"},
        window=windows.STALE_START,
    ),
    Race(
        "late-clear",
        "A page is rewritten after its hint was consumed, while the kernel's bit is still set; the send of another page of the chunk clears it.",
        "hinting", LOST, "4.1 to 6.0", "ended by 3143577d6a (6.1)", "", {**ACK, "hint-clears-log": "no"}, fix={"hint-clears-log": "yes"},
        window=windows.LATE_CLEAR,
    ),
    Race(
        "hints-during-sync",
        "Hints are taken while the log is fetched, and clear what the sync has just found.",
        "hinting", LOST, "rule of the feature", "c13c4153f7 (4.0)", "B3", OWN_ID, ("stop-before-sync",),
        window=windows.HINT_IN_SYNC,
    ),
    Race(
        "unrequested-start",
        "A guest starts hinting with the last id although nothing was requested, after the sync and before the next id.",
        "hinting", LOST, "4.0 to 5.0", "fixed by 20a4da0f23 (5.1)", "B8", OWN_ID, ("start-only-when-requested",),
        window=windows.START_BEFORE_ID,
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
        window=windows.DEVICE_RUNS_ON,
    ),
    Race(
        "never-done",
        "A migration that fails or is cancelled never tells the guest DONE, which keeps every hinted page.",
        "hinting", "hinted-pages-released", "4.0 to 5.0", "fixed by dd8eeb9671 (5.1)", "B7", {**OWN_ID, "early-release": "no"}, ("done-on-cleanup",),
    ),
    Race(
        "kexec-with-hints-queued",
        "Another kernel takes over while hints of the old one are queued; waiting for the device, which the old one did, does not help the new one.",
        "hinting", LOST, "Linux before virtio_dev_shutdown", "Linux virtio_dev_shutdown", "4.7", ACK, ("reset-before-kexec",),
        window=windows.KEXEC_WITH_HINTS,
    ),
    Race(
        "hinting-tcg-tlb",
        "TCG without the TLB reset loses writes beside hints as well.",
        "hinting", LOST, "7.2.22", "missing physical_memory_dirty_bits_cleared", "tcg",
        {"dirty-log": "tcg", "command-id-buffer": "per-round"}, ("reset-tlb-at-sync",),
    ),
)  # fmt: skip

LARGER = {"host-page-size": "larger"}
ACROSS = {**LARGER, "ballooned-record": "across-elements"}

BALLOON = (
    Race(
        "deflate-before-inflate",
        "A page is deflated and used while its inflate request is still queued; the device then discards it.",
        "balloon", "host-keeps-content", "rule of the spec", "virtio-spec: MUST NOT deflate before the inflate ack", "", {}, ("inflate-before-deflate",),
        window=windows.EARLY_DEFLATE,
    ),
    Race(
        "partial-host-page",
        "One inflated guest page discards its whole, larger host page, with data of its neighbours.",
        "balloon", "host-keeps-content", "up to 3.1", "fixed by ed48c59875 (4.0)", "I9", LARGER, ("whole-host-page",),
    ),
    Race(
        "record-forgets-nothing",
        "A deflated page stays on record; when its neighbour is inflated, the host page is discarded with the page in use.",
        "balloon", "host-keeps-content", "while 4.0 was made", "fixed by b27b323914 (4.0)", "I10", ACROSS, ("forget-on-deflate",),
    ),
    Race(
        "record-outlives-element",
        "The record outlives its request, and a guest that need not wait uses a page before it tells of the deflate.",
        "balloon", "host-keeps-content", "4.0", "fixed by a8cd64d488, 1b47b37c33 (4.1)", "I12", {**ACROSS, "deflate-waits-for-ack": "no"},
        fix={"ballooned-record": "until-answer"},
    ),
    Race(
        "record-outlives-reset",
        "The record survives a reset of the device; another kernel uses what the old one had in the balloon.",
        "balloon", "host-keeps-content", "4.0", "fixed by 9a7ca8a7c9 (4.1)", "I12", ACROSS, ("reset-ends-record",),
    ),
    Race(
        "discard-while-pinned",
        "Memory that an assigned device has pinned is discarded: after a deflate vCPU and device see different pages.",
        "balloon", "host-keeps-content", "up to 3.0", "fixed by c65ee43315, 238e917285 (3.1)", "I3", {}, ("inhibit-while-pinned",),
        window=windows.DISCARD_WHILE_PINNED,
    ),
    Race(
        "inhibitor-is-a-flag",
        "Two users forbid discards; when the first one is done, they are allowed for both.",
        "balloon", "host-keeps-content", "2.5 to 3.0", "fixed by 01ccbec7bd, 154304cd6e (3.1)", "I2", {}, ("inhibitors-are-counted",),
    ),
    Race(
        "kexec-without-reset",
        "Another kernel takes over while the device still has requests of the old one.",
        "balloon", "host-keeps-content", "Linux before virtio_dev_shutdown", "Linux virtio_dev_shutdown", "4.7", {}, ("reset-before-kexec",),
        window=windows.KEXEC,
    ),
)  # fmt: skip

REPORTING = (
    Race(
        "report-without-isolation",
        "A page is reported while it stays on the free list, and is allocated before the device discards it.",
        "reporting", "host-keeps-content", "rule of the feature", "Linux __isolate_free_page", "", {}, ("isolate-while-reported",),
        window=windows.ALLOCATED_WHILE_REPORTED,
    ),
    Race(
        "report-without-answer",
        "A reported page is given back before the host has answered.",
        "reporting", "host-keeps-content", "rule of the feature", "Linux virtballoon_free_page_report", "", {}, ("put-back-waits-for-answer",),
        window=windows.EARLY_PUT_BACK,
    ),
    Race(
        "poison-not-reported",
        "A guest that poisons free pages reports them to a device that does not know of poison.",
        "reporting", "host-keeps-content", "Linux 5.7-rc", "fixed by Linux fb69c2c896fc (5.7)", "fb69c2c896fc",
        {"free-page-content": "poison", "restore-announces-poison": "yes"}, ("report-needs-page-poison",),
    ),
    Race(
        "poison-lost-at-restore",
        "After suspend the device has forgotten the poison value, nobody writes it again, and poisoned pages are discarded to zeros.",
        "reporting", "host-keeps-content", "open at Linux HEAD", "Linux virtballoon_restore", "guest B1", {"free-page-content": "poison"}, fix=None,
    ),
    Race(
        "trusted-zeros-are-stale",
        "The guest trusts that the device has zeroed a reported page; the destination keeps an earlier copy, since a discard leaves no trace in the log.",
        "reporting", LOST, "proposed in 2026", "virtio-spec issue 244, F_DEVICE_INIT_REPORTED", "2.8", {"device-initialises-reported": "yes"},
        fix={"discard-marks-dirty": "yes"},
    ),
)  # fmt: skip

SKIPPING = (
    Race(
        "filter-forgets-device-writes",
        "The filter takes listed pages out of the bitmap in which device writes are marked as well: one made since the listing is forgotten.",
        "free-page-bitmap", LOST, "RFC of 2016", "Liang Li, 2016-03-03, patch 3", "7.1", fix={"filters": "bitmap"},
        window=windows.LISTED_THEN_DMA,
    ),
    Race(
        "list-before-log",
        "The guest is asked for its free pages before the dirty log is on.",
        "free-page-bitmap", LOST, "rule that the thread of 2016 came to", "D. Gilbert, 2016-03", "7.1", {"filters": "bitmap"}, ("log-before-request",),
        window=windows.LISTED_THEN_TAKEN,
    ),
    Race(
        "list-of-earlier-migration",
        "The answer to a request of a cancelled migration filters the next one.",
        "free-page-bitmap", LOST, "proposal of 2016", "ours", "",
        {"filters": "bitmap", "dirty-log": "get-and-clear", "asks": "each-round", "waits-for-answer": "no"}, ("answer-of-this-migration",),
        window=windows.LISTED_THEN_TAKEN,
    ),
    Race(
        "skip-while-deflate-waits",
        "A guest that need not wait uses a deflated page while its bit is still set; suspending the skip while the request is handled does not help.",
        "balloon-skip", LOST, "patch of 2016", "Jitendra Kolhe, 2016-03-28", "7.2", {"deflate-waits-for-ack": "no"}, fix={"suspended": "while-queued"},
        window=windows.SKIPPED_WHILE_DEFLATING,
    ),
    Race(
        "one-bitmap-for-both",
        "Listed pages are entered into the balloon bitmap, and no deflate ever clears their bits.",
        "combined", LOST, "never built", "ours", "", {"sets": "one-bitmap"}, fix={"sets": "separate"},
        window=windows.LISTED_THEN_SKIPPED,
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
        "postcopy", "no-fault-hangs", "while 2.5 was made", "fixed by 371ff5a3f0 (2.5), d24f31db3b (5.1)", "I1, I5", {}, ("inhibit-in-postcopy",),
        window=windows.DISCARD_IN_POSTCOPY,
    ),
    Race(
        "kept-stale-copies",
        "The destination keeps an old copy of a page that is dirty at the switch, and the guest reads it.",
        "postcopy", "destination-is-right", "rule of post-copy", "ram_postcopy_send_discard_bitmap", "", {}, ("discard-what-is-dirty",),
    ),
    Race(
        "sync-in-postcopy",
        "A sync during post-copy finds an old mark; the page is sent again over what the guest has made of it.",
        "postcopy", "host-keeps-content", "while 2.5 was made", "fixed by 663e6c1df8 (2.5)", "D12", {}, ("no-sync-in-postcopy",),
        window=windows.SYNC_IN_POSTCOPY,
    ),
    Race(
        "lost-on-the-wire",
        "The connection breaks with a page on the wire, whose bit is clear at the source.",
        "postcopy", "no-fault-hangs", "rule of post-copy recovery", "ram_dirty_bitmap_reload", "", {}, ("reload-bitmap-on-recovery",),
        window=windows.ON_THE_WIRE,
    ),
    Race(
        "zeros-not-mapped",
        "A zero page that arrived before the switch counts as received but was not written: nothing is mapped there, and who touches it waits for ever.",
        "postcopy", "no-fault-hangs", "while multifd with post-copy was made", "fixed by 249543d0c0 (10.1)", "D13", {}, ("zero-pages-are-written",),
    ),
)  # fmt: skip

SNAPSHOTS = (
    Race(
        "discard-in-snapshot",
        "A page in use at the snapshot's moment is freed, inflated and discarded, and saved as zeros.",
        "snapshot", "snapshot-is-right", "while 6.0 was made", "fixed by 1a8e44a89f (6.0)", "I7", {}, ("inhibit-in-snapshot",),
        window=windows.DISCARD_IN_SNAPSHOT,
    ),
    Race(
        "unpopulated-not-protected",
        "A page without memory cannot be write-protected: it is written and then saved.",
        "snapshot", "snapshot-is-right", "while 6.0 was made", "fixed by eeccb99c9d (6.0)", "2.5", {}, ("populate-first",),
    ),
    Race(
        "flushed-too-late",
        "A page is handed over by reference and let go before the stream has read it.",
        "snapshot", "snapshot-is-right", "rule of the feature", "278e2f551a (6.0): qemu_fflush", "2.5", {}, ("flush-before-let-go",),
        window=windows.LET_GO_BEFORE_FLUSH,
    ),
    Race(
        "written-past-protection",
        "A process with a mapping of its own, as with vhost-user, writes memory that is protected in QEMU's only.",
        "snapshot", "snapshot-is-right", "ours, deduced", "ours", "", {}, ("one-mapping",),
    ),
    Race(
        "destructive-hint",
        "Firecracker discards a hinted page that the guest has taken back and written.",
        "firecracker", "host-keeps-content", "open, said in its documentation", "Firecracker PR 5491; lore 20260119154236.39412-1", "6.2",
        fix={"release-waits-for-ack": "yes"},
        window=windows.DISCARDED_BY_HINT,
    ),
    Race(
        "look-then-discard",
        "The documented workaround looks whether a page was written and discards it later; the write comes in between.",
        "firecracker", "host-keeps-content", "documented workaround", "ours", "6.2", {"written-pages": "looked-up", "command-id-buffer": "per-round"},
        fix={"written-pages": "locked"},
        window=windows.LOOKED_THEN_WRITTEN,
    ),
    Race(
        "device-runs-on-while-saving",
        "The paused VM's device goes on with its queue while the snapshot is written.",
        "firecracker", "host-keeps-content", "reproduced by e2b", "e2b infra PR 2552, 3001", "6.3",
        {"release-waits-for-ack": "yes"}, ("pause-quiesces-device",),
        window=windows.QUEUE_WHILE_SAVING,
    ),
    Race(
        "old-page-after-discard",
        "After a discard the page fault handler serves the snapshot's old page instead of zeros.",
        "firecracker", "discarded-reads-zeros", "rule of lazy restore", "Firecracker docs: UFFD_EVENT_REMOVE", "6.4",
        {"release-waits-for-ack": "yes", "restore": "on-fault"}, ("handler-tracks-discards",),
    ),
)  # fmt: skip

RACES: tuple[Race, ...] = PRECOPY + HINTING + BALLOON + REPORTING + SKIPPING + POSTCOPY + SNAPSHOTS
