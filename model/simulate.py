"""The simulator: random runs of an explicit instance.

It executes the same compiled steps as everything else; with the state after each step it is the ground truth that the trace checker is tested against.
"""

from __future__ import annotations

import random
from collections.abc import Callable

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
        values = self.explicit.initial_values.items()
        sorts = self.explicit.variables
        state = self.layout.pack({name: dice.randrange(sorts[name].size) if value is None else value for name, value in values})
        steps = []
        for _ in range(length):
            enabled = [move for move in self.moves if self.weights[move] and move.enabled(state)]
            if not enabled:
                break
            move = dice.choices(enabled, [self.weights[item] for item in enabled])[0]
            after = int(move.after(state))
            steps.append(RunStep(move.step, self.layout.unpack(state), self.layout.unpack(after)))
            state = after
        return Run(self.explicit, tuple(steps))
