"""Foreign records: logs of QEMU and Linux become one trace, in the source's order, with nothing lost on the way."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balloonproof.checker.read import Trace, TraceInputError, TraceSyntaxError, format_event, read_trace
from balloonproof.checker.read.alignment import align
from balloonproof.checker.read.probes import set_bits

RECORDS = Path(__file__).parents[2] / "shared" / "records"

COMMAND = "/usr/bin/qemu-system-x86_64 -accel tcg,thread=multi -m 256 -device virtio-balloon-pci,free-page-hint=on"
SOURCE = """\
1@100.000000:vm_state_notify running 1 reason 9 (running)
3@100.000001:memory_notdirty_write_access 0x1 ram_addr 0x5000 size 1
1@100.000010:migrate_set_state new state setup
2@100.000100:savevm_state_setup \n\
2@100.000120:migration_bitmap_sync_start \n\
3@100.000110:memory_notdirty_write_access 0x1 ram_addr 0x6008 size 8
2@100.000200:migration_bitmap_sync_end dirty_pages 0
2@100.000210:migrate_set_state new state active
2@100.000300:savevm_section_start ram, section_id 2
2@100.000310:ram_save_page pc.ram: offset: 0x0 host: 0x7f0000000000
2@100.000330:ram_save_page pc.ram: offset: 0x3000 host: 0x7f0000003000
2@100.000340:ram_save_page pc.rom: offset: 0x0 host: 0x7f1000000000
2@100.000400:savevm_section_end ram, section_id 2 -> 0
3@100.000500:memory_notdirty_write_access 0x1 ram_addr 0xfffc0000 size 8
2@100.000600:runstate_set current_run_state 9 (running) new_state 7 (finish-migrate)
2@100.000610:vm_state_notify running 0 reason 7 (finish-migrate)
2@100.000700:savevm_section_start ram, section_id 2
2@100.000800:savevm_section_end ram, section_id 2 -> 0
2@100.000900:migrate_set_state new state completed
1@100.001000:savevm_state_cleanup \n\
1@100.001100:migration_cleanup \n\
"""
DESTINATION = """\
9@100.050000:runstate_set current_run_state 0 (debug) new_state 1 (inmigrate)
9@100.050100:ram_load_start \n\
9@100.050200:ram_load_start \n\
9@100.050201:ram_load_loop pc.ram: addr: 0x0 flags: 0x8 host: 0x7f2000000000
9@100.050202:ram_load_loop pc.ram: addr: 0x1000 flags: 0x22 host: 0x7f2000001000
9@100.050203:ram_load_loop pc.ram: addr: 0x3000 flags: 0x28 host: 0x7f2000003000
9@100.050204:ram_load_loop pc.rom: addr: 0x0 flags: 0x8 host: 0x7f3000000000
9@100.050300:ram_load_start \n\
9@100.050301:ram_load_loop pc.ram: addr: 0x2000 flags: 0x2 host: 0x7f2000002000
"""
THREAD = "    mig/src/main-2       (      1) [001] DBZff 100."
IOTHREAD = "          IO io0-4       (      1) [001] DBZff 100."
PROBES = (
    f"{THREAD}000111: precopy: (0x1) list=0xa reason=1\n"
    f"{THREAD}000205: precopy: (0x1) list=0xa reason=2\n"
    f"{IOTHREAD}000220: id_read: (0x1) id=0x80000001 status=1 cur=0x80000001\n"
    f"{IOTHREAD}000221: go_start: (0x1) id=0x80000001 status=1 cur=0x80000001\n"
    f"{IOTHREAD}000230: elem: (0x1) in=1 out=0 status=2 gpa=0x400000\n"
    f"{IOTHREAD}000231: hint_enter: (0x1) addr=0x7f0000400000 len=0x400000\n"
    f"{IOTHREAD}000250: hint_ndirty: (0x1) ndirty=1000 start=0x400 npages=1024\n"
    f"{IOTHREAD}000251: hint_clear: (0x1) start=0x400 npages=1024\n"
    f"{IOTHREAD}000260: id_read: (0x1) id=0x0 status=2 cur=0x80000001\n"
    f"{IOTHREAD}000261: go_stop: (0x1) id=0x0 status=2 cur=0x80000001\n"
    f"{IOTHREAD}000270: elem: (0x1) in=1 out=0 status=0 gpa=0x800000\n"
    " qemu-system-x86-1       (      1) [001] DBZff 100.000950: precopy: (0x1) list=0xb reason=1\n"
)
COMPARISON = """\
pfn	class	src	dst	sent_count	last_sent_seq	last_hint_seq	hint_rounds
0x400	used	data	zero	0	0	5	1
0x401	ref0	data	zero	0	0	5	1
0x402	ref0	data	zero	0	0	5	1
0x900	buddy10	data	zero	0	0	0	\n\
0xa00	used	data	zero	0	7	5	1
"""


def record(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def lines(trace: Trace, *families: str) -> list[str]:
    return [format_event(event) for event in trace.events if event.name.split(".")[0] in families]


def test_a_record_becomes_one_trace(tmp_path: Path) -> None:
    folder = record(tmp_path, src=SOURCE, dst=DESTINATION, up=PROBES, cmd=COMMAND, diff=COMPARISON, notes="{}\n", empty="")
    trace = read_trace(folder)
    assert (trace.header.pages, trace.header.page_size, trace.header.chunk_pages) == (65536, 4096, 262144)
    assert trace.header.settings == {"dirty-log": "tcg"}
    assert lines(trace, "migration") == [
        "0.000000 migration.start",
        "0.000090 migration.sync-begin round=1",
        "0.000101 migration.notify reason=before-sync",
        "0.000190 migration.sync-end round=1 dirty=0",
        "0.000195 migration.notify reason=after-sync",
        "0.000200 migration.active",
        "0.000300 migration.send pages=0x0",
        "0.000300 migration.send pages=0x1 zero",
        "0.000320 migration.send pages=0x3",
        "0.000600 migration.stop-vm reason=finish-migrate",
        "0.000690 migration.send pages=0x2 zero",
        "0.000890 migration.complete",
        "0.000990 migration.cleanup state=completed",
    ]
    assert lines(trace, "host") == [
        "0.000210 host.command id=0x80000001 current=0x80000001 status=requested started",
        "0.000241 host.hint pages=0x400+1024 cleared=1000 honoured",
        "0.000250 host.command id=0x0 current=0x80000001 status=start stopped",
        "0.000260 host.hint pages=0x800+1024 status=stop dropped",
    ]
    assert lines(trace, "guest") == ["0.000100 guest.dirty pages=0x6 unsure", "0.000190 guest.dirty pages=0x6 unsure"]
    assert lines(trace, "memory") == [
        "0.000990 memory.compared pages=0x0+65536",
        "0.000990 memory.differs pages=0x900 class=free count=1",
        "0.000990 memory.differs pages=0x400+3 class=held count=3",
        "0.000990 memory.differs pages=0xa00 class=used count=1",
    ]
    for name in (
        "migration.send",
        "guest.dirty",
        "host.hint",
        "host.command",
        "migration.sync-begin",
        "memory.differs",
    ):
        assert trace.header.observes(name)
    for name in ("migration.bitmap", "guest.hint"):
        assert not trace.header.observes(name)
    dirty = next(event for event in trace.events if event.name == "guest.dirty")
    assert dirty.source == (str(folder / "src"), 6)
    assert any("1 pages sent of the RAM block pc.rom" in note for note in trace.notes)
    assert any("1 guest writes before the first migration" in note for note in trace.notes)
    assert any("1 guest writes in other RAM blocks" in note for note in trace.notes)


def test_guest_addresses_above_4_gib_are_found_in_the_ram_block(tmp_path: Path) -> None:
    """From 3 GiB of RAM on, a PC's memory lies at 4 GiB: what the guest names there is moved, what the host names is not."""
    probes = PROBES.replace("gpa=0x800000", "gpa=0x100800000").replace("start=0x400 ", "start=0xd0000 ")
    comparison = COMPARISON.replace("0xa00", "0x100a00").replace("0x900", "0xc0001")
    trace = read_trace(record(tmp_path, src=SOURCE, dst=DESTINATION, up=probes, cmd=COMMAND.replace("-m 256", "-m 8G"), diff=comparison))
    assert trace.header.pages == 1 << 21
    assert [event.pages for event in trace.events if event.name == "host.hint"] == [((0xD0000, 1024),), ((0xC0800, 1024),)]
    differing = {event.arguments["class"]: event.pages for event in trace.events if event.name == "memory.differs"}
    assert (0xC0A00, 1) in differing["used"]
    assert "free" not in differing  # its page is in the gap, where there is no RAM


