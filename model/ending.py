"""An end in order: what a block has begun is taken back when a signal ends the process in it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_ENDS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Signals that end a process at once, before any `finally`; an interrupt (SIGINT) is raised as KeyboardInterrupt anyway."""


class _Ended(BaseException):
    """A signal came."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def in_order() -> Iterator[None]:
    """Around what leaves something behind if it is cut short: the signal is raised in the block, and ends the process behind it.

    Signals that are ignored (`nohup`) or handled by others are left to them, as are all in a thread other than the main one.
    """

    def raised(number: int, frame: object) -> None:
        raise _Ended(number)

    is_main = threading.current_thread() is threading.main_thread()
    taken = [number for number in _ENDS if is_main and signal.getsignal(number) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, raised)
    try:
        yield
    except _Ended as ended:
        signal.signal(ended.number, signal.SIG_DFL)
        signal.raise_signal(ended.number)
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)
