"""Verdicts: what is proved and what is refuted, that a counterexample is a real run and a shortest one, and that cvc5 has the last word."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from model_runs import assert_is_run, ends_first_in
from strategies import shortest

from balloonproof.model.compiled import compile_predicate
from balloonproof.model.engines import verdict
from balloonproof.model.engines.bounded import BoundedSearch
from balloonproof.model.engines.progress import ProgressCheck, check_progress
from balloonproof.model.engines.reachability import Reachable, States, apply, contains, explore, holds, initial_states
from balloonproof.model.engines.result import Counterexample, ProofResult
from balloonproof.model.explicit import Explicit, Shape
from balloonproof.model.language import Actor, Configuration, Property, System
from balloonproof.model.one_page import OnePage
from balloonproof.model.systems import HINTING, PRECOPY, find_system
from balloonproof.model.terms import conj, evaluate, negate

LEGACY = {"dirty-log": "get-and-clear"}
PER_ROUND = {**LEGACY, "command-id-buffer": "per-round"}
ACKNOWLEDGED = {"release-waits-for-ack": "yes"}
LATE_CLEAR = {**ACKNOWLEDGED, "hint-clears-log": "no"}
EARLY = {"release-waits-for-ack": "early"}


@cache
def decided(configuration: Configuration) -> ProofResult:
    return verdict.decide(configuration)


@cache
def reachable(configuration: Configuration) -> Reachable:
    return explore(OnePage(configuration))


def configured(system: str, settings: Mapping[str, str], without: Iterable[str] = ()) -> Configuration:
    return find_system(system).configure(settings, without)


# ---------------------------------------------------------------------------------------------------------------- verdicts

PROVED = [
    configured("precopy", {}),
    configured("precopy", {"dirty-log": "ring", "memslot-removal": "vcpus-paused"}),
    configured("hinting", PER_ROUND),
    configured("hinting", ACKNOWLEDGED),
]

TCG, RING = {"dirty-log": "tcg"}, {"dirty-log": "ring"}
ELSEWHERE = ["reap", "refill-tlb", "begin-timed-sync"]
"""What happens only with the dirty ring, under TCG, and with auto-converge."""

REFUTED = {
    configured("hinting", {}): ("no-page-lost", 19),
    configured("hinting", LEGACY): ("no-page-lost", 27),
    configured("hinting", EARLY): ("no-page-lost", 29),
    configured("hinting", LATE_CLEAR): ("no-page-lost", 22),
    # each guard, where it matters
    configured("precopy", LEGACY, ["fresh-bitmap"]): ("no-page-lost", 18),
    configured("precopy", {}, ["final-sync"]): ("no-page-lost", 11),
    configured("precopy", {}, ["clear-only-fetched"]): ("no-page-lost", 23),
    configured("precopy", {}, ["clear-log-before-read"]): ("no-page-lost", 15),
    configured("precopy", TCG, ["reset-tlb-at-sync"]): ("no-page-lost", 15),
    configured("precopy", TCG, ["sync-waits-for-stores"]): ("no-page-lost", 17),
    configured("precopy", RING, ["collect-before-reset"]): ("no-page-lost", 16),
    configured("precopy", RING, ["protect-at-start"]): ("no-page-lost", 15),
    configured("precopy", {}, ["log-kept-on"]): ("no-page-lost", 16),
    configured("precopy", {}, ["start-withdraws-stop"]): ("no-page-lost", 20),
    configured("precopy", {}, ["sync-all-address-spaces"]): ("no-page-lost", 16),
    configured("precopy", {}, ["device-write-marks-all-pages"]): ("no-page-lost", 16),
    configured("precopy", {"multifd": "yes"}, ["flush-channels-each-round"]): ("no-page-lost", 20),
    configured("precopy", {"multifd": "yes"}, ["receipt-is-marked"]): ("no-page-lost", 20),
    configured("precopy", {"multifd": "yes"}, ["destination-begins-as-zeros"]): ("no-page-lost", 15),
    configured("hinting", {**TCG, "command-id-buffer": "per-round"}, ["reset-tlb-at-sync"]): ("no-page-lost", 15),
    configured("hinting", PER_ROUND, ["fresh-bitmap"]): ("no-page-lost", 18),
    configured("hinting", PER_ROUND, ["final-sync"]): ("no-page-lost", 11),
    configured("hinting", ACKNOWLEDGED, ["clear-only-fetched"]): ("no-page-lost", 23),
    configured("hinting", ACKNOWLEDGED, ["reset-before-kexec"]): ("no-page-lost", 19),
    configured("hinting", ACKNOWLEDGED, ["clear-log-before-read"]): ("no-page-lost", 15),
    configured("hinting", PER_ROUND, ["stop-before-sync"]): ("no-page-lost", 24),
    configured("hinting", PER_ROUND, ["check-command-id"]): ("no-page-lost", 24),
    configured("hinting", PER_ROUND, ["start-only-when-requested"]): ("hinted-pages-released", 11),
    configured("hinting", PER_ROUND, ["hints-only-when-started"]): ("no-page-lost", 24),
    configured("hinting", PER_ROUND, ["block-when-stopped"]): ("no-page-lost", 17),
    configured("hinting", PER_ROUND, ["done-on-cleanup"]): ("hinted-pages-released", 10),
}


@pytest.fixture(scope="module", params=PROVED, ids=str)
def proved(request: pytest.FixtureRequest) -> Configuration:
    """Each proved configuration; of module scope, so that all tests of one run together and its proof is made once."""
    return request.param


@pytest.fixture(scope="module", params=REFUTED, ids=str)
def refuted(request: pytest.FixtureRequest) -> Configuration:
    """Each refuted configuration."""
    return request.param


def counterexample(configuration: Configuration) -> Counterexample:
    """The refutation that the table expects."""
    return next(item for item in decided(configuration).counterexamples if item.property == REFUTED[configuration][0])


def claimed(configuration: Configuration, name: str) -> Property:
    return next(item for item in configuration.system.properties if item.name == name)


def test_proved(proved: Configuration) -> None:
    result = decided(proved)
    assert result.verdict == "proved"
    assert result.reasons == []
    assert result.counterexamples == []
    assert result.rechecked_by.startswith("cvc5 ")
    assert result.premise_checks > len(proved.system.actions)


def test_refuted(refuted: Configuration) -> None:
    assert decided(refuted).verdict == "refuted"
    assert len(counterexample(refuted).run) == REFUTED[refuted][1]


def test_legacy_precopy_is_proved_too() -> None:
    assert decided(PRECOPY.configure(LEGACY)).verdict == "proved"


def test_precopy_has_1796_states() -> None:
    assert decided(PRECOPY.configure()).states == 1796


@pytest.mark.parametrize("system", [PRECOPY, HINTING], ids=lambda system: system.name)
def test_every_guard_matters_somewhere_where_all_together_are_enough(system: System) -> None:
    without_one = [item for item in REFUTED if item.system is system and item.removed]
    assert {guard for item in without_one for guard in item.removed} == {guard.name for guard in system.guards}
    assert all(decided(item.system.configure(dict(item.settings))).verdict == "proved" for item in without_one)


def test_the_library_can_be_asked_twice() -> None:
    script = """
