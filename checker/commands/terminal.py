"""What the commands share: options, exit statuses, the progress line."""

from __future__ import annotations

import difflib
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

STATUS = {
    **dict.fromkeys(("proved", "accept", "confirmed", "inductive", "preserved"), 0),
    **dict.fromkeys(("refuted", "reject", "unconfirmed"), 1),
    **dict.fromkeys(("undecided", "inconclusive"), 3),
}

FORMAT = click.option("--format", "output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to report.")
SET = click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Change a setting; may be repeated.")
WITHOUT = click.option("--without", multiple=True, metavar="GUARD", help="Take a guard away; may be repeated.")
SYSTEM = click.option("--system", metavar="SYSTEM", help="Check against this system instead of the one that the trace names.")
HIDE = click.option("--hide", multiple=True, metavar="EVENT", help="Treat events of this name or family (host.hint, guest.*) as unobserved; may be repeated.")
VERBOSE = click.option("-v", "--verbose", is_flag=True, help="Show all details.")


def worst(verdicts: Iterable[str]) -> int:
    """The exit status of several verdicts: a refutation outweighs an open question, which outweighs success."""
    statuses = {STATUS[verdict] for verdict in verdicts}
    return next(status for status in (1, 3, 0) if status in statuses or status == 0)


def settings_of(words: Iterable[str]) -> dict[str, str]:
    """`--set` options as a mapping."""
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not (name and equals):
            raise click.UsageError(f"--set takes NAME=VALUE, found {word!r}")
        found[name] = value
    return found


def must_exist(path: str) -> None:
    """One line with the nearest name if a path does not exist."""
    if path == "-" or os.path.exists(path):
        return
    if os.path.islink(path):
        raise click.UsageError(f"{path}: a symbolic link that leads nowhere")
    folder = Path(path).parent
    names = [item.name for item in folder.iterdir()] if folder.is_dir() else []
    near = difflib.get_close_matches(Path(path).name, names, n=1, cutoff=0.6)
    raise click.UsageError(f"no such file or folder: {path}" + (f": did you mean {folder / near[0]}?" if near else ""))


def width() -> int:
    return max(100, shutil.get_terminal_size((120, 24)).columns)


@contextmanager
def progress_line() -> Iterator[Callable[[str], None]]:
    """A line on the terminal that tells what is going on; nothing if standard error is not a terminal.

    It is written by the thread that works, at most ten times a second: a second thread would forbid to fork workers (`model.workers`).
    """
    if not sys.stderr.isatty():
        yield lambda message: None
        return
    started = shown = time.monotonic()

    def say(message: str) -> None:
        nonlocal shown
        now = time.monotonic()
        if now - shown >= 0.1:
            shown = now
            columns = shutil.get_terminal_size((120, 24)).columns
            sys.stderr.write("\r\x1b[2K" + f"{now - started:3.0f} s  {message}"[: columns - 1])
            sys.stderr.flush()

    try:
        yield say
    finally:
        clear_progress()


def clear_progress() -> None:
    """Nothing stands on the progress line any more, so that a line of the result can be printed while work goes on."""
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[2K")
        sys.stderr.flush()
