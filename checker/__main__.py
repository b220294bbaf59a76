"""`balloonproof` and `python -m balloonproof.checker`: an interrupt is one line, also while the command line is still being imported."""

from __future__ import annotations

import io
import signal
import sys


def main() -> None:
    """Run the command line.

    It ends as other programs do when nobody reads its output any more: by SIGPIPE.  A file's name is printed as far as it is text.
    """
    if sys.flags.optimize > 1:
        print("balloonproof: what each step means is in docstrings, which python -OO (PYTHONOPTIMIZE=2) takes away: run it without", file=sys.stderr)
        sys.exit(2)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        from balloonproof.checker.cli import main as run

        run()
    except KeyboardInterrupt:
        print("balloonproof: interrupted", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