def test_page_headers_put_on_the_stream_time_every_page(tmp_path: Path) -> None:
    put = f"{THREAD}000{{}}: put_be64: (0x1) f=0x5 v={{}}\n"
    headers = (
        (305, "0x8"),
        (312, "0x1022"),
        (320, "0x7028"),
        (321, "0x10"),
        (335, "0x3028"),
        (336, "0x8"),
        (701, "0x2002"),
    )
    probes = PROBES + "".join(put.format(*header) for header in headers)
    trace = read_trace(record(tmp_path, src=SOURCE, dst=DESTINATION, up=probes))
    sends = [line for line in lines(trace, "migration") if "send" in line]
    assert sends == [
        "0.000295 migration.send pages=0x0",
        "0.000302 migration.send pages=0x1 zero",
        "0.000310 migration.send pages=0x7 unreceived",
        "0.000325 migration.send pages=0x3",
        "0.000691 migration.send pages=0x2 zero",
    ]


def test_lost_probes_are_an_event_and_what_they_leave_open_is_left_out(tmp_path: Path) -> None:
    trace = read_trace(record(tmp_path, src=SOURCE, up="CPU:1 [LOST 3 EVENTS]\n" + PROBES + "CPU:1 [LOST 57 EVENTS]\n"))
    assert lines(trace, "trace") == ["0.000101 trace.dropped count=3", "0.000940 trace.dropped count=57"]
    before = [event.name for event in trace.events if event.time < 101_000]
    assert before == ["migration.start"]
    assert any(note.endswith("events left out, as others of the same time were lost") for note in trace.notes)


