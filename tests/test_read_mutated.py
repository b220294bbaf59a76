"""Whatever is changed in a record, reading and checking it ends with a verdict or one error, never with a crash."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from balloonproof.checker.read import Trace, TraceInputError, TraceSyntaxError, read_trace

FILES = {
    "cmd": "/usr/bin/qemu-system-x86_64 -accel tcg -m 256 -device virtio-balloon-pci,free-page-hint=on\n",
    "src": """\
1@100.000000:vm_state_notify running 1 reason 9 (running)
1@100.000010:migrate_set_state new state setup
2@100.000120:migration_bitmap_sync_start \n\
3@100.000130:memory_notdirty_write_access 0x1 ram_addr 0x6008 size 8
2@100.000200:migration_bitmap_sync_end dirty_pages 0
2@100.000210:migrate_set_state new state active
2@100.000300:savevm_section_start ram, section_id 2
2@100.000310:ram_save_page pc.ram: offset: 0x0 host: 0x7f0000000000
2@100.000400:savevm_section_end ram, section_id 2 -> 0
2@100.000610:vm_state_notify running 0 reason 7 (finish-migrate)
2@100.000900:migrate_set_state new state completed
1@100.001000:savevm_state_cleanup \n\
""",
    "dst": """\
9@100.050000:runstate_set current_run_state 0 (debug) new_state 1 (inmigrate)
9@100.050200:ram_load_start \n\
9@100.050201:ram_load_loop pc.ram: addr: 0x0 flags: 0x8 host: 0x7f2000000000
9@100.050202:ram_load_loop pc.ram: addr: 0x1000 flags: 0x22 host: 0x7f2000001000
""",
    "up": """\
    mig/src/main-2       (      1) [001] DBZff 100.000111: precopy: (0x1) list=0xa reason=1
    mig/src/main-2       (      1) [001] DBZff 100.000205: precopy: (0x1) list=0xa reason=2
          IO io0-4       (      1) [001] DBZff 100.000220: id_read: (0x1) id=0x80000001 status=1 cur=0x80000001
          IO io0-4       (      1) [001] DBZff 100.000221: go_start: (0x1) id=0x80000001 status=1 cur=0x80000001
          IO io0-4       (      1) [001] DBZff 100.000230: elem: (0x1) in=1 out=0 status=2 gpa=0x400000
          IO io0-4       (      1) [001] DBZff 100.000231: hint_enter: (0x1) addr=0x7f0000400000 len=0x400000
          IO io0-4       (      1) [001] DBZff 100.000250: hint_ndirty: (0x1) ndirty=1000 start=0x400 npages=1024
          IO io0-4       (      1) [001] DBZff 100.000251: hint_clear: (0x1) start=0x400 npages=1024
""",
    "qmp": '{"QMP": {"version": {"qemu": {"micro": 2, "minor": 0, "major": 10}}}}\n'
    '100.5 > {"execute": "migrate-set-capabilities", "arguments": {"capabilities": [{"capability": "events", "state": true}]}}\n'
    '{"timestamp": {"seconds": 100, "microseconds": 11}, "event": "MIGRATION", "data": {"status": "setup"}}\n',
    "diff": "pfn\tclass\tsrc\tdst\tsent_count\tlast_sent_seq\tlast_hint_seq\thint_rounds\n0x400\tref0\tdata\tzero\t0\t0\t5\t1\n",
}


@st.composite
def changed_files(draw: st.DrawFn) -> dict[str, str]:
    """The record with some lines dropped, repeated, moved, cut or overwritten, in any of its files."""
    files = dict(FILES)
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from(sorted(files)))
        text = files[name].splitlines(keepends=True)
        if not text:
            continue
        at, to = draw(st.integers(0, len(text) - 1)), draw(st.integers(0, len(text) - 1))
        match draw(st.sampled_from(["drop", "repeat", "move", "cut", "overwrite", "end"])):
            case "drop":
                del text[at]
            case "repeat":
                text.insert(to, text[at])
            case "move":
                text.insert(to, text.pop(at))
            case "cut":
                text[at] = text[at][: draw(st.integers(0, len(text[at])))]
            case "end":
                del text[at:]
            case "overwrite":
                place = draw(st.integers(0, len(text[at]) - 1)) if text[at] else 0
                text[at] = text[at][:place] + draw(st.sampled_from(list("0123456789abcdefx-+(): \t\n{}\"'"))) + text[at][place + 1 :]
        files[name] = "".join(text)
    return files


def read(files: dict[str, str], folder: Path) -> Trace | None:
    for name, text in files.items():
        (folder / name).write_text(text)
    refused = ""
    try:
        return read_trace(folder)
    except (TraceInputError, TraceSyntaxError) as error:
        refused = str(error)
    assert str(folder) in refused  # it names the file
    return None


@given(changed_files())
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_a_changed_record_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, files: dict[str, str]) -> None:
    trace = read(files, tmp_path_factory.mktemp("record", numbered=True))
    if trace is not None:
        times = [event.time for event in trace.events]
        assert times == sorted(times)
        assert trace.header.pages
        assert all(first >= 0 and first + count <= trace.header.pages for event in trace.events for first, count in event.pages)


def test_the_record_itself_is_read(tmp_path: Path) -> None:
    trace = read(FILES, tmp_path)
    assert trace is not None
    assert {"migration.complete", "host.hint", "guest.dirty", "memory.differs"} <= {event.name for event in trace.events}