from balloonproof.model.language import UnknownName
for _ in range(2):
    from balloonproof.model import prove
    try:
        prove("hintin")
    except UnknownName as error:
        print(error.nearest)
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert result.stderr == ""
    assert result.stdout == "hinting\nhinting\n"


# ---------------------------------------------------------------------------------------------------------- counterexamples


def test_a_counterexample_is_a_run_that_violates_the_property_at_its_end(refuted: Configuration) -> None:
    for found in decided(refuted).counterexamples:
        assert found.run.explicit.configuration == refuted
        assert_is_run(found.run)
        assert ends_first_in(found.run, negate(found.run.explicit.predicate(claimed(refuted, found.property))))


def test_the_one_page_system_gets_there_no_later(refuted: Configuration) -> None:
    found, one = counterexample(refuted), OnePage(refuted)
    bad = one.violated()[found.property]
    system = explore(one, stop_at=bad)
    depth, state = system.first(bad) or (-1, -1)
    path = system.path_to(depth, state)
    assert depth == found.abstract_length <= len(found.run)
    assert [item.after for item in path[:-1]] == [item.before for item in path[1:]]
    assert path[-1].after == state
    assert path[0].before in system.levels[0]
    assert all(item.move.enabled(item.before) and item.move.after(item.before) == item.after for item in path)
    assert evaluate(bad, system.layout.unpack(state))


