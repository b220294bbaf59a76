"""Mutants of the model: what they lack, what notices them, and that the judge is right about those that change nothing."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balloonproof.checker.read import Expectation
from balloonproof.checker.report.mutation import in_words, mutation_json, mutation_lines
from balloonproof.checker.trace_tests import TraceTest, TraceTests, bundled_traces
from balloonproof.model.actions import guest, management, paused_snapshot
from balloonproof.model.engines.correspondence import corresponds, takes_same_steps
from balloonproof.model.engines.equivalence import are_equivalent
from balloonproof.model.engines.mutants import Mutant, MutatedOnePage, mutants
from balloonproof.model.engines.mutation import Judge, MutationResult, Outcome, mutate
from balloonproof.model.engines.reachability import contains, explore
from balloonproof.model.language import Configuration, Property
from balloonproof.model.one_page import OnePage
from balloonproof.model.state import Owner
from balloonproof.model.systems import FIRECRACKER, REPORTING, find_system

SCHEMA = Path(__file__).parent.parent / "checker" / "report" / "results.schema.json"
CONDITIONS = sorted((Path(__file__).parent.parent / "traces" / "conditions").glob("*.trace"))
PRECOPY = find_system("precopy")


@cache
def judge() -> Judge:
    return Judge(PRECOPY.configure(), TraceTests(path for path in bundled_traces() if path.parent.name != "races"))


@cache
def every() -> dict[str, Mutant]:
    return {str(item): item for item in mutants(judge().one)}


def mutated(item: Mutant) -> MutatedOnePage:
    return MutatedOnePage(judge().one.configuration, judge().one, item)


def test_every_effect_and_every_condition_of_an_action_is_dropped_once() -> None:
    found = [str(item) for item in mutants(judge().one) if item.action.name == "clear-bit"]
    assert found == [
        "clear-bit without guard s.send == Send.ARMED",
        "clear-bit without guard s.sent_page == page",
        "clear-bit without effect page.dirty = False",
        "clear-bit without effect s.send = Send.CLEARED if s.keeps('clear-log-before-read') else Send.IDLE",
    ]
    places = [(item.action, item.part) for item in mutants(judge().one)]
    assert len(places) == len(set(places))


def test_a_helper_is_mutated_for_one_action_at_a_time() -> None:
    item = every()["pause without guard ~page.store_begun"]
    assert item.part.place.startswith("migration.py:")
    changed = {step.action.name for step, other in zip(mutated(item).written_steps, mutated(item).written_steps, strict=True) if step is not other}
    assert changed <= {"pause"}
    others = [step for step in mutated(item).steps if step.action.name != "pause"]
    assert others == [step for step in judge().one.steps if step.action.name != "pause"]


def test_a_mutant_lacks_its_part_in_every_role() -> None:
    system = mutated(every()["arm-log without effect chunk.clear_pending = False"])
    assert [step.role for step in system.changed_steps if "chunk.clear_pending" in step.updates] == []
    assert {step.role for step in system.original_steps if "chunk.clear_pending" in step.updates} == {"own", "peer"}


def test_a_variable_that_only_the_mutant_changes_is_kept() -> None:
    system = mutated(every()["channel-read without guard page.in_channel"])
    assert "page.in_flight" in system.variables
    assert "page.in_flight" not in judge().one.variables


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("write without effect page.logged = page.logged | on", "violates no-page-lost"),
        ("write without guard (page.owner == Owner.USED) | page.holds_ring", "the trace write-to-free-page.reject gets another verdict"),
        ("cleanup without effect s.running = s.running | s.final & s.ran_before", "the trace goes-on-after-failure.accept gets another verdict"),
        ("cleanup without effect page.logged = page.logged & log_stays_on", "cannot be told from the model"),
        ("cleanup without effect page.in_channel = False", "the same steps wherever the model gets"),
    ],
)
def test_what_notices_a_mutant(name: str, words: str) -> None:
    assert in_words(judge().outcome(every()[name])) == words


def outcome_in(configuration: Configuration, name: str) -> Outcome:
    judge = Judge(configuration)
    return judge.outcome(next(item for item in mutants(judge.one) if str(item) == name))


def test_nothing_is_asked_beyond_a_violation() -> None:
    """A page that shows old content violates a property: that the next write hides it again is of no use any more."""
    configuration = FIRECRACKER.configure({"release-waits-for-ack": "yes", "saves": "written"})
    assert outcome_in(configuration, "write without effect page.reads_old = False").same


def test_a_state_that_witnesses_something_else_is_not_told() -> None:
    """That a page was passed by only a witness asks, and there is one with the mutant too."""
    outcome = outcome_in(find_system("balloon-skip").configure(), "start-migration without effect page.passed_by_bit = False")
    assert outcome.equivalent


def test_no_mutant_of_precopy_survives() -> None:
    outcomes = {name: judge().outcome(item) for name, item in every().items()}
    assert [name for name, outcome in outcomes.items() if not (outcome.same or outcome.caught or outcome.equivalent)] == []


def test_the_premise_notices_what_its_one_page_reading_hides() -> None:
    found = Judge(PRECOPY.configure()).outcome(every()["clear-bit without guard s.sent_page == page"])
    assert in_words(found) == "the premise fails"


def test_what_cannot_happen_any_more_is_named() -> None:
    found = judge().outcome(every()["start-migration without effect s.phase = Phase.BEFORE_SYNC"])
    assert found.violated == ()
    assert {"step complete", "witness migration-completes"} <= set(found.impossible)
    assert found.caught


@given(st.data())
@settings(max_examples=4, deadline=None)
def test_without_a_condition_nothing_is_lost(data: st.DataObject) -> None:
    system = mutated(data.draw(st.sampled_from([item for item in every().values() if item.part.kind == "guard"])))
    before = system.relaid(judge().reachable.states, judge().reachable.layout)
    assert contains(explore(system).states, before).all()


@given(st.data())
@settings(max_examples=4, deadline=None)
def test_the_same_steps_lead_to_the_same_states_and_cannot_be_told(data: st.DataObject) -> None:
    system = mutated(data.draw(st.sampled_from(list(every().values()))))
    if takes_same_steps(system, judge().reachable.states):
        reachable = explore(system)
        assert np.array_equal(reachable.states, system.relaid(judge().reachable.states, judge().reachable.layout))
        assert are_equivalent(judge().reachable, reachable)


def test_what_corresponds_is_equivalent() -> None:
    effective = [item for item in map(mutated, every().values()) if not takes_same_steps(item, judge().reachable.states)]
    found = [item for item in effective if corresponds(item, judge().reachable.states)]
    assert 0 < len(found) < len(effective)
    assert all(are_equivalent(judge().reachable, explore(item)) for item in found)


def test_systems_that_differ_in_what_can_happen_are_not_equivalent() -> None:
    legacy = explore(OnePage(PRECOPY.configure({"dirty-log": "get-and-clear"})))
    assert are_equivalent(legacy, explore(OnePage(PRECOPY.configure({"dirty-log": "get-and-clear", "initially-set": "no"}))))
    assert not are_equivalent(legacy, judge().reachable)
    assert not are_equivalent(legacy, explore(OnePage(PRECOPY.configure({"dirty-log": "get-and-clear"}, ["final-sync"]))))


# ---------------------------------------------------------------------------------------------------------------- traces


@pytest.mark.parametrize("path", CONDITIONS, ids=lambda path: path.stem)
def test_a_trace_gets_the_verdict_that_stands_in_its_name(path: Path) -> None:
    test = TraceTest.read(path)
    assert test.header.expect is not None
    assert test.header.expect.verdict == path.stem.split(".")[-1]
    assert test.passes


@pytest.mark.parametrize("path", [path for path in CONDITIONS if "-twice.reject" in path.name], ids=lambda path: path.stem)
def test_it_is_the_last_event_of_a_rejected_trace_that_is_impossible(path: Path) -> None:
    test = TraceTest.read(path)
    before = dataclasses.replace(test, events=test.events[:-1], header=dataclasses.replace(test.header, expect=Expectation("accept")))
    assert test.passes
    assert before.passes


def test_a_trace_fails_with_the_mutant_whose_condition_it_breaks_and_with_no_other_of_the_action() -> None:
    test = TraceTest.read(next(path for path in CONDITIONS if path.name.startswith("free-while-paused")))
    failing = [name for name, item in every().items() if item.action.name == "free" and test.fails_with(item)]
    assert failing == ["free without guard s.running"]


def test_a_trace_does_not_test_another_system_s_action_of_the_same_name() -> None:
    test = TraceTest.read(next(path for path in CONDITIONS if path.name.startswith("suspend-while-paused")))
    namesake = dataclasses.replace(paused_snapshot.restore, name="suspend")
    elsewhere = dataclasses.replace(FIRECRACKER, actions=tuple(namesake if item is paused_snapshot.restore else item for item in FIRECRACKER.actions))
    own, other = ([item for item in mutants(OnePage(system.configure())) if item.action.name == "suspend"] for system in (REPORTING, elsewhere))
    assert [str(item) for item in own if test.fails_with(item)] == ["suspend without guard s.running"]
    assert other
    assert not any(test.fails_with(item) for item in other)


# --------------------------------------------------------------------------------------------------------- a small system

SMALL = dataclasses.replace(
    PRECOPY,
    name="small",
    actions=(guest.allocate, guest.free, management.pause, management.resume),
    properties=(
        Property("used-while-running", "A page is in use only while the VM runs.", "always", lambda s, page: s.running | (page.owner == Owner.FREE)),
        Property("used", "A page can be in use.", "sometimes", lambda s, page: page.owner == Owner.USED),
        Property("paused", "The VM can be paused.", "sometimes", lambda s, page: ~s.running),
    ),
)


@cache
def small() -> MutationResult:
    return mutate(SMALL.configure())


def test_all_are_judged_in_the_order_of_the_text() -> None:
    assert [str(mutant) for mutant, _ in small().outcomes] == [str(item) for item in mutants(OnePage(SMALL.configure()))]
    outcomes = {str(mutant): in_words(outcome) for mutant, outcome in small().outcomes}
    assert outcomes["allocate without effect page.owner = Owner.USED"] == "never: step free(own), witness used"
    assert outcomes["pause without effect s.running = False"] == "never: step resume, witness paused"


def test_a_property_that_does_not_hold_anyway_is_no_news() -> None:
    assert all(outcome.violated == () for _, outcome in small().outcomes)


def test_the_report_counts_and_names_them() -> None:
    text = "\n".join(mutation_lines(small(), verbose=True))
    assert f"{len(small().outcomes)} mutants" in text
    assert small().survivors
    for mutant, _ in small().survivors:
        assert f"{mutant.part.place}: {mutant}" in text
    assert "      told by pause, pause (only in the mutant)" in text
    found = json.loads(json.dumps(mutation_json(small())))
    jsonschema.validate(found, json.loads(SCHEMA.read_text()))
    assert (found["format"], found["version"]) == ("balloonproof mutate", 2)
    assert len(found["mutants"]) == len(small().outcomes)


@pytest.mark.parametrize(("words", "near"), [(["precpy"], "did you mean 'precopy'"), (["precopy", "--set", "dirty-lg=manual"], "did you mean 'dirty-log'")])
def test_a_wrong_word_is_one_line_and_exit_2(words: list[str], near: str) -> None:
    result = subprocess.run([sys.executable, "-m", "balloonproof.checker", "mutate", *words], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert near in result.stderr
