"""Signals: what ends the program early leaves nothing behind, and its status does not read as a verdict."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

TRACE = Path(__file__).parent.parent / "traces" / "hand" / "precopy.accept.trace"

_WRITES = """
import signal, sys, time
from balloonproof.checker.whole_file import whole_file
if sys.argv[2:] == ["ignored"]:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
with whole_file(sys.argv[1]) as stream:
    stream.write("new")
    print("begun", flush=True)
    sys.stdin.read()
"""

_WORKS = """
import time
from balloonproof.model import workers
workers.usable_cores = lambda: 2
def work():
    time.sleep(20)
    print("the worker went on", flush=True)
with workers.Background(work) as background:
    print("begun", flush=True)
    background.result()
"""


def begin(code: str, *words: str) -> subprocess.Popen[str]:
    """A program that has begun its work."""
    process = subprocess.Popen([sys.executable, "-c", code, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_file_that_was_not_written_to_its_end_is_taken_back(tmp_path: Path, number: signal.Signals) -> None:
    target = tmp_path / "report.txt"
    target.write_text("old")
    process = begin(_WRITES, str(target))
    process.send_signal(number)
    assert process.communicate() == ("", "")
    assert process.returncode == -number
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_is_ignored_stays_ignored(tmp_path: Path, number: signal.Signals) -> None:
    target = tmp_path / "report.txt"
    process = begin(_WRITES, str(target), "ignored")
    process.send_signal(number)
    assert process.communicate("") == ("", "")
    assert process.returncode == 0
    assert target.read_text() == "new"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_worker_does_not_outlive_who_waits_for_it(number: signal.Signals) -> None:
    process = begin(_WORKS)
    process.send_signal(number)
    assert process.communicate() == ("", "")  # the worker holds the other end as well
    assert process.returncode == -number


@pytest.mark.parametrize("words", [["check", str(TRACE)], ["coverage", str(TRACE)], ["systems"], ["--help"]])
def test_output_that_nobody_reads_is_not_a_reject(words: list[str]) -> None:
    with subprocess.Popen([sys.executable, "-m", "balloonproof.checker", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == -signal.SIGPIPE