def test_brute_force_finds_no_shorter_counterexample(refuted: Configuration) -> None:
    found = counterexample(refuted)
    states = [step.after for step in found.run.steps]
    slots, ids = max(state.get("queue.length", 0) for state in states), max(state.get("command_id", 2) for state in states) + 1
    small = Explicit(refuted, Shape(found.run.explicit.shape.chunks, max(1, slots), ids))
    assert shortest(small, negate(small.predicate(claimed(refuted, found.property)))) == len(found.run)


@pytest.mark.parametrize("shape", verdict.SHAPES, ids=str)
@pytest.mark.parametrize("configuration", [configured("hinting", {}), configured("hinting", LATE_CLEAR)], ids=str)
def test_one_step_less_is_too_short_on_any_shape(configuration: Configuration, shape: Shape) -> None:
    explicit = Explicit(configuration, shape)
    lost = negate(explicit.predicate(claimed(configuration, "no-page-lost")))
    assert BoundedSearch(explicit).run_of(REFUTED[configuration][1] - 1, lost) is None


# --------------------------------------------------------------------------------------------------------------- witnesses


def test_a_proof_has_a_run_for_each_thing_that_must_be_able_to_happen(proved: Configuration) -> None:
    result = decided(proved)
    assert [item.name for item in result.witnesses] == [item.name for item in proved.system.properties if item.kind == "sometimes"]
    for witness in result.witnesses:
        assert witness.run is not None
        assert_is_run(witness.run)
        assert ends_first_in(witness.run, witness.run.explicit.predicate(claimed(proved, witness.name)))


@pytest.mark.parametrize("configuration", [item for item in PROVED if item.system is HINTING], ids=str)
def test_a_hint_skips_a_page_and_the_migration_completes(configuration: Configuration) -> None:
    run = next(item.run for item in decided(configuration).witnesses if item.name == "hint-skips-page")
    assert run is not None
    actions = [step.step.name for step in run.steps]
    assert "accept-hint(page0)" in actions
    assert "read-page(page0)" not in actions
    assert actions[-1] == "complete"


@pytest.mark.parametrize(
    ("configuration", "impossible"),
    [
        (configured("hinting", {}), ELSEWHERE),
        (configured("hinting", PER_ROUND), ELSEWHERE),
        (configured("hinting", ACKNOWLEDGED), ELSEWHERE),
        (configured("hinting", {"early-release": "no"}), [*ELSEWHERE, "shrink"]),
    ],
    ids=str,
)
def test_every_action_happens_in_some_reachable_state_or_is_called_impossible(configuration: Configuration, impossible: list[str]) -> None:
    found = reachable(configuration)
    possible = {move.step.action.name for move in found.moves if holds(move.enabled, found.states).any()}
    assert verdict.impossible_actions(found) == impossible
    assert possible == {item.name for item in configuration.system.actions} - set(impossible)


def test_a_proof_without_a_witness_is_no_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    search = verdict.explicit_run
    monkeypatch.setattr(verdict, "explicit_run", lambda r, item, *rest: None if item.name == "migration-completes" else search(r, item, *rest))
    result = verdict.prove_system("precopy")
    assert result.verdict == "undecided"
    assert result.reasons == ["vacuous: nothing shows migration-completes"]


def progress_of(configuration: Configuration, name: str) -> ProgressCheck:
    return check_progress(reachable(configuration), claimed(configuration, name))


