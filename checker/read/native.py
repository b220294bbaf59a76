"""Reads and writes the native trace format (``grammar/trace.lark``)."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

from ...grammar import Line, TraceInputError, TraceSyntaxError, line_parser
from ..whole_file import whole_file
from .events import NO_ARGUMENTS, NO_FLAGS, Event, Expectation, Header, Pages, Source, Trace, merge_ranges
from .sources import is_long, lines, text_blocks

if TYPE_CHECKING:
    from .scanner import Batch

VERSION = 1
_QUANTITIES = {"pages": "pages", "page-size": "page_size", "chunk-pages": "chunk_pages", "host-page-size": "host_page_size"}
_HEX_KEYS = frozenset({"id", "current"})


def read_native(source: str | os.PathLike[str] | TextIO) -> Trace:
    """Reads a native trace from a path (``-`` for standard input, compressed or not) or an open text stream.

    Raises :class:`TraceSyntaxError` for text that is not of the format, and for events out of order or outside the
    guest's memory; :class:`TraceInputError` if the file cannot be read.
    """
    if isinstance(source, str | os.PathLike):
        path = os.fspath(source)
        return _read(lines(path), path)
    path = getattr(source, "name", None) or "<text>"
    return _read(_stream_lines(source, str(path)), str(path))


def write_native(trace: Trace, stream: TextIO) -> None:
    """Writes a trace; reading it back gives the same header and events, except for where they were read.

    Notes become comments. Raises :class:`ValueError` for an event that the format cannot hold.
    """
    match = line_parser("trace").match
    for text in _header_lines(trace.header):
        if match(text) is None:
            raise ValueError(f"the trace format cannot hold this header line: {text!r}")
        stream.write(text + "\n")
    for note in trace.notes:
        stream.write("# " + " ".join(note.split()) + "\n")
    for event in trace.events:
        text = format_event(event)
        line = match(text)
        if line is None or _event(line[1], event.source) != event._replace(pages=merge_ranges(event.pages)):
            raise ValueError(f"the trace format cannot hold this event: {text!r}")
        stream.write(text + "\n")


def write_native_file(trace: Trace, path: str | os.PathLike[str]) -> None:
    """Writes a trace to a file as a whole or not at all: an interrupted run leaves no half-written file."""
    with whole_file(path) as stream:
        write_native(trace, stream)


def format_event(event: Event) -> str:
    """An event as its line in the native format."""
    parts = [_format_time(event.time), event.name]
    if event.pages:
        ranges = (f"{first:#x}+{count}" if count != 1 else f"{first:#x}" for first, count in merge_ranges(event.pages))
        parts.append("pages=" + ",".join(ranges))
    for key, value in event.arguments.items():
        in_hex = key in _HEX_KEYS and isinstance(value, int) and value >= 0
        parts.append(f"{key}={value:#x}" if in_hex else f"{key}={value}")
    parts.extend(sorted(event.flags))
    return " ".join(parts)


def _format_time(nanoseconds: int) -> str:
    seconds, rest = divmod(nanoseconds, 10**9)
    return f"{seconds}.{rest:09d}" if rest % 1000 else f"{seconds}.{rest // 1000:06d}"


def _header_lines(header: Header) -> Iterator[str]:
    yield f"balloonproof trace {VERSION}"
    quantities = [f"{key}={getattr(header, name)}" for key, name in _QUANTITIES.items() if getattr(header, name)]
    if quantities:
        yield " ".join(["guest", *quantities])
    if header.system is not None:
        yield " ".join(["system", header.system, *(f"{key}={value}" for key, value in header.settings.items())])
    if header.without:
        yield " ".join(["without", *header.without])
    if header.observed:
        yield " ".join(["observed", *header.observed])
    for what, names in header.estimated.items():
        yield " ".join(["estimated", _quoted(what), *names])
    if header.unfinished:
        yield f"unfinished {_quoted(header.unfinished)}"
    if header.expect is not None:
        page = [] if header.expect.page is None else [f"page={header.expect.page:#x}"]
        rule = [] if header.expect.property is None else [f"property={header.expect.property}"]
        yield " ".join(["expect", header.expect.verdict, *page, *rule])


def _quoted(text: str) -> str:
    """Text for people as one word of a line."""
    return '"' + " ".join(text.replace('"', "'").split()) + '"'


def _stream_lines(stream: TextIO, path: str) -> Iterator[tuple[int, str]]:
    number = 0
    for number, text in enumerate(stream, 1):
        if not text.endswith("\n"):
            expected = ("end of line (the file ends inside a line)",)
            raise TraceSyntaxError(path, number, len(text) + 1, "end of file", expected, text)
        yield number, text[:-1]
    if number == 0:
        raise TraceInputError(path, "the file is empty")


@dataclass
class LineReader:
    """Reads one trace line by line: the header so far, which of its lines were seen, and where the events have got to."""

    path: str
    header: dict[str, object] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    text: str = ""
    begun: bool = False
    """Has the first event been read?"""
    last: int = 0
    """The time of the last event."""

    def read_header(self) -> Header:
        """The header as far as it was read."""
        return Header(**self.header)  # type: ignore[arg-type]

    def error(self, line: int, column: int, found: str, *expected: str) -> TraceSyntaxError:
        return TraceSyntaxError(self.path, line, column, found, expected, self.text)

    def column(self, part: str) -> int:
        """Where (from 1) a word stands in the current line."""
        return self.text.find(part) + 1

    def read(self, number: int, raw: str) -> Event | None:
        """The event in a line; None if the line holds none. Raises :class:`TraceSyntaxError`."""
        self.text = text = raw.rstrip()
        parser = line_parser("trace")
        kind, fields = parser.match(text) or parser.parse_with_grammar(text, number, self.path)
        if not kind:  # blank, or a comment alone
            return None
        if kind != "event":
            _read_header_line(self, Line(number, kind, fields), after_events=self.begun)
            return None
        if not self.begun:
            _check_magic(self, number)
            self.begun = True
        event = _event(fields, Source(self.path, number))
        if event.time < self.last:
            raise self.error(number, 1, fields["time"], f"a time not before {_format_time(self.last)}")
        limit = self.header.get("pages")
        if isinstance(limit, int):
            for first, count in event.pages:
                if first + count > limit:
                    found = f"pages {first:#x}+{count}"
                    raise self.error(number, self.column("pages="), found, f"pages below {limit:#x}")
        self.last = event.time
        return event

    def finish(self) -> None:
        """The text has ended. Raises :class:`TraceSyntaxError` if it was no trace."""
        if not self.begun:
            self.text = ""
            _check_magic(self, 1)


def stream_native(path: str | os.PathLike[str]) -> Trace:
    """As :func:`read_native` for a file, but the events of a long one are read anew each time they are iterated over, never held.

    Text in it that is not of the format raises when it is reached.
    """
    name = os.fspath(path)
    if not NativeFile(name).is_long():
        return read_native(name)
    reader = LineReader(name)
    for _ in _parse(reader, lines(name)):
        break
    return Trace(reader.read_header(), NativeFile(name))


@dataclass(frozen=True)
class NativeFile:
    """The events of a file, parsed at each iteration."""

    path: str

    def __iter__(self) -> Iterator[Event]:
        return _parse(LineReader(self.path), lines(self.path))

    def is_long(self) -> bool:
        """Is it worth while to read it as columns (:meth:`batches`)?"""
        return is_long(self.path)

    def batches(self, detailed: Collection[str]) -> Iterator[Batch]:
        """The same events as columns of numbers, see :func:`.scanner.scan`; needs numba."""
        from .scanner import scan

        return scan(text_blocks(self.path), self.path, detailed)


def _read(numbered: Iterable[tuple[int, str]], path: str) -> Trace:
    reader = LineReader(path)
    events = list(_parse(reader, numbered))
    return Trace(reader.read_header(), events)


def _parse(reader: LineReader, numbered: Iterable[tuple[int, str]]) -> Iterator[Event]:
    """The events of a trace; its header is in ``reader`` from the first of them on."""
    for number, raw in numbered:
        event = reader.read(number, raw)
        if event is not None:
            yield event
    reader.finish()


def _check_magic(reader: LineReader, number: int) -> None:
    if "magic" not in reader.seen:
        found = repr(reader.text[:24]) if reader.text else "end of file"
        raise reader.error(number, 1, found, f"'balloonproof trace {VERSION}' as the first line")


def _read_header_line(reader: LineReader, line: Line, after_events: bool) -> None:
    number, kind, fields = line
    if kind == "magic":
        if reader.seen or after_events:
            raise reader.error(number, 1, "a second 'balloonproof trace' line", "a header line or an event")
        if int(fields["version"]) != VERSION:
            raise reader.error(number, reader.column(fields["version"]), f"version {fields['version']}", f"version {VERSION}")
        reader.seen.add(kind)
        return
    _check_magic(reader, number)
    if after_events:
        raise reader.error(number, 1, f"the header line '{kind}'", "an event (header lines come before the first event)")
    if kind in reader.seen and kind in ("guest", "system", "unfinished", "expect"):
        raise reader.error(number, 1, f"a second '{kind}' line", "another header line or an event")
    reader.seen.add(kind)
    header = reader.header
    if kind == "guest":
        quantities = (part.split("=") for part in fields["quantities"].split())
        header |= {_QUANTITIES[key]: _number(value) for key, value in quantities}
        _check_host_page_size(reader, number)
    elif kind == "system":
        header |= {"system": fields["system_name"], "settings": _settings(fields)}
    elif kind in ("without", "observed"):
        names = fields["guards" if kind == "without" else "patterns"].split()
        earlier = header.get(kind, ())
        assert isinstance(earlier, tuple)
        header[kind] = earlier + tuple(names)
    elif kind == "estimated":
        what, names = fields["reason"].strip('"'), tuple(fields["patterns"].split())
        known = header.setdefault(kind, {})
        assert isinstance(known, dict)
        known[what] = known.get(what, ()) + names
    elif kind == "unfinished":
        header[kind] = fields["reason"].strip('"')
    elif kind == "expect":
        header[kind] = _expectation(reader, number, fields)


def _check_host_page_size(reader: LineReader, line: int) -> None:
    size, page_size = reader.header.get("host_page_size"), reader.header.get("page_size") or 4096
    if isinstance(size, int) and isinstance(page_size, int) and (size == 0 or size % page_size):
        raise reader.error(line, reader.column("host-page-size="), f"host-page-size={size}", f"a multiple of the page size, {page_size}")


def _settings(fields: Mapping[str, str]) -> dict[str, str]:
    settings = fields.get("settings")
    return dict(part.split("=", 1) for part in settings.split()) if settings else {}


def _expectation(reader: LineReader, number: int, fields: Mapping[str, str]) -> Expectation:
    settings = _settings(fields)
    for key in settings.keys() - {"page", "property"}:
        raise reader.error(number, reader.column(f"{key}="), repr(key), "page", "property")
    page = settings.get("page")
    value = None if page is None else _value(page)
    if isinstance(value, str):
        raise reader.error(number, reader.column("page=") + len("page="), repr(page), "number")
    return Expectation(fields["verdict"], value, settings.get("property"))


def parse_event(text: str, source: Source) -> Event:
    """The event in a line that is known to hold one."""
    parser = line_parser("trace")
    _, fields = parser.match(text) or parser.parse_with_grammar(text, source.line, source.path)
    return _event(fields, source)


def _event(fields: Mapping[str, str], source: Source) -> Event:
    seconds, _, fraction = fields["time"].partition(".")
    time = int(seconds) * 10**9 + (int(fraction.ljust(9, "0")) if fraction else 0)
    text = fields.get("arguments")
    if not text:
        return Event(time, fields["name"], (), NO_ARGUMENTS, NO_FLAGS, source)
    pages: Pages = ()
    arguments: dict[str, str | int] = {}
    flags: list[str] = []
    for part in text.split():
        key, equals, value = part.partition("=")
        if not equals:
            flags.append(part)
        elif key == "pages":
            pages += tuple(_range(one) for one in value.split(","))
        else:
            arguments[key] = _value(value)
    return Event(time, fields["name"], pages, arguments or NO_ARGUMENTS, frozenset(flags) if flags else NO_FLAGS, source)


def _range(text: str) -> tuple[int, int]:
    first, plus, count = text.partition("+")
    return _number(first), int(count) if plus else 1


def _number(text: str) -> int:
    return int(text, 16) if text.startswith("0x") else int(text)


def _value(text: str) -> str | int:
    """A value as a number if it is written as one (decimal, or hexadecimal with 0x), else as text."""
    digits = text[1:] if text.startswith("-") else text
    if digits.isdecimal():
        return int(text)
    if text.startswith("0x"):
        try:
            return int(text.replace("_", "."), 16)
        except ValueError:
            return text
    return text
