"""Reads a migration stream (the bytes that the source wrote): which pages were sent, exactly, and in which order.

The stream names no time. What follows the last page of RAM (the devices' state) is not read, as its form depends on the
machine. Source: QEMU migration/savevm.c (sections, commands), migration/ram.c (pages), version 3 of the format.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from struct import Struct

from .binary import ByteReader, EndsEarly
from .qemu import FLAG_COMPRESSED, FLAG_CONTINUE, FLAG_PAGE, FLAG_XBZRLE, FLAG_ZERO, PAGE_BITS, PAGE_FLAGS, Load, no_loads
from .rows import Rows

MAGIC = b"QEVM"
VERSION = 3

# QEMU_VM_* of migration/savevm.h
_END, _START, _PART, _LAST, _FULL, _SUBSECTION, _CONFIGURATION, _COMMAND, _FOOTER = 0, 1, 2, 3, 4, 5, 7, 8, 0x7E
_DESCRIPTION = 6
# MIG_CMD_* of migration/savevm.c
_LISTEN, _DISCARD, _PACKAGED = 4, 6, 7
# RAM_SAVE_FLAG_* of migration/ram.c, besides those of single pages
_SIZES, _END_OF_SECTION, _MULTIFD_FLUSH = 0x04, 0x10, 0x200
_ALL_FLAGS = (1 << PAGE_BITS) - 1
_KINDS = {FLAG_ZERO: "zero", FLAG_PAGE: "normal", FLAG_XBZRLE: "xbzrle", FLAG_COMPRESSED: "compressed"}

_U16, _U32, _U64 = Struct(">H"), Struct(">I"), Struct(">Q")
_XBZRLE = Struct(">BH")
_INSTANCE = Struct(">II")


@dataclass
class Stream:
    """What a stream holds. ``loads``: its pages in order, as a destination would load them; their line is the offset of
    the page's header, their time is not known (0), and sections of RAM count from 0."""

    path: str
    machine: str = ""
    blocks: dict[str, int] = field(default_factory=dict)
    """The RAM blocks with their sizes in bytes."""
    capabilities: tuple[str, ...] = ()
    """The migration capabilities that the stream depends on and says so."""
    loads: Rows[Load] = field(default_factory=no_loads)
    load_flags: int = 0
    """The flags that any of them carried."""
    postcopy_pages: int = 0
    """Pages sent after the switch to post-copy; they are not among ``loads``."""
    multifd: bool = False
    """Whether pages travel on multifd's channels too, which are streams of their own."""
    has_places: bool = False
    """Whether each page has a place of its own in the file (mapped-ram, QEMU 9.0): which were written, and when, is not to be seen."""
    complete: bool = False
    """Whether RAM was sent to its end."""
    notes: list[str] = field(default_factory=list)


@dataclass
class _State:
    stream: Stream
    reader: ByteReader
    page_size: int = 1 << PAGE_BITS
    names: dict[int, str] = field(default_factory=dict)
    """The name of each section that has begun."""
    sections: int = 0
    block: str | None = None
    postcopy: bool = False


def read_stream(path: str) -> Stream:
    """Reads a stream up to the devices' state. One that ends early, as a cancelled one does, is incomplete; one that is
    not of the format raises :class:`TraceInputError` with the offset."""
    stream, reader = Stream(path), ByteReader(path)
    state = _State(stream, reader)
    try:
        _header(reader)
        while _section(state):
            pass
    except EndsEarly as end:
        stream.notes.append(f"{path}: the stream ends inside the item at offset {end.offset:#x}, as that of a cancelled migration does")
    stream.notes.append(f"{path}: {_summary(stream)}")
    return stream


def _summary(stream: Stream) -> str:
    kinds = Counter(next(name for flag, name in _KINDS.items() if load.flags & flag) for load in stream.loads)
    words = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    return f"stream of {len(stream.loads)} pages ({words or 'none'}), RAM sent to its end: {'yes' if stream.complete else 'no'}"


def _header(reader: ByteReader) -> None:
    magic = reader.take(4)
    if magic != MAGIC:
        raise reader.error(0, repr(magic), f"the magic {MAGIC!r}")
    (version,) = reader.unpack(_U32)
    if version != VERSION:
        raise reader.error(4, f"version {version}", f"version {VERSION}")


def _text(reader: ByteReader) -> str:
    """A string of up to 255 bytes behind its length."""
    return reader.take(reader.take(1)[0]).decode("utf-8", errors="replace")


