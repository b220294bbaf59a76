"""The one-page reading: one page, the globals, and an environment that takes every step that other pages could take.

A step about another page is the same text run on a page whose fields are free inputs; what it does to the globals, and to the observed page
through a shared chunk or host page, is kept.  `sibling` is any other page of the observed page's host page, `peer` any other page of its chunk,
`stranger` any page of another chunk.

The virtqueue and command ids are summarised (`queue_summary`).  That every step of the explicit model with any number of pages and messages
is a step here is not taken on trust: `engines.premise` checks it by machine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property

from balloonproof.model.language import (
    Action,
    CommandId,
    Configuration,
    Field,
    PageReference,
    Property,
    Record,
    Transaction,
)
from balloonproof.model.queue_summary import IdByClass, IdClass, IdSummary, QueueSummary, SummarisedQueue, class_of
from balloonproof.model.state import Chunk, HostPage, Page, Phase, Send, State
from balloonproof.model.steps import Step, constants_of, restricted, run_action
from balloonproof.model.terms import (
    BOOL,
    FALSE,
    Sort,
    Term,
    Value,
    as_term,
    choose,
    conj,
    enum_sort,
    exists,
    has_values,
    negate,
    substitute,
    variable,
    variables_of,
)

OTHERS = ("sibling", "peer", "stranger")
"""The roles that another page can have towards the observed one."""


class SentPage(Record):
    """Which page is being sent."""

    is_sent_page = Field(bool, False, "this page is the one being sent")


class _Sent(PageReference):
    def __init__(self, state: OnePageState) -> None:
        self.state = state

    def names(self, page: Record) -> Term:
        sent = SentPage(self.state.transaction, "page.").is_sent_page
        if page is self.state.observed:
            return sent
        return ~sent & self.state.choice("is_sent_page", BOOL)


class OnePageState(State):
    """The state that an action sees in the one-page reading."""

    def __init__(self, transaction: Transaction, configuration: Configuration, role: str) -> None:
        super().__init__(transaction, configuration)
        self.role = role
        self.ids = IdSummary(transaction, "")
        self.observed = Page(transaction, "page.")
        self.observed.chunk = Chunk(transaction, "chunk.")
        self.observed.chunk.pages = [self.observed]
        self.observed.host_page = HostPage(transaction, "host_page.")
        self.observed.host_page.pages = [self.observed]
        self.pages = [self.observed]
        self.queue: SummarisedQueue = SummarisedQueue(transaction, self.observed, self.choice)
        self.sent_page = _Sent(self)
        if role in OTHERS:
            # The progress of another page's send is not kept (`irrelevant`), so for its own steps it may be anything.
            sending = choose(SentPage(transaction, "page.").is_sent_page, self.send, self.choice("send", self.send.sort))
            transaction.before = {**transaction.before, "send": sending}

    def choice(self, name: str, sort: Sort) -> Term:
        """A free input of the step."""
        return self.transaction.inputs.setdefault(name, variable(f"input.{name}", sort))

    def subject(self) -> Page:
        """The page that the step is about: the observed one, or another whose fields can be anything."""
        if self.role == "own":
            return self.observed
        cells = {f"other.{name}": self.choice(name, item.sort) for name, item in Page.fields.items()}
        other = Page(Transaction(cells), "other.")
        other.host_page = HostPage(other.transaction, "other_host_page.")
        other.host_page.pages = [other]
        if self.role == "sibling":
            other.host_page.pages = [other, *self.observed.host_page.pages]
        if self.role in ("sibling", "peer"):
            other.chunk = self.observed.chunk
        else:
            pending = {"other_chunk.clear_pending": self.choice("clear_pending", BOOL)}
            other.chunk = Chunk(Transaction(pending), "other_chunk.")
            other.chunk.pages = []
        return other

    @property
    def command_id(self) -> CommandId:
        return self._constant(IdClass.CURRENT)

    @property
    def stop_id(self) -> CommandId:
        return self._constant(IdClass.STOP)

    @property
    def done_id(self) -> CommandId:
        return self._constant(IdClass.DONE)

    def _constant(self, kind: IdClass) -> CommandId:
        return IdByClass(as_term(kind, enum_sort(IdClass)), "", FALSE)

    def issue_command_id(self) -> None:
        received, active = self.ids.received, self.ids.active
        both_current = (received == IdClass.CURRENT) & (active == IdClass.CURRENT)
        self.ids.same_old_id = both_current | self.ids.same_old_id
        self.ids.received = choose(received == IdClass.CURRENT, IdClass.OLD, received)
        self.ids.active = choose(active == IdClass.CURRENT, IdClass.OLD, active)
        self.queue.issue()

    @property
    def received(self) -> CommandId:
        return IdByClass(self.ids.received, "received", self.ids.same_old_id)

    @received.setter
    def received(self, value: CommandId) -> None:
        assert isinstance(value, IdByClass)
        if (value.term == IdClass.OLD) is not FALSE:
            raise TypeError("the guest reads STOP, DONE or the current id, never an old one")
        self.ids.received = value.term
        self.ids.same_old_id = False

    @property
    def active(self) -> CommandId:
        return IdByClass(self.ids.active, "active", self.ids.same_old_id)

    @active.setter
    def active(self, value: CommandId) -> None:
        assert isinstance(value, IdByClass)
        assert value.name == "received"
        self.ids.active = value.term
        self.ids.same_old_id = value.term == IdClass.OLD

    def every(self, pages: Sequence[Page], condition: Callable[[Page], Term]) -> Term:
        """Of the pages that are not known, any may fail."""
        return conj(*map(condition, pages), self.choice("every", BOOL))

    def choose_id(self, condition: Term, then: CommandId, otherwise: CommandId) -> CommandId:
        return IdByClass(choose(condition, class_of(then), class_of(otherwise)), "", FALSE)

    def begin_send(self, page: Page) -> None:
        SentPage(self.transaction, "page.").is_sent_page = page is self.observed


def irrelevant(cell: Callable[[str], Term]) -> Sequence[tuple[str, Term, Value]]:
    """Variables whose value does not matter under a condition, and the value that they then get: (cell, condition, value).

    Fewer states, the same verdicts: `engines.premise` checks each explicit step against the one-page system with this in place.
    """
    not_sending = ~cell("page.is_sent_page")
    over = (cell("phase") == Phase.COMPLETED) | (cell("phase") == Phase.CLEANUP)
    log_over = (cell("phase") == Phase.COMPLETED) | ((cell("phase") == Phase.CLEANUP) & cell("running"))
    return (
        # Another page's send holds the mutex, which only keeps things from happening.
        ("send", not_sending, Send.IDLE),
        ("page.is_sent_page", cell("send") == Send.IDLE, False),
        # Content that nobody relies on is not compared; the write that makes the guest rely on it makes it differ.
        # (A discard can do so without a write, but changes nothing only where there were zeros already.)
        ("page.copied", ~(cell("page.relied") | cell("page.holds_ring") | cell("page.zero")), False),
        # After the last send the bitmaps are only waiting to be freed; the log of a VM that stands still may stay on.
        ("page.dirty", over, False),
        *((name, log_over, False) for name in ("page.logged", "page.fetched", "chunk.clear_pending")),
    )


RECORDS: Sequence[tuple[str, type[Record]]] = (
    ("", State),
    ("", IdSummary),
    ("queue.", QueueSummary),
    ("chunk.", Chunk),
    ("page.", Page),
    ("page.", SentPage),
)


@cache
def declared_fields() -> dict[str, Field]:
    """Every variable of the one-page system by cell name."""
    return {prefix + name: item for prefix, record in RECORDS for name, item in record.fields.items()}


@dataclass(frozen=True, eq=False)
class OnePage:
    """The one-page system of a configuration: variables, initial states, steps, properties.

    Variables that never change are replaced by their initial value.  With `ends_at_violation` no step leads on from a state that violates a property.
    """

    configuration: Configuration
    ends_at_violation: bool = field(default=False, kw_only=True)

    @cached_property
    def written_steps(self) -> list[Step]:
        """Every action in every role as the text has it, also where variables that never change rule it out."""
        return [step for item in self.configuration.system.actions for step in self.steps_of(item)]

    def steps_of(self, item: Action) -> list[Step]:
        """An action in every role, before constants are folded; none if the configuration rules it out."""
        steps = {role: self._step(item, role) for role in (("own", *OTHERS) if item.per_page else ("",))}
        sibling, peer = steps.get("sibling"), steps.get("peer")
        if sibling and peer and sibling.does_the_same_as(peer):
            steps["sibling"] = None
        return [step for step in steps.values() if step]

    def _step(self, item: Action, role: str) -> Step | None:
        state = self._state(role or "own")
        return run_action(item, state.transaction, (state, state.subject()) if role else (state,), role)

    def _state(self, role: str) -> OnePageState:
        cells = {name: variable(name, item.sort) for name, item in declared_fields().items()}
        return OnePageState(self.transaction(cells), self.configuration, role)

    def transaction(self, cells: Mapping[str, Term]) -> Transaction:
        """What an action is executed in."""
        return Transaction(cells)

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """Every action in every role whose guard is satisfiable; free inputs that change nothing are gone."""
        steps = [self._without_constants(step) for step in self.written_steps]
        return tuple(step for step in steps if step.guard is not FALSE)

    @cached_property
    def constants(self) -> Mapping[Term, Term]:
        """The variables that never change, and their values."""
        fields = declared_fields().items()
        return constants_of(self.written_steps, {name: as_term(item.initial, item.sort) for name, item in fields if item.initial is not None})

    def _without_constants(self, step: Step) -> Step:
        step = restricted(step, self.constants)
        updates = self.normalised(step.updates)
        used = set(variables_of(updates.values()))
        inputs = {name: term for name, term in step.inputs.items() if term in used}
        guard = exists(set(step.inputs.values()) - used, step.guard)
        if self.ends_at_violation:
            guard = conj(guard, self.sound)
        return Step(step.action, step.role, guard, updates, inputs)

    def normalised(self, updates: Mapping[str, Term]) -> dict[str, Term]:
        """`updates` with every variable that does not matter in the next state set to its fixed value."""
        result = dict(updates)
        current = {name: variable(name, item.sort) for name, item in declared_fields().items()}
        current = {name: self.constants.get(term, term) for name, term in current.items()}
        for index, (name, before, value) in enumerate(irrelevant(current.__getitem__)):
            if name not in result and not any(term.name in result for term in variables_of([before])):
                continue  # untouched by the step, so still as it was left
            condition = irrelevant(lambda cell: result.get(cell, current[cell]))[index][1]
            result[name] = choose(condition, value, result.get(name, current[name]))
        return {name: term for name, term in result.items() if term is not current[name]}

    @cached_property
    def unnoticed(self) -> frozenset[str]:
        """Actions that a page never notices when another page takes them: all they change is which page is being sent."""
        noticed = set()
        for step in self.written_steps:
            if step.role in OTHERS and set(step.updates) - {"send", "page.is_sent_page"}:
                noticed.add(step.action.name)
        sending = {s.action.name for s in self.written_steps if s.role in OTHERS and "send" in s.updates}
        return frozenset(sending - noticed)

    def know(self, steps: tuple[Step, ...], constants: Mapping[Term, Term], unnoticed: frozenset[str]) -> None:
        """These were worked out before, for an equal configuration of the same model."""
        vars(self).update(steps=steps, constants=constants, unnoticed=unnoticed)

    @cached_property
    def variables(self) -> dict[str, Sort]:
        """The variables that can change or whose initial value is open, by cell name."""
        fixed = {term.name for term in self.constants}
        return {name: f.sort for name, f in declared_fields().items() if name not in fixed}

    @cached_property
    def initial_values(self) -> dict[str, int | None]:
        """The initial value of each variable; None where any value will do."""
        fields = declared_fields()
        return {name: None if fields[name].initial is None else as_term(fields[name].initial, sort).value for name, sort in self.variables.items()}

    @cached_property
    def initial(self) -> Term:
        """The initial states."""
        return has_values(self.initial_values, self.variables)

    def predicate(self, item: Property) -> Term:
        """A property of the observed page as a term over `variables`."""
        return self._about_page(item.holds)

    def given(self, item: Property) -> Term:
        """Where a progress property asks for a way on."""
        return self._about_page(item.given)

    def _about_page(self, predicate: Callable[..., Term]) -> Term:
        state = self._state("own")
        return substitute(predicate(state, state.observed), self.constants)

    def violated(self) -> dict[str, Term]:
        """For each `always` property the bad states."""
        properties = self.configuration.system.properties
        return {item.name: negate(self.predicate(item)) for item in properties if item.kind == "always"}

    @cached_property
    def sound(self) -> Term:
        """No property is violated."""
        return conj(*map(negate, self.violated().values()))

    def witnessed(self) -> dict[str, Term]:
        """For each `sometimes` property the states that witness it."""
        return {i.name: self.predicate(i) for i in self.configuration.system.properties if i.kind == "sometimes"}
