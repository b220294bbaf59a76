"""Long work: on several cores, and saying how far it is.

Each piece of work runs in a forked process of its own, so that it may be any function, of anything in memory.

Only what a piece returns is copied back, so that must be picklable.  Where forking is not safe (other threads run, or the system has none) or not
useful (one core, or this already is such a process) the pieces run one after the other, in this process.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:  # importing it takes longer than some checks, which tell their progress but have no work for several cores
    from multiprocessing.connection import Connection

T = TypeVar("T")
Item = TypeVar("Item")
Progress = Callable[[str], None]

_PR_SET_PDEATHSIG = 1


def silent(message: str) -> None:
    """A progress callback that says nothing."""


def prefixed(progress: Progress, before: str) -> Progress:
    """A progress callback that says `before` in front of each message."""
    return lambda message: progress(f"{before}{message}")


def usable_cores() -> int:
    """How many pieces of work may run at the same time; 1 where forking is not safe or not useful."""
    import multiprocessing

    alone = threading.active_count() == 1 and not multiprocessing.current_process().daemon
    if not alone or "fork" not in multiprocessing.get_all_start_methods():
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Background(Generic[T]):
    """`work` in a process of its own, or (if there is only one core to use) when its result is asked for.

    As a context manager it ends the process on the way out, whatever happened meanwhile.
    """

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._process = None
        if usable_cores() > 1:
            import multiprocessing

            context = multiprocessing.get_context("fork")
            self.connection, sender = context.Pipe(duplex=False)
            self._process = context.Process(target=_send_result, args=(work, sender, os.getpid()), daemon=True)
            self._process.start()
            sender.close()

    def result(self) -> T:
        """What the work returned; what it raised is raised here.  RuntimeError if its process was killed."""
        if self._process is None:
            return self._work()
        try:
            succeeded, value = self.connection.recv()
        except EOFError:
            self._process.join()
            raise RuntimeError(f"a worker process ended without a result, status {self._process.exitcode}") from None
        self._process.join()
        if not succeeded:
            raise value
        result: T = value
        return result

    def __enter__(self) -> Background[T]:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.end()

    def end(self) -> None:
        """End the process if it still runs."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self.connection.close()


def _send_result(work: Callable[[], object], sender: Connection, parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends a worker at once; its parent reports the interruption
    _end_with(parent)
    outcome: tuple[bool, object]
    try:
        outcome = (True, work())
    except Exception as error:
        outcome = (False, error)
    with suppress(BrokenPipeError):
        sender.send(outcome)


def _end_with(parent: int) -> None:
    """From now on this process is killed when its parent ends, however that ends: nobody waits for its work any more.  Linux only; prctl(2)."""
    if sys.platform != "linux":
        return
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before that
        os._exit(1)


def each(function: Callable[[Item], T], items: Sequence[Item], tell: Callable[[list[Item]], None] = lambda running: None) -> Iterator[tuple[int, T]]:
    """`function` of every item, on all usable cores: (position of the item, result) as they come in, so in any order.

    `tell` is called from time to time with the items that are being worked on.
    """
    cores = min(usable_cores(), len(items))
    if cores < 2:
        for index, item in enumerate(items):
            tell([item])
            yield index, function(item)
        return
    from multiprocessing.connection import Connection, wait

    running: dict[Connection, tuple[int, Background[T]]] = {}
    waiting = list(enumerate(items))[::-1]
    try:
        while waiting or running:
            while waiting and len(running) < cores:
                index, item = waiting.pop()
                piece = Background(lambda item=item: function(item))  # type: ignore[misc]
                running[piece.connection] = (index, piece)
            tell([items[index] for index, _ in running.values()])
            for connection in wait(list(running), timeout=0.2):
                assert isinstance(connection, Connection)
                index, piece = running.pop(connection)
                with piece:
                    result = piece.result()
                yield index, result
    finally:
        for _, piece in running.values():
            piece.end()