def _section(state: _State) -> bool:
    """Reads one section or command; no if the devices' state begins or the stream is at its end."""
    reader = state.reader
    offset, kind = reader.offset, reader.peek()
    if kind in (None, _END, _DESCRIPTION):
        return False
    reader.take(1)
    if kind == _CONFIGURATION:
        (length,) = reader.unpack(_U32)
        state.stream.machine = reader.take(length).decode("utf-8", errors="replace")
    elif kind == _SUBSECTION:
        _configuration(state, offset)
    elif kind in (_START, _FULL):
        (number,) = reader.unpack(_U32)
        state.names[number] = _text(reader)
        reader.unpack(_INSTANCE)
        if state.names[number] != "ram" or kind == _FULL:
            return _stops_at(state, state.names[number], offset)
        if "mapped-ram" in state.stream.capabilities:
            state.stream.has_places = True
            state.stream.notes.append(f"{state.stream.path}: mapped-ram: each page has its place in the file, so its order is not told: not read")
            return False
        _pages(state)
    elif kind in (_PART, _LAST):
        (number,) = reader.unpack(_U32)
        if number not in state.names:
            raise reader.error(offset, f"a part of section {number}", "a section that has begun")
        _pages(state)
        state.stream.complete |= kind == _LAST
    elif kind == _COMMAND:
        _command(state)
    else:
        raise reader.error(offset, f"section type {kind:#04x}", "a section or a command")
    if reader.peek() == _FOOTER:
        reader.skip(1 + _U32.size)
    return True


def _stops_at(state: _State, name: str, offset: int) -> bool:
    if not state.stream.complete:
        state.stream.notes.append(f"{state.stream.path}: read up to the section {name} at offset {offset:#x}, whose form depends on the machine")
    return False


def _configuration(state: _State, offset: int) -> None:
    """What the stream says of itself (QEMU vmstate_configuration)."""
    reader = state.reader
    name = _text(reader)
    reader.skip(_U32.size)  # its version
    if name == "configuration/target-page-bits":
        state.page_size = 1 << reader.unpack(_U32)[0]
        if state.page_size != 1 << PAGE_BITS:
            raise reader.error(offset, f"pages of {state.page_size} bytes", f"pages of {1 << PAGE_BITS} bytes")
    elif name == "configuration/capabilities":
        (count,) = reader.unpack(_U32)
        state.stream.capabilities = tuple(_text(reader) for _ in range(count))
    elif name == "configuration/uuid":
        reader.skip(16)
    else:
        raise reader.error(offset, f"the subsection {name!r}", "one of the stream's configuration")


def _command(state: _State) -> None:
    command, length = (state.reader.unpack(_U16)[0] for _ in range(2))
    data = state.reader.take(length)
    if command == _PACKAGED and length == _U32.size:  # the devices' state, and the start of post-copy
        state.reader.skip(_U32.unpack(data)[0])
        state.postcopy = True
    elif command in (_LISTEN, _DISCARD):
        state.postcopy = True


def _pages(state: _State) -> None:
    """The pages of one section of RAM, up to its end mark."""
    reader, stream = state.reader, state.stream
    section, state.sections = state.sections, state.sections + 1
    add = stream.loads.append
    while True:
        offset = reader.offset
        (value,) = reader.unpack(_U64)
        flags, address = value & _ALL_FLAGS, value & ~_ALL_FLAGS
        if flags & PAGE_FLAGS:
            block = _content(state, offset, flags)
            if state.postcopy:
                stream.postcopy_pages += 1
            else:
                add(Load(0, offset, block, address, flags, section))
                stream.load_flags |= flags
        elif flags == _END_OF_SECTION:
            return
        elif flags == _SIZES:
            _sizes(state, address)
        elif flags == _MULTIFD_FLUSH:
            stream.multifd = True
        else:
            raise reader.error(offset, f"{value:#x}", "the header of a page, or the end of the section")


def _content(state: _State, offset: int, flags: int) -> str:
    """Passes over a page's content; the name of its block."""
    reader = state.reader
    if not flags & FLAG_CONTINUE:
        state.block = _text(reader)
    if state.block is None:
        raise reader.error(offset, "a page of the same block as the page before", "a page with its block")
    if flags & FLAG_ZERO:
        reader.skip(1)
    elif flags & FLAG_PAGE:
        reader.skip(state.page_size)
    elif flags & FLAG_XBZRLE:
        reader.skip(reader.unpack(_XBZRLE)[1])
    elif flags & FLAG_COMPRESSED:  # up to QEMU 9.0
        reader.skip(reader.unpack(_U32)[0])
    return state.block


def _sizes(state: _State, total: int) -> None:
    """The list of RAM blocks; with shared memory left out of the migration, each also says where it is."""
    reader, shared = state.reader, "x-ignore-shared" in state.stream.capabilities
    while total > 0:
        offset, name = reader.offset, _text(reader)
        (size,) = reader.unpack(_U64)
        if not 0 < size <= total:
            raise reader.error(offset, f"a RAM block {name!r} of {size} bytes", f"at most {total} bytes")
        state.stream.blocks[name] = size
        total -= size
        if shared:
            reader.skip(_U64.size)
