"""Long traces are read and followed as columns of numbers: the same events, errors and judgements as line by line."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_grammar import LINES, mutations, outcome
from test_monitor import draw_hidden, runs

from balloonproof.checker import check, jit, observe
from balloonproof.checker.checking import configuration_of
from balloonproof.checker.monitor import Monitor, PageMonitor
from balloonproof.checker.observe import STATEMENTS
from balloonproof.checker.read import Event, Header, Trace, TraceSyntaxError, native, qemu, read_native, read_trace, write_native
from balloonproof.grammar import line_parser
from balloonproof.grammar.line_automaton import LineAutomaton
from balloonproof.model.engines.bounded import Run
from balloonproof.model.one_page import OnePage
from balloonproof.model.systems import HINTING, PRECOPY

pytest.importorskip("numba", reason="columns need numba")

from balloonproof.checker.column_monitor import ColumnMonitor
from balloonproof.checker.read import event_batches, kind_table, qemu_columns, scanner
from balloonproof.checker.read.events import with_plain_ids

HAND_DIRECTORY = Path(__file__).parent.parent / "traces" / "hand"
HAND = sorted(HAND_DIRECTORY.glob("*.trace"))
some = settings(max_examples=20, deadline=None, derandomize=True)

# ------------------------------------------------------------------------------------------------------ the automaton

Texts = tuple[tuple[str, str], ...]


def by_field(note: Texts, label: tuple[str, str], character: str) -> Texts:
    """Notes the text of each field."""
    texts = dict(note)
    if label[0]:
        texts[label[0]] = texts.get(label[0], "") + character
    return tuple(texts.items())


@pytest.fixture(scope="module", params=["trace", "qemu_log", "ftrace"])
def grammar(request: pytest.FixtureRequest) -> tuple[str, LineAutomaton[Texts]]:
    return request.param, line_parser(request.param).automaton((), by_field)


def of_automaton(automaton: LineAutomaton[Texts], text: str) -> tuple[str, dict[str, str]] | None:
    found = automaton.match(text)
    return None if found is None else (found[0], dict(found[1]))


def of_grammar(name: str, text: str) -> tuple[str, dict[str, str]] | None:
    found = outcome(line_parser(name).parse_with_grammar, text)
    if found is None or found[0] in ("comment", "lost"):  # lines without a stamp are not the automaton's
        return None
    return found[0], {field: value for field, value in found[1].items() if value is not None}


def test_the_automaton_finds_what_the_grammar_finds(grammar: tuple[str, LineAutomaton[Texts]]) -> None:
    name, automaton = grammar
    for text in (text for other, text in LINES if other == name):
        assert of_automaton(automaton, text) == of_grammar(name, text)


@settings(max_examples=1500, deadline=None)
@given(case=mutations())
def test_the_automaton_finds_what_the_grammar_finds_in_mutated_lines(grammar: tuple[str, LineAutomaton[Texts]], case: tuple[str, str]) -> None:
    name, automaton = grammar
    if case[0] == name and case[1].isascii():
        assert of_automaton(automaton, case[1]) == of_grammar(*case)


# ------------------------------------------------------------------------------------------------------------ reading


def line_by_line(text: str) -> tuple[list[Event], str]:
    """The events up to an error, and the error."""
    events: list[Event] = []
    try:
        events += native._parse(native.LineReader("<text>"), native._stream_lines(io.StringIO(text, newline="\n"), "<text>"))
    except ValueError as error:
        return events, str(error)
    return events, ""


DETAILED = {"migration.send", "host.hint"}


def as_columns(text: str, size: int) -> tuple[list[Event], str]:
    """The same by the scanner, from blocks of so many bytes."""
    data, events = text.encode(), []
    try:
        for batch in scanner.scan([data[at : at + size] for at in range(0, len(data), size)] or [b""], "<text>", DETAILED):
            for number in range(len(batch)):
                event = batch.event(number)
                kind = batch.kinds_seen.event(int(batch.kinds[number]))
                assert (kind.name, kind.flags, kind.arguments.keys()) == (event.name, event.flags, event.arguments.keys())
                first = int(batch.range_ends[number - 1]) if number else 0
                named = slice(first, int(batch.range_ends[number]))
                assert tuple(zip(batch.firsts[named].tolist(), batch.counts[named].tolist(), strict=True)) == event.pages
                assert bool(kind.pages) == bool(event.pages)
                if event.name in DETAILED:
                    assert kind.arguments == with_plain_ids(event.arguments)
                    assert sum(count for _, count in kind.pages) == sum(count for _, count in event.pages)
                assert batch.times[number] == min(event.time, (1 << 63) - 1)
                events.append(event)
    except ValueError as error:
        return events, str(error)
    return events, ""


def assert_read_alike(text: str, size: int) -> None:
    expected, error = line_by_line(text)
    found, same = as_columns(text, size)
    assert same == error
    if not error:
        assert found == expected


START = "balloonproof trace 1\nguest pages=0x9000\n"
EVENTS = [
    "0.1 a.b",
    "0.2 a.b pages=1,0x8800+1024 id=0x80000001 honoured",
    "0.21 migration.send pages=0x1+3,9 cleared=4 honoured",
    "0.220 migration.send pages=0x1+4 cleared=4 honoured",
    "0.22000001 migration.send cleared=4 pages=5+2 pages=0x1+4,0x0 honoured",
    "0.25 a.b pages=3 key=pages x=1 pages=4 # why",
    "  0.3\tmigration.send\tpages=0x1f87 zero  ",
    "",
    "# only a comment",
    "12 migration.start\r",
    "13 a.b # caf\N{LATIN SMALL LETTER E WITH ACUTE}",
    "14 a.b pages=0x000000000000000000001",
    "123456789012.5 a.b",
]
text_of_lines = st.lists(st.sampled_from(EVENTS) | mutations().map(lambda case: case[1]).filter(lambda text: "\r" not in text), max_size=8)


@settings(max_examples=600, deadline=None)
@given(text_of_lines, st.integers(1, 400), st.booleans())
@example(EVENTS, 7, True)
@example(EVENTS, 1000, True)
def test_columns_hold_the_events_that_are_read_line_by_line(lines: list[str], size: int, ended: bool) -> None:
    assert_read_alike(START + "\n".join(lines) + "\n" * ended, size)


@st.composite
def alike(draw: st.DrawFn) -> list[str]:
    """Lines that go on as others before them did, for the most part, or for a while."""
    later = st.sampled_from(draw(st.sampled_from([[0], [2], [0, 1, 2, 2, 2, 7, 90, 10_000]])))
    what = st.sampled_from(["guest.write pages=", "guest.write pages=0x", "guest.writes pages=0x", "host.hint cleared=1 pages=1,"])
    pattern = (
        draw(st.lists(st.tuples(later, what, st.integers(0, 0x8FF) | st.integers(1230, 1239)), min_size=1, max_size=draw(st.sampled_from([1, 2, 9])))) * 80
    )
    time, lines = draw(st.integers(0, 10**9)), []
    for after, text, page in pattern[: draw(st.integers(1, 80))]:
        time += after
        lines.append(f"{time // 10**6}.{time % 10**6:06} {text}{page}")
    for _ in range(draw(st.integers(0, 2))):
        number, digits = draw(st.integers(0, len(lines) - 1)), st.sampled_from(list(" x.,=0a9\t#\N{LATIN SMALL LETTER E WITH ACUTE}"))
        at = draw(st.integers(0, len(lines[number])))
        lines[number] = lines[number][:at] + draw(digits) + lines[number][at + draw(st.integers(0, 1)) :]
    return lines


@settings(max_examples=300, deadline=None)
@example([f"0.5 host.hint cleared=1 pages=1,{page}" for page in [1234, 1235, 1239] * 9], 2000, START)
@given(alike(), st.integers(20, 700), st.sampled_from([START, START.splitlines(keepends=True)[0]]))
def test_columns_hold_lines_that_go_on_as_others_did(lines: list[str], size: int, header: str) -> None:
    assert_read_alike(header + "\n".join(lines) + "\n", size)


def test_batches_do_not_lose_events_where_they_end(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name, value in ((scanner, "_EVENTS", 8), (scanner, "_RANGES", 2), (kind_table, "_MOST_KINDS", 4), (kind_table, "_MOST_ROWS", 80)):
        monkeypatch.setattr(module, name, value)
    lines = [f"{number}.5 migration.send pages={','.join(map(str, range(number % 7 + 1)))} n={number % 11}" for number in range(100)]
    assert_read_alike(START + "\n".join(lines) + "\n", 300)


def test_bytes_that_are_no_text_are_an_error_with_its_place(tmp_path: Path) -> None:
    data = START.encode() + b"0.1 a.b\n0.2 a.b # caf\xe9\n"
    with pytest.raises(TraceSyntaxError, match=r"x:4:14: expected UTF-8 text, found the byte 0xe9"):
        list(scanner.scan([data], "x"))


# ------------------------------------------------------------------------------------------------------- logs of QEMU

STAMPS = ["21463@1795404614.960677:", "7@1795404614.000001:", "2024-02-29T18:43:28.089797Z ", "2025-12-31T23:59:59Z ", "2025-02-29T00:00:00Z "]
BODIES = [text.split(":", 1)[1] for name, text in LINES if name == "qemu_log" and "@" in text] + [
    "ram_load_loop pc.ram: addr: 0x2000 flags: 0x8 host: 0x7f9a2be01000",
    "ram_save_page x: offset: 0x1: offset: 0x2000 host: 0x1",
    "ram_save_page vga: offset: 0xffffffffffffffff host: 0x1",
    "savevm_section_start block, section_id 2",
    "ram_load_start ",
    "ram_save_pages 1",
    "ram_save_page vga: offset: 0x10000000000000000 host: 0x1",
]
log_lines = st.builds(str.__add__, st.sampled_from(STAMPS[:4]), st.sampled_from(BODIES))
other_lines = st.builds(str.__add__, st.sampled_from(STAMPS), st.sampled_from(BODIES)) | mutations().filter(lambda case: case[0] == "qemu_log").map(
    lambda case: case[1]
)


def outcome_of(read: Callable[[], qemu.QemuLog]) -> tuple[qemu.QemuLog | None, str]:
    try:
        return read(), ""
    except ValueError as error:
        return None, str(error)


@settings(max_examples=400, deadline=None)
@given(st.lists(log_lines, max_size=12), st.lists(other_lines, max_size=2), st.integers(1, 600), st.booleans())
def test_a_log_of_qemu_says_the_same_as_columns(usual: list[str], other: list[str], size: int, ended: bool) -> None:
    data = "".join(f"{line}\n" for line in [*usual, *other, *usual[:3]]).encode()
    data = data if ended or not data else data[:-1]
    numbered = list(enumerate(data.decode().split("\n"), 1))

    def by_lines() -> qemu.QemuLog:
        log = qemu.collect(qemu.QemuLog("x"), qemu.log_lines(numbered[:-1], "x"))
        number, rest = numbered[-1]
        if rest:
            raise TraceSyntaxError("x", number, len(rest) + 1, "end of file", ("end of line (the file ends inside a line)",), rest)
        return log

    blocks = [data[at : at + size] for at in range(0, len(data), size)]
    assert outcome_of(lambda: qemu_columns.read_blocks(qemu.QemuLog("x"), blocks)) == outcome_of(by_lines)


@pytest.mark.parametrize("stamp", STAMPS[:4])
def test_frequent_lines_are_not_left_to_the_grammar(stamp: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qemu_columns, "log_lines", lambda lines, path: pytest.fail("left to the grammar"))
    text = "".join(f"{stamp}{body}\n" for body in BODIES if body.startswith(("ram_save_page p", "ram_load_loop", "memory_", "virtqueue_")))
    log = qemu_columns.read_blocks(qemu.QemuLog("x"), [text.encode()])
    assert (len(log.saves), len(log.loads), len(log.dirty), log.other) == (1, 2, 1, 1)


# ---------------------------------------------------------------------------------------------------------- following


def told(monitor: PageMonitor) -> Any:
    """All that a monitor says, with sets by their content: the two number them as they meet them."""
    sets = monitor.automaton.sets
    judged = [(item.kind, item.pages, item.event, item.property, item.in_sync, sets[item.number].tobytes()) for item in monitor.judgements]
    states = [sets[number].tobytes() for number in monitor.numbers(slice(None)).tolist()]
    return judged, states, monitor.in_sync, monitor.completed


def both(trace: Trace) -> tuple[Any, Any]:
    """What the monitors say of a trace, or the errors that they raise."""
    configuration, text = configuration_of(trace), io.StringIO()
    write_native(trace, text)
    events = read_native(io.StringIO(text.getvalue())).events
    pages = trace.header.pages or 1
    reference, columns = Monitor(configuration, trace.header, pages), ColumnMonitor(configuration, trace.header, pages)
    answers = []
    try:
        for event in events:
            reference.step(event)
        reference.finish()
        answers.append(told(reference))
    except ValueError as error:
        answers.append(str(error))
    try:
        for batch in scanner.scan([text.getvalue().encode()], "<text>", observe.DETAILED):
            columns.follow(batch)
        columns.finish()
        answers.append(told(columns))
        assert columns.event_counts == Counter(event.name for event in events)
    except ValueError as error:
        answers.append(str(error))
    return answers[0], answers[1]


@some
@given(runs, st.data())
def test_both_monitors_say_the_same_of_runs_of_the_model(run: Run, data: st.DataObject) -> None:
    reference, columns = both(draw_hidden(data, run))
    assert columns == reference


def with_command_ids(rounds: int) -> str:
    """A trace in which the device takes the commands of so many rounds, each with an id of its own; one in four is of an earlier round."""
    lines = ["balloonproof trace 1", "guest pages=8", "system hinting", "observed migration.* host.*", "0.0 migration.start"]
    for number in range(2, rounds + 2):
        current = number + 0x80000000 + (number % 4 == 0)
        for arguments in (f"id={number + 0x80000000:#x} current={current:#x}", f"id=0 current={current:#x} status=start stopped", f"id={number} started"):
            lines.append(f"{number} host.command {arguments}")
    return "\n".join(lines) + "\n"


def test_command_ids_do_not_become_kinds_of_events_or_rows_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kind says which of an event's ids are the same: of thousands of ids there are as many kinds, meanings and rows as of few."""
    sizes = []
    for rounds in (16, 1600):
        text = with_command_ids(rounds)
        monkeypatch.setattr(scanner, "_kept", {})
        (batch,) = scanner.scan([text.encode()], "<text>", observe.DETAILED)
        held = event_batches.EventKinds(observe.DETAILED)
        trace = read_native(io.StringIO(text))
        vocabulary = observe.Vocabulary(OnePage(configuration_of(trace)), trace.header)
        meanings = {vocabulary.meaning(event) for event in trace.events if held.number(event) >= 0}
        sizes.append((len(batch.kinds_seen.kinds), len(held.kinds), len({item.key for item in meanings if item}), len(batch.kinds_seen._rows)))
        kinds = [batch.kinds_seen.event(int(kind)) for kind in batch.kinds]
        assert [vocabulary.meaning(kind) for kind in kinds] == [vocabulary.meaning(event) for event in trace.events]
    few, many = sizes
    assert many[:3] == few[:3] == (5, 5, 5)
    assert many[3] < few[3] + 30  # times have more digits


