"""A pytest plugin: a test that checks a trace.

    def test_migration(balloonproof_trace):
        balloonproof_trace("records/run-1")

Installed with the package and found by pytest itself; nothing of the model is imported before a trace is checked.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from balloonproof.checker.verdict import Report


class TraceCheck(Protocol):
    """What the fixture `balloonproof_trace` gives to a test: a function that checks one trace."""

    def __call__(
        self,
        path: str | os.PathLike[str],
        *,
        expect: str = "accept",
        system: str | None = None,
        settings: Mapping[str, str] | None = None,
        without: Sequence[str] = (),
        hide: Sequence[str] = (),
    ) -> Report:
        """Check a native trace or a folder of logs; fail the test with the readable report unless the verdict is `expect`.

        A relative path is taken from the test's own folder if it exists there, else from the current one.  The other options are
        those of `balloonproof check`.  Input that cannot be read, and a name that does not exist, fail the test too.
        """


@pytest.fixture
def balloonproof_trace(request: pytest.FixtureRequest) -> TraceCheck:
    """Check a trace against the model of live migration; see `TraceCheck`."""

    def check(
        path: str | os.PathLike[str],
        *,
        expect: str = "accept",
        system: str | None = None,
        settings: Mapping[str, str] | None = None,
        without: Sequence[str] = (),
        hide: Sequence[str] = (),
    ) -> Report:
        __tracebackhide__ = True
        from balloonproof.checker.checking import check_paths
        from balloonproof.checker.report.check_text import report_lines
        from balloonproof.checker.verdict import VERDICTS

        if expect not in VERDICTS:
            raise pytest.UsageError(f"expect={expect!r}: expected one of {', '.join(VERDICTS)}")
        beside = request.path.parent / path
        chosen = beside if beside.exists() else Path(path)
        try:
            report = check_paths(chosen, system, settings, without, hide)
        except (ValueError, OSError) as error:
            raise pytest.fail.Exception(f"balloonproof cannot check {os.fspath(path)}: {error}", pytrace=False) from None
        if report.verdict != expect:
            wanted = "" if expect == "accept" else f" (expected {expect})"
            pytest.fail("\n".join([f"{os.fspath(path)}{wanted}", *report_lines(report)]), pytrace=False)
        return report

    return check
