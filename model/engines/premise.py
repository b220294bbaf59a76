"""One page suffices, and the queue may be summarised: both checked by machine, for every action.

Claim 1 (projection).  Take any explicit state with any pages, and look at it through one page p: forget the other pages, replace
ids by their class and the queue by its summary.  Then every explicit step becomes the one-page step of the same action, or is one
that p does not notice (`OnePage.unnoticed`).  An action touches its own page, p, the globals and p's chunk and host page, and treats
all other pages alike, so four pages show every case: p, another of its host page, another of its chunk, one of another chunk (the
second is left out where no step tells it from the third).  Z3 checks it for each action and each of these pages, and that a state
violates a property for p exactly if what p sees of it does.
p is page 0 there; that no page is special is a claim of its own (`alike`).

Claim 2 (queue of any length).  The summary is computed element by element as they are queued, so queueing matches by definition.
For popping, Z3 shows by induction over the elements behind the head that the summary of the queue without its head is one of those that the one-page pop
allows: it holds for the head alone, and it still holds when another element is queued or an id is issued.  For a new id, which makes the current one an old
one in every element, it shows by induction over the elements that the summary does the same, whether an element is queued before or after it.

Claim 3 (constants).  Variables that never change are left out of the explicit steps; Z3 shows of the steps as they are written that none changes one.
(Of the one-page steps nothing of the kind is needed: whichever of them are left out, the explicit steps must be among those that remain.)

What a step asks of the queue besides (is it empty, does it hold this page's hint) the summary answers by its definition, whatever the length.

Together: a run of any explicit instance, seen from any of its pages, is a run of the one-page system, so an invariant of that
holds for any number of pages and messages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import z3

from balloonproof.model.engines.z3_terms import Z3Terms, value_of
from balloonproof.model.explicit import DONE_ID, FIRST_ID, STOP_ID, Element, Explicit, ExplicitState, Shape
from balloonproof.model.language import Configuration, Transaction
from balloonproof.model.one_page import OnePage, OnePageState, declared_fields, irrelevant
from balloonproof.model.queue_summary import IdClass, QueueSummary
from balloonproof.model.state import Owner
from balloonproof.model.steps import Step
from balloonproof.model.terms import (
    BOOL,
    FALSE,
    TRUE,
    Term,
    as_term,
    choose,
    conj,
    const,
    disj,
    enum_sort,
    equal,
    implies,
    negate,
    substitute,
    variable,
    variables_of,
)

IDS = 6
"""STOP, DONE, and as many as can be told apart: two old ones that the guest has read and is using, the host's current one, and the next."""

THREE_PAGES = Shape(chunks=(0, 0, 1), slots=3, ids=IDS)
"""The observed page, a peer and a stranger."""

FOUR_PAGES = Shape(chunks=(0, 0, 1, 0), slots=3, ids=IDS, host_pages=(0, 1, 2, 0))
"""With a sibling, for systems in which a host page can hold several guest pages."""


@dataclass(frozen=True)
class PremiseFailure:
    """A claim that does not hold, most often of a step of the explicit model that the one-page system lacks, and a state before it."""

    step: str
    before: dict[str, str]

    def __str__(self) -> str:
        shown = ", ".join(f"{name}={value}" for name, value in self.before.items())
        return f"{self.step}: one page does not stand for all from {shown}"


@dataclass(frozen=True)
class Claim:
    """A part of the premise: the conjunction of `parts` (comment, term) is unsatisfiable."""

    name: str
    parts: tuple[tuple[str, Term], ...]

    def failure(self) -> PremiseFailure | None:
        """Ask Z3: a state that refutes the claim, or None."""
        translate = Z3Terms()
        solver = z3.SolverFor("QF_FD")
        found = variables_of(term for _, term in self.parts)
        for item in found:
            solver.add(translate.in_sort(item.name, item.sort))
        solver.add(*(translate.translate(term) for _, term in self.parts))
        answer = solver.check()
        if answer == z3.unsat:
            return None
        if answer != z3.sat:
            return PremiseFailure(self.name, {"Z3 answers": str(answer)})
        model = solver.model()
        return PremiseFailure(self.name, {item.name: item.sort.values[value_of(model, translate.variable(item.name, item.sort))] for item in found})


def id_class(term: Term, current: Term) -> Term:
    """The class of an explicit id."""
    sort = term.sort
    old = choose(equal(term, current), IdClass.CURRENT, IdClass.OLD)
    done = choose(equal(term, const(DONE_ID, sort)), IdClass.DONE, old)
    return choose(equal(term, const(STOP_ID, sort)), IdClass.STOP, done)