ABOUT_PAGES = {action.event for system in (HINTING, PRECOPY) for action in system.actions if action.per_page} | {"guest.dirty"}


def random_traces() -> st.SearchStrategy[Trace]:
    """Events in any order, on ranges of a few pages in a few chunks: most of them impossible."""

    @st.composite
    def draw_trace(draw: st.DrawFn) -> Trace:
        system = draw(st.sampled_from([HINTING, HINTING, PRECOPY]))
        own = {action.event for action in system.actions}
        names = sorted(own | {*STATEMENTS, "host.command", "migration.sync-end", "guest.dirty"} - {"trace.dropped"})
        hidden = draw(st.sets(st.sampled_from(names), max_size=2))  # more would make sets of possible states large, and the test slow
        observed = tuple(name for name in names if name not in hidden)
        header = Header(pages=8, chunk_pages=draw(st.sampled_from([1, 2, 3, 8])), system=system.name, observed=observed)
        ranges = st.lists(st.integers(0, 7).flatmap(lambda first: st.tuples(st.just(first), st.integers(1, 8 - first))), min_size=1, max_size=3)
        arguments = st.sampled_from([{}, {}, {}, {"cleared": 2}, {"class": "used"}, {"id": 0x80000001, "current": 0x80000001, "status": "requested"}])
        flags = [frozenset(), frozenset(), frozenset({"dropped"}), frozenset({"started"})]

        def event(name: str) -> st.SearchStrategy[Event]:
            pages = ranges.map(tuple) if name in ABOUT_PAGES or name in STATEMENTS else st.just(())
            may_be_unsure = [frozenset({"unsure"})] if name in ABOUT_PAGES else []
            return st.builds(Event, st.just(0), st.just(name), pages, arguments, st.sampled_from([*flags, *may_be_unsure]))

        usual = [name for name in ("guest.allocate", "migration.start", "migration.merge", "guest.write", "migration.send", "host.hint") if name in own]
        start = [Event(0, "guest.allocate", ((0, 8),)), Event(0, "migration.start")] if draw(st.booleans()) else []
        return Trace(header, start + draw(st.lists(st.sampled_from([*names, *usual]).flatmap(event), min_size=1, max_size=20)))

    return draw_trace()


