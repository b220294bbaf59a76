"""Vacuity: does everything that a system says make a difference?

Four kinds of things can be idle.  An *action* that never happens.  A *condition* of an action that never decides: wherever it fails, another condition of
the action fails too.  A *value* of a setting, and a *guard*, with which the system does what it does without.

What is sought is seen on one real page, with the real queue and counted ids: a state where the action can happen, one where nothing but the condition
keeps it from happening, and a run that tells the system with the value or without the guard from the one that it is a change of.  It is sought in
the configuration itself, with each single change of a setting or guard, and what is left open with two changes: some things matter only beside
another.  Conditions that need a second page are sought on two (Z3, up to `LONGEST` steps), differences that need one among the states of the one-page
system, which sees what other pages do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from balloonproof.model.engines.bounded import BoundedSearch
from balloonproof.model.engines.equivalence import told_apart_after
from balloonproof.model.engines.mutants import Part, RecordedExplicit
from balloonproof.model.engines.page_progress import ALONE, ReachablePages, explore_pages
from balloonproof.model.engines.reachability import explore
from balloonproof.model.explicit import Explicit, Shape
from balloonproof.model.language import Configuration
from balloonproof.model.one_page import OnePage
from balloonproof.model.terms import FALSE, TRUE, Term, conj, disj, negate, substitute
from balloonproof.model.workers import Progress, each, silent

BESIDE = (Shape((0, 0), slots=3, ids=5, host_pages=(0, 0)), Shape((0, 1), slots=3, ids=5))
"""Two pages, in one host page and in two chunks."""

LONGEST = 12
"""Steps of a run on two pages."""


@dataclass(frozen=True)
class Item:
    """An action, or (with `part`) one of its conditions."""

    action: str
    part: Part | None = None

    def __str__(self) -> str:
        return f"{self.part.place}: {self.action} only if {self.part.text}" if self.part else self.action


@dataclass(frozen=True)
class Change:
    """A setting gets a value, or (without `value`) a guard is taken away."""

    name: str
    value: str = ""

    def __str__(self) -> str:
        return f"{self.name}={self.value}" if self.value else f"without {self.name}"

    def of(self, configuration: Configuration) -> Configuration:
        """The configuration with this change."""
        settings, removed = dict(configuration.settings), configuration.removed
        if self.value:
            return configuration.system.configure({**settings, self.name: self.value}, removed)
        return configuration.system.configure(settings, removed | {self.name})


@dataclass(frozen=True)
class Sighting:
    """Where something was seen to matter: in which configuration, on how many pages (None: on one page among any number), after how many steps."""

    configuration: str
    pages: int | None
    steps: int


Context = tuple[Change, ...]
Found = list[tuple[Item | Change, Sighting | None]]


@dataclass(frozen=True)
class Vacuity:
    """All actions and conditions of a configuration, and all changes of it, with where they were first seen to matter; None: nowhere."""

    configuration: Configuration
    items: Mapping[Item, Sighting | None]
    changes: Mapping[Change, Sighting | None]

    @property
    def sightings(self) -> Found:
        """All of them in one list."""
        return [*self.items.items(), *self.changes.items()]

    @property
    def idle(self) -> list[Item | Change]:
        """What was not seen to matter anywhere."""
        return [one for one, found in self.sightings if found is None]


def vacuity(configuration: Configuration, progress: Progress = silent) -> Vacuity:
    """Look for what is idle in a configuration and in those that differ from it in one setting or guard, or in two, on all cores."""
    return _Search(configuration, progress).run()


def changes_of(configuration: Configuration) -> list[Change]:
    """Each value that a setting has not here, and each guard that is kept here."""
    own = dict(configuration.settings)
    values = [Change(item.name, value) for item in configuration.system.settings for value in item.values if value != own[item.name]]
    return values + [Change(guard.name) for guard in configuration.system.guards if configuration.keeps(guard.name)]


def deciding(explicit: Explicit) -> dict[Item, Term]:
    """Where on these pages each action can happen, and where nothing but the condition keeps it from happening; conditions that cannot fail are left out."""
    found: dict[Item, Term] = {}
    for action in explicit.configuration.system.actions:
        recorded = RecordedExplicit(explicit.configuration, explicit.shape)
        recorded.steps_of(action)
        for recording in recorded.recordings:
            memo: dict[Term, Term] = {}
            parts = {part: substitute(term, explicit.constants, memo) for part, term in recording.parts.items() if part.kind == "guard"}
            if any(term is FALSE for term in parts.values()):
                continue  # the configuration rules the step out
            where = {Item(action.name): conj(*parts.values())}
            for part, term in parts.items():
                if part.is_condition and term is not TRUE:
                    where[Item(action.name, part)] = conj(negate(term), *(other for own, other in parts.items() if own != part))
            found |= {item: disj(found.get(item, FALSE), term) for item, term in where.items()}
    return found


class _Search:
    """What was seen so far, and the searches that see more.

    A context is a sequence of changes of the configuration; of its last one it is asked whether it makes a difference to those before it.
    """

    def __init__(self, base: Configuration, progress: Progress) -> None:
        self.base, self.progress = base, progress
        self.items: dict[Item, Sighting | None] = {Item(action.name): None for action in base.system.actions}
        self.changes: dict[Change, Sighting | None] = dict.fromkeys(changes_of(base))
        self.occurs: dict[Item, set[Context]] = defaultdict(set)
        self.unchanged = explore_pages(Explicit(base, ALONE))

    def run(self) -> Vacuity:
        """From what is cheap to see to what takes two pages or two changes."""
        singles: list[Context] = [(change,) for change in self.changes]
        self._look(self._alone, [(), *singles])
        self._look(self._beside, [(), *singles])
        self._look(self._among_others, singles)
        pairs = list(self._pairs())
        self._look(self._alone, pairs)
        self._look(self._among_others, pairs)
        return Vacuity(self.base, self.items, self.changes)

    def _look(self, search: Callable[[Context], Found], contexts: Sequence[Context]) -> None:
        """Search in each context; a search that begins knows what those that have ended saw."""

        def tell(running: Iterable[Context]) -> None:
            left = sum(found is None for found in (*self.items.values(), *self.changes.values()))
            self.progress(f"{left} open; now {', '.join(str(self._changed(context)) for context in running)}")

        for index, found in each(search, contexts, tell):
            for one, sighting in found:
                if isinstance(one, Change):
                    self.changes[one] = self.changes[one] or sighting
                else:
                    self.items[one] = self.items.get(one) or sighting
                    self.occurs[one].add(contexts[index])

    def _pairs(self) -> Iterator[Context]:
        """Two changes, of which the second is open itself, or a condition is that occurs with it."""
        wanted = {change for change, found in self.changes.items() if found is None}
        for item, found in self.items.items():
            if found is None:
                wanted |= set(self.changes) if () in self.occurs[item] else {change for (change,) in self.occurs[item]}
        yield from ((one, other) for other in self.changes if other in wanted for one in self.changes if one.name != other.name)

    def _changed(self, context: Context) -> Configuration:
        return reduce(lambda configuration, change: change.of(configuration), context, self.base)

    def _open(self, explicit: Explicit) -> dict[Item, Term]:
        return {item: where for item, where in deciding(explicit).items() if self.items.get(item) is None}

    def _is_open(self, context: Context) -> bool:
        return bool(context) and self.changes[context[-1]] is None

    def _alone(self, context: Context) -> Found:
        """On one page: what happens there or is kept from happening, and whether the last change can be told."""
        items = self._open(Explicit(self._changed(context), ALONE))
        if not items and not self._is_open(context):
            return []
        pages = self._pages(context)
        found: Found = []
        for item, where in items.items():
            seen = pages.first(where)
            found.append((item, Sighting(str(self._changed(context)), 1, seen[0]) if seen else None))
        if self._is_open(context):
            found.append((context[-1], self._told(context, 1, told_apart_after(self._pages(context[:-1]), pages))))
        return found

    def _pages(self, context: Context) -> ReachablePages:
        return explore_pages(Explicit(self._changed(context), ALONE)) if context else self.unchanged

    def _beside(self, context: Context) -> Found:
        """What two pages show by a run of few steps."""
        found: dict[Item | Change, Sighting | None] = {}
        for shape in BESIDE:
            explicit = Explicit(self._changed(context), shape)
            items = {item: where for item, where in self._open(explicit).items() if found.get(item) is None}
            search = BoundedSearch(explicit)
            for steps in range(LONGEST + 1 if items else 0):
                for item in [item for item in items if found.setdefault(item) is None]:
                    if search.run_of(steps, items[item]):
                        found[item] = Sighting(str(explicit.configuration), shape.pages, steps)
        return list(found.items())

    def _among_others(self, context: Context) -> Found:
        """Whether the last change can be told by a page that sees what others do."""
        if not self._is_open(context):
            return []
        one, other = (explore(OnePage(self._changed(item))) for item in (context[:-1], context))
        return [(context[-1], self._told(context, None, told_apart_after(one, other)))]

    def _told(self, context: Context, pages: int | None, steps: int | None) -> Sighting | None:
        return Sighting(str(self._changed(context[:-1])), pages, steps) if steps is not None else None
