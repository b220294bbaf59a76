"""Binary inputs: QEMU's simple trace and the migration stream, against independent writers of both formats."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balloonproof.checker.read import TraceInputError, format_event, read_trace
from balloonproof.checker.read.qemu import Load, LogLine
from balloonproof.checker.read.simple import ARGUMENTS, simple_lines
from balloonproof.checker.read.stream import read_stream

# ---------------------------------------------------------------- simple trace

SimpleEvent = tuple[int, str, list[int | str]]
"""Time, name, arguments."""
NAMES = sorted([*ARGUMENTS, "kvm_run_exit"])


def simple_trace(events: Sequence[SimpleEvent], order: str = "<") -> bytes:
    """A simple trace as trace/simple.c writes it: header, mappings, then events; ``dropped`` is the count of lost ones."""
    out = struct.pack(order + "QQQ", 2**64 - 1, 0xF2B177CB0AA429B4, 4)
    for number, name in enumerate(NAMES):
        out += struct.pack(order + "QQI", 0, number, len(name)) + name.encode()
    for time, name, arguments in events:
        body = b""
        for value in arguments:
            if isinstance(value, str):
                body += struct.pack(order + "I", len(value.encode())) + value.encode()
            else:
                body += struct.pack(order + "Q", value % 2**64)
        identity = 2**64 - 2 if name == "dropped" else NAMES.index(name)
        out += struct.pack(order + "QQQII", 1, identity, time, 24 + len(body), 4711) + body
    return out


def text_of(name: str, arguments: Sequence[int | str]) -> dict[str, str]:
    """The fields as the text log would show them."""
    if name == "dropped":
        return {"count": str(arguments[0])}
    found = {}
    for (field, _), value in zip(ARGUMENTS.get(name, ()), arguments, strict=False):
        hexadecimal = field in ("guest_address", "ram_addr", "offset", "host", "flags")
        found[field] = value if isinstance(value, str) else f"{value:#x}" if hexadecimal else str(value)
    return found


@st.composite
def simple_events(draw: st.DrawFn) -> list[SimpleEvent]:
    events: list[SimpleEvent] = []
    for time in sorted(draw(st.lists(st.integers(0, 2**62), max_size=12))):
        name = draw(st.sampled_from([*NAMES, "dropped"]))
        arguments: list[int | str] = []
        for field, write in ARGUMENTS.get(name, (("any", str),)):
            if write is None:
                arguments.append(draw(st.text(max_size=6)))
            else:
                arguments.append(draw(st.integers(-5 if field == "result" else 0, 2**31)))
        events.append((time, name, arguments))
    return events


@given(simple_events(), st.sampled_from("<>"))
@settings(deadline=None)
def test_a_simple_trace_reads_back_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, events: list[SimpleEvent], order: str) -> None:
    path = tmp_path_factory.getbasetemp() / "simple"
    path.write_bytes(simple_trace(events, order))
    first = len(NAMES) + 1
    expected = [LogLine(first + i, time, None, name, text_of(name, arguments)) for i, (time, name, arguments) in enumerate(events)]
    assert list(simple_lines(str(path))) == expected


@given(simple_events(), st.data())
@settings(deadline=None)
def test_a_cut_simple_trace_is_an_error_that_names_the_offset(tmp_path_factory: pytest.TempPathFactory, events: list[SimpleEvent], data: st.DataObject) -> None:
    whole = simple_trace(events)
    ends = [24]
    while ends[-1] < len(whole):
        kind, _, length = struct.unpack_from("<QQI", whole, ends[-1])
        size = 20 + length if kind == 0 else 8 + struct.unpack_from("<I", whole, ends[-1] + 24)[0]
        ends.append(ends[-1] + size)
    cut = data.draw(st.integers(1, len(whole) - 1).filter(lambda at: at not in ends))
    path = tmp_path_factory.getbasetemp() / "cut"
    path.write_bytes(whole[:cut])
    with pytest.raises(TraceInputError, match=r"offset 0x[0-9a-f]+: expected a whole record, found the end of the file"):
        list(simple_lines(str(path)))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ((16, struct.pack("<Q", 3)), "offset 0x10: expected version 4, found version 3"),
        ((24, struct.pack("<Q", 7)), "offset 0x18: expected a mapping (0) or an event (1), found a record of type 7"),
        ((40, struct.pack("<I", 2**31)), "offset 0x18: expected at most 262144, found a name of 2147483648 bytes"),
    ],
)
def test_a_damaged_simple_trace_is_one_error(tmp_path: Path, damage: tuple[int, bytes], message: str) -> None:
    at, new = damage
    whole = simple_trace([(5, "migrate_set_state", ["setup"])])
    path = tmp_path / "trace-1"
    path.write_bytes(whole[:at] + new + whole[at + len(new) :])
    with pytest.raises(TraceInputError) as error:
        read_trace(path)
    assert str(error.value) == f"{path}: {message}"


def test_arguments_of_another_form_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "trace-1"
    path.write_bytes(simple_trace([(5, "ram_load_postcopy_loop", [4096, 8])]))  # before QEMU 7.1: without the channel
    with pytest.raises(TraceInputError, match=r"expected its arguments, as QEMU 7\.2 and later write them, found 16 bytes"):
        read_trace(path)


SOURCE: list[SimpleEvent] = [
    (1_000, "vm_state_notify", [1, 9, "running"]),
    (10_000, "migrate_set_state", ["setup"]),
    (20_000, "migration_bitmap_sync_start", []),
    (30_000, "migration_bitmap_sync_end", [0]),
    (31_000, "migrate_set_state", ["active"]),
    (40_000, "savevm_section_start", ["ram", 2]),
    (41_000, "ram_save_page", ["pc.ram", 0x0, 0x7F00]),
    (42_000, "memory_notdirty_write_access", [0x1, 0x2008, 8]),
    (43_000, "ram_save_page", ["pc.ram", 0x3000, 0x7F00]),
    (50_000, "savevm_section_end", ["ram", 2, 0]),
    (60_000, "vm_state_notify", [0, 7, "finish-migrate"]),
    (70_000, "migrate_set_state", ["completed"]),
]


def test_a_simple_trace_of_the_source_becomes_a_trace(tmp_path: Path) -> None:
    (tmp_path / "trace-17").write_bytes(simple_trace(SOURCE))
    trace = read_trace(tmp_path)
    assert [format_event(event) for event in trace.events] == [
        "0.000000 migration.start",
        "0.000010 migration.sync-begin round=1",
        "0.000020 migration.sync-end round=1 dirty=0",
        "0.000021 migration.active",
        "0.000031 migration.send pages=0x0 partial",
        "0.000032 guest.dirty pages=0x2",
        "0.000033 migration.send pages=0x3 partial",
        "0.000050 migration.stop-vm reason=finish-migrate",
        "0.000060 migration.complete",
    ]


def test_dropped_events_make_a_gap(tmp_path: Path) -> None:
    events = [*SOURCE[:7], (42_500, "dropped", [9]), *SOURCE[7:]]
    (tmp_path / "trace-17").write_bytes(simple_trace(sorted(events, key=lambda event: event[0])))
    names = [format_event(event) for event in read_trace(tmp_path).events]
    assert "0.000032500 trace.dropped count=9" in names
    assert not any("guest.dirty" in name for name in names)  # the loss lies between it and the notice


# ---------------------------------------------------------------- migration stream

FLAGS = {"normal": 0x08, "zero": 0x02, "xbzrle": 0x40, "compressed": 0x100}
CONTENTS = {"normal": bytes(4096), "zero": b"\0", "xbzrle": struct.pack(">BH", 1, 3) + b"abc", "compressed": struct.pack(">I", 5) + b"abcde"}

Page = tuple[str, int, str]
"""Block, page number, kind: ``normal``, ``zero``, ``xbzrle`` or ``compressed``."""


def stream(sections: Sequence[Sequence[Page]], machine: str = "pc-i440fx-10.0", extra: bytes = b"", shared: bool = False) -> bytes:
    """A migration stream up to the devices' state, as migration/savevm.c and migration/ram.c write it."""
    out = b"QEVM" + struct.pack(">I", 3) + b"\x07" + struct.pack(">I", len(machine)) + machine.encode() + extra
    blocks = (("pc.ram", 64), ("pc.bios", 4))
    total = sum(size for _, size in blocks) * 4096
    out += b"\x01" + struct.pack(">IB", 2, 3) + b"ram" + struct.pack(">II", 0, 4) + struct.pack(">Q", total | 0x04)
    for name, size in blocks:
        out += struct.pack(">B", len(name)) + name.encode() + struct.pack(">Q", size * 4096) + (bytes(8) if shared else b"")
    out += struct.pack(">Q", 0x10) + b"\x7e" + struct.pack(">I", 2)
    for index, pages in enumerate(sections):
        out += bytes([3 if index == len(sections) - 1 else 2]) + struct.pack(">I", 2) + b"".join(page_bytes(pages)) + struct.pack(">Q", 0x10)
        out += b"\x7e" + struct.pack(">I", 2)
    return out + b"\x04" + struct.pack(">IB", 0, 5) + b"timer" + struct.pack(">II", 0, 2) + b"devices' state"