@settings(max_examples=30, deadline=None, derandomize=True)
@given(random_traces())
def test_both_monitors_say_the_same_of_events_in_any_order(trace: Trace) -> None:
    reference, columns = both(trace)
    assert columns == reference


def test_what_is_impossible_is_said_of_every_page() -> None:
    """A page of the class of one of which it was said before, in an event that named it twice."""
    observed = tuple(sorted(ABOUT_PAGES))
    events = [Event(0, "migration.send", ((0, 1), (0, 1))), Event(0, "migration.send", ((0, 2),))]
    reference, columns = both(Trace(Header(pages=8, chunk_pages=8, system="precopy", observed=observed), events))
    assert [item[:2] for item in reference[0]][:2] == [("impossible", ((0, 1),)), ("impossible", ((1, 1),))]
    assert columns == reference


def test_both_monitors_say_the_same_of_a_trace_with_a_gap() -> None:
    trace = read_trace(HAND_DIRECTORY / "precopy.accept.trace")
    events = list(trace.events)
    reference, columns = both(Trace(trace.header, [*events[:6], events[5]._replace(name="trace.dropped", pages=(), arguments={"count": 3}), *events[6:]]))
    assert columns == reference != both(trace)[0]


@pytest.mark.parametrize("path", HAND, ids=lambda path: path.stem)
def test_a_long_file_gets_the_same_report(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = check(path)
    monkeypatch.setattr(jit, "LENGTHS", {"bytes of text": 1, "events": 1})
    report = check(path)
    report.seconds = reference.seconds
    assert report == reference


def test_traces_that_are_read_at_once_do_not_disturb_each_other() -> None:
    """What was made for one is used for the next, but not by two at a time."""
    texts = [path.read_bytes() for path in HAND]
    whole = [[(batch.event(number), batch.lines[number]) for batch in scanner.scan([text], "x", DETAILED) for number in range(len(batch))] for text in texts]
    together: list[list[object]] = [[] for _ in texts]
    scans = [scanner.scan([text[at : at + 99] for at in range(0, len(text), 99)], "x", DETAILED) for text in texts]
    left = list(range(len(scans)))
    while left:
        for one in list(left):
            batch = next(scans[one], None)
            if batch is None:
                left.remove(one)
            else:
                together[one] += [(batch.event(number), batch.lines[number]) for number in range(len(batch))]
    assert together == whole
