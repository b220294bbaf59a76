"""What following a trace comes to: accept, reject or inconclusive, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from balloonproof.checker.read.events import Event, Header, Pages
from balloonproof.model.language import Configuration

ACCEPT, REJECT, INCONCLUSIVE = "accept", "reject", "inconclusive"


@dataclass(frozen=True)
class Finding:
    """Pages about which something can be said, with its evidence.

    `kind`: "impossible" (no run of the model explains `event`), "violated" (every run that explains the trace violates `property_name`),
    "undecided" (some do, some do not).  `event` is the first bad event (None: the end of the trace).
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
    history: Sequence[str] = ()
    stale_hints: Sequence[str] = ()
    to_decide: Sequence[str] = ()

    @property
    def page(self) -> int:
        """The first page concerned."""
        return self.pages[0][0]


@dataclass
class Report:
    """The verdict on one trace."""

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
