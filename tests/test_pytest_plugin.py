"""The pytest plugin, used as its users do: in a test suite of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import balloonproof.checker.checking  # noqa: F401 - pytester forgets what its inner run imports, and numpy cannot be loaded twice

pytest_plugins = ["pytester"]

HAND = Path(__file__).parent.parent / "traces" / "hand"


@pytest.fixture
def traces(pytester: pytest.Pytester) -> pytest.Pytester:
    for name in ("lost_write.accept", "lost_write.reject", "stop-before-sync.reject", "unobserved.inconclusive"):
        (pytester.path / f"{name}.trace").write_text((HAND / f"{name}.trace").read_text())
    return pytester


def outcome(traces: pytest.Pytester, *words: str) -> pytest.RunResult:
    """A run of the inner suite; without another plugin that loads its whole library for its summary."""
    return traces.runpytest("-p", "no:hypothesispytest", *words)


def test_an_accepted_trace_passes_and_gives_its_report(traces: pytest.Pytester) -> None:
    traces.makepyfile("""
        def test_good(balloonproof_trace):
            assert balloonproof_trace("lost_write.accept.trace").completed
    """)
    outcome(traces).assert_outcomes(passed=1)


def test_a_rejected_trace_fails_with_the_readable_report(traces: pytest.Pytester) -> None:
    traces.makepyfile("""
        def test_bad(balloonproof_trace):
            balloonproof_trace("lost_write.reject.trace")
    """)
    result = outcome(traces)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*page 0x2: no-page-lost is violated*", "*host.hint pages=0x2+2 honoured*", "*^", "*guest: write this page*"])
    result.stdout.no_fnmatch_line("*pytest_plugin.py*")


def test_an_undecided_trace_fails_unless_that_is_expected(traces: pytest.Pytester) -> None:
    traces.makepyfile("""
        import pytest

        @pytest.mark.parametrize("expect", ["accept", "reject", "inconclusive"])
        def test_open(balloonproof_trace, expect):
            balloonproof_trace("unobserved.inconclusive.trace", expect=expect)
    """)
    outcome(traces).assert_outcomes(passed=1, failed=2)


def test_options_are_those_of_the_command_line(traces: pytest.Pytester) -> None:
    traces.makepyfile("""
        def test_options(balloonproof_trace):
            report = balloonproof_trace("stop-before-sync.reject.trace", expect="reject", without=["stop-before-sync"])
            assert [item.kind for item in report.findings] == ["violated"]
            balloonproof_trace("lost_write.reject.trace", settings={"release-waits-for-ack": "yes"}, hide=["guest.*"])
    """)
    outcome(traces).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ('"missing.trace"', "*cannot check missing.trace:*No such file*"),
        ('"lost_write.accept.trace", settings={"dirty-lg": "manual"}', "*did you mean 'dirty-log'*"),
        ('"lost_write.accept.trace", expect="accepted"', "*expected one of accept, reject, inconclusive*"),
    ],
)
def test_what_cannot_be_checked_fails_in_a_line(traces: pytest.Pytester, call: str, said: str) -> None:
    traces.makepyfile(f"def test_wrong(balloonproof_trace):\n    balloonproof_trace({call})\n")
    result = outcome(traces)
    assert not result.parseoutcomes().get("passed")
    result.stdout.fnmatch_lines([said])
    result.stdout.no_fnmatch_line("During handling of the above exception*")


def test_a_trace_is_found_beside_its_test_or_from_the_current_folder(traces: pytest.Pytester) -> None:
    folder = traces.mkdir("deeper")
    (folder / "test_deep.py").write_text(
        'def test_beside(balloonproof_trace):\n    balloonproof_trace("beside.trace")\n'
        'def test_from_here(balloonproof_trace):\n    balloonproof_trace("lost_write.accept.trace")\n'
    )
    (traces.path / "lost_write.accept.trace").rename(folder / "beside.trace")
    (traces.path / "lost_write.accept.trace").write_text((folder / "beside.trace").read_text())
    outcome(traces, "deeper").assert_outcomes(passed=2)


def test_the_plugin_makes_pytest_load_nothing_heavy(traces: pytest.Pytester) -> None:
    traces.makepyfile("""
        import sys

        def test_light(request):
            assert request.config.pluginmanager.has_plugin("balloonproof")
            heavy = {"z3", "cvc5", "numpy", "lark", "zstandard", "balloonproof.checker.checking", "balloonproof.model"}
            assert not heavy & set(sys.modules)
    """)
    result = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"], cwd=traces.path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout
