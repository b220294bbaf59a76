"""Long input: memory does not grow with it, wherever it comes from."""

from __future__ import annotations

import gzip
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))

from make_record import Contents, write_record

CLI = [sys.executable, "-m", "balloonproof.checker"]
MEASURED = """
import re, sys
from balloonproof.checker.checking import check_paths
report = check_paths(sys.argv[1:])
print(report.verdict, report.events, re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1])  # ru_maxrss would count the parent
"""
LARGE = 40 << 10
"""Kibibytes that memory may grow by: a quarter of what the events of the long trace would take."""

HEADER = """\
balloonproof trace 1
guest pages=4 page-size=4096
system hinting
observed guest.* host.* device.* management.* migration.*
"""


def hinting(rounds: int, writes: int = 200) -> str:
    """A migration of so many rounds, everything observed, each with a hint that is honoured and taken back, and writes; some 6 kB a round."""
    lines: list[str] = []

    def add(*events: str) -> None:
        for event in events:
            lines.append(f"{len(lines) / 1000:.3f} {event}\n")

    add("guest.allocate pages=0x0", "guest.write pages=0x0", "migration.start")
    for number in range(1, rounds + 1):
        command = f"id={0x80000000 + number:#x}"
        add("migration.stop-hints", "migration.fetch", "migration.merge", f"migration.request-hints {command}")
        add(f"guest.read-config {command}", f"guest.start {command}", "guest.hint pages=0x2+2")
        add(f"host.command {command} current={0x80000000 + number:#x} status=requested started", "host.hint pages=0x2+2 honoured")
        add("guest.shrink pages=0x2+2", "guest.stop", "host.command id=0x0 stopped", *["guest.write pages=0x0"] * writes)
        add(*(f"migration.{step} pages=0x0" for step in ("arm", "clear-bit", "send")), "migration.end-round")
    return HEADER + "".join(lines)


def measured(*paths: str, text: bytes = b"", before: str = "") -> tuple[str, int, int]:
    """Verdict, number of events, and the largest size in memory (KiB) of a process that checks these paths, `before` executed first."""
    steady = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"}  # the C library would move its own, and the size with it, from run to run
    result = subprocess.run([sys.executable, "-c", before + MEASURED, *paths], input=text, capture_output=True, check=True, env=steady)
    verdict, events, size = result.stdout.decode().split()
    return verdict, int(events), int(size)


def test_memory_does_not_grow_with_the_length_of_a_compressed_trace_from_a_pipe() -> None:
    found = [measured("-", text=gzip.compress(hinting(20, writes).encode(), 1)) for writes in (4000, 4000, 30_000)]  # the first may have to compile
    _, (first, short, small), (second, long, large) = found
    assert (first, second) == ("accept", "accept")
    assert long - short == 20 * 26_000
    assert large - small < LARGE


def logs_of_both_sides(rounds: int, pages: int = 256) -> tuple[str, str, str]:
    """QEMU's logs of source and destination of a migration that sends every page in every round while the guest writes, and the page headers sent."""
    headers: list[str] = []
    source, destination = ["1@100.000000:migrate_set_state new state setup\n"], ["9@100.000000:ram_load_start \n"] * 2
    for number in range(rounds):
        moment = f"{101 + number}.{{:06d}}".format
        source += [f"2@{moment(0)}:migration_bitmap_sync_start \n", f"2@{moment(1)}:migration_bitmap_sync_end dirty_pages 0\n"]
        for page in range(pages):
            source.append(f"2@{moment(1000 + 10 * page)}:ram_save_page pc.ram: offset: {page << 12:#x} host: 0x7f0000000000\n")
            header = f"put_be64: (0x5618) f=0x5618 v={page << 12 | 0x08:#x}"
            headers.append(f"   mig/src/main-2   (    1) [000] DBZff {moment(1002 + 10 * page)}: {header}\n")
            source.append(f"3@{moment(1000 + 10 * page - 5)}:memory_notdirty_write_access 0x1 ram_addr {page << 12:#x} size 8\n")  # slightly out of order
            destination.append(f"9@{moment(2000 + 10 * page)}:ram_load_loop pc.ram: addr: {page << 12:#x} flags: 0x8 host: 0x7f0000000000\n")
    return "".join(source), "".join(destination), "".join(headers)


