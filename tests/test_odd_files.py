"""Files of any kind: what can be read is read, and what cannot is refused with its name, in memory that has a limit."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from balloonproof.checker import check
from balloonproof.checker.read import TraceInputError, TraceSyntaxError, read_trace, sources
from balloonproof.checker.read.put_away import PutAway
from balloonproof.checker.read.sources import Kind, recognise

TRACES = Path(__file__).parent.parent / "traces"
TRACE = TRACES / "hand" / "lost_write.reject.trace"
MARK = b"\xef\xbb\xbf"
LOG = b"7@1700000000.000001:migrate_set_state new state setup\n7@1700000000.000002:migrate_set_state new state active\n"


def command(*words: str, given: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
    words = (sys.executable, "-m", "balloonproof.checker", *words)
    return subprocess.run(words, input=given, capture_output=True, check=False, env={**os.environ, **environment})


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[Callable[[list[bytes]], str]]:
    """A named pipe through which these pieces come, one by one."""
    writers = []

    def written(pieces: list[bytes]) -> str:
        name = tmp_path / "pipe"
        os.mkfifo(name)

        def write() -> None:
            with name.open("wb", buffering=0) as stream:
                for piece in pieces:
                    stream.write(piece)

        writers.append(threading.Thread(target=write, daemon=True))
        writers[-1].start()
        return str(name)

    yield written
    for writer in writers:
        writer.join()


@pytest.mark.parametrize("written", [lambda text: text, gzip.compress], ids=["plain", "gzip"])
def test_the_mark_of_utf8_is_passed_over(written: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tmp_path / "marked.trace"
    path.write_bytes(written(MARK + TRACE.read_bytes()))
    assert list(read_trace(path).events) == [event._replace(source=event.source._replace(path=str(path))) for event in read_trace(TRACE).events]
    path.write_bytes(written(MARK + LOG))
    assert recognise(str(path)) is Kind.QEMU_LOG
    assert read_trace(path).header


def test_a_marked_trace_can_be_followed(tmp_path: Path) -> None:
    path = tmp_path / "marked.trace"
    path.write_bytes(MARK + TRACE.read_bytes())
    assert command("check", str(path), "--follow").returncode == 1


def test_other_encodings_are_named(tmp_path: Path) -> None:
    path = tmp_path / "wide.trace"
    path.write_bytes(TRACE.read_text().encode("utf-16"))
    with pytest.raises(TraceSyntaxError, match=r"wide.trace:1:1: expected UTF-8 text, found the byte 0xff"):
        read_trace(path)


@pytest.mark.parametrize(("text", "line"), [(TRACE.read_bytes(), 27), (LOG, 2)], ids=["native", "QEMU"])
def test_a_zero_byte_is_an_error_at_its_line(text: bytes, line: int, tmp_path: Path) -> None:
    path = tmp_path / "zero"
    lines = text.split(b"\n")
    lines[line - 1] += b" \0\0"
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(TraceSyntaxError) as error:
        check(path)
    assert error.value.line == line


def test_a_pipe_with_a_name_can_be_read_like_a_file(pipe: Callable[[list[bytes]], str]) -> None:
    """As of `check <(zstdcat FILE)`; its first bytes come one by one."""
    text = gzip.compress(TRACE.read_bytes())
    name = pipe([*(text[number : number + 1] for number in range(8)), text[8:]])
    done = command("check", name)
    assert done.returncode == 1
    assert b"balloonproof trace" not in done.stderr
    assert b"host.hint pages=0x2+2 honoured cleared=2" in done.stdout, "the line is shown, though it was read again"


def test_a_pipe_with_a_name_can_be_followed(pipe: Callable[[list[bytes]], str]) -> None:
    text = TRACE.read_bytes()
    assert command("check", pipe([text[:900], text[900:]]), "--follow").returncode == 1


def test_what_has_no_lines_is_refused_before_memory_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_LONGEST_LINE", 1 << 22)
    with pytest.raises(TraceInputError, match=r"/dev/zero: is no text: expected the end of the line that begins at byte 0, found \d MiB without one"):
        read_trace("/dev/zero")


@pytest.mark.parametrize("name", ["precopy.accept.trace", "long"])
def test_a_trace_that_goes_on_without_lines_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_LONGEST_LINE", 1 << 22)
    path = tmp_path / "bomb.trace.gz"
    text = (TRACES / "hand" / "precopy.accept.trace").read_bytes()
    text += b"# of more than can be held\n" * (1 << 16 if name == "long" else 1)
    path.write_bytes(gzip.compress(text + b"\0" * (1 << 24)))
    with pytest.raises(TraceInputError, match=rf"line that begins at byte {len(text)}"):
        check(path)


def test_an_empty_name_is_not_the_current_folder() -> None:
    done = command("check", "")
    assert done.returncode == 2
    assert done.stderr == b"balloonproof: no such file or folder: \n"


def test_a_link_that_leads_nowhere_is_called_so(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(link)
    done = command("check", str(link))
    assert done.returncode == 2
    assert done.stderr.decode() == f"balloonproof: {link}: a symbolic link that leads nowhere\n"


def test_a_full_disk_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Full(io.BytesIO):
        def write(self, block: object) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("tempfile.TemporaryFile", lambda prefix: Full())
    with pytest.raises(OSError, match="No space left on device") as error:
        PutAway().add(b"x")
    assert error.value.filename == str(tmp_path)
