"""Reads QEMU's ``simple`` binary trace, version 4, as the same events that the ``log`` backend writes as lines.

Every number is 64 bits wide in the byte order of the recorded machine.  A record is a mapping (the name of an event's
number), an event (number, time, length, process, arguments) or a count of events that were dropped as the buffer was
full.  The file does not say what the arguments are: ``ARGUMENTS`` does, for the events of ``grammar/qemu_log.lark``.
Source: QEMU trace/simple.c, scripts/simpletrace.py; trace-events files of 7.2 and HEAD (the same in both for these).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from struct import Struct, error

from .binary import ByteReader, EndsEarly
from .qemu import LogLine, QemuLog, collect

MAGIC = 0xF2B177CB0AA429B4
VERSION = 4
NO_EVENT = (1 << 64) - 1
"""In the place of an event's number: the file's header."""
DROPPED = NO_EVENT - 1
"""In the place of an event's number: so many events were lost."""
_MAPPING, _EVENT = 0, 1

_LONGEST = 1 << 18
"""Bytes in the buffer that records come from (TRACE_BUF_LEN): no record is longer."""

_Writer = Callable[[int], str]


def _decimal(value: int) -> str:
    return str(value)


def _signed(value: int) -> str:
    """An int, which is widened to 64 bits with its sign."""
    return str(value - (1 << 64) if value >> 63 else value)


def _hex(value: int) -> str:
    return f"{value:#x}"


_TEXT: _Writer | None = None

ARGUMENTS: Mapping[str, Sequence[tuple[str, _Writer | None]]] = {
    "memory_notdirty_write_access": (("guest_address", _hex), ("ram_addr", _hex), ("size", _decimal)),
    "ram_save_page": (("block", _TEXT), ("offset", _hex), ("host", _hex)),
    "ram_load_loop": (("block", _TEXT), ("offset", _hex), ("flags", _hex), ("host", _hex)),
    "ram_load_start": (),
    "ram_load_postcopy_loop": (("channel", _decimal), ("offset", _hex), ("flags", _hex)),
    "savevm_section_start": (("section", _TEXT), ("section_id", _decimal)),
    "savevm_section_end": (("section", _TEXT), ("section_id", _decimal), ("result", _signed)),
    "savevm_state_cleanup": (),
    "migration_bitmap_sync_start": (),
    "migration_bitmap_sync_end": (("dirty", _decimal),),
    "cpu_throttle_dirty_sync": (),
    "migrate_set_state": (("state", _TEXT),),
    "vm_state_notify": (("running", _decimal), ("reason", _decimal), ("reason_name", _TEXT)),
    "runstate_set": (("old", _decimal), ("old_name", _TEXT), ("new", _decimal), ("new_name", _TEXT)),
}
"""The arguments of each event that is read, in order, with how they are written as text; a string is text already."""


def _byte_order(block: bytes) -> str | None:
    return next((order for order in "<>" if Struct(order + "QQ").unpack(block[:16]) == (NO_EVENT, MAGIC)), None)


def read_simple_trace(path: str) -> QemuLog:
    """Reads a trace of either side; errors as :func:`simple_lines`."""
    return collect(QemuLog(path), simple_lines(path))


def simple_lines(path: str) -> Iterator[LogLine]:
    """The events of a trace as lines of a log, numbered by record from 1; dropped events as a line of kind ``dropped``.

    Times are those of a clock without a date (CLOCK_MONOTONIC); threads are not known. Raises
    :class:`TraceInputError` with the offset where the file is damaged, or ends inside a record.
    """
    reader = ByteReader(path)
    try:
        header = reader.take(24)
        order = _byte_order(header)
        if order is None:
            raise reader.error(0, header[:16].hex(), "the header of a simple trace")
        version = Struct(order + "Q").unpack(header[16:])[0]
        if version != VERSION:
            raise reader.error(16, f"version {version}", f"version {VERSION}")
        yield from _records(reader, order)
    except EndsEarly as end:
        raise reader.error(end.offset, "the end of the file", "a whole record") from None


def _records(reader: ByteReader, order: str) -> Iterator[LogLine]:
    kind_form, mapping, event = (Struct(order + form) for form in ("Q", "QI", "QQII"))
    names: dict[int, str] = {DROPPED: "dropped"}
    number = 0
    while reader.peek() is not None:
        offset = reader.offset
        number += 1
        (kind,) = reader.unpack(kind_form)
        if kind == _MAPPING:
            identity, length = reader.unpack(mapping)
            if length > _LONGEST:
                raise reader.error(offset, f"a name of {length} bytes", f"at most {_LONGEST}")
            names[identity] = reader.take(length).decode("utf-8", errors="replace")
            continue
        if kind != _EVENT:
            raise reader.error(offset, f"a record of type {kind}", "a mapping (0) or an event (1)")
        identity, time, length, _ = reader.unpack(event)
        if not event.size <= length <= _LONGEST:
            raise reader.error(offset, f"a record of {length} bytes", f"{event.size} to {_LONGEST}")
        if identity not in names:
            raise reader.error(offset, f"the event number {identity}", "one that a mapping before it names")
        body = reader.take(length - event.size)
        name = names[identity]
        try:
            fields = {"count": str(kind_form.unpack(body)[0])} if name == "dropped" else _arguments(name, body, order)
        except (error, ValueError):
            raise reader.error(offset, f"{len(body)} bytes of arguments of {name}", "its arguments, as QEMU 7.2 and later write them") from None
        yield LogLine(number, time, None, name, fields)


def _arguments(name: str, body: bytes, order: str) -> dict[str, str]:
    """The fields of an event by name; none for an event that is not read. ValueError or struct.error: not of that form."""
    fields: dict[str, str] = {}
    wanted = ARGUMENTS.get(name)
    if wanted is None:
        return fields
    at = 0
    number, length_form = Struct(order + "Q"), Struct(order + "I")
    for field, write in wanted:
        if write is None:
            (length,) = length_form.unpack_from(body, at)
            at += length_form.size
            if at + length > len(body):
                raise ValueError(field)
            fields[field] = body[at : at + length].decode("utf-8", errors="replace")
            at += length
        else:
            fields[field] = write(number.unpack_from(body, at)[0])
            at += number.size
    if at != len(body):
        raise ValueError(name)
    return fields
