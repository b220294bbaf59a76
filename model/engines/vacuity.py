"""Vacuity: does everything that a system says make a difference?

Four kinds of things can be idle.  An *action* that never happens.  A *condition* of an action that never decides: wherever it fails, another condition of
the action fails too.  A *value* of a setting with which the system does what it does with every other value, and a *guard* without which it does what it
does with it.

Actions, settings and guards are a system's own list, so each must matter in that system.  A condition belongs to the model's text, which systems share, and
actions where it stands in what they call: it is idle only if it decides in no system and for no action that has it, and where it decides elsewhere alone
that is said.

What is sought is seen on one real page, with the real queue and counted ids: a state where the action can happen, one where nothing but the condition
keeps it from happening, and a run that tells the system with the value or without the guard from the one that it is a change of (`telling`).  It is sought
in the configuration itself, with each single change of a setting or guard, and what is left open with two changes: some things matter only beside
another.  Conditions that need a second page are sought on two (Z3, up to `LONGEST` steps), differences that need one among the states of the one-page
system, which sees what other pages do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import combinations, permutations

from balloonproof.model.engines.bounded import BoundedSearch
from balloonproof.model.engines.equivalence import told_apart_after
from balloonproof.model.engines.mutants import Part, RecordedExplicit
from balloonproof.model.engines.page_progress import ALONE, explore_pages
from balloonproof.model.engines.reachability import explore
from balloonproof.model.engines.telling import telling_run
from balloonproof.model.explicit import Explicit, Shape
from balloonproof.model.language import Configuration, System
from balloonproof.model.one_page import OnePage
from balloonproof.model.steps import Step
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
    """Where something was seen to matter: in which configuration, on how many pages (None: on one page among any number), after how many steps.

    With `action`, it was of this action, which shares the line.
    """

    configuration: str
    pages: int | None
    steps: int
    action: str = ""

    @property
    def system(self) -> str:
        """The system's name."""
        return self.configuration.partition(" ")[0]


@dataclass(frozen=True)
class Context:
    """A configuration with some changes; of the last one it is asked whether it makes a difference to those before it."""

    base: Configuration
    changes: tuple[Change, ...] = ()

    @property
    def configuration(self) -> Configuration:
        return reduce(lambda configuration, change: change.of(configuration), self.changes, self.base)

    @property
    def before(self) -> Configuration:
        """Without the last change."""
        return replace(self, changes=self.changes[:-1]).configuration


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

    @property
    def elsewhere(self) -> Mapping[Item, Sighting]:
        """Conditions that were seen to decide only in another system that shares them, or only of another action."""
        own = self.configuration.system.name
        return {item: found for item, found in self.items.items() if found and (found.action or found.system != own)}


def vacuity(configuration: Configuration, others: Iterable[System] = (), progress: Progress = silent) -> Vacuity:
    """Look for what is idle in a configuration and in those that differ from it in one setting or guard, or in two, on all cores.

    `others` may share actions with it: what of their conditions is not seen to decide here is sought there.
    """
    return _Search(configuration, others, progress).run()


def changes_of(configuration: Configuration) -> list[Change]:
    """Each value that a setting has not here, and each guard that is kept here."""
    own = dict(configuration.settings)
    values = [Change(item.name, value) for item in configuration.system.settings for value in item.values if value != own[item.name]]
    return values + [Change(guard.name) for guard in configuration.system.guards if configuration.keeps(guard.name)]


