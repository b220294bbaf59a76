"""Runs the catalogue: each race is refuted without its fix and proved with it; for an open one, which single changes would close it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from balloonproof.model.catalogue import Race
from balloonproof.model.engines.result import ProofResult, Summary
from balloonproof.model.engines.verdict import decide
from balloonproof.model.language import Configuration
from balloonproof.model.workers import Progress, each, silent


@dataclass(frozen=True)
class RaceResult:
    """What the model says of one entry.

    `broken` and `fixed` are the verdicts on its two configurations, `closed_by` the single changes that close an open race, `note` what
    `note_of` made of the counterexample.  `problems` tells what is not as the entry expects; empty: all is.
    """

    race: Race
    broken: Summary
    fixed: Summary | None
    closed_by: tuple[str, ...]
    note: str
    problems: tuple[str, ...]


def single_changes(configuration: Configuration) -> dict[str, Configuration]:
    """Every configuration that differs in one setting, by that change."""
    settings = dict(configuration.settings)
    return {
        f"{item.name}={value}": configuration.system.configure({**settings, item.name: value}, configuration.removed)
        for item in configuration.system.settings
        for value in item.values
        if value != settings[item.name]
    }


def decide_races(races: Sequence[Race], progress: Progress = silent, note_of: Callable[[ProofResult], str] = lambda result: "") -> list[RaceResult]:
    """Decide all configurations that the entries need, each once, on all cores.

    `note_of` is called in the process that found a result, which is the only one that has its counterexample.
    """
    wanted: dict[str, Configuration] = {}
    for race in races:
        wanted[_key(race)] = _broken(race)
        fixed = race.fixed()
        for item in [fixed] if fixed else single_changes(race.broken()).values():
            wanted[str(item)] = item
    keys = list(wanted)
    found: dict[str, tuple[Summary, str]] = {}

    def tell(running: list[str]) -> None:
        progress(f"{len(found)} of {len(keys)} configurations decided; now {', '.join(running)}")

    def work(key: str) -> tuple[Summary, str]:
        result = decide(wanted[key])
        return replace(result.summary(), obligations=()), note_of(result) if result.counterexamples else ""

    for index, answer in each(work, keys, tell):
        found[keys[index]] = answer
    return [_result(race, found) for race in races]


def _broken(race: Race) -> Configuration:
    """The race's configuration with nothing claimed but what it violates."""
    configuration = race.broken()
    return replace(configuration, system=configuration.system.claiming([race.violates]))


def _key(race: Race) -> str:
    return f"{race.broken()}: {race.violates}"


def _result(race: Race, found: dict[str, tuple[Summary, str]]) -> RaceResult:
    broken, note = found[_key(race)]
    fixed = race.fixed()
    with_fix = found[str(fixed)][0] if fixed else None
    problems = []
    if broken.verdict != "refuted":
        problems.append(f"{broken.configuration} is {broken.verdict}, expected refuted")
    elif broken.property != race.violates:
        problems.append(f"{broken.configuration} violates {broken.property}, expected {race.violates}")
    if with_fix is not None and with_fix.verdict != "proved":
        problems.append(f"with the fix, {with_fix.configuration} is {with_fix.verdict}, expected proved")
    changes = {} if fixed else single_changes(race.broken())
    closed_by = tuple(change for change, item in changes.items() if found[str(item)][0].verdict == "proved")
    return RaceResult(race, broken, with_fix, closed_by, note, tuple(problems))