def project(explicit: Explicit, state: ExplicitState) -> dict[str, Term]:
    """What page 0 sees of an explicit state: a term for every variable of the one-page system."""
    read = state.transaction.read
    seen = {name: read(name.replace("page.", "page0.").replace("chunk.", "chunk0.")) for name in _same_cells(explicit)}
    current, received, active = read("command_id"), read("received"), read("active")
    old = [equal(id_class(term, current), as_term(IdClass.OLD, enum_sort(IdClass))) for term in (received, active)]
    seen |= {"received": id_class(received, current), "active": id_class(active, current)}
    seen["same_old_id"] = conj(*old, equal(received, active))
    seen["page.is_sent_page"] = equal(read("sent_page"), const(0, explicit.shape.page_sort))
    seen |= summarise(explicit, state)
    for name, condition, value in irrelevant(lambda cell: seen[cell]):
        seen[name] = choose(condition, value, seen[name])
    return seen


def _same_cells(explicit: Explicit) -> list[str]:
    names = (name.replace("page0.", "page.").replace("chunk0.", "chunk.") for name in explicit.declared)
    return [name for name in names if name in declared_fields() and name not in ("received", "active")]


def summarise(explicit: Explicit, state: ExplicitState) -> dict[str, Term]:
    """The queue's summary: its elements are put, first to last, into an empty one-page queue."""
    one = OnePageState(_empty_queue(), explicit.configuration, "own")
    queue, current = state.queue, state.transaction.read("command_id")
    shared = explicit.configuration.system.has_setting("command-id-buffer") and (explicit.configuration.setting("command-id-buffer") == "shared")
    for index in range(explicit.shape.slots):
        kind, page, own = (state.transaction.read(f"queue.{index}.{part}") for part in ("kind", "page", "id"))
        there = queue.occupied(index)
        is_current = FALSE if shared else equal(own, current)
        _queue_if(one, there & (kind == Element.START), partial(one.queue.put_start, is_current))
        _queue_if(one, there & (kind == Element.STOP), one.queue.add_stop)
        mine = (kind == Element.HINT) & (page == 0)
        _queue_if(one, there & mine, one.queue.put_hint)
    return {name: one.transaction.read(name) for name in declared_fields() if name.startswith("queue.")}


def _empty_queue() -> Transaction:
    fields = declared_fields()
    cells = {name: as_term(item.initial if item.initial is not None else False, item.sort) for name, item in fields.items()}
    return Transaction(cells)


def _queue_if(one: OnePageState, condition: Term, add: Callable[[], Any]) -> None:
    """Do `add` where `condition` holds."""
    before = {name: one.transaction.read(name) for name in declared_fields() if name.startswith("queue.")}
    add()
    for name, old in before.items():
        one.transaction.write(name, choose(condition, one.transaction.read(name), old))


def well_formed(explicit: Explicit, state: ExplicitState) -> Term:
    """What the projection may take for granted of an explicit state; `check_projection` shows that every step keeps it.

    Ids never run ahead of the host's, a page with the used ring never goes through the allocator, and the driver queues hints and
    stops only between its start and its stop.
    """
    read, shape = state.transaction.read, explicit.shape
    sort = shape.id_sort
    known = []
    for index in range(sort.size):
        behind = disj(*(equal(read("command_id"), const(higher, sort)) for higher in range(max(index, FIRST_ID), sort.size)))
        for term in (read("received"), read("active"), *(read(f"queue.{slot}.id") for slot in range(shape.slots))):
            known.append(implies(equal(term, const(index, sort)), behind))
    stop_queued = summarise(explicit, state)["queue.stop"]
    parts = [*known, negate(equal(read("command_id"), const(0, sort))), negate(equal(read("command_id"), const(1, sort)))]
    for index in range(shape.slots - 1):
        stop = as_term(Element.STOP, enum_sort(Element)) == read(f"queue.{index}.kind")
        followed = state.queue.occupied(index + 1)
        parts.append(implies(stop & followed, read(f"queue.{index + 1}.kind") == Element.START))
    for page in state.pages:
        parts.append(implies(page.holds_ring, page.owner == Owner.FREE))
    if "in_round" in explicit.declared:
        parts.append(implies(read("in_round"), negate(stop_queued)))
    return conj(*parts)


