"""What would have explained an event that nothing explains: another value of a variable, or the model without one of its guards."""

from __future__ import annotations

from typing import NamedTuple

from balloonproof.checker.automaton import Automaton
from balloonproof.checker.explain import PageView, Sight
from balloonproof.checker.monitor import Monitor, PageMonitor
from balloonproof.checker.read.events import Event
from balloonproof.model.engines.reachability import sorted_unique
from balloonproof.model.terms import FALSE, Term, const, show_value, variable

_TOLD_OF = ("page.", "phase", "hinting", "running", "queue.", "chunk.")
"""How the names of variables begin that someone who reads a report may know."""


class _Change(NamedTuple):
    """A variable's value that would have done, and the values that it had."""

    name: str
    value: str
    was: str


class Alternatives:
    """For the pages of one trace; what is worked out for one page serves others with the same past."""

    def __init__(self, monitor: PageMonitor) -> None:
        self.monitor, self.automaton = monitor, monitor.automaton
        self._changes: dict[tuple[int, str, str, bool], list[_Change]] = {}
        self._weaker: dict[str, Monitor] = {}

    def needed(self, sight: Sight, page: int) -> list[str]:
        """What would have made an impossible event possible: single variables that had another value in every possible state.

        Each variable is changed alone, in all states that were possible, and the event is tried again with unseen steps before it.
        """
        answers = []
        if sight.role == "own" and not len(self.automaton.holding(sight.meaning.before, self.automaton.sets[sight.before])):
            answers.append(f"{says(sight.meaning.before, page)}, which the event states (it was so in no possible state)")
        key = sight.before, sight.meaning.key, sight.role, sight.in_sync
        if key not in self._changes:
            self._changes[key] = list(_changes(self.automaton, sight))
        return answers + [f"{readable(name, page)} = {value} (it was {was})" for name, value, was in self._changes[key]]

    def without_guards(self, page: int, until: Event) -> dict[str, PageView]:
        """For each guard a view of the page by the model without it; one that explains the event `until` is forbidden by that guard."""
        configuration = self.automaton.one_page.configuration
        guards = [guard.name for guard in configuration.system.guards if configuration.keeps(guard.name)]
        return {guard: PageView(self._without(guard), page, until) for guard in guards}

    def _without(self, guard: str) -> Monitor:
        """A monitor of the model without a guard."""
        if guard not in self._weaker:
            configuration = self.automaton.one_page.configuration
            weaker = configuration.system.configure(dict(configuration.settings), [*configuration.removed, guard])
            self._weaker[guard] = other = Monitor(weaker, self.monitor.vocabulary.header, 1)
            other.neighbours, other.differing = self.monitor.neighbours, self.monitor.differing
        return self._weaker[guard]


def _changes(automaton: Automaton, sight: Sight) -> list[_Change]:
    """The values of single variables with which the event would have been possible."""
    found = []
    states = automaton.sets[sight.before]
    for name in sorted(automaton.layout.sorts, key=lambda name: not name.startswith("page.")):
        sort = automaton.layout.sorts[name]
        for value in range(sort.size if name.startswith(_TOLD_OF) else 0):
            changed = sorted_unique((states & ~automaton.layout.mask(name)) | (value << automaton.layout.offsets[name]))
            closed = automaton.closure(changed, sight.in_sync)
            if len(automaton.image(closed, sight.meaning, sight.role)):
                term = variable(name, sort) == const(value, sort)
                was = sorted({automaton.show(int(state))[name].lower() for state in automaton.holding(~term, states)[:1000]})
                found.append(_Change(name, show_value(sort, value), " or ".join(was)))
    return found


def says(term: Term, page: int) -> str:
    """A statement about a page in words."""
    if term.op == "var":
        return readable(term.name, page)
    if term.op == "not":
        return f"not {says(term.args[0], page)}"
    if term.op == "eq" and term.args[0].op == "var":
        return f"{readable(term.args[0].name, page)} = {show_value(term.args[1].sort, term.args[1].value)}"
    if term.op in ("and", "or"):
        return f" {term.op} ".join(says(arg, page) for arg in term.args)
    return "the destination to have loaded the page" if term is FALSE else repr(term)


def readable(name: str, page: int) -> str:
    """A cell's name for people."""
    if name.startswith("page."):
        return f"page {page:#x} {name.removeprefix('page.').replace('_', ' ')}"
    return name.replace("_", " ").replace(".", " ")