def test_nothing_gets_stuck(proved: Configuration) -> None:
    expected = ["migration-can-complete", *(["hinted-pages-come-back"] if proved.system is HINTING else [])]
    assert [(item.name, item.stuck) for item in decided(proved).progress] == [(name, 0) for name in expected]
    assert all(0 < item.states <= decided(proved).states for item in decided(proved).progress)


def test_pages_that_never_come_back_are_counted() -> None:
    found = progress_of(configured("hinting", {"early-release": "no"}, ["done-on-cleanup"]), "hinted-pages-come-back")
    assert 0 < found.stuck <= found.states
    assert "phase none" in found.example
    assert "page.owner hinted" in found.example


def test_progress_is_lost_without_the_actors_that_are_assumed_fair() -> None:
    item = claimed(PRECOPY.configure(), "migration-can-complete")
    lazy = replace(item, fair=tuple(name for name in item.fair if name != "start-migration"))
    found = check_progress(reachable(PRECOPY.configure()), lazy)
    assert 0 < found.stuck < found.states


@pytest.mark.parametrize("fair", [None, (Actor.MIGRATION,), ("start-migration", "fetch")], ids=str)
def test_progress_agrees_with_what_can_be_reached_from_each_state(fair: tuple[Actor | str, ...] | None) -> None:
    found, item = reachable(PRECOPY.configure()), claimed(PRECOPY.configure(), "migration-can-complete")
    item = item if fair is None else replace(item, fair=fair)
    moves = [move for move in found.moves if move.step.action.actor in item.fair or move.step.action.name in item.fair]
    number = {int(state): index for index, state in enumerate(found.states)}
    following = [{number[int(move.after(state))] for move in moves if move.enabled(state)} for state in map(int, found.states)]
    goal = sum(1 << index for index, good in enumerate(holds(compile_predicate(found.system.predicate(item), found.layout), found.states)) if good)
    reach, before = [1 << index for index in range(len(following))], []
    while reach != before:
        before = list(reach)
        for index, targets in enumerate(following):
            for target in targets:
                reach[index] |= reach[target]
    assert check_progress(found, item).stuck == sum(not seen & goal for seen in reach)


def test_a_proof_that_gets_stuck_is_no_proof() -> None:
    hopeless = replace(claimed(PRECOPY.configure(), "migration-can-complete"), fair=())
    system = replace(PRECOPY, properties=tuple(hopeless if item.name == hopeless.name else item for item in PRECOPY.properties))
    result = verdict.decide(system.configure())
    assert result.verdict == "undecided"
    assert result.reasons[0].startswith("migration-can-complete: no way on from ")


# ------------------------------------------------------------------------------------------------------------------ lemmas


def test_the_lemmas_hold_in_all_reachable_states(proved: Configuration) -> None:
    found, invariant = reachable(proved), decided(proved).invariant
    assert invariant is not None
    assert len(invariant.lemmas) > 1
    for lemma in invariant.lemmas:
        assert holds(compile_predicate(lemma.term, found.layout), found.states).all(), str(lemma)


def states_of(found: Reachable) -> States:
    """Every state of the one-page system, reachable or not."""
    states = np.zeros(1, dtype=np.int64)
    for name, sort in found.system.variables.items():
        states = np.concatenate([states | (value << found.layout.offsets[name]) for value in range(sort.size)])
    return np.sort(states)


def test_the_lemmas_of_precopy_are_inductive_in_every_state_there_is() -> None:
    configuration = PRECOPY.configure()
    found, invariant = reachable(configuration), decided(configuration).invariant
    assert invariant is not None
    everywhere = states_of(found)
    inside = everywhere[holds(compile_predicate(conj(*(lemma.term for lemma in invariant.lemmas)), found.layout), everywhere)]
    assert len(found.states) <= len(inside) < len(everywhere)
    assert contains(inside, initial_states(found.system, found.layout)).all()
    for move in found.moves:
        assert contains(inside, apply(move, inside)).all(), move.name
    for bad in found.system.violated().values():
        assert not holds(compile_predicate(bad, found.layout), inside).any()
