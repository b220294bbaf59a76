"""A clock that is set while QEMU writes its log: the lines of a thread stand in the order of its steps, whatever their times say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balloonproof.checker import check
from balloonproof.checker.read import TraceInputError
from balloonproof.checker.read.qemu import QemuLog, collect, log_lines

RECORDED = Path(__file__).parent.parent / "traces" / "recorded" / "r1_cancel_control"


def stamped(lines: list[tuple[int, int]]) -> list[str]:
    """Lines of threads at times (microseconds), of all kinds."""
    said = ["memory_notdirty_write_access 0x1 ram_addr 0x1000 size 8", "migration_bitmap_sync_start ", "vmstate_load 3"]
    return [f"{thread}@1700000000.{time:06d}:{said[number % 3]}" for number, (thread, time) in enumerate(lines)]


def refusal(texts: list[str], fast: bool) -> str | None:
    """Why a log is refused, if it is."""
    try:
        if fast:
            from balloonproof.checker.read.qemu_columns import read_blocks

            read_blocks(QemuLog("x"), ["".join(f"{text}\n" for text in texts).encode()])
        else:
            collect(QemuLog("x"), log_lines(enumerate(texts, 1), "x"))
    except TraceInputError as error:
        return str(error)
    return None


def refusals(lines: list[tuple[int, int]]) -> Iterator[str]:
    """What is to be said of lines: the first that goes back."""
    last: dict[int, tuple[int, int]] = {}
    for number, (thread, time) in enumerate(lines, 1):
        before, line = last.get(thread, (time, number))
        if time < before:
            expected = f"a time not before that of line {line}, of the same thread {thread}"
            yield f"x: line {number}: expected {expected}, found one {(before - time) / 1e6:.6f} s earlier"
        last[thread] = time, number


@pytest.mark.parametrize("fast", [False, True])
@settings(deadline=None)
@given(lines=st.lists(st.tuples(st.integers(1, 3), st.integers(0, 20)), max_size=20) | st.lists(st.tuples(st.integers(1, 3), st.integers(0, 20))).map(sorted))
def test_a_thread_that_goes_back_in_time_is_refused_at_its_line(lines: list[tuple[int, int]], fast: bool) -> None:
    if fast:
        pytest.importorskip("numba")
    expected = next(refusals(lines), None)
    found = refusal(stamped(lines), fast)
    assert (found is None) == (expected is None)
    assert found is None or found.startswith(str(expected))


@pytest.mark.parametrize(("seconds", "is_refused"), [(0, False), (1, False), (2, True)])
def test_without_threads_lines_may_be_somewhat_out_of_order(seconds: int, is_refused: bool) -> None:
    texts = [f"2026-11-28T12:00:0{second}.000000Z migration_bitmap_sync_start " for second in (5, 5 - seconds, 5)]
    assert (refusal(texts, fast=False) is not None) == is_refused


def test_a_migration_during_which_the_clock_was_set_back_is_not_rejected(tmp_path: Path) -> None:
    """It is not known what came before what."""
    import zstandard

    text = zstandard.ZstdDecompressor().stream_reader((RECORDED / "src.qemu_trace.log.zst").read_bytes()).read().decode()
    lines = text.splitlines()
    for number in range(len(lines) * 9 // 10, len(lines)):
        thread, _, rest = lines[number].partition("@")
        seconds, _, said = rest.partition(".")
        lines[number] = f"{thread}@{int(seconds) - 1}.{said}"
    log = tmp_path / "src.log"
    log.write_text("".join(f"{line}\n" for line in lines))
    with pytest.raises(TraceInputError, match="the clock was set back"):
        check(log)
