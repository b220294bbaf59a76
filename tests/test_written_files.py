"""Where reports and traces are written: into the file that was named, and into nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from balloonproof.checker.whole_file import whole_file

TRACE = Path(__file__).parent.parent / "traces" / "hand" / "precopy.accept.trace"


def check_into(target: Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "balloonproof.checker", "check", str(TRACE), "-o", str(target)]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def test_a_pipe_or_device_is_written_to_and_stays_what_it_is(tmp_path: Path) -> None:
    """Replacing it would take /dev/null from the whole machine when root writes there."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()), daemon=True)
    reader.start()
    result = check_into(pipe)
    assert pipe.is_fifo()
    reader.join()
    assert result.returncode == 0
    assert read[0].startswith("accept")
    assert [item.name for item in tmp_path.iterdir()] == ["pipe"]


def test_a_symbolic_link_stays_and_what_it_names_is_written(tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    link = tmp_path / "report.txt"
    link.symlink_to(folder / "latest.txt")
    for _ in range(2):
        assert check_into(link).returncode == 0
        assert link.is_symlink()
        assert (folder / "latest.txt").read_text().startswith("accept")
    assert [item.name for item in folder.iterdir()] == ["latest.txt"]


def test_a_file_that_is_replaced_keeps_its_permissions(tmp_path: Path) -> None:
    target = tmp_path / "report.txt"
    target.write_text("old")
    target.chmod(0o640)
    assert check_into(target).returncode == 0
    assert target.read_text().startswith("accept")
    assert target.stat().st_mode & 0o777 == 0o640


def test_a_file_name_as_long_as_names_may_be_can_be_written(tmp_path: Path) -> None:
    target = tmp_path / ("ä" * 126 + "x")
    assert check_into(target).returncode == 0
    assert [item.name for item in tmp_path.iterdir()] == [target.name]


def test_an_error_names_the_file_that_was_asked_for(tmp_path: Path) -> None:
    target = tmp_path / "missing" / "report.txt"
    result = check_into(target)
    assert result.returncode == 2
    assert result.stderr == f"balloonproof: {target}: No such file or directory\n"


def test_what_fails_while_it_is_written_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "report.txt"
    target.write_text("old")

    def fail() -> None:
        with whole_file(target) as stream:
            stream.write("new")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert target.read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["report.txt"]