def test_without_a_log_of_the_destination_sends_are_partial(tmp_path: Path) -> None:
    trace = read_trace(record(tmp_path, src=SOURCE))
    sends = [line for line in lines(trace, "migration") if "send" in line]
    assert sends == ["0.000300 migration.send pages=0x0 partial", "0.000320 migration.send pages=0x3 partial"]
    assert not trace.header.observes("migration.send")
    assert trace.header.observes("migration.sync-end")


def test_without_a_log_of_the_source_the_destination_gives_order_and_time(tmp_path: Path) -> None:
    trace = read_trace(record(tmp_path, dst=DESTINATION))
    assert lines(trace, "migration")[1] == "0.000001 migration.send pages=0x1 zero"
    assert trace.header.observes("migration.send")
    assert not trace.header.observes("migration.sync-end")


def test_both_prefixes_of_the_log_mean_the_same(tmp_path: Path) -> None:
    def modern(line: str) -> str:
        return f"1970-01-01T00:01:40.{line[6:12]}Z{line[12:].replace(':', ' ', 1)}\n"

    text = "".join(modern(line) for line in SOURCE.splitlines())
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    old = read_trace(record(tmp_path / "old", src=SOURCE))
    new = read_trace(record(tmp_path / "new", src=text))
    # only the thread ids are missing, and with them what is known of when a sync can have begun
    assert [e for e in lines(old, "migration", "guest") if "begin" not in e] == [e for e in lines(new, "migration", "guest") if "begin" not in e]
    assert "0.000110 migration.sync-begin round=1" in lines(new, "migration")


