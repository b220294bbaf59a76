"""What each level of recording tells of the catalogue's races."""

from __future__ import annotations

import subprocess
import sys

import pytest

from balloonproof.checker.checking import check_paths
from balloonproof.checker.levels import LEVELS, sight
from balloonproof.checker.trace_tests import race_trace
from balloonproof.model.catalogue import RACES, find_races

NAMES = ("clear-unfetched", "lost-write", "hints-never-stop", "inflate-in-postcopy", "flushed-too-late")


@pytest.mark.parametrize("name", NAMES)
def test_more_events_tell_no_less_and_what_is_missing_is_needed(name: str) -> None:
    (race,) = find_races(RACES, [name])
    found = sight(race)
    assert found.seen == tuple(level.name for level in LEVELS)[len(LEVELS) - len(found.seen) :]
    assert LEVELS[-1].name in found.seen
    assert bool(found.missing) == (LEVELS[0].name not in found.seen)
    kinds = {item.event for item in race.broken().system.actions} - {"migration.start", "management.switch-over", "guest.kexec", "guest.restore"}
    beyond = {kind for kind in kinds if not LEVELS[0].shows(kind)}
    assert check_paths(race_trace(name), hide=sorted(beyond - set(found.missing))).verdict == "reject"
    for kind in found.missing:
        assert check_paths(race_trace(name), hide=sorted(beyond - set(found.missing) | {kind})).verdict != "reject"


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "balloonproof.checker", *words], capture_output=True, text=True, check=False)


def test_the_command_names_what_to_record() -> None:
    result = run("levels", "clear-unfetched")
    assert result.returncode == 0
    assert "clear-unfetched: told by writes; beside the log it takes guest.write" in result.stdout


def test_a_race_that_does_not_exist_is_refused() -> None:
    result = run("levels", "clear-unfeched")
    assert result.returncode == 2
    assert "did you mean 'clear-unfetched'?" in result.stderr