def page_bytes(pages: Sequence[Page]) -> list[bytes]:
    out, last = [], None
    for block, page, kind in pages:
        same = 0x20 if block == last else 0
        name = b"" if same else struct.pack(">B", len(block)) + block.encode()
        out.append(struct.pack(">Q", page << 12 | FLAGS[kind] | same) + name + CONTENTS[kind])
        last = block
    return out


PAGES = st.tuples(st.sampled_from(["pc.ram", "pc.bios"]), st.integers(0, 63), st.sampled_from(sorted(FLAGS)))
SECTIONS = st.lists(st.lists(PAGES, max_size=6), min_size=1, max_size=4)


@given(SECTIONS)
@settings(deadline=None)
def test_a_stream_reads_back_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, sections: list[list[Page]]) -> None:
    path = tmp_path_factory.getbasetemp() / "stream"
    path.write_bytes(stream(sections))
    found = read_stream(str(path))
    expected = [(block, page << 12, FLAGS[kind], 1 + index) for index, pages in enumerate(sections) for block, page, kind in pages]
    assert [(load.block, load.offset, load.flags & ~0x20, load.section) for load in found.loads] == expected
    assert found.complete
    assert (found.machine, found.blocks) == ("pc-i440fx-10.0", {"pc.ram": 64 << 12, "pc.bios": 4 << 12})
    whole = path.read_bytes()
    assert all(struct.unpack_from(">Q", whole, load.line)[0] == load.offset | load.flags for load in found.loads)


@given(SECTIONS, st.data())
@settings(deadline=None)
def test_a_cut_stream_holds_the_pages_before_the_cut(tmp_path_factory: pytest.TempPathFactory, sections: list[list[Page]], data: st.DataObject) -> None:
    whole = stream(sections)
    path = tmp_path_factory.getbasetemp() / "whole"
    path.write_bytes(whole)
    all_pages = read_stream(str(path)).loads
    cut = data.draw(st.integers(4, len(whole) - 40))
    path.write_bytes(whole[:cut])
    found = read_stream(str(path))
    assert found.loads == all_pages[: len(found.loads)]
    assert len(found.loads) == sum(page_end(load) <= cut for load in all_pages)


def page_end(load: Load) -> int:
    """The offset behind a page's header, block name and content."""
    name = 0 if load.flags & 0x20 else 1 + len(load.block)
    return load.line + 8 + name + next(len(CONTENTS[kind]) for kind, flag in FLAGS.items() if load.flags & flag)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ((4, b"\0\0\0\2"), "offset 0x4: expected version 3, found version 2"),
        ((27, b"\x55"), "offset 0x1b: expected a section or a command, found section type 0x55"),
    ],
)
def test_a_damaged_stream_is_one_error(tmp_path: Path, damage: tuple[int, bytes], message: str) -> None:
    at, new = damage
    whole = stream([[("pc.ram", 1, "normal")]])
    path = tmp_path / "stream"
    path.write_bytes(whole[:at] + new + whole[at + len(new) :])
    with pytest.raises(TraceInputError) as error:
        read_trace(path)
    assert str(error.value) == f"{path}: {message}"


def test_a_page_with_unknown_flags_is_an_error(tmp_path: Path) -> None:
    whole = stream([[("pc.ram", 1, "zero")]])
    at = whole.index(struct.pack(">Q", 0x1002))
    path = tmp_path / "stream"
    path.write_bytes(whole[:at] + struct.pack(">Q", 0x1001) + whole[at + 8 :])
    with pytest.raises(TraceInputError, match=rf"offset {at:#x}: expected the header of a page, or the end of the section, found 0x1001"):
        read_trace(path)


def test_the_configuration_of_a_stream_is_read(tmp_path: Path) -> None:
    def subsection(name: str, body: bytes) -> bytes:
        return b"\x05" + struct.pack(">B", len(name)) + name.encode() + struct.pack(">I", 1) + body

    names = ("x-ignore-shared",)
    capabilities = struct.pack(">I", len(names)) + b"".join(struct.pack(">B", len(n)) + n.encode() for n in names)
    extra = subsection("configuration/target-page-bits", struct.pack(">I", 12)) + subsection("configuration/capabilities", capabilities)
    path = tmp_path / "stream"
    path.write_bytes(stream([[("pc.ram", 1, "zero")]], extra=extra + subsection("configuration/uuid", bytes(16)), shared=True))
    found = read_stream(str(path))
    assert (found.capabilities, found.blocks["pc.bios"], len(found.loads), found.complete) == (names, 4 << 12, 1, True)


def test_the_stream_of_an_attempt_tells_its_zero_pages_too(tmp_path: Path) -> None:
    pages: list[Page] = [("pc.ram", 0, "normal"), ("pc.ram", 1, "zero"), ("pc.ram", 3, "normal")]
    (tmp_path / "trace-17").write_bytes(simple_trace(SOURCE))
    (tmp_path / "mig.bin").write_bytes(stream([pages]))
    trace = read_trace(tmp_path)
    sends = [format_event(event) for event in trace.events if event.name == "migration.send"]
    assert sends == ["0.000031 migration.send pages=0x0", "0.000031 migration.send pages=0x1 zero", "0.000033 migration.send pages=0x3"]
    assert trace.header.observes("migration.send")
    assert trace.header.pages == 64


def test_a_file_in_which_each_page_has_its_place_is_no_stream(tmp_path: Path) -> None:
    """mapped-ram: the log of the source tells which pages were sent, but not those that are zero."""
    capabilities = struct.pack(">IB", 1, 10) + b"mapped-ram"
    extra = b"\x05" + struct.pack(">B", 26) + b"configuration/capabilities" + struct.pack(">I", 1) + capabilities
    (tmp_path / "trace-17").write_bytes(simple_trace(SOURCE))
    (tmp_path / "mig.bin").write_bytes(stream([[]], extra=extra))
    trace = read_trace(tmp_path)
    sends = [format_event(event) for event in trace.events if event.name == "migration.send"]
    assert sends == ["0.000031 migration.send pages=0x0 partial", "0.000033 migration.send pages=0x3 partial"]
    assert not trace.header.observes("migration.send")
    assert any("mapped-ram: each page has its place in the file" in note for note in trace.notes)


@pytest.mark.parametrize("told_by", ["stream", "qmp"])
@pytest.mark.parametrize(("capability", "kind"), [("multifd", "zero"), ("xbzrle", "xbzrle"), ("compress", "compressed")])
def test_with_some_capabilities_a_page_that_no_log_shows_may_have_been_sent(tmp_path: Path, capability: str, kind: str, told_by: str) -> None:
    """A page that is missing from the main stream is no page that was not sent: it went through a channel, or was as it had been sent before."""
    whole = stream([[("pc.ram", 0, kind if told_by == "stream" else "zero")]])
    end = whole.rindex(struct.pack(">Q", 0x10))
    flush = struct.pack(">Q", 0x200) if (capability, told_by) == ("multifd", "stream") else b""
    (tmp_path / "trace-17").write_bytes(simple_trace(SOURCE))
    (tmp_path / "mig.bin").write_bytes(whole[:end] + flush + whole[end:])
    if told_by == "qmp":
        asked = {"capabilities": [{"capability": capability, "state": True}]}
        (tmp_path / "qmp").write_text(f"1.0 > {json.dumps({'execute': 'migrate-set-capabilities', 'arguments': asked})}\n")
    trace = read_trace(tmp_path)
    assert not trace.header.observes("migration.send")
    assert not any("unreceived" in event.flags for event in trace.events)
    assert any(f" {capability}: " in note and "pages may have been sent that no log shows" in note for note in trace.notes)


@pytest.mark.parametrize(("loaded", "words"), [([0, 1, 3], "its 3 pages are those that"), ([0, 3], "another one from page 2 on: the stream is taken")])
def test_a_stream_is_compared_with_what_the_destination_loaded(tmp_path: Path, loaded: list[int], words: str) -> None:
    pages: list[Page] = [("pc.ram", 0, "normal"), ("pc.ram", 1, "zero"), ("pc.ram", 3, "normal")]
    flags = {0: 0x08, 1: 0x22, 3: 0x28}
    destination: list[SimpleEvent] = [(5_000, "runstate_set", [0, "debug", 1, "inmigrate"]), (41_000, "ram_load_start", []), (41_500, "ram_load_start", [])]
    destination += [(42_000, "ram_load_loop", ["pc.ram", page << 12, flags[page], 0x7F00]) for page in loaded]
    (tmp_path / "source").write_bytes(simple_trace(SOURCE))
    (tmp_path / "destination").write_bytes(simple_trace(destination))
    (tmp_path / "mig.bin").write_bytes(stream([pages]))
    trace = read_trace(tmp_path)
    assert any(words in note for note in trace.notes)
    assert [event.pages[0][0] for event in trace.events if event.name == "migration.send"] == [0, 1, 3]