@pytest.mark.parametrize(
    ("text", "line", "found"),
    [
        (SOURCE[:-20], 21, "end of file"),
        (SOURCE.replace("offset: 0x3000 host", "offset: 0x30"), 11, "':'"),
        (SOURCE.replace("dirty_pages 0", "dirty_pages none"), 7, "'none'"),
        (SOURCE.replace("2@100.000300", "2@100.0003"), 9, "'0003:savevm_section_s...'"),
    ],
)
def test_damaged_logs_are_errors(tmp_path: Path, text: str, line: int, found: str) -> None:
    with pytest.raises(TraceSyntaxError) as caught:
        read_trace(record(tmp_path, src=text))
    assert caught.value.path == str(tmp_path / "src")
    assert (caught.value.line, caught.value.found) == (line, found)
    assert f"src:{line}:{caught.value.column}: expected " in str(caught.value)


@pytest.mark.parametrize("moment", ["2026-13-45T00:00:00Z", "2026-02-29T10:00:00.5Z", "2026-01-01T24:00:00Z"])
def test_a_day_that_there_is_not_is_an_error_with_its_place(tmp_path: Path, moment: str) -> None:
    text = f"2026-01-01T00:00:00.000001Z migrate_set_state new state setup\n{moment} savevm_state_cleanup \n"
    with pytest.raises(TraceSyntaxError, match=r"src:2:1: expected a date and time of day that exist, found '2026-") as caught:
        read_trace(record(tmp_path, src=text))
    assert caught.value.context.startswith(moment)


def test_what_is_no_trace_is_refused(tmp_path: Path) -> None:
    folder = record(tmp_path, notes="hello\n")
    with pytest.raises(TraceInputError, match="not a trace"):
        read_trace(folder / "notes")
    with pytest.raises(TraceInputError, match="cannot be read: No such file"):
        read_trace(folder / "missing")


@given(st.lists(st.integers(0, 3), max_size=60), st.lists(st.integers(0, 3), max_size=60))
def test_alignment_keeps_order_and_loses_nothing(source: list[int], destination: list[int]) -> None:
    pairs = align(source, destination)
    assert [i for i, _ in pairs if i is not None] == list(range(len(source)))
    assert [j for _, j in pairs if j is not None] == list(range(len(destination)))
    assert all(source[i] == destination[j] for i, j in pairs if i is not None and j is not None)


@given(st.lists(st.integers(0, 9999), min_size=100, max_size=150, unique=True), st.integers(0, 99))
def test_alignment_resynchronises_after_one_loss(whole: list[int], lost: int) -> None:
    pairs = align(whole, whole[:lost] + whole[lost + 1 :])
    assert [pair for pair in pairs if None in pair] == [(lost, None)]


@given(st.lists(st.integers(0, (1 << 64) - 1), max_size=5))
def test_bits_of_a_bitmap(bitmap: list[int]) -> None:
    expected = {64 * k + b for k, word in enumerate(bitmap) for b in range(64) if word >> b & 1}
    ranges = set_bits(bitmap)
    assert {page for first, count in ranges for page in range(first, first + count)} == expected


@cache
def real(name: str) -> Trace:
    if not (RECORDS / name).is_dir():
        pytest.skip(f"the record {name} is not here")
    return read_trace(RECORDS / name)


def counts(trace: Trace) -> Counter[str]:
    return Counter("/".join([event.name, *sorted(event.flags)]) for event in trace.events)


def note(trace: Trace, words: str) -> str:
    return next(note for note in trace.notes if words in note)


