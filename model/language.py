"""The language that the protocol is written in: fields, actions, guards, settings, systems.

A protocol step is one Python function over the state: `require(...)` is its guard, assignments are its effects, what it does not name
stays unchanged.

    @action(MIGRATION, source="QEMU migration/ram.c: migration_bitmap_clear_dirty")
    def clear_bit(s: State, page: Page) -> None:
        \"\"\"Clear the page's bit in the dirty bitmap.\"\"\"
        require(s.send == Send.ARMED, s.sent_page == page)
        page.dirty = False
        s.send = Send.CLEARED

A *reading* (`one_page`, `explicit`) runs the function on its own variables and obtains a `Step` (`steps`): a guard and one next-state term per changed
variable.  Three shapes of action exist, and no other (this is what makes one page stand for any number, see `engines.premise`):
global (a function of `s`, which may do the same thing to every page in `s.pages`), and page (a function of `s` and one `page`,
which may do the same thing to every page of `page.chunk`); a guard may ask all of `s.pages` for the same condition.
"""

from __future__ import annotations

import difflib
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import Enum
from typing import overload

from balloonproof.model.terms import BOOL, TRUE, Sort, Term, Value, as_term, enum_sort


class UnknownName(ValueError):
    """A system, setting, value or guard that does not exist; the message names the nearest that does."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = list(known)
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"
        super().__init__(f"unknown {kind} {name!r}: {hint}")
        self.kind, self.name, self.nearest = kind, name, near[0] if near else None


# ---------------------------------------------------------------------------------------------------------------- state


class Transaction:
    """One execution of an action in one reading: what it required and what it assigned.

    Reading a cell after assigning it gives the assigned value, as in any Python function.
    """

    def __init__(self, cells: Mapping[str, Term]) -> None:
        self.before = cells
        self.after: dict[str, Term] = {}
        self.guards: list[Term] = []
        self.inputs: dict[str, Term] = {}

    def read(self, cell: str) -> Term:
        return self.after.get(cell, self.before[cell])

    def write(self, cell: str, value: Term) -> None:
        self.after[cell] = value

    def require(self, conditions: Sequence[Term]) -> None:
        self.guards.extend(conditions)


_running: list[Transaction] = []


@contextmanager
def running(transaction: Transaction) -> Iterator[None]:
    """Meanwhile `require` speaks of this transaction."""
    _running.append(transaction)
    try:
        yield
    finally:
        _running.pop()


def require(*conditions: Term | bool) -> None:
    """The action may happen only where all `conditions` hold."""
    _running[-1].require([as_term(condition, BOOL) for condition in conditions])


class Record:
    """A group of fields (the globals, a page, a chunk) bound to a transaction; `prefix` names its cells."""

    fields: Mapping[str, Field]

    def __init__(self, transaction: Transaction, prefix: str) -> None:
        self.transaction, self.prefix = transaction, prefix

    def __init_subclass__(cls) -> None:
        cls.fields = {name: item for name, item in vars(cls).items() if isinstance(item, Field)}


class Field:
    """A state variable: its sort, its initial value (None: any) and its meaning."""

    def __init__(self, kind: type[Enum] | type[bool], initial: Enum | bool | None, meaning: str) -> None:
        self.sort: Sort = BOOL if kind is bool else enum_sort(kind)
        self.initial, self.meaning = initial, meaning
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, record: None, owner: type) -> Field: ...
    @overload
    def __get__(self, record: Record, owner: type) -> Term: ...
    def __get__(self, record: Record | None, owner: type) -> Field | Term:
        return self if record is None else record.transaction.read(record.prefix + self.name)

    def __set__(self, record: Record, value: Value) -> None:
        record.transaction.write(record.prefix + self.name, as_term(value, self.sort))


class CommandId(ABC):
    """A command id: compared for equality and copied, never computed with (virtio-spec 15f488c, balloon: free_page_hint_cmd_id).

    0 is STOP, 1 is DONE, all others are issued by the host, each once (QEMU counts up from 0x80000000).
    """

    @abstractmethod
    def is_same(self, other: CommandId) -> Term: ...

    def __eq__(self, other: object) -> Term:  # type: ignore[override]
        if not isinstance(other, CommandId):
            raise TypeError(f"a command id is compared with another, not with {other!r}")
        return self.is_same(other)

    def __ne__(self, other: object) -> Term:  # type: ignore[override]
        return ~(self == other)

    __hash__ = None  # type: ignore[assignment]


class PageReference(ABC):
    """A global variable that names a page."""

    @abstractmethod
    def names(self, page: Record) -> Term: ...

    def __eq__(self, page: object) -> Term:  # type: ignore[override]
        if not isinstance(page, Record):
            raise TypeError(f"a page reference is compared with a page, not with {page!r}")
        return self.names(page)

    __hash__ = None  # type: ignore[assignment]


class FreePageQueue(ABC):
    """The free page virtqueue, first in first out: start and stop commands and hinted pages.

    A `pop_*` requires that such an element is at the head.
    """

    @abstractmethod
    def add_start(self, command: CommandId | None) -> None:
        """Queue a start command carrying its own id, or (None) pointing at the buffer shared by all rounds."""

    @abstractmethod
    def add_stop(self) -> None: ...

    @abstractmethod
    def add_hint(self, page: Record) -> None: ...

    @abstractmethod
    def pop_start(self) -> CommandId:
        """Take a start command from the head; its own id (meaningless if it was queued with None)."""

    @abstractmethod
    def pop_stop(self) -> None: ...

    @abstractmethod
    def pop_hint(self, page: Record) -> None: ...

    @abstractmethod
    def holds_hint(self, page: Record) -> Term:
        """Is a descriptor of this page still waiting for the device?"""

    @abstractmethod
    def is_empty(self) -> Term: ...

    @abstractmethod
    def clear(self) -> None:
        """Forget every element: the device was reset."""


# -------------------------------------------------------------------------------------------------------------- actions


class Actor(Enum):
    """Who takes a step: one lane of a printed counterexample."""

    GUEST = "guest"
    DRIVER = "balloon driver"
    DEVICE = "balloon device"
    LOG = "dirty log"
    MIGRATION = "migration thread"
    CHANNEL = "multifd channel"
    DESTINATION = "destination"
    HANDLER = "page fault handler"
    MANAGEMENT = "management"


@dataclass(frozen=True, eq=False)
class Action:
    """A protocol step.

    `event` is its name in a trace; `source` cites the function, commit or clause that it stands for.
    """

    name: str
    actor: Actor
    event: str
    source: str
    meaning: str
    run: Callable[..., None]
    per_page: bool

    def __repr__(self) -> str:
        return self.name


def action(actor: Actor, *, event: str, source: str) -> Callable[[Callable[..., None]], Action]:
    """Declare a protocol step; the docstring is its meaning, a second parameter makes it a step about one page."""

    def declare(function: Callable[..., None]) -> Action:
        name = function.__name__.replace("_", "-")
        meaning = inspect.cleandoc(function.__doc__ or "")
        if not meaning:
            raise ValueError(f"action {name} has no docstring: what does the step mean?")
        return Action(name, actor, event, source, meaning, function, len(inspect.signature(function).parameters) == 2)

    return declare


# -------------------------------------------------------------------------------------------------------------- systems


@dataclass(frozen=True)
class Setting:
    """A named choice between variants of the real software; the first value is the default."""

    name: str
    values: tuple[str, ...]
    meaning: str

    def only(self, *values: str) -> Setting:
        """This setting with some of its values, in this order; one value is a rule that the system has decided on."""
        for value in values:
            if value not in self.values:
                raise UnknownName(f"value of {self.name}", value, self.values)
        return replace(self, values=values)


@dataclass(frozen=True)
class Guard:
    """A named ordering rule, lock or check that `--without` takes away."""

    name: str
    meaning: str


@dataclass(frozen=True, eq=False)
class Property:
    """A state predicate: `always` must hold in every reachable state, `sometimes` must hold in at least one (a witness).

    `progress`: from every reachable state where `given` holds, steps of `fair` actors (and of the actions named there) lead to
    one where it holds.  `holds(s, page)` and `given(s, page)` give the predicates for one page.
    `lemma`: holds in every reachable state too, but only helps to prove what is claimed (`lemma` declares one).
    """

    name: str
    meaning: str
    kind: str
    holds: Callable[..., Term]
    given: Callable[..., Term] = lambda s, page: TRUE
    fair: tuple[Actor | str, ...] = ()


def lemma(holds: Callable[..., Term]) -> Property:
    """Declare a lemma: a predicate of one page whose docstring is the sentence that a maintainer reads."""
    name = holds.__name__.replace("_", "-")
    meaning = " ".join(inspect.cleandoc(holds.__doc__ or "").split())
    if not meaning:
        raise ValueError(f"lemma {name} has no docstring: what does it say?")
    return Property(name, meaning, "lemma", holds)


@dataclass(frozen=True, eq=False)
class System:
    """A protocol: the actions that can happen, what can be varied, and what is claimed.

    `safe` are settings under which it is claimed, where its defaults are known to violate something.  `lemmas` are why it holds: together with the claimed
    properties they are inductive under the safe settings (`model.lemmas`).  `only` names the properties that `claiming` left.
    """

    name: str
    meaning: str
    features: frozenset[str]
    actions: tuple[Action, ...]
    settings: tuple[Setting, ...]
    guards: tuple[Guard, ...]
    properties: tuple[Property, ...]
    safe: tuple[tuple[str, str], ...] = ()
    lemmas: tuple[Property, ...] = ()
    only: tuple[str, ...] = ()

    def has_setting(self, name: str) -> bool:
        return any(item.name == name for item in self.settings)

    def claiming(self, names: Iterable[str]) -> System:
        """This system with none but the named properties claimed, beside its witnesses; UnknownName if one does not exist."""
        wanted = set(names)
        for name in sorted(wanted):
            if all(item.name != name for item in self.properties):
                raise UnknownName(f"property of {self.name}", name, [item.name for item in self.properties])
        return replace(self, properties=tuple(item for item in self.properties if item.name in wanted or item.kind == "sometimes"), only=tuple(sorted(wanted)))

    def configure(self, settings: Mapping[str, str] | None = None, without: Iterable[str] = ()) -> Configuration:
        """This system with some settings changed and some guards removed; UnknownName if one does not exist."""
        chosen = {item.name: item.values[0] for item in self.settings}
        for name, value in (settings or {}).items():
            found = next((item for item in self.settings if item.name == name), None)
            if found is None:
                raise UnknownName(f"setting of {self.name}", name, chosen)
            if value not in found.values:
                raise UnknownName(f"value of {name}", value, found.values)
            chosen[name] = value
        removed = frozenset(without)
        for name in sorted(removed):
            if all(item.name != name for item in self.guards):
                raise UnknownName(f"guard of {self.name}", name, [item.name for item in self.guards])
        return Configuration(self, tuple(chosen.items()), removed)


@dataclass(frozen=True)
class Configuration:
    """A system with every setting decided and the removed guards named: what an engine works on."""

    system: System
    settings: tuple[tuple[str, str], ...]
    removed: frozenset[str]

    def setting(self, name: str) -> str:
        """The value of a setting; of a setting that the system does not have, nothing can depend: KeyError."""
        return dict(self.settings)[name]

    def keeps(self, guard: str) -> bool:
        return guard not in self.removed

    def changed(self) -> list[str]:
        """How this differs from the defaults, in the command line's words: `dirty-log=get-and-clear`, `without final-sync`, `only no-page-lost`."""
        default = dict(self.system.configure().settings)
        words = [f"{name}={value}" for name, value in self.settings if default[name] != value]
        return words + [f"without {name}" for name in sorted(self.removed)] + [f"only {name}" for name in self.system.only]

    def __str__(self) -> str:
        return " ".join([self.system.name, *self.changed()])