def deciding(explicit: Explicit, names: Container[str] | None = None) -> dict[Item, Term]:
    """Where on these pages each action (of these names) can happen, and where nothing but the condition keeps it from happening.

    Conditions that cannot fail are left out.
    """
    found: dict[Item, Term] = {}
    for action in explicit.configuration.system.actions:
        if names is not None and action.name not in names:
            continue
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
    """What was seen so far, and the searches that see more."""

    def __init__(self, base: Configuration, others: Iterable[System], progress: Progress) -> None:
        self.base, self.progress = base, progress
        self.others = sorted((item for item in others if item is not base.system), key=lambda item: len(item.actions))
        self.items: dict[Item, Sighting | None] = {Item(action.name): None for action in base.system.actions}
        self.changes: dict[Change, Sighting | None] = dict.fromkeys(changes_of(base))
        self.occurs: dict[Item, set[Context]] = defaultdict(set)

    def run(self) -> Vacuity:
        """From what is cheap to see to what takes two pages, two changes, or a larger system."""
        unchanged, singles = Context(self.base), [Context(self.base, (change,)) for change in self.changes]
        self._look(self._seen_alone, [unchanged])
        self._look(self._seen_alone, singles)
        self._look(self._told_alone, singles)
        self._look(self._beside, [unchanged])
        size = len(self.base.system.actions)
        for other in (other for other in self.others if len(other.actions) <= size):
            self._look(self._seen_alone, self._shared(other))
        self._share_lines()
        self._look(self._beside, singles)
        self._look(self._told_among_others, self._untold(singles))
        pairs = [Context(self.base, pair) for pair in permutations(self.changes, 2)]
        different = [Context(self.base, pair) for pair in combinations(self.changes, 2) if pair[0].name != pair[1].name]
        self._look(self._told_alone, self._untold(pairs))
        self._look(self._told_among_others, self._untold(pairs))
        self._look(self._seen_alone, [pair for pair in different if self._may_show(pair)])
        for other in (other for other in self.others if len(other.actions) > size):
            self._look(self._seen_alone, self._shared(other))
        return Vacuity(self.base, self.items, self.changes)

    def _look(self, search: Callable[[Context], Found], contexts: Sequence[Context]) -> None:
        """Search in each context; a search that begins knows what those that have ended saw."""

        def tell(running: Iterable[Context]) -> None:
            left = sum(found is None for found in (*self.items.values(), *self.changes.values()))
            self.progress(f"{left} open; now {', '.join(str(context.configuration) for context in running)}")

        for index, found in each(search, contexts, tell):
            for one, sighting in found:
                if isinstance(one, Change):
                    self.changes[one] = self.changes[one] or sighting
                else:
                    self.items[one] = self.items.get(one) or sighting
                    self.occurs[one].add(contexts[index])

    def _share_lines(self) -> None:
        """A line in what several actions call has done its work where it decides for one of them."""
        decides = {item.part: replace(found, action=found.action or item.action) for item, found in self.items.items() if item.part and found}
        for item, found in self.items.items():
            if item.part and found is None:
                self.items[item] = decides.get(item.part)

    def _shared(self, other: System) -> list[Context]:
        """Another system, by itself and with each change, if it has actions with conditions that were seen to decide nowhere."""
        undecided = {item.action for item, found in self.items.items() if found is None and item.part}
        if not undecided & {action.name for action in other.actions}:
            return []
        base = other.configure()
        return [Context(base), *(Context(base, (change,)) for change in changes_of(base))]

    def _untold(self, contexts: Iterable[Context]) -> list[Context]:
        """Those whose last change was not seen to make a difference."""
        return [context for context in contexts if self.changes[context.changes[-1]] is None]

    def _may_show(self, pair: Context) -> bool:
        """Is there something open that may be seen with these two changes: it occurs with one of them, or was seen to occur nowhere?"""
        nearer = {Context(self.base), *(Context(self.base, (change,)) for change in pair.changes)}
        return any(not self.occurs[item] or self.occurs[item] & nearer for item, found in self.items.items() if found is None)

    def _open(self, context: Context, explicit: Explicit) -> dict[Item, Term]:
        """What may be seen there and was seen nowhere: with more than one change only of what is open already, in other systems only conditions of that."""
        near = context.base == self.base and len(context.changes) < 2
        names = None if near else {item.action for item, found in self.items.items() if found is None}
        items = {item: where for item, where in deciding(explicit, names).items() if self.items.get(item) is None}
        return items if context.base == self.base else {item: where for item, where in items.items() if item.part and item in self.items}

    def _seen_alone(self, context: Context) -> Found:
        """What happens on one page, or is kept from happening."""
        explicit = Explicit(context.configuration, ALONE)
        items = self._open(context, explicit)
        if not items:
            return []
        pages = explore_pages(explicit)
        seen = [(item, pages.first(where)) for item, where in items.items()]
        return [(item, Sighting(str(explicit.configuration), 1, found[0]) if found else None) for item, found in seen]

    def _told_alone(self, context: Context) -> Found:
        """Whether the last change can be told on one page."""
        if self.changes[context.changes[-1]] is not None:
            return []
        before, after = (Explicit(item, ALONE) for item in (context.before, context.configuration))
        told = None if _same(before.steps, after.steps) else telling_run(before, after)
        return [(context.changes[-1], Sighting(str(context.before), 1, len(told.steps)) if told else None)]

    def _beside(self, context: Context) -> Found:
        """What two pages show by a run of few steps."""
        found: Found = []
        for shape in BESIDE:
            explicit = Explicit(context.configuration, shape)
            items = self._open(context, explicit)
            if not items:
                continue
            search = BoundedSearch(explicit)
            for steps in range(LONGEST + 1):
                seen = [item for item, where in items.items() if search.run_of(steps, where)]
                found += [(item, Sighting(str(explicit.configuration), shape.pages, steps)) for item in seen]
                items = {item: where for item, where in items.items() if item not in seen}
            found += [(item, None) for item in items]
        return found

    def _told_among_others(self, context: Context) -> Found:
        """Whether the last change can be told by a page that sees what others do."""
        if self.changes[context.changes[-1]] is not None:
            return []
        before, after = (OnePage(item) for item in (context.before, context.configuration))
        steps = None if _same(before.steps, after.steps) else told_apart_after(explore(before), explore(after))
        return [(context.changes[-1], Sighting(str(context.before), None, steps) if steps is not None else None)]


def _same(steps: Sequence[Step], others: Sequence[Step]) -> bool:
    """Do two instances take the same steps?  Then nothing tells them."""
    return [item.name for item in steps] == [item.name for item in others] and all(map(Step.does_the_same_as, steps, others))
