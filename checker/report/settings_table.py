"""The table of all settings of a system: which combinations are safe, and the shortest rule that says so; as text and as JSON."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from balloonproof.model.language import Configuration, System
from balloonproof.model.one_page import OnePage
from balloonproof.model.workers import each

if TYPE_CHECKING:
    from balloonproof.model.engines.result import Summary


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


def decide_all(configurations: Sequence[Configuration], progress: Callable[[int, int], None]) -> list[Row]:
    """The verdict on each; `progress(done, of)` is called as they come in."""
    from balloonproof.model.engines.verdict import decide

    groups = same_steps(configurations)
    found: dict[int, Summary] = {}
    for index, summary in each(lambda group: decide(group[0]).summary(), groups):
        found[index] = summary
        progress(len(found), len(groups))
    outcomes = (found[index] for index in range(len(groups)))
    return [Row(group, item.verdict, item.length, item.property, item.reasons) for group, item in zip(groups, outcomes, strict=True)]


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
    varied = [item for item in system.settings if len(item.values) > 1]
    settings = [(item.name, value) for item in varied for value in item.values]
    for size in range(len(varied) + 1):
        for chosen in itertools.combinations(settings, size):
            rule = dict(chosen)
            if len(rule) < size or any(known.items() <= rule.items() for known in rules):
                continue
            found = {verdict for item, verdict in verdicts.items() if rule.items() <= dict(item.settings).items()}
            if found and wanted(found):
                rules.append(rule)
    return rules


def table_json(tables: Sequence[tuple[System, list[Row]]]) -> dict[str, Any]:
    """Versioned JSON."""
    from balloonproof.checker.report.as_json import VERSION, configuration_json

    systems = [
        {
            "system": system.name,
            "safe_rules": safe_rules(rows),
            "rows": [
                {
                    "verdict": row.verdict, "length": row.steps, "property": row.property, "reasons": list(row.reasons),
                    "configurations": [configuration_json(item) for item in row.configurations],
                }
                for row in rows
            ],
        }
        for system, rows in tables
    ]  # fmt: skip
    return {"format": "balloonproof prove table", "version": VERSION, "tables": systems}


def print_table(system: System, rows: Sequence[Row]) -> None:
    """The table on standard output, with the shortest rules for what is safe."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE, title=f"{system.name}: every combination of settings", title_justify="left")
    for setting in system.settings:
        table.add_column(setting.name, overflow="fold")
    table.add_column("verdict")
    table.add_column("steps", justify="right")
    for row in rows:
        cells = [values_of(row, setting.name) for setting in system.settings]
        table.add_row(*cells, row.verdict + (f" ({row.property})" if row.property not in (None, "no-page-lost") else ""), str(row.steps or ""))
    console = Console(width=max(140, Console().width), highlight=False)
    console.print(table)
    total = sum(len(row.configurations) for row in rows)
    proved = sum(len(row.configurations) for row in rows if row.verdict == "proved")
    console.print(f"{proved} of {total} combinations proved ({len(rows)} of them different).  Safe is what satisfies one of:")
    for rule in safe_rules(rows):
        console.print("  " + " and ".join(f"{name}={value}" for name, value in rule.items()) if rule else "  everything")
