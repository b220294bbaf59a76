"""The explicit reading: a fixed number of pages, a first-in first-out virtqueue with slots, command ids that are counted.

It is what a counterexample must replay on before anyone sees it, what the simulator runs, and what `engines.premise` compares the one-page system with.
An instance is bounded: so many pages, queue slots and ids; a step that would need more is not enabled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import cached_property

from balloonproof.model.language import (
    Action,
    CommandId,
    Configuration,
    Field,
    FreePageQueue,
    PageReference,
    Property,
    Record,
    Transaction,
    require,
)
from balloonproof.model.state import Chunk, HostPage, Page, State
from balloonproof.model.steps import Step, constants_of, restricted, run_action
from balloonproof.model.terms import (
    FALSE,
    Sort,
    Term,
    as_term,
    choose,
    conj,
    const,
    decrement,
    disj,
    enum_sort,
    has_values,
    increment,
    range_sort,
    variable,
)

STOP_ID, DONE_ID, FIRST_ID = 0, 1, 2


class Element(Enum):
    """What a queue slot holds."""

    START = auto()
    STOP = auto()
    HINT = auto()


@dataclass(frozen=True)
class Shape:
    """Bounds of an explicit instance.  `chunks[i]` is the chunk of page i, `host_pages[i]` its host page (none given: one for each page)."""

    chunks: tuple[int, ...] = (0,)
    slots: int = 5
    ids: int = 5
    host_pages: tuple[int, ...] = ()

    @property
    def pages(self) -> int:
        return len(self.chunks)

    @property
    def host_page_numbers(self) -> tuple[int, ...]:
        return self.host_pages or tuple(range(self.pages))

    @property
    def page_sort(self) -> Sort:
        return range_sort("PageNumber", max(2, self.pages))

    @property
    def id_sort(self) -> Sort:
        return range_sort("CommandId", self.ids)

    @property
    def length_sort(self) -> Sort:
        return range_sort("QueueLength", self.slots + 1)


class _Id(CommandId):
    def __init__(self, term: Term) -> None:
        self.term = term

    def is_same(self, other: CommandId) -> Term:
        assert isinstance(other, _Id)
        return self.term == other.term


class _Sent(PageReference):
    def __init__(self, state: ExplicitState) -> None:
        self.state = state

    def names(self, page: Record) -> Term:
        assert isinstance(page, Page)
        return self.state.transaction.read("sent_page") == self.state.number(page)


class _Queue(FreePageQueue):
    """Slot 0 is the head."""

    def __init__(self, state: ExplicitState) -> None:
        self.state, self.shape, self.transaction = state, state.shape, state.transaction

    @property
    def length(self) -> Term:
        return self.transaction.read("queue.length")

    def _slot(self, index: int, part: str) -> Term:
        return self.transaction.read(f"queue.{index}.{part}")

    def _append(self, kind: Element, page: Term, command: Term) -> None:
        require(self.length != self.shape.slots)
        for index in range(self.shape.slots):
            here = self.length == index
            for part, value in (("kind", as_term(kind, enum_sort(Element))), ("page", page), ("id", command)):
                self.transaction.write(f"queue.{index}.{part}", choose(here, value, self._slot(index, part)))
        self.transaction.write("queue.length", increment(self.length))

    def add_start(self, command: CommandId | None) -> None:
        assert command is None or isinstance(command, _Id)
        own = const(STOP_ID, self.shape.id_sort) if command is None else command.term
        self._append(Element.START, const(0, self.shape.page_sort), own)

    def add_stop(self) -> None:
        self._append(Element.STOP, const(0, self.shape.page_sort), const(STOP_ID, self.shape.id_sort))

    def add_hint(self, page: Record) -> None:
        assert isinstance(page, Page)
        number = const(self.state.number(page), self.shape.page_sort)
        self._append(Element.HINT, number, const(STOP_ID, self.shape.id_sort))

    def _pop(self, kind: Element) -> None:
        require(self.length != 0, self._slot(0, "kind") == kind)
        empty = {part: const(0, self._slot(0, part).sort) for part in ("kind", "page", "id")}
        for index in range(self.shape.slots):
            for part, nothing in empty.items():
                after = self._slot(index + 1, part) if index + 1 < self.shape.slots else nothing
                self.transaction.write(f"queue.{index}.{part}", after)
        self.transaction.write("queue.length", decrement(self.length))

    def pop_start(self) -> CommandId:
        own = _Id(self._slot(0, "id"))
        self._pop(Element.START)
        return own

    def pop_stop(self) -> None:
        self._pop(Element.STOP)

    def pop_hint(self, page: Record) -> None:
        assert isinstance(page, Page)
        require(self._slot(0, "page") == self.state.number(page))
        self._pop(Element.HINT)

    def holds_hint(self, page: Record) -> Term:
        assert isinstance(page, Page)
        number = self.state.number(page)
        return disj(*(self._is_hint(index) & (self._slot(index, "page") == number) for index in range(self.shape.slots)))

    def _is_hint(self, index: int) -> Term:
        return self.occupied(index) & (self._slot(index, "kind") == Element.HINT)

    def occupied(self, index: int) -> Term:
        return disj(*(self.length == count for count in range(index + 1, self.shape.slots + 1)))

    def is_empty(self) -> Term:
        return self.length == 0

    def clear(self) -> None:
        for index in range(self.shape.slots):
            for part in ("kind", "page", "id"):
                self.transaction.write(f"queue.{index}.{part}", const(0, self._slot(index, part).sort))
        self.transaction.write("queue.length", const(0, self.shape.length_sort))


class ExplicitState(State):
    """The state that an action sees in the explicit reading."""

    def __init__(self, transaction: Transaction, configuration: Configuration, shape: Shape) -> None:
        super().__init__(transaction, configuration)
        self.shape = shape
        chunks = {number: Chunk(transaction, f"chunk{number}.") for number in dict.fromkeys(shape.chunks)}
        self.pages = [Page(transaction, f"page{number}.") for number in range(shape.pages)]
        host_pages = {number: HostPage(transaction, f"host_page{number}.") for number in shape.host_page_numbers}
        for page, number, host_number in zip(self.pages, shape.chunks, shape.host_page_numbers, strict=True):
            page.chunk, page.host_page = chunks[number], host_pages[host_number]
            page.chunk.pages = [*page.chunk.pages, page]
            page.host_page.pages = [*page.host_page.pages, page]
        self.queue: _Queue = _Queue(self)
        self.sent_page = _Sent(self)

    def number(self, page: Page) -> int:
        return next(index for index, item in enumerate(self.pages) if item is page)

    def _id(self, name: str) -> CommandId:
        return _Id(self.transaction.read(name))

    @property
    def command_id(self) -> CommandId:
        return self._id("command_id")

    @property
    def stop_id(self) -> CommandId:
        return _Id(const(STOP_ID, self.shape.id_sort))

    @property
    def done_id(self) -> CommandId:
        return _Id(const(DONE_ID, self.shape.id_sort))

    def issue_command_id(self) -> None:
        current = self.transaction.read("command_id")
        require(current != self.shape.ids - 1)
        self.transaction.write("command_id", increment(current))

    @property
    def received(self) -> CommandId:
        return self._id("received")

    @received.setter
    def received(self, value: CommandId) -> None:
        assert isinstance(value, _Id)
        self.transaction.write("received", value.term)

    @property
    def active(self) -> CommandId:
        return self._id("active")

    @active.setter
    def active(self, value: CommandId) -> None:
        assert isinstance(value, _Id)
        self.transaction.write("active", value.term)

    def every(self, pages: Sequence[Page], condition: Callable[[Page], Term]) -> Term:
        return conj(*map(condition, pages))

    def choose_id(self, condition: Term, then: CommandId, otherwise: CommandId) -> CommandId:
        assert isinstance(then, _Id)
        assert isinstance(otherwise, _Id)
        return _Id(choose(condition, then.term, otherwise.term))

    def begin_send(self, page: Page) -> None:
        self.transaction.write("sent_page", const(self.number(page), self.shape.page_sort))


@dataclass(frozen=True, eq=False)
class Explicit:
    """An explicit instance of a configuration: variables, initial states, steps, properties.

    Variables that never change are replaced by their initial value, as in the one-page reading.
    """

    configuration: Configuration
    shape: Shape = Shape()

    @cached_property
    def declared(self) -> dict[str, Sort]:
        """Every variable by cell name, those included that never change."""
        sorts = {name: item.sort for name, item in self._fields.items()}
        sorts |= dict.fromkeys(("command_id", "received", "active"), self.shape.id_sort)
        sorts |= {"sent_page": self.shape.page_sort, "queue.length": self.shape.length_sort}
        slot = {"kind": enum_sort(Element), "page": self.shape.page_sort, "id": self.shape.id_sort}
        for index in range(self.shape.slots):
            sorts |= {f"queue.{index}.{part}": sort for part, sort in slot.items()}
        return sorts

    @cached_property
    def variables(self) -> dict[str, Sort]:
        """The variables that can change or whose initial value is open, by cell name."""
        fixed = {term.name for term in self.constants}
        return {name: sort for name, sort in self.declared.items() if name not in fixed}

    @cached_property
    def constants(self) -> dict[Term, Term]:
        """The variables that never change, and their values."""
        known = {name: const(value, self.declared[name]) for name, value in self.first_values.items() if value is not None}
        return constants_of(self.written_steps, known)

    @cached_property
    def _fields(self) -> dict[str, Field]:
        found = dict(State.fields)
        for number in dict.fromkeys(self.shape.chunks):
            found |= {f"chunk{number}.{name}": item for name, item in Chunk.fields.items()}
        for number in range(self.shape.pages):
            found |= {f"page{number}.{name}": item for name, item in Page.fields.items()}
        return found

    def state(self, rename: Mapping[str, Term] | None = None) -> ExplicitState:
        """The state over this instance's variables, for writing predicates."""
        cells = {name: self.constants.get(term, term) for name, term in self._cells.items()}
        return ExplicitState(Transaction({**cells, **(rename or {})}), self.configuration, self.shape)

    def transaction(self, cells: Mapping[str, Term]) -> Transaction:
        """What an action is executed in."""
        return Transaction(cells)

    @cached_property
    def _cells(self) -> dict[str, Term]:
        return {name: variable(name, sort) for name, sort in self.declared.items()}

    @cached_property
    def written_steps(self) -> list[Step]:
        """Every action about every page as the text has it, also where variables that never change rule it out."""
        return [step for item in self.configuration.system.actions for step in self.steps_of(item)]

    def steps_of(self, item: Action) -> list[Step]:
        """An action about every page, before constants are folded; none if the configuration rules it out."""
        found = []
        for number in range(self.shape.pages) if item.per_page else (-1,):
            state = ExplicitState(self.transaction(self._cells), self.configuration, self.shape)
            arguments = (state, state.pages[number]) if number >= 0 else (state,)
            step = run_action(item, state.transaction, arguments, f"page{number}" if number >= 0 else "")
            found += [step] if step is not None else []
        return found

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """Every action that can happen, about every page."""
        steps = (restricted(step, self.constants) for step in self.written_steps)
        return tuple(step for step in steps if step.guard is not FALSE)

    @cached_property
    def first_values(self) -> dict[str, int | None]:
        """The initial value of everything that is declared; None where any value will do."""
        values: dict[str, int | None] = dict.fromkeys(self.declared, 0)
        for name, item in self._fields.items():
            values[name] = None if item.initial is None else as_term(item.initial, item.sort).value
        values["command_id"] = FIRST_ID
        return values

    @cached_property
    def initial_values(self) -> dict[str, int | None]:
        """The initial value of each variable; None where any value will do."""
        return {name: self.first_values[name] for name in self.variables}

    @cached_property
    def initial(self) -> Term:
        """The initial states."""
        return has_values(self.initial_values, self.variables)

    def predicate(self, item: Property, page: int = 0) -> Term:
        """A property of page number `page` as a term."""
        state = self.state()
        return item.holds(state, state.pages[page])

    def given(self, item: Property, page: int = 0) -> Term:
        """Where a progress property asks for a way on for page number `page`."""
        state = self.state()
        return item.given(state, state.pages[page])

    def role_of(self, number: int) -> str:
        """The one-page role in which page `number` stands towards page 0: own, sibling (same host page), peer (same chunk) or stranger."""
        shape = self.shape
        if number == 0:
            return "own"
        if shape.host_page_numbers[number] == shape.host_page_numbers[0]:
            return "sibling"
        return "peer" if shape.chunks[number] == shape.chunks[0] else "stranger"
