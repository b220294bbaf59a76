"""One page and a summarised queue stand for any number: the checks pass, notice what is broken, and agree with explicit runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from strategies import levels

from balloonproof.model import one_page
from balloonproof.model.compiled import Layout, Move, compile_predicate
from balloonproof.model.engines import certificate, premise, verdict
from balloonproof.model.engines.alike import alike_claims
from balloonproof.model.engines.bounded import Run
from balloonproof.model.engines.premise import Claim, check_projection, check_queue, constants_claim, project, projection_claims, queue_claims, well_formed
from balloonproof.model.engines.reachability import Reachable, States, contains, explore, holds
from balloonproof.model.explicit import Explicit, Shape
from balloonproof.model.language import Actor, Configuration, Property, System, action
from balloonproof.model.one_page import OnePage, OnePageState
from balloonproof.model.queue_summary import IdClass, SummarisedQueue, Waiting
from balloonproof.model.simulate import Simulator
from balloonproof.model.state import Page, Phase, State
from balloonproof.model.steps import Step
from balloonproof.model.systems import BALLOON, HINTING, PRECOPY, SYSTEMS, find_system
from balloonproof.model.terms import BOOL, FALSE, TRUE, Term, Value, choose, const, disj, equal, variable

SETTINGS: list[tuple[str, Mapping[str, str]]] = [
    ("precopy", {}),
    ("precopy", {"dirty-log": "get-and-clear"}),
    ("hinting", {}),
    ("hinting", {"dirty-log": "get-and-clear", "command-id-buffer": "per-round"}),
    ("hinting", {"drain-before-new-id": "yes", "release-waits-for-ack": "early"}),
    ("hinting", {"release-waits-for-ack": "yes", "hint-clears-log": "no", "early-release": "no"}),
]
every_setting = pytest.mark.parametrize(("system", "settings"), SETTINGS, ids=str)


@cache
def reachable(configuration: Configuration) -> Reachable:
    return explore(OnePage(configuration))


# -------------------------------------------------------------------------------------------------------- the checks pass


def failures(configuration: Configuration) -> list[str]:
    return [name for name, failure in check_projection(configuration) if failure is not None]


def test_the_queue_may_be_summarised() -> None:
    assert check_queue() == []


@every_setting
def test_each_explicit_step_is_a_step_of_the_one_page_system(system: str, settings: Mapping[str, str]) -> None:
    assert failures(find_system(system).configure(settings)) == []


@pytest.mark.parametrize("guard", [guard.name for guard in HINTING.guards])
def test_so_it_is_without_any_one_guard(guard: str) -> None:
    assert failures(HINTING.configure(without=[guard])) == []


SEVEN_PAGES = Shape(chunks=(0, 0, 1, 0, 0, 1, 2), slots=3, ids=6, host_pages=(0, 1, 2, 0, 1, 2, 3))
"""Whose chunks and host pages hold several pages, also those that page 0 is not in."""


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.name)
def test_more_pages_than_it_is_checked_with_change_nothing(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(premise, "explicit_instance", lambda one: Explicit(one.configuration, SEVEN_PAGES))
    larger = {"host-page-size": "larger"} if system.has_setting("host-page-size") else {}
    assert failures(system.configure(larger)) == []


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.name)
def test_no_action_and_no_property_tells_a_page_from_another_but_by_its_state(system: System) -> None:
    assert [claim.name for claim in alike_claims(system.configure(dict(system.safe))) if claim.failure()] == []


def test_there_is_a_claim_for_every_action_about_each_page() -> None:
    names = [claim.name for claim in projection_claims(HINTING.configure())]
    possible = [item for item in HINTING.actions if item.name not in ("reap", "refill-tlb", "begin-timed-sync")]  # of other settings
    expected = [f"{item.name}({page})" for item in possible if item.per_page for page in ("page0", "page1", "page2")]
    properties = [f"property {item.name}" for item in HINTING.properties if item.kind == "always"]
    assert set(names) == {"constants", "initial", *expected, *properties, *(item.name for item in possible if not item.per_page)}


# ------------------------------------------------------------------------------------------------------ the checks can fail


@action(Actor.GUEST, event="guest.spare", source="nowhere")
def spare(s: State, page: Page) -> None:
    """Damages every page but the first."""
    page.damaged = page.damaged | (page is not s.pages[0])


def test_an_action_that_tells_pages_apart_is_noticed_although_the_first_page_is_spared() -> None:
    configuration = replace(BALLOON, actions=(*BALLOON.actions, spare)).configure()
    assert failures(configuration) == []
    assert [claim.name for claim in alike_claims(configuration) if claim.failure()] == ["alike spare"]


def test_a_property_of_one_page_only_is_noticed() -> None:
    first = Property("first", "Only the first page is asked about.", "always", lambda s, page: ~s.pages[0].damaged)
    configuration = replace(BALLOON, properties=(*BALLOON.properties, first)).configure()
    assert failures(configuration) == []
    assert [claim.name for claim in alike_claims(configuration) if claim.failure()] == ["alike property first"]


def test_what_spares_the_first_page_is_not_proved() -> None:
    result = verdict.decide(replace(BALLOON, actions=(*BALLOON.actions, spare)).configure())
    assert result.verdict == "undecided"
    assert result.reasons[0].startswith("alike spare: one page does not stand for all")


STRANGERS = [step for step in OnePage(HINTING.configure()).steps if step.role in ("peer", "stranger") and step.action.name not in ("clear-bit", "read-page")]


@pytest.mark.parametrize("lost", STRANGERS, ids=lambda step: step.name)
def test_a_lost_step_of_the_environment_is_noticed(lost: Step, monkeypatch: pytest.MonkeyPatch) -> None:
    class Poorer(OnePage):
        @property
        def steps(self) -> tuple[Step, ...]:  # type: ignore[override]
            return tuple(step for step in super().steps if step.name != lost.name)

    monkeypatch.setattr(premise, "OnePage", Poorer)
    page = {"peer": "page1", "stranger": "page2"}[lost.role]
    failed = [claim.name for claim in projection_claims(HINTING.configure()) if claim.name.startswith(lost.action.name) and claim.failure()]
    assert failed == [f"{lost.action.name}({page})"]


def test_an_action_that_the_page_does_notice_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_page, "irrelevant", lambda cell: [("page.dirty", TRUE, False)])
    monkeypatch.setattr(premise, "irrelevant", one_page.irrelevant)
    assert "arm-log(page0)" in failures(PRECOPY.configure())


def forget_start(queue: SummarisedQueue, newest: Term, current: Term, more: Term) -> Term:
    """take_start, but from the newest round even while earlier elements are queued, and nothing from those."""
    allowed = newest & (queue.summary.start == choose(current, Waiting.CURRENT, Waiting.OLD)) & ~more
    queue.summary.start = choose(newest, Waiting.NONE, queue.summary.start)
    return allowed


def forget_hint(queue: SummarisedQueue, newest: Term, more: Term) -> Term:
    """take_hint, but no second hint of the page is ever left."""
    q = queue.summary
    allowed = choose(newest, q.hint, q.earlier_hint)
    q.hint = q.hint & ~newest
    q.earlier_hint = q.earlier_hint & newest
    return allowed


def forget_stop(queue: SummarisedQueue, newest: Term, more: Term) -> Term:
    """take_stop, but only the newest round's."""
    queue.summary.stop = queue.summary.stop & more
    return newest & (queue.summary.start == Waiting.NONE) & ~queue.summary.hint


