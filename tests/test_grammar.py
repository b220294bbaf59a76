"""The grammars: both ways of matching a line agree, and what is wrong with a line is said where it is wrong."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balloonproof.grammar import TraceSyntaxError, line_parser

PROBE = "    mig/src/main-21463   (  21399) [001] DBZff 1795404614.959742: "
SAMPLES = {
    "qemu_log": [
        "21463@1795404614.960677:migration_bitmap_sync_start ",
        "21463@1795404614.961170:migration_bitmap_sync_end dirty_pages 12241",
        "2025-07-21T18:43:28.089797Z migration_bitmap_sync_end dirty_pages 12",
        "2025-07-21T18:43:28Z migrate_set_state new state postcopy-active",
        "21463@1795404610.448025:ram_save_page pc.ram: offset: 0x6000 host: 0x7f9a2be06000",
        "21463@1795404610.448025:ram_save_page 0000:00:02.0/vga.vram: offset: 0x0 host: (nil)",
        "21453@1795404610.464925:ram_load_loop pc.ram: addr: 0x1000 flags: 0x22 host: 0x7f9a2be01000",
        "21453@1795404610.464925:ram_load_postcopy_loop chan=0 addr=0x1e0c000 flags=0x8",
        "21404@1795404602.744669:memory_notdirty_write_access 0xe8c01 ram_addr 0xe8c01 size 1",
        "21463@1795404610.500482:savevm_section_start ram, section_id 1",
        "21463@1795404610.500482:savevm_section_end ram, section_id 1 -> -5",
        "21463@1795404617.010646:vm_state_notify running 0 reason 7 (finish-migrate)",
        "21463@1795404617.010540:runstate_set current_run_state 9 (running) new_state 7 (finish-migrate)",
        "21399@1795404607.254341:virtqueue_pop vq 0x561899c5b1b0 elem 0x561898f182c0 in_num 1 out_num 0",
    ],
    "qmp_log": [
        '1795404610.434644 > {"execute": "migrate", "arguments": {"uri": "unix:mig.mig"}}',
        '1795404610.435502 < {"return": {}}',
        '{"timestamp": {"seconds": 1795404610, "microseconds": 435224}, "event": "STOP"}',
        '12 {"QMP": {"version": {}}}',
    ],
    "ftrace": [
        PROBE + "precopy: (0x561873bf7330) list=0x561874c876d0 reason=1",
        PROBE + "put_be64: (0x561873a5f8b0) f=0x561899a9f2d0 v=0x1022",
        PROBE + "hint_ndirty: (0x5618739eeaca) ndirty=1024 start=0x8800 npages=1024",
        PROBE + "bmap1: (0x561873bf7330) reason=2 b0={0x0,0xff} b1={0x1} b2={0x0} b3={0x0}",
        PROBE + "elem: (0x558345129802) in=1 out=0 status=2 gpa=0x6000000",
        "     <...>-8977    (-------) [000] DBZff 1795409863.544615: id_read: (0x1) id=0x80000002 status=1 cur=0x0",
        "     kworker/0:0-7       [000] .....  20084938145: add_out: (virtqueue_add_outbuf+0x0/0x60 [virtio_ring])"
        ' vq="free_page_vq" data=0xffff888004bd20c4 num=1',
        "     kworker/0:2-50      [000] .....  15018400700: add_out: (virtqueue_add_outbuf+0x0/0x60 [virtio_ring])"
        ' vq="free_page_vq" data=0xffff8880055dd8c4 num=1 v=0x80000001',
        "    <idle>-0       [000] d.h2.  20062157387: bal_changed: (virtballoon_changed+0x0/0x90 [virtio_balloon])",
        "     kworker/0:0-7       [000] .....  20086605655: mm_page_alloc: page=(____ptrval____) pfn=0x8800 order=10"
        " migratetype=0 gfp_flags=__GFP_NOWARN|__GFP_NORETRY",
        "            init-1       [000] .....  12920234274: tracing_mark_write: lab: tracing start",
        "# tracer: nop",
        "CPU:1 [LOST 57 EVENTS]",
    ],
    "trace": [
        "balloonproof trace 1",
        "guest pages=65536 page-size=4096 chunk-pages=0x40000",
        "system hinting dirty-log=get-and-clear command-id-buffer=shared",
        "without stop-before-sync  # a guard taken away",
        "observed guest.dirty host.hint migration.*",
        "expect reject page=0x1f87 property=no-page-lost",
        "0.031400 guest.hint pages=0x8800+1024,7,0x9+2 id=0x80000001 honoured",
        "12 migration.start",
        "  0.5\tmigration.send\tpages=0x1f87 zero # why",
        "# only a comment",
        "",
    ],
}
LINES = [(name, line) for name, lines in SAMPLES.items() for line in lines]


def outcome(parse: Any, text: str) -> Any:
    try:
        return parse(text)
    except TraceSyntaxError:
        return None


@pytest.mark.parametrize(("name", "text"), LINES)
def test_both_paths_agree_on_valid_lines(name: str, text: str) -> None:
    parser = line_parser(name)
    by_grammar = parser.parse_with_grammar(text)
    by_pattern = parser.match(text)
    assert by_pattern is None or by_pattern == by_grammar
    # only a line that says nothing, or stands outside the numbered kinds, is left to the grammar
    assert by_pattern is not None or by_grammar[0] in ("", "comment", "lost")


def mutations() -> st.SearchStrategy[tuple[str, str]]:
    character = st.sampled_from(list(' \t@:.,=+-#x0129afgz{}()"_*')) | st.characters(max_codepoint=0x2FF)

    @st.composite
    def mutate(draw: st.DrawFn) -> tuple[str, str]:
        name, text = draw(st.sampled_from(LINES))
        for _ in range(draw(st.integers(1, 3))):
            at = draw(st.integers(0, len(text)))
            how = draw(st.sampled_from(["cut", "delete", "insert", "replace", "double", "splice"]))
            if how == "cut":
                text = text[:at]
            elif how == "delete":
                text = text[:at] + text[at + 1 :]
            elif how == "insert":
                text = text[:at] + draw(character) + text[at:]
            elif how == "replace":
                text = text[:at] + draw(character) + text[at + 1 :]
            elif how == "double":
                text = text[:at] + text[max(0, at - 3) :]
            else:
                text = text[:at] + draw(st.sampled_from(SAMPLES[name]))[at:]
        return name, text.replace("\n", " ")

    return mutate()


@settings(max_examples=1500, deadline=None)
@given(mutations())
def test_both_paths_agree_on_mutated_lines(case: tuple[str, str]) -> None:
    name, text = case
    parser = line_parser(name)
    by_pattern = parser.match(text)
    by_grammar = outcome(parser.parse_with_grammar, text)
    if by_pattern is not None:
        assert by_pattern == by_grammar
    elif by_grammar is not None:
        assert by_grammar[0] in ("", "comment", "lost"), "a line of a common kind is left to the slow path"


@pytest.mark.parametrize(
    ("name", "text", "column", "found", "expected"),
    [
        ("qemu_log", "21463@17954046", 15, "end of line", "'.'"),
        ("qemu_log", "hello", 1, "'hello'", "thread id"),
        ("qemu_log", "21463@1795404614.961170:migration_bitmap_sy", 44, "end of line", "' '"),
        ("qemu_log", "1@2.000003:migration_bitmap_sync_end dirty_pages 12x", 52, "'x'", "end of line"),
        ("qemu_log", "1@2.000003:ram_save_page pc.ram: offset: 6000 host: 0x7f", 42, "'6000'", "hex"),
        ("ftrace", PROBE + "precopy: (0x5618) list=0x56", len(PROBE) + 28, "end of line", "' reason='"),
        ("ftrace", "half of a li", 1, "'half'", "comm"),
        ("trace", "0.1 migration.send pages=0x1g", 26, "'0x1g'", "number"),
        ("trace", "0.1 send", 5, "'send'", "event name"),
        ("trace", "1.0000000001 a.b", 1, "'1.0000000001'", "time"),
        ("trace", "0.1 a.b pages=1+0", 17, "'0'", "count"),
        ("trace", "guest pages=1 size=4", 15, "'size=4'", "quantity"),
    ],
)
def test_errors_name_column_found_and_expected(name: str, text: str, column: int, found: str, expected: str) -> None:
    with pytest.raises(TraceSyntaxError) as caught:
        list(line_parser(name).parse([(7, text)], "some.log"))
    error = caught.value
    assert (error.path, error.line, error.column, error.found) == ("some.log", 7, column, found)
    assert expected in error.expected
    assert str(error).startswith(f"some.log:7:{column}: expected ")
    shown, caret = error.context.split("\n")
    assert shown[caret.index("^") :].split("...")[0] == text[column - 1 :][: len(shown) - len(caret) + 1]


def test_error_context_of_a_long_line_is_cut_around_the_column() -> None:
    text = PROBE + "bmap1: (0x1) reason=2 b0={" + "0x0," * 500 + "zz}"
    with pytest.raises(TraceSyntaxError) as caught:
        line_parser("ftrace").parse_with_grammar(text)
    assert max(map(len, caught.value.context.split("\n"))) < 140
    assert caught.value.context.startswith("...")


def test_other_events_are_well_formed_lines_without_meaning() -> None:
    kind, fields = line_parser("qemu_log").parse_with_grammar("1@2.000003:virtqueue_pop vq 0x5")
    assert kind == "other"
    assert fields["event"] == "virtqueue_pop"


def test_fields_hold_the_text_of_the_line() -> None:
    kind, fields = line_parser("ftrace").parse_with_grammar(SAMPLES["ftrace"][5])
    assert kind == "id_read"
    assert (fields["comm"].strip(), fields["tid"], fields["id"], fields["current"]) == (
        "<...>",
        "8977",
        "0x80000002",
        "0x0",
    )


def test_every_kind_of_line_is_listed_by_its_literal_name() -> None:
    for name in ("qemu_log", "qmp_log", "ftrace"):
        for kind in line_parser(name).kinds:
            assert re.fullmatch(r"[a-z_0-9]+", kind)
