"""The native trace format: what is written is read back, and errors name file, line and column."""

from __future__ import annotations

import gzip
import io
import lzma
from itertools import pairwise
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from balloonproof.checker.read import (
    Event,
    Expectation,
    Header,
    Trace,
    TraceInputError,
    TraceSyntaxError,
    read_native,
    read_trace,
    write_native,
    write_native_file,
)

SAMPLE = """\
# a hand-written trace
balloonproof trace 1
guest pages=65536 page-size=4096 chunk-pages=262144
system hinting dirty-log=get-and-clear command-id-buffer=shared
without stop-before-sync                      # a guard taken away
observed guest.dirty host.hint
observed migration.*
expect reject page=0x1f87 property=no-page-lost

0.000120 migration.sync-end round=1 dirty=12241
0.031400 guest.hint pages=0x8800+1024 id=0x80000001
0.103220 host.hint pages=0x8800+1024 honoured cleared=1024
0.103911005 migration.send pages=8071 zero
   0.104002 memory.differs pages=0x3e93,0x4000+16 class=used     # ground truth
1 trace.dropped count=3
"""


def read(text: str) -> Trace:
    return read_native(io.StringIO(text))


def written(trace: Trace) -> str:
    stream = io.StringIO()
    write_native(trace, stream)
    return stream.getvalue()


def content(trace: Trace) -> tuple[Header, list[tuple[object, ...]]]:
    return trace.header, [event[:5] for event in trace.events]


def test_reads_header_and_events() -> None:
    trace = read(SAMPLE)
    header = trace.header
    assert (header.pages, header.page_size, header.chunk_pages) == (65536, 4096, 262144)
    assert header.system == "hinting"
    assert header.settings == {"dirty-log": "get-and-clear", "command-id-buffer": "shared"}
    assert header.without == ("stop-before-sync",)
    assert header.observes("migration.send")
    assert header.observes("host.hint")
    assert not header.observes("host.command")
    assert header.expect == Expectation("reject", 0x1F87, "no-page-lost")
    hint, send, differs = trace.events[2], trace.events[3], trace.events[4]
    assert hint == Event(103220000, "host.hint", ((0x8800, 1024),), {"cleared": 1024}, frozenset({"honoured"}), hint.source)
    assert str(hint.source) == "<text>:12"
    assert (send.time, send.pages, send.flags) == (103911005, ((8071, 1),), frozenset({"zero"}))
    assert differs.pages == ((0x3E93, 1), (0x4000, 16))
    assert content(read(written(trace))) == content(trace)


WORD = st.from_regex(r"[a-z][a-z0-9-]{0,6}", fullmatch=True).filter(lambda word: word != "pages")
NAME = st.tuples(WORD, WORD).map(".".join)
TEXT = st.from_regex(r"[A-Za-z_.:+/@%-][A-Za-z0-9_.:+/@%-]{0,8}", fullmatch=True).filter(lambda text: not text.lstrip("-").isdecimal())
RANGES = st.lists(st.tuples(st.integers(0, 500), st.integers(1, 500)), max_size=4).filter(lambda ranges: all(a + n != b for (a, n), (b, _) in pairwise(ranges)))
REASON = st.from_regex(r"[A-Za-z0-9#'./:=\"]{1,4}( [a-z#\"]{1,3}){0,2}", fullmatch=True).map(lambda text: text.replace('"', "'"))
HEADER = st.builds(
    Header,
    pages=st.none() | st.integers(1000, 10**7),
    page_size=st.none() | st.integers(1, 1 << 20),
    chunk_pages=st.none() | st.integers(1, 1 << 30),
    system=WORD,
    settings=st.dictionaries(WORD, TEXT, max_size=3),
    without=st.lists(WORD, max_size=3).map(tuple),
    observed=st.lists(NAME | WORD.map("{}.*".format), max_size=3).map(tuple),
    expect=st.none()
    | st.builds(
        Expectation,
        st.sampled_from(["accept", "reject", "inconclusive"]),
        st.none() | st.integers(0, 9),
        st.none() | WORD,
    ),
    estimated=st.dictionaries(REASON, st.lists(NAME | WORD.map("{}.*".format), min_size=1, max_size=2).map(tuple), max_size=2),
    unfinished=st.just("") | REASON,
)
EVENT = st.builds(
    Event,
    time=st.integers(0, 10**13),
    name=NAME,
    pages=RANGES.map(tuple),
    arguments=st.dictionaries(WORD | st.just("id"), st.integers(-(1 << 70), 1 << 70) | TEXT, max_size=3),
    flags=st.frozensets(WORD, max_size=2),
)


@settings(deadline=None, max_examples=300)
@given(HEADER, st.lists(EVENT, max_size=5), st.lists(st.text(max_size=20), max_size=2))
def test_what_is_written_is_read_back(header: Header, events: list[Event], notes: list[str]) -> None:
    trace = Trace(header, sorted(events, key=lambda event: event.time), notes)
    assert content(read(written(trace))) == content(trace)


