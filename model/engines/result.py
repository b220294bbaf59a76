"""What a proof attempt came to, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field

from balloonproof.model.engines.bounded import Run
from balloonproof.model.engines.induction import Invariant
from balloonproof.model.engines.progress import ProgressCheck
from balloonproof.model.engines.recheck import Obligation
from balloonproof.model.language import Configuration


@dataclass(frozen=True)
class Counterexample:
    """A shortest run into a state that violates `property`, on explicit pages.

    `abstract_length` is the length of the shortest run of the one-page system: no explicit run, on any number of pages, is shorter.
    """

    property: str
    run: Run
    abstract_length: int


@dataclass(frozen=True)
class Witness:
    """A run that shows that something can happen (`run` None: it cannot)."""

    name: str
    run: Run | None


@dataclass
class ProofResult:
    """The verdict on one configuration: `proved`, `refuted` or `undecided`, and what it stands on.

    `proved` is said only if the premise was checked, every witness was found, nothing can get stuck and cvc5 confirmed every obligation.
    `properties` names what was decided; `states` and `depth` are those searched: all, or up to the first level with a bad one.
    """

    configuration: Configuration
    properties: tuple[str, ...] = ()
    verdict: str = "undecided"
    reasons: list[str] = field(default_factory=list)
    counterexamples: list[Counterexample] = field(default_factory=list)
    witnesses: list[Witness] = field(default_factory=list)
    progress: list[ProgressCheck] = field(default_factory=list)
    impossible_actions: list[str] = field(default_factory=list)
    states: int = 0
    depth: int = 0
    premise_checks: int = 0
    invariant: Invariant | None = None
    obligations: list[Obligation] = field(default_factory=list)
    rechecked_by: str = ""
    seconds: float = 0.0

    def summary(self) -> Summary:
        first = self.counterexamples[0] if self.counterexamples else None
        return Summary(
            str(self.configuration),
            self.verdict,
            property=first.property if first else None,
            length=len(first.run) if first else None,
            states=self.states,
            lemmas=tuple(map(str, self.invariant.lemmas)) if self.invariant else (),
            obligations=tuple(self.obligations),
            rechecked_by=self.rechecked_by,
            reasons=tuple(self.reasons),
            seconds=self.seconds,
        )


@dataclass(frozen=True)
class Summary:
    """The gist of a result, without terms and runs, so that it can come from another process.

    `property` is the one violated by the shortest counterexample, which has `length` steps; both None without one.
    """

    configuration: str
    verdict: str
    property: str | None
    length: int | None
    states: int
    lemmas: tuple[str, ...]
    obligations: tuple[Obligation, ...]
    rechecked_by: str
    reasons: tuple[str, ...]
    seconds: float