def projection_claims(configuration: Configuration) -> Iterator[Claim]:
    """Claims 1 and 3: one for what never changes, one for the initial states, one for each explicit step and one for each property."""
    one = OnePage(configuration)
    explicit = explicit_instance(one)
    yield constants_claim(explicit)
    before = explicit.state()
    seen = project(explicit, before)
    assumed = well_formed(explicit, before)
    starts = conj(assumed, *(equal(seen[name], const(value, one.variables[name])) for name, value in one.initial_values.items() if value is not None))
    yield Claim("initial", (("an explicit initial state", explicit.initial), ("is seen otherwise", negate(starts))))
    for step in explicit.steps:
        yield step_claim(one, explicit, step, seen, assumed)
    mapping = {variable(name, sort): seen[name] for name, sort in one.variables.items()}
    for item in configuration.system.properties:
        if item.kind != "always":
            continue  # a witness is an explicit run, whatever the one-page system says
        differs = negate(equal(explicit.predicate(item), substitute(one.predicate(item), mapping)))
        yield Claim(f"property {item.name}", (("a well-formed state", assumed), ("is judged otherwise by one page", differs)))


def constants_claim(explicit: Explicit) -> Claim:
    """The claim that no step, as it is written, changes a variable that is taken for constant."""
    known = {term.name: (term, value) for term, value in explicit.constants.items()}
    changed = []
    for step in explicit.written_steps:
        others = [negate(equal(after, known[name][1])) for name, after in step.updates.items() if name in known]
        changed.append(conj(step.guard, disj(*others)))
    kept = conj(*(equal(term, value) for term, value in known.values()))
    return Claim("constants", (("variables that never change have their values", kept), ("a step changes one", disj(*changed))))


def explicit_instance(one: OnePage) -> Explicit:
    """The instance whose pages show every position that a page can have towards the observed one."""
    return Explicit(one.configuration, FOUR_PAGES if any(step.role == "sibling" for step in one.steps) else THREE_PAGES)


def step_claim(one: OnePage, explicit: Explicit, step: Step, seen: dict[str, Term], assumed: Term) -> Claim:
    """The claim that the explicit `step` is a step of `one`; `seen` is what page 0 sees before it, `assumed` that the state is well formed."""
    after = explicit.state(step.updates)
    later = project(explicit, after)
    ways = [_is_step(one, way, seen, later, explicit, step) for way in _counterparts(explicit, one, step)]
    if step.action.name in one.unnoticed and step.role != "page0":
        ways.append(conj(*(equal(seen[name], later[name]) for name in one.variables)))
    explained = conj(disj(*ways), well_formed(explicit, after))
    return Claim(
        step.name,
        (("a well-formed state", assumed), (f"guard of {step.name}", step.guard), ("is no step of the one-page system", negate(explained))),
    )


def check_projection(configuration: Configuration) -> Iterator[tuple[str, PremiseFailure | None]]:
    """Check claim 1 with Z3: the name of each part, and what is wrong with it (None: nothing)."""
    for claim in projection_claims(configuration):
        yield claim.name, claim.failure()


def _counterparts(explicit: Explicit, one: OnePage, step: Step) -> list[Step]:
    """The one-page steps of the same action, in the role that the step's page has towards page 0."""
    role = explicit.role_of(int(step.role.removeprefix("page"))) if step.role else ""
    of_action = [item for item in one.steps if item.action is step.action]
    if role == "sibling" and not any(item.role == role for item in of_action):
        role = "peer"  # no step of this action tells them apart
    return [item for item in of_action if item.role == role]


def _is_step(one: OnePage, way: Step, seen: dict[str, Term], later: dict[str, Term], explicit: Explicit, step: Step) -> Term:
    """`seen` to `later` is the one-page step `way` for some choice of its inputs; the acting page's fields are given, the rest is tried."""
    number = step.role.removeprefix("page") or "0"
    mapping = {variable(name, item.sort): seen[name] for name, item in declared_fields().items() if name in seen}
    read = explicit.state().transaction.read
    free: list[tuple[Term, Any]] = []
    for name, term in way.inputs.items():
        cell = f"page{number}.{name}"
        if name == "is_sent_page":
            mapping[term] = equal(read("sent_page"), const(int(number), explicit.shape.page_sort))
        elif name == "clear_pending":
            chunk = explicit.shape.chunks[int(number)]
            mapping[term] = read(f"chunk{chunk}.clear_pending")
        elif cell in explicit.declared:
            mapping[term] = read(cell)
        else:
            free.append((term, range(term.sort.size)))
    choices = [mapping]
    for term, values in free:
        choices = [{**choice, term: const(value, term.sort)} for choice in choices for value in values]
    return disj(*(_matches(one, way, choice, later) for choice in choices))


