"""Long input: memory does not grow with it, wherever it comes from."""

from __future__ import annotations

import gzip
import re
import signal
import subprocess
import sys
from pathlib import Path

CLI = [sys.executable, "-m", "balloonproof.checker"]
MEASURED = """
import resource, sys
from balloonproof.checker.checking import check_paths
report = check_paths(sys.argv[1:])
print(report.verdict, report.events, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
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


def measured(*paths: str, text: bytes = b"") -> tuple[str, int, int]:
    """Verdict, number of events, and the largest size in memory (KiB) of a process that checks these paths."""
    result = subprocess.run([sys.executable, "-c", MEASURED, *paths], input=text, capture_output=True, check=True)
    verdict, events, size = result.stdout.decode().split()
    return verdict, int(events), int(size)


def test_memory_does_not_grow_with_the_length_of_a_compressed_trace_from_a_pipe() -> None:
    found = [measured("-", text=gzip.compress(hinting(20, writes).encode(), 1)) for writes in (4000, 4000, 30_000)]  # the first may have to compile
    _, (first, short, small), (second, long, large) = found
    assert (first, second) == ("accept", "accept")
    assert long - short == 20 * 26_000
    assert large - small < LARGE


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


def test_an_interrupt_while_a_pipe_is_read_is_one_line() -> None:
    with subprocess.Popen([*CLI, "check", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(hinting(100).encode())  # more than a pipe holds: once it is written, it is being read
        process.stdin.flush()
        process.send_signal(signal.SIGINT)
        out, error = process.communicate()
    assert (process.returncode, out, error.strip()) == (130, b"", b"balloonproof: interrupted")
