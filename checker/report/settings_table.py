"""The table of all settings of a system: which combinations are safe, and the shortest rule that says so."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from balloonproof.model.language import Configuration, System
from balloonproof.model.one_page import OnePage


@dataclass(frozen=True)
class Row:
    """Configurations whose steps are the same in every detail, and their common verdict."""

    configurations: tuple[Configuration, ...]
    verdict: str
    steps: int | None
    property: str | None
    reasons: tuple[str, ...] = ()


def all_configurations(system: System, without: Iterable[str] = (), fixed: dict[str, str] | None = None) -> list[Configuration]:
    """Every combination of the system's settings that agrees with `fixed`."""
    names = [item.name for item in system.settings]
    values = [[fixed[item.name]] if fixed and item.name in fixed else list(item.values) for item in system.settings]
    return [system.configure(dict(zip(names, chosen, strict=True)), without) for chosen in itertools.product(*values)]


def same_steps(configurations: Sequence[Configuration]) -> list[tuple[Configuration, ...]]:
    """Configurations grouped by their one-page steps: where a setting has no effect, its values fall together."""
    groups: dict[object, list[Configuration]] = {}
    for configuration in configurations:
        steps = OnePage(configuration).steps
        key = tuple((step.name, step.guard, tuple(step.updates.items())) for step in steps)
        groups.setdefault(key, []).append(configuration)
    return [tuple(group) for group in groups.values()]


def _decide(configuration: Configuration) -> tuple[str, int | None, str | None, tuple[str, ...]]:
    from balloonproof.model.engines.verdict import decide

    result = decide(configuration)
    first = result.counterexamples[0] if result.counterexamples else None
    return result.verdict, len(first.run) if first else None, first.property if first else None, tuple(result.reasons)


def decide_all(configurations: Sequence[Configuration], workers: int, progress: Callable[[int, int], None]) -> list[Row]:
    """The verdict on each; `progress(done, of)` is called as they come in."""
    groups = same_steps(configurations)
    rows = []
    with ProcessPoolExecutor(workers, initializer=_ignore_interrupt) as pool:
        try:
            for group, outcome in zip(groups, pool.map(_decide_named, [_named(group[0]) for group in groups]), strict=True):
                rows.append(Row(group, *outcome))
                progress(len(rows), len(groups))
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return rows


def _ignore_interrupt() -> None:
    import signal

    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _named(configuration: Configuration) -> tuple[str, dict[str, str], tuple[str, ...]]:
    return configuration.system.name, dict(configuration.settings), tuple(configuration.removed)


def _decide_named(name: tuple[str, dict[str, str], tuple[str, ...]]) -> tuple[str, int | None, str | None, tuple[str, ...]]:
    from balloonproof.model.systems import find_system

    system, settings, without = name
    return _decide(find_system(system).configure(settings, without))


def values_of(row: Row, setting: str) -> str:
    """The values of a setting that fall into a row: one, several joined by |, or `any`."""
    system = row.configurations[0].system
    every = next(item.values for item in system.settings if item.name == setting)
    here = [value for value in every if any(item.setting(setting) == value for item in row.configurations)]
    return "any" if len(here) == len(every) else "|".join(here)


def safe_rules(rows: Sequence[Row]) -> list[dict[str, str]]:
    """The minimal choices of settings under which every configuration in the table is proved."""
    verdicts = {item: row.verdict for row in rows for item in row.configurations}
    return _minimal(verdicts, lambda found: found == {"proved"})


def _minimal(verdicts: dict[Configuration, str], wanted: Callable[[set[str]], bool]) -> list[dict[str, str]]:
    system = next(iter(verdicts)).system
    rules: list[dict[str, str]] = []
    settings = [(item.name, value) for item in system.settings for value in item.values]
    for size in range(len(system.settings) + 1):
        for chosen in itertools.combinations(settings, size):
            rule = dict(chosen)
            if len(rule) < size or any(known.items() <= rule.items() for known in rules):
                continue
            found = {verdict for item, verdict in verdicts.items() if rule.items() <= dict(item.settings).items()}
            if found and wanted(found):
                rules.append(rule)
    return rules