def test_adjacent_pages_of_one_event_are_written_as_one_range() -> None:
    event = Event(0, "migration.bitmap", ((4, 1), (5, 2), (9, 1)))
    assert "pages=0x4+3,0x9\n" in written(Trace(Header(), [event]))


@pytest.mark.parametrize(
    "event",
    [
        Event(0, "no-family"),
        Event(0, "a.b", arguments={"key": "12"}),
        Event(0, "a.b", arguments={"key": "two words"}),
        Event(0, "a.b", flags=frozenset({"x=y"})),
        Event(-1, "a.b"),
    ],
)
def test_what_the_format_cannot_hold_is_not_written(event: Event) -> None:
    with pytest.raises(ValueError, match="cannot hold"):
        written(Trace(Header(), [event]))


START = "balloonproof trace 1\nguest pages=16\n"


@pytest.mark.parametrize(
    ("text", "line", "column", "found", "expected"),
    [
        (START + "0.2 a.b\n0.1 a.b\n", 4, 1, "0.1", "a time not before 0.200000"),
        (START + "0.1 a.b pages=1,0x10\n", 3, 9, "pages 0x10+1", "pages below 0x10"),
        (START + "0.1 a.b pages=15+2\n", 3, 9, "pages 0xf+2", "pages below 0x10"),
        (START + "0.1 a.b\nsystem x\n", 4, 1, "the header line 'system'", "an event"),
        (START + "guest pages=3\n", 3, 1, "a second 'guest' line", "another header line"),
        (START + "0.1 a.b\n0.2 a.", 4, 7, "end of file", "end of line (the file ends inside a line)"),
        (START + "0.1 a.b key=\n", 3, 13, "end of line", "value"),
        (START + "\n # x\n-1 a.b\n", 5, 1, "'-1'", "time"),
        ("0.1 a.b\n", 1, 1, "'0.1 a.b'", "'balloonproof trace 1' as the first line"),
        ("# nothing\n", 1, 1, "end of file", "'balloonproof trace 1' as the first line"),
        ("balloonproof trace 2\n", 1, 20, "version 2", "version 1"),
        (START + "expect reject page=none\n", 3, 20, "'none'", "number"),
        (START + "expect reject why=x\n", 3, 15, "'why'", "property"),
    ],
)
def test_errors(tmp_path: Path, text: str, line: int, column: int, found: str, expected: str) -> None:
    path = tmp_path / "bad.trace"
    path.write_text(text)
    with pytest.raises(TraceSyntaxError) as caught:
        read_native(path)
    error = caught.value
    assert (error.path, error.line, error.column) == (str(path), line, column)
    assert error.found == found
    assert any(one.startswith(expected) for one in error.expected)


def test_missing_empty_and_undecodable_files(tmp_path: Path) -> None:
    with pytest.raises(TraceInputError, match=r"no\.trace: cannot be read: No such file"):
        read_trace(tmp_path / "no.trace")
    empty = tmp_path / "empty"
    empty.touch()
    with pytest.raises(TraceInputError, match="the file is empty"):
        read_trace(empty)
    undecodable = tmp_path / "bad"
    undecodable.write_bytes(START.encode() + b"0.1 a.b # caf\xe9\n")
    with pytest.raises(TraceSyntaxError, match=r":3:14: expected UTF-8 text, found the byte 0xe9"):
        read_trace(undecodable)


@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress, zstandard.ZstdCompressor().compress])
def test_compressed_files_are_known_by_content(tmp_path: Path, compress: object) -> None:
    assert callable(compress)
    path = tmp_path / "sample"
    path.write_bytes(compress(SAMPLE.encode()))
    assert content(read_trace(path)) == content(read(SAMPLE))
    more = "".join(f"2 a.b n={i * i * 7919}\n" for i in range(300))
    path.write_bytes(compress((SAMPLE + more).encode())[:-20])
    with pytest.raises(TraceInputError, match=r"data (ends early|is damaged)"):
        list(read_native(path).events)


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "out.trace"
    trace = read(SAMPLE)
    write_native_file(trace, path)
    assert content(read_trace(path)) == content(trace)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="cannot hold"):
        write_native_file(Trace(trace.header, [*trace.events, Event(10**10, "bad name")]), path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["out.trace"]


def test_a_native_trace_is_read_by_itself(tmp_path: Path) -> None:
    native, log = tmp_path / "a.trace", tmp_path / "b.log"
    native.write_text(SAMPLE)
    log.write_text("1@2.000003:migrate_set_state new state setup\n")
    with pytest.raises(TraceInputError, match=r"a\.trace: a native trace is read by itself"):
        read_trace([log, native])
