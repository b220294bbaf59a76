"""Necessity: does the proof of a configuration need each of its guards?

A guard is `needed` if a counterexample exists without it.  One that is not may still change what can happen (`not needed`: for the claimed properties; what
it is for is its meaning) or nothing at all in any reachable state (`no effect`, with these settings).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from balloonproof.model.engines.reachability import Reachable, States, apply, explore, holds, sorted_unique
from balloonproof.model.engines.result import Summary
from balloonproof.model.engines.verdict import decide
from balloonproof.model.language import Configuration, Guard
from balloonproof.model.one_page import OnePage
from balloonproof.model.workers import Progress, each, silent


@dataclass(frozen=True)
class GuardNeed:
    """`outcome`: needed, not needed, no effect, or undecided; `without` is the verdict on the configuration that lacks the guard."""

    guard: Guard
    outcome: str
    without: Summary


@dataclass(frozen=True)
class Necessity:
    """What each guard of a configuration is needed for; no `guards` if it is not proved with all of them."""

    configuration: Configuration
    proof: Summary
    guards: tuple[GuardNeed, ...]

    @property
    def verdict(self) -> str:
        """`undecided` if any question is open, else the verdict on the configuration."""
        return "undecided" if any(item.outcome == "undecided" for item in self.guards) else self.proof.verdict


def necessity(configuration: Configuration, progress: Progress = silent) -> Necessity:
    """Decide the configuration, and again without each guard that it keeps, on all cores."""
    kept = [guard for guard in configuration.system.guards if configuration.keeps(guard.name)]
    versions = [configuration, *(_lacking(configuration, guard.name) for guard in kept)]
    found: dict[int, tuple[str, Summary]] = {}

    def tell(running: list[Configuration]) -> None:
        progress(f"{len(found)} of {len(versions)} decided; now {', '.join(map(str, running))}")

    for index, answer in each(lambda version: _outcome(configuration, version), versions, tell):
        found[index] = answer
        if index == 0 and answer[1].verdict != "proved":
            return Necessity(configuration, answer[1], ())
    return Necessity(configuration, found[0][1], tuple(GuardNeed(guard, *found[number]) for number, guard in enumerate(kept, 1)))


def _lacking(configuration: Configuration, guard: str) -> Configuration:
    return configuration.system.configure(dict(configuration.settings), configuration.removed | {guard})


def _outcome(whole: Configuration, version: Configuration) -> tuple[str, Summary]:
    summary = decide(version).summary()
    if summary.verdict != "proved":
        return {"refuted": "needed"}.get(summary.verdict, "undecided"), summary
    return ("no effect" if same_behaviour(whole, version) else "not needed"), summary


def same_behaviour(left: Configuration, right: Configuration) -> bool:
    """Have both one-page systems the same reachable states, and in each of them the same steps?"""
    systems = OnePage(left), OnePage(right)
    if systems[0].variables != systems[1].variables:
        return False
    found = [explore(system) for system in systems]
    if not np.array_equal(found[0].states, found[1].states):
        return False
    return all(np.array_equal(one, other) for one, other in zip(_transitions(found[0]), _transitions(found[1]), strict=True))


def _transitions(reachable: Reachable) -> Iterator[States]:
    """For each action: which states have a step of it, and into which."""
    for action in reachable.system.configuration.system.actions:
        moves = [move for move in reachable.moves if move.step.action is action]
        sources = [np.flatnonzero(holds(move.enabled, reachable.states)) for move in moves]
        targets = [np.searchsorted(reachable.states, apply(move, reachable.states)) for move in moves]
        pairs = [source * len(reachable.states) + target for source, target in zip(sources, targets, strict=True)]
        yield sorted_unique(np.concatenate([np.zeros(0, dtype=np.int64), *pairs]).astype(np.int64))