def _matches(one: OnePage, way: Step, mapping: dict[Term, Term], later: dict[str, Term]) -> Term:
    memo: dict[Term, Term] = {}
    parts = [substitute(way.guard, mapping, memo)]
    for name, sort in one.variables.items():
        after = way.updates.get(name, variable(name, sort))
        parts.append(equal(substitute(after, mapping, memo), later[name]))
    return conj(*parts)


def queue_claims() -> Iterator[Claim]:
    """Claim 2: each kind of head element alone, and with one more thing happening behind it; a new id before and after each kind of element."""
    empty = _empty_summary()
    yield Claim("queue-issue-when-empty", (("the summary changes", _differs(_after(empty, "issue"), empty)),))
    for kind in ("start-old", "start-current", "hint", "stop"):
        before, old = _summary("whole."), "start-old" if kind == "start-current" else kind
        last, first = _after(_after(before, kind), "issue"), _after(_after(before, "issue"), old)
        yield Claim(f"queue-{kind}-queued-then-issue", (("the order matters", _differs(last, first)),))
    for kind in ("start-old", "start-current", "hint", "stop", "other-hint"):
        yield Claim(f"queue-{kind}-alone", (("cannot be popped", negate(_popped(kind, *_alone(kind)))),))
        whole, rest = _summary("whole."), _summary("rest.")
        for then in ("start-old", "start-current", "hint", "stop", "issue"):
            grown, shorter = _after(whole, then), _after(rest, then)
            renamed = "start-old" if (kind, then) == ("start-current", "issue") else kind
            parts = [("can be popped before", _popped(kind, whole, rest)), ("but not after", negate(_popped(renamed, grown, shorter)))]
            if then == "hint":
                parts.append(("a hint is queued only between start and stop", ~whole["stop"]))
            yield Claim(f"queue-{kind}-then-{then}", tuple(parts))


def check_queue() -> list[str]:
    """Check claim 2 with Z3; the names of the parts that fail (none, if all is well)."""
    return [claim.name for claim in queue_claims() if claim.failure() is not None]


def _summary(prefix: str) -> dict[str, Term]:
    return {name: variable(prefix + name, item.sort) for name, item in QueueSummary.fields.items()}


def _empty_summary() -> dict[str, Term]:
    empty = _empty_queue()
    return {name: empty.read(f"queue.{name}") for name in QueueSummary.fields}


def _alone(kind: str) -> tuple[dict[str, Term], dict[str, Term]]:
    return _after(_empty_summary(), kind), _empty_summary()


def _differs(one: dict[str, Term], other: dict[str, Term]) -> Term:
    return negate(conj(*(equal(one[name], other[name]) for name in one)))


def _queue_on(summary: dict[str, Term]) -> OnePageState:
    cells = {f"queue.{name}": term for name, term in summary.items()}
    rest = {name: variable(name, item.sort) for name, item in declared_fields().items()}
    from balloonproof.model.systems import HINTING

    return OnePageState(Transaction({**rest, **cells}), HINTING.configure(), "own")


def _after(summary: dict[str, Term], then: str) -> dict[str, Term]:
    """The summary after one more element was queued, or a new id issued."""
    state = _queue_on(summary)
    match then:
        case "start-old":
            state.queue.put_start(FALSE)
        case "start-current":
            state.queue.put_start(TRUE)
        case "hint":
            state.queue.put_hint()
        case "stop":
            state.queue.add_stop()
        case "issue":
            state.queue.issue()
    return {name: state.transaction.read(f"queue.{name}") for name in QueueSummary.fields}


def _popped(kind: str, whole: dict[str, Term], rest: dict[str, Term]) -> Term:
    """The one-page queue allows to take `kind` from `whole` and be left with `rest`."""
    if kind == "other-hint":
        return negate(_differs(whole, rest))
    ways = []
    for newest in (TRUE, FALSE):
        for more in (TRUE, FALSE):
            state = _queue_on(whole)
            queue = state.queue
            if kind == "hint":
                allowed = queue.take_hint(newest, more)
            elif kind == "stop":
                allowed = queue.take_stop(newest, more)
            else:
                allowed = queue.take_start(newest, as_term(kind == "start-current", BOOL), more)
            left = (equal(state.transaction.read(f"queue.{name}"), rest[name]) for name in QueueSummary.fields)
            ways.append(conj(allowed, *left))
    return disj(*ways)