def forget_rounds(queue: SummarisedQueue, is_current: Term) -> None:
    """put_start, but what the round before has left behind is forgotten."""
    queue.summary.start = choose(is_current, Waiting.CURRENT, Waiting.OLD)
    queue.summary.hint = False
    queue.summary.stop = False


def forget_order(queue: SummarisedQueue) -> None:
    """issue, but the newest round's start is counted among the earlier ones."""
    q = queue.summary
    q.earlier_start_old = disj(q.earlier_start_old, q.earlier_start_current, q.start != Waiting.NONE)
    q.earlier_start_current = False
    q.start = Waiting.NONE


@pytest.mark.parametrize(
    ("method", "broken", "noticed"),
    [
        ("take_start", forget_start, "queue-start-old-then-start-old"),
        ("take_hint", forget_hint, "queue-hint-then-hint"),
        ("take_stop", forget_stop, "queue-stop-then-start-current"),
        ("put_start", forget_rounds, "queue-hint-then-start-old"),
        ("issue", lambda queue: None, "queue-start-current-then-issue"),
        ("issue", forget_order, "queue-start-current-queued-then-issue"),
    ],
)
def test_a_wrong_summary_of_the_queue_is_noticed(method: str, broken: object, noticed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SummarisedQueue, method, broken)
    assert noticed in check_queue()