def test_a_real_migration_with_hints() -> None:
    trace = real("b_hint_q10")
    count = counts(trace)
    assert "55205 pages sent (5111 zero)" in note(trace, "pages sent (")
    assert "0 without a sign at the source, 0 that the destination did not load" in note(trace, "pages sent (")
    assert (count["migration.send"], count["migration.send/zero"]) == (50042, 5033)
    assert (count["host.hint/honoured"], count["guest.hint"], count["migration.bitmap"]) == (62, 62, 5)
    differs = {event.arguments["class"]: event.arguments["count"] for event in trace.events if event.name == "memory.differs"}
    assert differs == {"free": 4458}


def test_a_real_migration_with_stale_hints() -> None:
    trace = real("r1_cancel_stalled")
    count = counts(trace)
    assert "24706 pages sent (5464 zero)" in note(trace, "attempt 2 of 2")
    assert (count["host.hint/honoured"], count["host.hint/dropped"]) == (40, 13)
    commands = [(e.arguments["id"], e.arguments["status"], *e.flags) for e in trace.events if e.name == "host.command"]
    assert commands == [
        (0x80000002, "requested", "started"),
        (0, "start", "stopped"),
        (0x80000002, "stop", "ignored"),
        (0, "stop", "ignored"),
    ]
    differs = {event.arguments["class"]: event.arguments["count"] for event in trace.events if event.name == "memory.differs"}
    assert differs == {"used": 26848, "held": 2720}


def test_a_real_migration_after_a_cancelled_one_with_its_own_destination() -> None:
    trace = real("e_hint_cancel_retry")
    assert "35084 pages sent" in note(trace, "attempt 1 of 2")
    assert "62715 pages sent" in note(trace, "attempt 2 of 2")
    differs = {event.arguments["class"]: event.pages for event in trace.events if event.name == "memory.differs"}
    assert differs["used"] == ((0x2A03, 1), (0x2A60, 1))


@pytest.mark.parametrize("name", ["b_hint_q10", "r1_cancel_stalled", "r1_cancel_control", "e_hint_cancel_retry"])
def test_what_the_guest_queues_comes_before_the_host_handles_it(name: str) -> None:
    trace = real(name)
    queued = [(event.pages, event.time) for event in trace.events if event.name == "guest.hint"]
    handled = [(event.pages, event.time) for event in trace.events if event.name == "host.hint"]
    assert [pages for pages, _ in queued] == [pages for pages, _ in handled]
    assert all(before < after for (_, before), (_, after) in zip(queued, handled, strict=True))


@pytest.mark.parametrize("name", ["b_hint_q10", "c_balloon50_q10", "d_reporting_q10", "e_hint_cancel_retry"])
def test_real_bitmaps_follow_from_the_events_between_them(name: str) -> None:
    """Sends and hints clear bits, syncs set those of written pages: the order of merged events has to be right."""
    bitmap: set[int] | None = None
    written: set[int] = set()
    unsure: set[int] = set()
    syncing = False
    for event in real(name).events:
        if event.name == "migration.start":
            bitmap, written, unsure, syncing = None, set(), set(), False
        elif event.name == "migration.sync-begin":
            syncing = True
        elif event.name == "guest.dirty":
            (unsure if syncing else written).add(event.pages[0][0])
        elif event.name == "migration.bitmap":
            after = {page for first, count in event.pages for page in range(first, first + count)}
            if bitmap is not None:
                assert bitmap | written <= after
                # a page that QEMU itself writes, not the guest, shows in no log
                assert len(after - bitmap - written - unsure) <= 1
                unsure = {page for page in unsure if page not in after}
            bitmap, written, syncing = after, set(), False
        elif event.name == "migration.send" and bitmap is not None:
            assert event.pages[0][0] in bitmap
            bitmap.remove(event.pages[0][0])
        elif event.name == "host.hint" and "honoured" in event.flags and bitmap is not None:
            first, count = event.pages[0]
            block = set(range(first, first + count))
            assert len(bitmap & block) == event.arguments["cleared"]
            bitmap -= block
