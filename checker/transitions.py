"""What events make of sets of possible states, once worked out: shared by automata that see a system alike, and kept on disk.

What an event makes of a set depends on the configuration and on what a trace shows, on nothing else of the trace.  A set that many things
may have happened to unseen has many states, so a trace can take longer to work out than to follow.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from balloonproof.checker.cache import load, save
from balloonproof.checker.read.events import Header
from balloonproof.model.engines.reachability import States
from balloonproof.model.language import Configuration
from balloonproof.model.systems import SYSTEMS

Letter = tuple[str, str, bool]
"""What happens to a set: the key of an event's meaning, the page's role in it, and whether a sync is going on."""

_MOST_KEPT, _MOST_SHARED = 1 << 22, 1 << 24
"""States, in the sets of one view beyond which they are not kept on disk (a few megabytes, compressed), and in all that are held in memory."""
_Rows = list[tuple[int, str, str, bool, int]]


@dataclass
class Transitions:
    """Sets by number, and what is known of their successors."""

    sets: list[States] = field(default_factory=list)
    successors: dict[tuple[int, Letter], int] = field(default_factory=dict)
    numbers: dict[bytes, int] = field(default_factory=dict)
    kept: int = 0
    """How many successors are on disk."""

    @property
    def size(self) -> int:
        """How many states there are in all sets together."""
        return sum(map(len, self.sets))

    def number(self, states: States) -> int:
        """The number of a set."""
        number = self.numbers.setdefault(states.tobytes(), len(self.sets))
        if number == len(self.sets):
            states.setflags(write=False)  # others have it as well
            self.sets.append(states)
        return number

    def after(self, states: States, letter: Letter, work: Callable[[], States]) -> States:
        """What `letter` makes of a set: as it is known, or as `work` finds out."""
        key = self.number(states), letter
        found = self.successors.get(key)
        if found is None:
            found = self.successors[key] = self.number(work())
        return self.sets[found]

    def stored(self) -> Any:
        """As plain data."""
        data = np.concatenate([np.diff(states, prepend=0) for states in self.sets]).astype("<i8").tobytes()
        return {
            "sizes": list(map(len, self.sets)),
            "states": base64.b85encode(zlib.compress(data, 1)).decode(),
            "successors": [[number, *letter, after] for (number, letter), after in self.successors.items()],
        }

    @classmethod
    def restored(cls, data: Any) -> Transitions:
        """What :meth:`stored` was given.  TypeError, KeyError, ValueError or IndexError if it was something else."""
        states = np.frombuffer(zlib.decompress(base64.b85decode(data["states"])), dtype="<i8").astype(np.int64)
        ends = np.cumsum(data["sizes"])
        sets = [np.cumsum(part, dtype=np.int64) for part in np.split(states, ends[:-1])]
        rows: _Rows = data["successors"]
        successors = {(number, (key, role, in_sync)): after for number, key, role, in_sync, after in rows}
        if any(not 0 <= number < len(sets) for (held, _), after in successors.items() for number in (held, after)):
            raise ValueError("a set that there is not")
        return cls(sets, successors, {one.tobytes(): number for number, one in enumerate(sets)}, len(successors))


_shared: dict[str, Transitions] = {}


def transitions_of(configuration: Configuration, header: Header) -> Transitions:
    """What is known of the model's own system of this configuration, seen by traces with such a header."""
    if not any(configuration.system is system for system in SYSTEMS):
        return Transitions()
    view = f"{configuration}\n{sorted(header.observed)}\n{header.has_host_pages_of_one}"
    name = "transitions-" + hashlib.sha256(view.encode()).hexdigest()[:24]
    if name not in _shared:
        try:
            _shared[name] = Transitions.restored(load(name))
        except (TypeError, KeyError, ValueError, IndexError, zlib.error):  # not there, or not what was written there
            _shared[name] = Transitions()
    return _shared[name]


def keep() -> None:
    """Keeps on disk what was worked out since this was done last; of what is held in memory the oldest is let go, if it is too much."""
    for name, one in _shared.items():
        if len(one.successors) > one.kept and one.size <= _MOST_KEPT:
            save(name, one.stored())
            one.kept = len(one.successors)
    while sum(one.size for one in _shared.values()) > _MOST_SHARED:
        del _shared[next(iter(_shared))]
