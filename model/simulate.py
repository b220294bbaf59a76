"""The simulator: random runs of an explicit instance.

It executes the same compiled steps as everything else; with the state after each step it is the ground truth that the trace checker is tested against.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from balloonproof.model.compiled import Layout, Move, compile_steps
from balloonproof.model.engines.bounded import Run, RunStep
from balloonproof.model.explicit import Explicit

Weigh = Callable[[Move], float]


class Simulator:
    """Random runs of one explicit instance; `weigh` makes some moves more likely than others (0: never)."""

    def __init__(self, explicit: Explicit, weigh: Weigh = lambda move: 1.0) -> None:
        self.explicit, self.layout = explicit, Layout.of(explicit.variables)
        self.moves = compile_steps(explicit.steps, self.layout)
        self.weights = {move: weigh(move) for move in self.moves}

    def run(self, length: int, seed: int) -> Run:
        """A run of `length` steps (fewer only if no move is possible any more), the same for the same seed."""
        dice = random.Random(seed)
        walk = Walk(self, self.start(dice), dice)
        while len(walk.steps) < length and walk.take(self.moves):
            pass
        return walk.run()

    def start(self, dice: random.Random) -> int:
        """An initial state, packed; what is left open is thrown for."""
        values, sorts = self.explicit.initial_values.items(), self.explicit.variables
        return self.layout.pack({name: dice.randrange(sorts[name].size) if value is None else value for name, value in values})

    def step(self, state: int, choices: Iterable[Move], dice: random.Random) -> RunStep | None:
        """One of the moves that are possible in a packed state; None if none of `choices` is."""
        enabled = [move for move in choices if self.weights[move] and move.enabled(state)]
        if not enabled:
            return None
        move = dice.choices(enabled, [self.weights[item] for item in enabled])[0]
        return RunStep(move.step, self.layout.unpack(state), self.layout.unpack(int(move.after(state))))


@dataclass
class Walk:
    """A run that is being made step by step; `state` is where it has come to, packed."""

    simulator: Simulator
    state: int
    dice: random.Random
    steps: list[RunStep] = field(default_factory=list)

    def take(self, choices: Iterable[Move]) -> bool:
        """One of these moves; no if none is possible."""
        step = self.simulator.step(self.state, choices, self.dice)
        if step:
            self.steps.append(step)
            self.state = self.simulator.layout.pack(step.after)
        return step is not None

    def run(self) -> Run:
        """The run so far."""
        return Run(self.simulator.explicit, tuple(self.steps))
