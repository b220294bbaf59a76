"""A trace as if less had been observed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from balloonproof.checker.following import Kept
from balloonproof.checker.observe import COARSE_NAMES, IGNORED, STATEMENTS
from balloonproof.checker.read import Trace
from balloonproof.model.language import UnknownName
from balloonproof.model.systems import SYSTEMS


def hidden(trace: Trace, names: Sequence[str]) -> Trace:
    """The trace as if events of these names or families (guest.*) had not been observed."""
    if not names:
        return trace

    def is_hidden(name: str) -> bool:
        return name in names or f"{name.split('.')[0]}.*" in names

    check_observed(names)
    known = _event_names()
    observed = {name for name in known if trace.header.observes(name)} | {name for name in trace.header.observed if not name.endswith("*")}
    header = replace(trace.header, observed=tuple(sorted(name for name in observed if not is_hidden(name))))
    return replace(trace, header=header, events=Kept(trace.events, is_hidden))


def check_observed(patterns: Iterable[str]) -> None:
    """Events and families (guest.*) that may be called observed or hidden.  UnknownName for one that is none."""
    known = _event_names()
    known |= {f"{item.split('.')[0]}.*" for item in known}
    for name in patterns:
        if name not in known:
            raise UnknownName("event", name, sorted(known))


def _event_names() -> set[str]:
    """Every event name that any system knows."""
    return {action.event for system in SYSTEMS for action in system.actions} | {*COARSE_NAMES, *STATEMENTS, *IGNORED}
