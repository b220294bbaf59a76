"""`check --follow`: a log that somebody writes gets, once it is written, the verdict of the whole log; and a bad one is rejected while it is written."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balloonproof.checker import check
from balloonproof.checker.live import check_growing
from balloonproof.checker.read import TraceInputError, TraceSyntaxError
from balloonproof.checker.verdict import Report

HAND = Path(__file__).parent.parent / "traces" / "hand"
ENOUGH = 120
"""Seconds after which a test that waits in vain fails."""


def qemu_log(rounds: int = 2, completes: bool = True) -> str:
    """The source's log of a migration of four pages."""
    lines: list[str] = []

    def say(thread: int, *events: str) -> None:
        lines.extend(f"{thread}@100.{1000 * len(lines) + 100 * number:06d}:{event}\n" for number, event in enumerate(events))

    say(3, "memory_notdirty_write_access 0x1 ram_addr 0x1000 size 8")
    say(1, "migrate_set_state new state setup")
    for number in range(rounds):
        say(2, "migration_bitmap_sync_start ", f"migration_bitmap_sync_end dirty_pages {number}")
        say(2, *(f"ram_save_page pc.ram: offset: {page << 12:#x} host: 0x7f0000000000" for page in range(4)))
        say(3, "memory_notdirty_write_access 0x1 ram_addr 0x2000 size 8")
    if completes:
        say(2, "vm_state_notify running 0 reason 7 (finish-migrate)", "migration_bitmap_sync_start ", "migration_bitmap_sync_end dirty_pages 1")
        say(2, "ram_save_page pc.ram: offset: 0x2000 host: 0x7f0000000000", "migrate_set_state new state completed")
        say(1, "savevm_state_cleanup ")
    return "".join(lines)


LOGS = {
    "accepted trace": (HAND / "lost_write.accept.trace").read_text(),
    "rejected trace": (HAND / "lost_write.reject.trace").read_text(),
    "log of QEMU": qemu_log(),
    "log of a migration that goes on": qemu_log(completes=False),
}


@contextmanager
def written(path: Path, pieces: list[str]) -> Iterator[None]:
    """Somebody writes these pieces into the file, one after another."""

    def write() -> None:
        with path.open("a") as file:
            for piece in pieces:
                file.write(piece)
                file.flush()

    writer = threading.Thread(target=write)
    writer.start()
    yield
    writer.join(ENOUGH)


def essence(report: Report) -> tuple[object, ...]:
    """What a report says, without the time it took and what it says about the reading."""
    return report.verdict, report.header, report.completed, [(item.kind, item.pages, item.event, item.property_name, item.history) for item in report.findings]


@settings(max_examples=5, deadline=None)
@given(st.sampled_from(["accepted trace", "rejected trace", "log of QEMU"]), st.lists(st.integers(0, 1500), max_size=4).map(sorted))
def test_a_log_that_is_written_gets_the_verdict_of_the_whole_log(tmp_path_factory: pytest.TempPathFactory, name: str, cuts: list[int]) -> None:
    path = tmp_path_factory.mktemp("log") / "x.log"
    text = LOGS[name]
    path.touch()
    with written(path, [text[begin:end] for begin, end in pairwise([0, *cuts, len(text)])]):
        report = check_growing(str(path), timeout=ENOUGH)
    assert essence(report) == essence(check(str(path)))


def test_a_migration_that_goes_on_gets_the_verdict_of_what_was_written(tmp_path: Path) -> None:
    """What becomes of it is not known: it is not accepted."""
    path = tmp_path / "x.log"
    path.write_text(LOGS["log of a migration that goes on"])
    whole = check(str(path))
    assert whole.verdict == "inconclusive"
    with path.open("a") as file:
        file.write("2@100.9")
    growing = check_growing(str(path), timeout=0)
    assert (essence(growing), growing.reasons) == (essence(whole), whole.reasons)


