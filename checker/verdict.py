"""What following a trace comes to: accept, reject or inconclusive, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from balloonproof.checker.read.events import Event, Header, Pages, Source
from balloonproof.model.language import Configuration

ACCEPT, REJECT, INCONCLUSIVE = VERDICTS = ("accept", "reject", "inconclusive")


HINTS_IN_THEIR_ROUND = "hints-in-their-round"
"""A rule that only logs of a real host are asked about: the host honours a hint in the round that queued it, or not at all."""


class Telling(NamedTuple):
    """One line of a finding's history: a step or an event in words, and where the trace shows it (None: it does not)."""

    text: str
    source: Source | None

    def __str__(self) -> str:
        return f"{self.text}  [{self.source}]" if self.source is not None else f"{self.text}  (not in the trace)"


@dataclass(frozen=True)
class Finding:
    """Pages about which something can be said, with its evidence.

    `kind`: "impossible" (no run of the model explains `event`), "violated" (every run that explains the trace violates `property_name`),
    "undecided" (some do, some do not).  `event` is the first bad event (None: the end of the trace), `lost_at` the last thing
    that the trace shows the host doing with the page before it is lost: the send or the hint to blame.
    `untold` is how many events that the page sees come before those that are told.
    """

    kind: str
    pages: Pages
    count: int
    event: Event | None
    property_name: str | None = None
    possible_before: int = 0
    before: Sequence[Mapping[str, str]] = ()
    needed: Sequence[str] = ()
    forbidden_by: Sequence[str] = ()
    history: Sequence[Telling] = ()
    untold: int = 0
    lost_at: Event | None = None
    stale_hints: Sequence[str] = ()
    to_decide: Sequence[str] = ()

    @property
    def page(self) -> int:
        """The first page concerned."""
        return self.pages[0][0]


@dataclass
class Report:
    """The verdict on one trace.  `name` is what the caller called it, `end` where its last event stands (None: it has none),
    `unlisted` how many findings there are besides those that are listed."""

    verdict: str
    header: Header
    configuration: Configuration
    events: int
    event_counts: Mapping[str, int]
    findings: Sequence[Finding]
    notes: Sequence[str]
    unseen: Sequence[str]
    sets: int
    completed: bool
    seconds: float = 0.0
    sources: Sequence[str] = field(default_factory=list)
    reasons: Sequence[str] = field(default_factory=list)
    name: str = ""
    end: Source | None = None
    unlisted: int = 0
