"""Random traces of two or three pages and up to twelve events, some kinds of events hidden: cuttings of random runs and of the catalogue's races among
other pages and steps, as they are or with something changed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from balloonproof.checker.model_trace import all_events, header_of, trace_of
from balloonproof.checker.observe import always_shown
from balloonproof.checker.read import Event, Trace, read_trace
from balloonproof.model.catalogue import RACES
from balloonproof.model.engines.bounded import Run
from balloonproof.model.explicit import Explicit, Shape
from balloonproof.model.language import Configuration
from balloonproof.model.simulate import Simulator, Walk
from balloonproof.model.systems import SYSTEMS

RACE_TRACES = Path(__file__).parent.parent / "traces" / "races"
MOST_EVENTS = 12
SHAPES = (Shape((0, 0), 6, 6), Shape((0, 1), 6, 6), Shape((0, 0, 0), 6, 6))
TOGETHER = {"guest.start", "guest.start-reread"}
"""Both are guest.start in real logs, so they are shown or hidden together."""

RARE = {
    "guest.allocate": 0.4, "guest.free": 0.4, "guest.initialise": 0.2, "device.write": 0.3, "migration.arm": 0.6, "migration.end-round": 0.2,
    "migration.stop-vm": 0.15, "migration.cancel": 0.1, "migration.fail": 0.1, "management.pause": 0.05, "management.switch-over": 0.3, "guest.kexec": 0.1,
}  # fmt: skip
FREQUENT = {"guest.start": 10, "guest.hint": 10}


@dataclass(frozen=True)
class Small:
    """A trace and the instance of the model that it is of."""

    configuration: Configuration
    shape: Shape
    trace: Trace


@cache
def simulator(configuration: Configuration, shape: Shape) -> Simulator:
    return Simulator(Explicit(configuration, shape), lambda move: RARE.get(move.step.action.event, FREQUENT.get(move.step.action.event, 3)))


@cache
def scripts() -> list[tuple[Configuration, Configuration, Shape, tuple[tuple[str, str], ...]]]:
    """Each race's configuration, the one with its fix, its pages, and the names and roles of its events."""
    found = []
    for race in RACES:
        trace = read_trace(RACE_TRACES / f"{race.name}.trace")
        if trace.header.pages_in_host_page == 1:
            pages = trace.header.pages or 1
            chunks = tuple(page // (trace.header.chunk_pages or pages) for page in range(pages))
            events = tuple((event.name, f"page{event.pages[0][0]}" if event.pages else "") for event in trace.events if event.name != "guest.ring")
            found.append((race.broken(), race.fixed() or race.broken(), Shape(chunks, 6, 6), events))
    return found


def small_trace(seed: int) -> Small:
    """The trace of this seed."""
    dice = random.Random(seed)
    run = _run(dice)
    configuration, shape, events = run.explicit.configuration, run.explicit.shape, trace_of(run).events
    kinds = all_events(configuration)
    required = always_shown(configuration)
    share = dice.choice([0.05, 0.15, 0.3, 0.5, 0.7])
    hidden = {kind for kind in kinds if dice.random() < share}
    partly = {kind for kind in sorted(hidden) if dice.random() < 0.2}  # not observed, and yet shown now and then
    shown = [event for event in events if event.name not in hidden or (event.name in partly and dice.random() < 0.5)]
    while len(shown) > MOST_EVENTS + 1 and dice.random() < 0.5:
        hidden.add(dice.choice(shown[1:]).name)
        shown = [event for event in shown if event.name not in hidden]
    if hidden & TOGETHER:
        hidden |= TOGETHER
    hidden -= required
    shown = [event for event in events if event.name in required or event in shown][: MOST_EVENTS + 1]
    if dice.random() < 0.35:
        shown = _changed(shown, configuration, shape, dice)[: MOST_EVENTS + 1]
    timed = [event._replace(time=1000 * number) for number, event in enumerate(shown)]
    header = header_of(Explicit(configuration, shape), [kind for kind in kinds if kind not in hidden])
    return Small(configuration, shape, Trace(header, timed))


def _run(dice: random.Random) -> Run:
    if dice.random() < 0.5:
        broken, fixed, shape, script = dice.choice(scripts())
        configuration = fixed if dice.random() < 0.3 else broken
        if shape.pages == 1 or dice.random() < 0.2:
            shape = replace(shape, chunks=dice.choice([(0, 0), (0, 1), (0, 0, 0)]) if shape.pages == 1 else (0, 0, 0))
        return _replayed(simulator(configuration, shape), script, dice, dice.choice([0, 0.1, 0.2]))
    system = dice.choice(SYSTEMS)
    removed = [guard.name for guard in system.guards if dice.random() < 0.1]
    configuration = system.configure(dict(system.safe) if dice.random() < 0.5 else {}, removed)
    shape = dice.choice(SHAPES)
    return simulator(configuration, shape).run(dice.randint(5, 40), dice.randrange(1 << 30))


def _replayed(source: Simulator, script: Sequence[tuple[str, str]], dice: random.Random, noise: float) -> Run:
    """The steps that `script` names by event and role, random ones between them, what has become impossible left out."""
    walk = Walk(source, source.start(dice), dice)
    sends = [move for move in source.moves if move.step.action.name in ("arm-log", "clear-bit", "read-page")]
    for name, role in script:
        while dice.random() < noise and walk.take(source.moves):
            pass
        wanted = [move for move in source.moves if move.step.action.event == name and move.step.role == role]
        for _ in range(12):  # other pages must be sent before a migration completes
            if walk.take(wanted) or not walk.take(sends):
                break
    return walk.run()


def _changed(shown: list[Event], configuration: Configuration, shape: Shape, dice: random.Random) -> list[Event]:
    """One event left out, repeated, swapped with the one before it, about another page, or added."""
    if len(shown) < 3:
        return shown
    at = dice.randrange(2, len(shown))
    event = shown[at]
    match dice.choice(["drop", "repeat", "swap", "page", "insert"]):
        case "drop":
            return [*shown[:at], *shown[at + 1 :]]
        case "repeat":
            return [*shown[:at], event, *shown[at:]]
        case "swap":
            return [*shown[: at - 1], event, shown[at - 1], *shown[at + 1 :]]
        case "page" if event.pages:
            return [*shown[:at], event._replace(pages=((dice.randrange(shape.pages), 1),)), *shown[at + 1 :]]
        case _:
            action = dice.choice(configuration.system.actions)
            return [*shown[:at], Event(0, action.event, ((dice.randrange(shape.pages), 1),) if action.per_page else ()), *shown[at:]]