def test_old_ids_that_are_taken_for_one_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def issue(state: OnePageState) -> None:
        received, active = state.ids.received, state.ids.active
        state.ids.same_old_id = (received != IdClass.STOP) & (active != IdClass.STOP) & (received == active)
        state.ids.received = choose(received == IdClass.CURRENT, IdClass.OLD, received)
        state.ids.active = choose(active == IdClass.CURRENT, IdClass.OLD, active)
        state.queue.issue()

    monkeypatch.setattr(OnePageState, "issue_command_id", issue)
    assert "request-hints" in failures(HINTING.configure())


def test_a_variable_that_is_wrongly_left_out_is_noticed() -> None:
    explicit = Explicit(PRECOPY.configure())
    assert constants_claim(explicit).failure() is None
    vars(explicit)["constants"] = {**explicit.constants, variable("final", BOOL): FALSE}
    assert constants_claim(explicit).failure() is not None


# -------------------------------------------------------------------------------------------------- what explicit runs see


def seen_from_page_0(explicit: Explicit, one: OnePage, packed: Iterable[int]) -> States:
    """Explicit states as the one-page system packs what page 0 sees of them."""
    source, target = Layout.of(explicit.variables), Layout.of(one.variables)
    terms = project(explicit, explicit.state())
    states = np.array(packed, dtype=np.int64 if source.width <= 63 else object)
    result = np.zeros(len(states), dtype=np.int64)
    for name, sort in one.variables.items():
        for value in range(1, sort.size):
            here = compile_predicate(equal(terms[name], const(value, sort)), source)
            matching = [bool(here(state)) for state in states] if states.dtype == object else holds(here, states)
            result |= np.where(matching, value << target.offsets[name], 0)
    return result


RARE = {"fail", "cancel", "end-round", "kexec", "suspend"}


def likelihood(move: Move) -> float:
    """Runs that get somewhere: writes, fresh ids and interruptions are rarer than the migration's and the balloon's own steps."""
    return 0.02 if move.step.action.name in RARE else {"guest": 0.2, "management": 0.1}.get(move.step.action.actor.value, 1.0)


def random_runs(explicit: Explicit) -> Iterator[Run]:
    simulator = Simulator(explicit, likelihood)
    return (simulator.run(300, seed) for seed in range(12))


@every_setting
@pytest.mark.parametrize("chunks", [(0, 0), (0, 1), (0, 0, 1)], ids=str)
def test_random_runs_stay_within_what_one_page_can_see(system: str, settings: Mapping[str, str], chunks: tuple[int, ...]) -> None:
    configuration = find_system(system).configure(settings)
    explicit = Explicit(configuration, Shape(chunks, slots=4, ids=9))
    layout = Layout.of(explicit.variables)
    runs = list(random_runs(explicit))
    states = [layout.pack(step.after) for run in runs for step in run.steps]
    taken = {step.step.action.name for run in runs for step in run.steps}
    assert {"complete", "switch-over", *(("accept-hint", "drop-hint", "take-stop") if system == "hinting" else ())} <= taken
    assert all(map(compile_predicate(well_formed(explicit, explicit.state()), layout), states))
    found = reachable(configuration)
    assert contains(found.states, seen_from_page_0(explicit, found.system, states)).all()


