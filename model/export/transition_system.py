"""A configuration in one of its readings, as every export prints it: variables, initial states, steps, properties."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from balloonproof.model.explicit import Explicit, Shape
from balloonproof.model.language import Configuration
from balloonproof.model.one_page import OnePage, declared_fields
from balloonproof.model.steps import Step
from balloonproof.model.terms import FALSE, Sort, Term, conj, const, equal, negate, substitute, topological, variable

ONE_PAGE, EXPLICIT = "one-page", "explicit"
READINGS = (ONE_PAGE, EXPLICIT)

_EXPLICIT_MEANINGS = {
    "command_id": "the id that the host issued last; 0 is STOP, 1 is DONE",
    "sent_page": "the page being sent",
    "queue.length": "elements in the free page queue; slot 0 is the head",
}


@dataclass(frozen=True)
class Variable:
    """A state variable; `initial` is the index of its initial value, None where any value will do."""

    name: str
    sort: Sort
    initial: int | None
    meaning: str


@dataclass(frozen=True)
class Predicate:
    """A named property: `term` over the variables."""

    name: str
    meaning: str
    term: Term


@dataclass(frozen=True)
class TransitionSystem:
    """What is exported.

    Every variable occurs in some step; what no step changes was replaced by its value.  A step changes
    something, and leaves alone what it does not update.
    `always` holds in every reachable state if the configuration is safe, `sometimes` should hold in some.
    """

    name: str
    about: tuple[str, ...]
    variables: tuple[Variable, ...]
    steps: tuple[Step, ...]
    always: tuple[Predicate, ...]
    sometimes: tuple[Predicate, ...]

    @property
    def initial(self) -> Term:
        """The initial states."""
        known = (item for item in self.variables if item.initial is not None)
        return conj(*(equal(variable(item.name, item.sort), const(item.initial or 0, item.sort)) for item in known))

    @property
    def safe(self) -> Term:
        """All `always` properties together."""
        return conj(*(item.term for item in self.always))

    @property
    def inputs(self) -> tuple[Term, ...]:
        """The variables that steps may choose freely, each once."""
        return tuple(dict.fromkeys(term for step in self.steps for term in step.inputs.values()))

    @property
    def sorts(self) -> tuple[Sort, ...]:
        """Every sort that occurs in a variable, an input or a term, each once."""
        terms = [self.safe, *(item.term for item in self.sometimes), *self.inputs]
        terms += [term for step in self.steps for term in (step.guard, *step.updates.values())]
        found = [item.sort for item in self.variables] + [part.sort for part in topological(terms)]
        return tuple(dict.fromkeys(found))


def one_page_system(configuration: Configuration) -> TransitionSystem:
    """The one-page reading: one page and an environment, for any number of pages and messages."""
    one = OnePage(configuration)
    scope = "one page and an environment that takes every step that other pages could take: any number of pages, messages and command ids"
    properties = [(item, one.predicate(item)) for item in configuration.system.properties]
    return TransitionSystem(
        configuration.system.name,
        _about(configuration, scope),
        tuple(Variable(name, one.variables[name], value, declared_fields()[name].meaning) for name, value in one.initial_values.items()),
        tuple(step for step in one.steps if step.updates),
        tuple(Predicate(item.name, item.meaning, term) for item, term in properties if item.kind == "always"),
        tuple(Predicate(item.name, item.meaning, term) for item, term in properties if item.kind == "sometimes"),
    )


def explicit_system(configuration: Configuration, shape: Shape) -> TransitionSystem:
    """The explicit reading: so many pages, queue slots and command ids.  A property is claimed of every page."""
    explicit = Explicit(configuration, shape)
    chunks = len(set(shape.chunks))
    bounds = (_count(shape.pages, "page"), _count(chunks, "chunk"), _count(shape.slots, "slot"), _count(shape.ids, "command id"))
    scope = "{} in {}, a queue of {}, {}: a step that needs more is not enabled".format(*bounds)
    initial, sorts = explicit.initial_values, explicit.variables
    changed = {name for step in explicit.steps for name in step.updates}
    fixed = {variable(name, sorts[name]): const(value, sorts[name]) for name, value in initial.items() if name not in changed and value is not None}
    pages = range(shape.pages)

    def predicates(kind: str) -> tuple[Predicate, ...]:
        found = []
        for item in configuration.system.properties:
            each = [substitute(explicit.predicate(item, page), fixed) for page in pages]
            term = conj(*each) if kind == "always" else negate(conj(*map(negate, each)))
            found += [Predicate(item.name, item.meaning, term)] if item.kind == kind else []
        return tuple(found)

    return TransitionSystem(
        configuration.system.name,
        _about(configuration, scope),
        tuple(Variable(name, sort, initial[name], _meaning(name)) for name, sort in sorts.items() if variable(name, sort) not in fixed),
        tuple(step for item in explicit.steps if (step := _with_constants(item, fixed)).guard is not FALSE and step.updates),
        predicates("always"),
        predicates("sometimes"),
    )


def shape_of(pages: int = 1, slots: int = Shape.slots, ids: int = Shape.ids) -> Shape:
    """`pages` pages, two to a chunk; ValueError if a bound is too small for the model to move."""
    for name, value, least in (("pages", pages, 1), ("slots", slots, 1), ("ids", ids, 3)):
        if value < least:
            raise ValueError(f"{name}: expected at least {least}, found {value}")
    return Shape(tuple(page // 2 for page in range(pages)), slots, ids)


def _with_constants(step: Step, fixed: Mapping[Term, Term]) -> Step:
    memo: dict[Term, Term] = {}
    updates = {name: substitute(term, fixed, memo) for name, term in step.updates.items()}
    return Step(step.action, step.role, substitute(step.guard, fixed, memo), updates, step.inputs)


def _about(configuration: Configuration, scope: str) -> tuple[str, ...]:
    lines = [f"{configuration.system.name}: {configuration.system.meaning}", f"Reading: {scope}."]
    if configuration.settings:
        lines.append("Settings: " + ", ".join(f"{name}={value}" for name, value in configuration.settings))
    if configuration.removed:
        lines.append("Without the guards: " + ", ".join(sorted(configuration.removed)))
    return tuple(lines)


def _meaning(name: str) -> str:
    """The meaning of an explicit variable: that of the field of which it is an instance."""
    owner, _, field = name.rpartition(".")
    prefix = owner.rstrip("0123456789") + "." if owner else ""
    known = declared_fields().get(prefix + field)
    return known.meaning if known else _EXPLICIT_MEANINGS.get(name, "")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("s" if number != 1 else "")