def test_a_bad_trace_is_rejected_while_it_is_written(tmp_path: Path) -> None:
    """It ends although the file may still grow, and nobody has said how long to wait."""
    path = tmp_path / "x.trace"
    text = LOGS["rejected trace"]
    bad = text.replace("migration.fetch", "migration.merge", 1)
    path.write_text(bad)
    report = check_growing(str(path))
    assert report.verdict == "reject"
    assert report.findings[0].kind == "impossible"
    assert any(note.endswith(": rejected") for note in report.notes)


@contextmanager
def following(path: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A process that follows a file."""
    command = [sys.executable, "-m", "balloonproof.checker", "check", str(path), "--follow", *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_an_interrupt_ends_it_with_the_verdict_so_far() -> None:
    with following(Path("-"), "-v") as process:
        assert process.stdin is not None
        others = "".join(f"9@200.{number:06d}:other x\n" for number in range(20_000))  # more than a pipe holds: once it is written, it is being read
        process.stdin.write(LOGS["log of a migration that goes on"] + others)
        process.stdin.flush()
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=ENOUGH)
    assert (process.returncode, error) == (3, "")
    assert out.startswith("inconclusive: ")
    assert "- ends while the migration is under way" in out
    assert re.search(r"note: followed up to line \d+: interrupted", out)


def damaged(path: Path, damage: Callable[[Path], object]) -> str:
    """What is said when this happens to a file that is followed."""
    path.write_text(LOGS["log of a migration that goes on"])
    told: list[str] = []

    def progress(message: str) -> None:
        if "events" in message and not message.startswith("0 ") and not told:
            told.append(message)
            damage(path)

    with pytest.raises(TraceInputError) as caught:
        check_growing(str(path), timeout=ENOUGH, progress=progress)
    assert re.fullmatch(r"\d+ events, round 2, nothing wrong so far", told[0])
    return str(caught.value)


def test_a_file_that_does_not_only_grow_is_one_error(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    assert damaged(path, lambda path: os.truncate(path, 10)).startswith(f"{path}: was cut to 10 bytes while it was followed, after ")
    assert damaged(path, Path.unlink) == f"{path}: was removed while it was followed"
    (tmp_path / "new.log").write_text("")
    assert damaged(path, (tmp_path / "new.log").replace) == f"{path}: was replaced by another file while it was followed"


def test_what_is_written_wrong_is_an_error_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text(qemu_log().replace("dirty_pages 1", "dirty_pages one", 1))
    with pytest.raises(TraceSyntaxError, match=r"x\.log:11:\d+: expected decimal, found 'one'"):
        check_growing(str(path), timeout=0)
    path.write_text("1@100.000000:migrate_set_state new state setup\n2@100.000001:ram_load_start \n")
    with pytest.raises(TraceInputError, match="line 2: ram_load_start: this is the log of a destination; follow that of the source"):
        check_growing(str(path), timeout=0)
    path.write_text("")
    with pytest.raises(TraceInputError, match="nothing to check: nothing was written for 0 seconds"):
        check_growing(str(path), timeout=0)
    path.write_bytes(b"\x1f\x8b\x08")
    with pytest.raises(TraceInputError, match="only plain text can be followed"):
        check_growing(str(path), timeout=0)
    path.write_text(LOGS["accepted trace"].replace("guest pages=4", "guest"))
    with pytest.raises(TraceInputError, match="guest pages="):
        check_growing(str(path), timeout=0)


@pytest.mark.parametrize("words", [["x", "y", "--follow"], [str(HAND), "--follow"], [str(HAND / "precopy.accept.trace"), "--follow-timeout", "1"]])
def test_options_that_do_not_go_together(words: list[str], tmp_path: Path) -> None:
    for name in "xy":
        (tmp_path / name).touch()
    result = subprocess.run([sys.executable, "-m", "balloonproof.checker", "check", *words], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "--follow" in result.stderr