@pytest.mark.parametrize(
    ("system", "settings", "shape"),
    [
        ("precopy", {}, Shape((0,), slots=1, ids=3)),
        ("precopy", {}, Shape((0, 0), slots=1, ids=3)),
        ("precopy", {"dirty-log": "get-and-clear"}, Shape((0, 1), slots=1, ids=3)),
        ("hinting", {}, Shape((0,), slots=4, ids=5)),
        ("hinting", {"dirty-log": "get-and-clear", "command-id-buffer": "per-round"}, Shape((0,), slots=4, ids=5)),
        ("hinting", {"release-waits-for-ack": "yes"}, Shape((0,), slots=4, ids=5)),
        ("balloon", {}, Shape((0,), slots=1, ids=3)),
        ("reporting", {"free-page-content": "poison"}, Shape((0,), slots=1, ids=3)),
        ("free-page-bitmap", {}, Shape((0,), slots=1, ids=3)),
        ("balloon-skip", {}, Shape((0,), slots=1, ids=3)),
        ("combined", {}, Shape((0,), slots=1, ids=3)),
        ("postcopy", {}, Shape((0,), slots=1, ids=3)),
        ("snapshot", {}, Shape((0, 1), slots=1, ids=3)),
        ("firecracker", {"release-waits-for-ack": "yes", "restore": "on-fault"}, Shape((0,), slots=3, ids=5)),
    ],
    ids=str,
)
def test_everything_that_a_few_pages_can_reach_is_within_it(system: str, settings: Mapping[str, str], shape: Shape) -> None:
    configuration = find_system(system).configure(settings)
    explicit, found = Explicit(configuration, shape), reachable(configuration)
    everything = np.concatenate(list(levels(explicit)))
    assert len(everything) > 1000
    seen = np.unique(seen_from_page_0(explicit, found.system, everything))
    assert contains(found.states, seen).all()


def test_two_pages_reach_all_that_the_one_page_system_of_precopy_can() -> None:
    found = reachable(PRECOPY.configure())
    explicit = Explicit(found.system.configuration, Shape((0, 0), slots=1, ids=9))
    seen = seen_from_page_0(explicit, found.system, np.concatenate(list(levels(explicit))))
    assert set(seen.tolist()) == set(found.states.tolist())


def test_without_other_pages_steps_explicit_runs_leave_it() -> None:
    class Lonely(OnePage):
        @property
        def steps(self) -> tuple[Step, ...]:  # type: ignore[override]
            return tuple(step for step in super().steps if step.role != "peer")

    lonely = explore(Lonely(PRECOPY.configure()))
    explicit = Explicit(PRECOPY.configure(), Shape((0, 0), slots=1, ids=3))
    seen = seen_from_page_0(explicit, lonely.system, np.concatenate(list(levels(explicit))))
    assert not contains(lonely.states, seen).all()


# ------------------------------------------------------------------------------------------------- what a broken premise does

LATE_CLEAR = PRECOPY.configure(without=["clear-only-fetched"])
"""Refuted with 23 steps on two pages; the one-page system needs 21."""


@pytest.mark.parametrize(("name", "value"), [("SLACK", 1), ("SHAPES", (Shape((0,)),))], ids=str)
def test_a_counterexample_that_does_not_replay_is_a_defect_and_no_race(name: str, value: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdict, name, value)
    result = verdict.decide(LATE_CLEAR)
    assert result.verdict == "undecided"
    assert result.counterexamples == []
    assert any("no-page-lost" in reason and "a defect of the abstraction, not a race" in reason for reason in result.reasons)


def test_it_is_sought_up_to_the_stated_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdict, "SLACK", 2)
    assert verdict.decide(LATE_CLEAR).verdict == "refuted"


def test_a_claim_that_fails_leaves_nothing_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = Claim("sevens-are-even", (("nothing is assumed", TRUE),))
    monkeypatch.setattr(certificate, "queue_claims", lambda: [*queue_claims(), wrong])
    result = verdict.prove_system("precopy")
    assert result.verdict == "undecided"
    assert any(reason.startswith("sevens-are-even: one page does not stand for all") for reason in result.reasons)


def test_a_wrong_queue_leaves_nothing_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SummarisedQueue, "take_hint", forget_hint)
    assert verdict.prove_system("precopy").verdict == "undecided"


def test_a_simplification_that_hides_the_loss_leaves_nothing_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = one_page.irrelevant

    def hiding(cell: Callable[[str], Term]) -> Sequence[tuple[str, Term, Value]]:
        return (*genuine(cell), ("page.copied", (cell("phase") == Phase.COMPLETED) & cell("page.relied"), True))

    monkeypatch.setattr(one_page, "irrelevant", hiding)
    monkeypatch.setattr(premise, "irrelevant", hiding)
    assert verdict.prove_system("precopy", without=["final-sync"]).verdict != "proved"