HOLD_LITTLE = """
from balloonproof.checker import jit
from balloonproof.checker.read import event_batches, record, rows, spool
record.HELD = rows.BLOCK = 1 << 12
spool.BLOCK = 1 << 8
event_batches._EVENTS = 1 << 10
jit.LENGTHS.update({"bytes of text": 1, "events": 1})  # numba itself takes memory, so it is loaded for short logs too
"""


def test_memory_does_not_grow_with_the_length_of_logs_of_qemu_and_of_page_headers(tmp_path: Path) -> None:
    (tmp_path / "src.cmdline").write_text("qemu-system-x86_64 -m 1M\n")  # no hints, so that sets of possible states are small
    found = []
    for rounds in (380, 80, 380):  # the first may have to compile
        for name, text in zip(("src", "dst", "probes"), logs_of_both_sides(rounds), strict=True):
            (tmp_path / name).write_text(text)
        found.append(measured(str(tmp_path), before=HOLD_LITTLE))
    _, (_, short, small), (_, long, large) = found
    assert long - short == 300 * (2 * 256 + 3)  # a thread's last write before a sync counts there or after it
    assert large - small < LARGE // 8


def test_memory_does_not_grow_with_the_length_of_any_log_of_a_record(tmp_path: Path) -> None:
    """Syncs, sections, pauses, notifications, hints, commands, snapshots of bitmaps and queries, and all that the guest logs."""
    each = {"hints": 4, "saves": 2, "sections": 6, "bitmaps": 3, "throttles": 4, "pauses": 4, "queries": 6}
    found = []
    for rounds in (800, 200, 800):  # the first may have to compile
        write_record(tmp_path, Contents(rounds=rounds, **each))
        found.append(measured(str(tmp_path), before=HOLD_LITTLE))
    _, (first, short, small), (second, long, large) = found
    assert first == second == "accept"
    assert long - short > 600 * 10
    assert large - small < LARGE // 8


def test_memory_does_not_grow_with_the_number_of_command_ids() -> None:
    found = [measured("-", text=hinting(rounds, 1).encode()) for rounds in (2000, 2000, 10_000)]
    _, (first, short, small), (second, long, large) = found
    assert (first, second) == ("accept", "accept")
    assert long - short == 8_000 * 17
    assert large - small < LARGE // 8


def test_a_pipe_is_checked_as_a_file_is(tmp_path: Path) -> None:
    """A reject reads the trace again, to explain it; logs of QEMU come through a pipe as well."""
    lost = Path(__file__).parent.parent / "traces" / "hand" / "lost_write.reject.trace"
    by_name = subprocess.run([*CLI, "check", str(lost)], capture_output=True, text=True, check=False)
    with lost.open("rb") as file:
        redirected = subprocess.run([*CLI, "check", "-"], stdin=file, capture_output=True, text=True, check=False)
    piped = subprocess.run([*CLI, "check", "-"], input=lost.read_text(), capture_output=True, text=True, check=False)
    assert (by_name.returncode, piped.returncode) == (1, 1)
    without_time = [re.sub(r"\(\d+\.\d s\)", "", text.replace(lost.name, "-")) for text in (by_name.stdout, redirected.stdout, piped.stdout)]
    assert without_time[0] == without_time[1] == without_time[2]
    log = subprocess.run([*CLI, "check", "-"], input="1@100.000010:migrate_set_state new state setup\n", capture_output=True, text=True, check=False)
    assert log.stdout.startswith(("accept: 1 events", "inconclusive: 1 events"))


def test_a_pipe_that_ends_inside_a_line_is_one_error() -> None:
    result = subprocess.run([*CLI, "check", "-"], input=hinting(400).encode()[:-3], capture_output=True, check=False)
    assert result.returncode == 2
    first, _, _ = result.stderr.decode().splitlines()
    assert first.startswith("balloonproof: -:86407:")
    assert first.endswith("expected end of line (the file ends inside a line), found end of file")


def _heed_interrupts() -> None:
    """A process in the background of a script ignores them, and so do its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_an_interrupt_while_a_pipe_is_read_is_one_line() -> None:
    with subprocess.Popen([*CLI, "check", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=_heed_interrupts) as process:
        assert process.stdin is not None
        process.stdin.write(hinting(100).encode())  # more than a pipe holds: once it is written, it is being read
        process.stdin.flush()
        process.send_signal(signal.SIGINT)
        out, error = process.communicate()
    assert (process.returncode, out, error.strip()) == (130, b"", b"balloonproof: interrupted")
