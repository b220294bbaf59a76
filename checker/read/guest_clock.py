"""The guest's clock by the source's: an estimate from what the two sides do to each other.

The guest's clock counts ticks of an unknown rate from an unknown origin.  A hint is offered before the host handles it, and the driver is told of a
new command only after the notification of the host that made it.  The hints alone do not do: a host thread may be slow to take them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations, islice
from typing import NamedTuple

from .spool import Numbers

_TOLD_WITHIN = 50e6
"""Nanoseconds within which an interrupt about a new configuration reaches the driver, to be recognised as such."""
_TOLD_BEFORE = 1e6
"""Nanoseconds by which it may seem to come too early."""
_TICK_RANGE = (0.15, 2.0)
_NANOSECOND_RANGE = (0.99, 1.01)
_SLOW = 10e6
"""Nanoseconds: how late a host that is not stalled handles what the guest has queued."""
_RATE_MARGIN = 0.005
_SEARCH_STEPS = 400
_FIRST = 24
"""Of so many changes of configuration and notifications, the first ones, every pair is tried; what follows is told by the clock that they give."""
_GROWTH = 4
_SAMPLED = 1 << 10
"""Of so many hints, at most, spread over all of them, it is looked how late the host is."""


class Clock(NamedTuple):
    """Source time = offset + rate * ticks, in nanoseconds since some origin."""

    offset: float
    rate: float


@dataclass
class _Edge:
    """Of points (ticks, time) those that can be the first on a line, whatever its rate: a convex chain, however many points there are."""

    sign: int
    """1: the first from below, -1: from above."""
    points: list[tuple[int, int]] = field(default_factory=list)

    def add(self, ticks: int, time: int) -> None:
        """One point more; they come in the order of their ticks, or nearly."""
        points, sign = self.points, self.sign
        behind: list[tuple[int, int]] = []
        while points and points[-1][0] > ticks:
            behind.append(points.pop())
        for point in ((ticks, time), *reversed(behind)):
            if points and points[-1][0] == point[0]:
                if sign * (point[1] - points[-1][1]) >= 0:
                    continue
                points.pop()
            while len(points) > 1 and sign * _turn(points[-2], points[-1], point) <= 0:
                points.pop()
            points.append(point)

    def offset(self, rate: float) -> float:
        """The least (the largest, from above) offset of a line at this rate through a point."""
        offsets = (time - rate * ticks for ticks, time in self.points)
        return min(offsets, default=float("inf")) if self.sign > 0 else max(offsets, default=float("-inf"))


def _turn(first: tuple[int, int], second: tuple[int, int], third: tuple[int, int]) -> int:
    """Positive where the three points turn left."""
    return (second[0] - first[0]) * (third[1] - first[1]) - (second[1] - first[1]) * (third[0] - first[0])


@dataclass
class Handled:
    """When the guest queued something and the host handled it: (ticks, time) pairs, in order."""

    count: int = 0
    edge: _Edge = field(default_factory=lambda: _Edge(1))
    sample: list[tuple[int, int]] = field(default_factory=list)
    _every: int = 1

    def add(self, ticks: int, time: int) -> None:
        """One pair more."""
        self.edge.add(ticks, time)
        if self.count % self._every == 0:
            self.sample.append((ticks, time))
            if len(self.sample) == 2 * _SAMPLED:
                self.sample, self._every = self.sample[::2], 2 * self._every
        self.count += 1

    def latest(self, rate: float) -> float:
        """The largest offset under which the guest queues everything before the host handles it."""
        return self.edge.offset(rate)


class _Told:
    """When the host notified and the driver was told: (ticks, time) pairs, in order."""

    def __init__(self, pairs: Iterable[tuple[int, int]]) -> None:
        self.count, self.ticks, self.time = 0, 0, 0
        self.above, self.below = _Edge(-1), _Edge(1)
        for ticks, time in pairs:
            self.count, self.ticks, self.time = self.count + 1, self.ticks + ticks, self.time + time
            self.above.add(ticks, time)
            self.below.add(ticks, time)

    def earliest(self, rate: float) -> float:
        """The smallest offset under which the driver is told nothing before the host notifies."""
        return self.above.offset(rate)

    def late(self, clock: Clock) -> float:
        """How late the driver is told, at most, by this clock."""
        return clock.offset - self.below.offset(clock.rate)

    def cost(self, rate: float, handled: Handled) -> float:
        """How slow both sides would have to be at this rate; that they are against the order costs far more.

        A host thread may be stalled for long, so that slowness of the host counts up to a limit only.
        """
        offset = self.earliest(rate)
        cost = self.count * offset + rate * self.ticks - self.time
        cost += sum(min(time - offset - rate * ticks, _SLOW) for ticks, time in handled.sample) / len(handled.sample)
        return cost + max(0.0, offset - handled.latest(rate)) * 1e3


def align(handled: Handled, configs: Numbers, notified: Numbers, is_in_ticks: bool) -> tuple[Clock | None, str]:
    """The clock under which most changes of configuration closely follow a notification, and the order is kept; with what is to be said of it.

    `configs` are ticks, `notified` nanoseconds.
    """
    first_configs, first_notified = list(islice(configs, _FIRST)), list(islice(notified, _FIRST))
    best: tuple[int, float, float] | None = None
    low, high = _TICK_RANGE if is_in_ticks else _NANOSECOND_RANGE
    for first, last in combinations(first_configs, 2):
        for begin, end in combinations(first_notified, 2):
            rate = (end - begin) / (last - first) if last != first else 0.0
            if not low <= rate <= high:
                continue
            told = list(_told(Clock(begin - rate * first, rate), first_configs, first_notified))
            if best is not None and -len(told) > best[0]:
                continue
            found = -len(told), _Told(told).cost(rate, handled), rate
            best = found if best is None or found[:2] < best[:2] else best
    if best is None:
        return None, "the guest's clock cannot be aligned: fewer than two changes of configuration match: not used"
    count, _, rate = best
    offset = 0.0
    for size in _sizes(len(configs)):
        clock = Clock(offset or _first_offset(first_configs, first_notified, rate, -count), rate)
        pairs = _Told(_told(clock, islice(configs, size), notified))
        if pairs.count < 2:
            return None, "the guest's clock cannot be aligned: no consistent changes of configuration: not used"
        rate = _search(pairs, handled, rate)
        offset = pairs.earliest(rate)
    slack = handled.latest(rate) - offset
    if slack < 0:
        return None, f"the guest's clock cannot be aligned: hints contradict it by {-slack / 1e6:.3f} ms: not used"
    late = pairs.late(Clock(offset, rate))
    error = max(late, slack) if slack < _SLOW else late
    return Clock(offset, rate), (
        f"clock aligned by {pairs.count} of {len(configs)} changes of configuration at {1e3 / rate:.3f} ticks/us;"
        f" the guest's times are off by up to about {error / 1e6:.3f} ms, its order with hints and commands is kept"
    )


def _sizes(count: int) -> list[int]:
    """Of how many changes of configuration the clock is told, time and again: of more as it becomes exact, in the end of all.

    Twice of all, as the refined clock may recognise a notification closer to a change.
    """
    sizes = []
    size = _FIRST
    while size < count:
        sizes.append(size)
        size *= _GROWTH
    return [*sizes, count, count]


def _first_offset(configs: Sequence[int], notified: Sequence[int], rate: float, count: int) -> float:
    """An offset at this rate under which so many changes of configuration follow a notification."""
    offsets = (time - rate * tick for tick in configs for time in notified)
    return max(offsets, key=lambda offset: sum(1 for _ in _told(Clock(offset, rate), configs, notified)) >= count)


def _told(clock: Clock, configs: Iterable[int], notified: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Changes of configuration with the last notification before each, if it is close; one change per notification."""
    times = iter(notified)
    following = next(times, None)
    before: deque[int] = deque()
    """Notifications that are close to the change, or were to one before it, and belong to none."""
    for tick in configs:
        time = clock.offset + clock.rate * tick
        while following is not None and time - following >= -_TOLD_BEFORE:
            if not before or before[-1] != following:
                before.append(following)
            following = next(times, None)
        while before and time - before[0] > _TOLD_WITHIN:
            before.popleft()
        if before:
            yield tick, before.pop()


def _search(told: _Told, handled: Handled, rate: float) -> float:
    """The rate near ``rate`` of the least cost, by ever finer steps."""
    margin = rate * _RATE_MARGIN
    for _ in range(3):
        step = 2 * margin / _SEARCH_STEPS
        rate = min((rate - margin + step * k for k in range(_SEARCH_STEPS + 1)), key=lambda rate: told.cost(rate, handled))
        margin = 2 * step
    return rate
