"""What a trace says of all runs of a model with all its pages at once: the definition that the monitor is measured by.

Nothing is abstracted: real queue, counted ids, every page in one state.  So it is for a few pages and events only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from balloonproof.checker.observe import COARSE_NAMES, REQUIRED_ALWAYS
from balloonproof.checker.read import Event, Trace
from balloonproof.model.compiled import Layout, Move, compile_predicate, compile_steps
from balloonproof.model.explicit import Explicit
from balloonproof.model.terms import disj, negate

MOST_STATES = 30_000


class TooMany(Exception):
    """More states are possible at once than the search looks at."""


class AllRuns:
    """All runs of an explicit instance that show exactly the events of a trace."""

    def __init__(self, explicit: Explicit) -> None:
        self.explicit, self.layout = explicit, Layout.of(explicit.variables)
        self.moves = compile_steps(explicit.steps, self.layout, keep_idle=True)
        always = [item for item in explicit.configuration.system.properties if item.kind == "always"]
        self.bad = disj(*(negate(explicit.predicate(item, page)) for item in always for page in range(explicit.shape.pages)))
        self.is_bad = compile_predicate(self.bad, self.layout)

    def verdict(self, trace: Trace) -> str:
        """What the runs that show this trace are: "none", all "safe", all "unsafe", or "both".  TooMany if they cannot be followed."""
        hidden = self.hidden(trace)
        initial = set(self.layout.states(self.explicit.initial_values))
        unsafe = {state for state in initial if self.is_bad(state)}
        safe = initial - unsafe
        self._close(safe, unsafe, hidden)
        for event in trace.events:
            if event.name == "guest.ring":
                safe, unsafe = self._with_ring(event, safe), self._with_ring(event, unsafe)
                continue
            moves = self.showing(event)
            unsafe, reached = _images(moves, unsafe), _images(moves, safe)
            safe = {state for state in reached if not self.is_bad(state)}
            unsafe |= reached - safe
            self._close(safe, unsafe, hidden)
        if not safe:
            return "unsafe" if unsafe else "none"
        return "both" if unsafe else "safe"

    def _names(self, move: Move) -> set[str]:
        """The events that show a move."""
        action = move.step.action
        return {action.event, *(name for name, actions in COARSE_NAMES.items() if action.name in actions)}

    def hidden(self, trace: Trace) -> list[Move]:
        """The moves that may happen without an event."""

        def may_be_unseen(move: Move) -> bool:
            return move.step.action.name not in REQUIRED_ALWAYS and not any(map(trace.header.observes, self._names(move)))

        return [move for move in self.moves if move.step.updates and may_be_unseen(move)]

    def showing(self, event: Event) -> list[Move]:
        """The moves that an event can stand for."""
        role = f"page{event.pages[0][0]}" if event.pages else ""
        return [move for move in self.moves if event.name in self._names(move) and move.step.role == role]

    def _with_ring(self, event: Event, states: Iterable[int]) -> set[int]:
        """Those states in which these pages, and no others, hold the used ring."""
        named = {page for page, _ in event.pages}
        wanted = {f"page{page}.holds_ring": int(page in named) for page in range(self.explicit.shape.pages)}
        unpacked = ((state, self.layout.unpack(state)) for state in states)
        return {state for state, values in unpacked if all(values.get(name, 0) == value for name, value in wanted.items())}

    def _close(self, safe: set[int], unsafe: set[int], hidden: Sequence[Move]) -> None:
        """Add what hidden moves lead to; a run that was unsafe once stays so."""
        for states in (safe, unsafe):
            frontier = list(states)
            while frontier:
                if len(states) > MOST_STATES:
                    raise TooMany
                for after in _images(hidden, [frontier.pop()]):
                    if states is safe and self.is_bad(after):
                        unsafe.add(after)
                    elif after not in states:
                        states.add(after)
                        frontier.append(after)


def _images(moves: Iterable[Move], states: Iterable[int]) -> set[int]:
    states = list(states)
    return {int(move.after(state)) for move in moves for state in states if move.enabled(state)}
