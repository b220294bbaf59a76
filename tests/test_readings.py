"""One text, several readings: Z3, cvc5, compiled Python, compiled numpy and the slow evaluator agree on every step, in any state."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import pytest
import z3
from hypothesis import given
from hypothesis import strategies as st

from balloonproof.model.compiled import Layout, Move, compile_predicate, compile_steps
from balloonproof.model.engines.reachability import apply, holds
from balloonproof.model.engines.recheck import Obligation, RecheckFailed, recheck
from balloonproof.model.engines.z3_terms import Z3Terms, value_of
from balloonproof.model.explicit import Explicit, Shape
from balloonproof.model.one_page import OnePage
from balloonproof.model.smtlib import obligation
from balloonproof.model.steps import Step
from balloonproof.model.systems import find_system
from balloonproof.model.terms import BOOL, Sort, Term, conj, const, disj, equal, evaluate, negate, variable

CONFIGURATIONS = {
    "precopy": ("precopy", {}, []),
    "precopy, get and clear": ("precopy", {"dirty-log": "get-and-clear"}, []),
    "precopy without guards": ("precopy", {}, ["fresh-bitmap", "final-sync", "clear-only-fetched", "clear-log-before-read"]),
    "hinting": ("hinting", {}, []),
    "hinting, per round": ("hinting", {"command-id-buffer": "per-round", "dirty-log": "get-and-clear", "release-waits-for-ack": "early"}, []),
    "hinting, drained": ("hinting", {"drain-before-new-id": "yes", "release-waits-for-ack": "yes", "hint-clears-log": "no"}, []),
    "hinting without guards": ("hinting", {}, ["stop-before-sync", "check-command-id", "start-only-when-requested", "hints-only-when-started"]),
}
SHAPES = {"one page": None, "two pages of a chunk": Shape((0, 0), slots=2, ids=4), "two pages of two chunks": Shape((0, 1), slots=3, ids=4)}
STATES = 6


@dataclass(frozen=True)
class Model:
    """One reading's variables and steps, with states to compare them in."""

    variables: Mapping[str, Sort]
    steps: tuple[Step, ...]

    @cached_property
    def layout(self) -> Layout:
        return Layout.of(self.variables)

    @cached_property
    def moves(self) -> list[Move]:
        return compile_steps(self.steps, self.layout, keep_idle=True)

    def random_states(self, count: int, seed: int) -> list[dict[str, int]]:
        dice = random.Random(seed)
        return [{name: dice.randrange(sort.size) for name, sort in self.variables.items()} for _ in range(count)]

    @cached_property
    def states(self) -> list[dict[str, int]]:
        """Random states, most of them unreachable, and for each step one that enables it."""
        return self.random_states(STATES, 1) + [self.enabling(step) for step in self.steps]

    def enabling(self, step: Step) -> dict[str, int]:
        translate, solver = Z3Terms(), z3.Solver()
        for name, sort in {**self.variables, **{term.name: term.sort for term in step.inputs.values()}}.items():
            solver.add(translate.in_sort(name, sort))
        assert solver.check(translate.translate(step.guard)) == z3.sat
        return {name: value_of(solver.model(), translate.variable(name, sort)) for name, sort in self.variables.items()}


@cache
def model(configuration: str, shape: str) -> Model:
    system, settings, without = CONFIGURATIONS[configuration]
    found = find_system(system).configure(settings, without)
    reading = OnePage(found) if SHAPES[shape] is None else Explicit(found, SHAPES[shape])
    return Model(reading.variables, reading.steps)


def choices(step: Step) -> list[dict[str, int]]:
    """Every choice of the step's free inputs, by variable name."""
    terms = step.inputs.values()
    return [dict(zip((term.name for term in terms), values, strict=True)) for values in itertools.product(*(range(term.sort.size) for term in terms))]


def after(step: Step, values: Mapping[str, int], variables: Mapping[str, Sort]) -> dict[str, int]:
    """The next state by the slow evaluator, whether or not the guard holds."""
    return {name: evaluate(step.updates[name], values) if name in step.updates else values[name] for name in variables}


every_model = pytest.mark.parametrize(("configuration", "shape"), list(itertools.product(CONFIGURATIONS, SHAPES)))


@every_model
def test_python_agrees_with_the_terms(configuration: str, shape: str) -> None:
    it = model(configuration, shape)
    for move in it.moves:
        inputs = {move.step.inputs[name].name: value for name, value in move.inputs.items()}
        for state in it.states:
            values, packed = {**state, **inputs}, it.layout.pack(state)
            assert bool(move.enabled(packed)) == evaluate(move.step.guard, values), move.name
            assert it.layout.unpack(move.after(packed)) == after(move.step, values, it.variables), move.name


@every_model
def test_no_choice_of_inputs_is_forgotten(configuration: str, shape: str) -> None:
    it = model(configuration, shape)
    for step in it.steps:
        moves = [move for move in it.moves if move.step is step]
        for state in it.states:
            packed = it.layout.pack(state)
            expected = {it.layout.pack(after(step, {**state, **inputs}, it.variables)) for inputs in choices(step) if evaluate(step.guard, {**state, **inputs})}
            assert {move.after(packed) for move in moves if move.enabled(packed)} == expected, step.name


@every_model
def test_numpy_agrees_with_python(configuration: str, shape: str) -> None:
    it = model(configuration, shape)
    states = [it.layout.pack(state) for state in [*it.states, *it.random_states(100, 2)]]
    array = np.array(states, dtype=np.int64)
    for move in it.moves:
        enabled = [bool(move.enabled(state)) for state in states]
        assert holds(move.enabled, array).tolist() == enabled, move.name
        expected = [move.after(state) for state, possible in zip(states, enabled, strict=True) if possible]
        assert apply(move, array).tolist() == expected, move.name


def agreement(step: Step, state: Mapping[str, int], inputs: Mapping[str, int]) -> Term:
    """That guard and updates are worth what the slow evaluator says."""
    values = {**state, **inputs}
    return conj(*(equal(term, const(evaluate(term, values), term.sort)) for term in (step.guard, *step.updates.values())))


@every_model
def test_z3_agrees_with_the_terms(configuration: str, shape: str) -> None:
    it = model(configuration, shape)
    translate, dice = Z3Terms(), random.Random(3)
    for step, enabling in zip(it.steps, it.states[STATES:], strict=True):
        for state in [enabling, *dice.sample(it.states, 2)]:
            inputs = dice.choice(choices(step))
            sorts = {**it.variables, **{term.name: term.sort for term in step.inputs.values()}}
            known = [(translate.variable(name, sorts[name]), translate.translate(const(value, sorts[name]))) for name, value in {**state, **inputs}.items()]
            claim = translate.translate(agreement(step, state, inputs))
            assert z3.is_true(z3.simplify(z3.substitute(claim, *known))), step.name


@every_model
def test_cvc5_agrees_with_the_terms(configuration: str, shape: str) -> None:
    it = model(configuration, shape)
    inputs = {term.name: term for step in it.steps for term in step.inputs.values()}
    dice = random.Random(4)
    for state in dice.sample(it.states, 3):
        chosen = {name: dice.randrange(term.sort.size) for name, term in inputs.items()}
        known = [equal(variable(name, sort), const(state[name], sort)) for name, sort in it.variables.items()]
        known += [equal(term, const(chosen[name], term.sort)) for name, term in inputs.items()]
        agree = conj(*(agreement(step, state, chosen) for step in it.steps))
        recheck([Obligation("agree", obligation("a state", [("the state", conj(*known)), ("some step differs", negate(agree))]))])
        with pytest.raises(RecheckFailed, match="got sat"):
            recheck([Obligation("possible", obligation("a state", [("the state", conj(*known)), ("all steps agree", agree)]))])


@pytest.mark.parametrize("shape", SHAPES)
def test_predicates_agree(shape: str) -> None:
    configuration = find_system("hinting").configure()
    reading = OnePage(configuration) if SHAPES[shape] is None else Explicit(configuration, SHAPES[shape])
    it = model("hinting", shape)
    packed = [it.layout.pack(state) for state in it.states]
    for item in configuration.system.properties:
        term = reading.predicate(item)
        expected = [bool(evaluate(term, state)) for state in it.states]
        compiled = compile_predicate(term, it.layout)
        assert [bool(compiled(state)) for state in packed] == expected
        assert holds(compiled, np.array(packed)).tolist() == expected


sorts = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from([BOOL, *(Sort(f"S{size}", tuple(map(str, range(size)))) for size in (2, 3, 5, 8))]))


@given(sorts, st.data())
def test_packing_loses_nothing(declared: dict[str, Sort], data: st.DataObject) -> None:
    layout = Layout.of(declared)
    values = {name: data.draw(st.integers(0, sort.size - 1)) for name, sort in declared.items()}
    assert layout.unpack(layout.pack(values)) == values
    assert layout.pack(values) < 1 << layout.width


@given(st.integers(2, 9))
def test_z3_gives_a_variable_only_values_of_its_sort(size: int) -> None:
    sort = Sort("S", tuple(map(str, range(size))))
    translate, solver, found = Z3Terms(), z3.Solver(), set()
    solver.add(translate.in_sort("x", sort))
    while solver.check() == z3.sat:
        found.add(value_of(solver.model(), translate.variable("x", sort)))
        solver.add(translate.translate(negate(disj(*(equal(variable("x", sort), const(value, sort)) for value in found)))))
    assert found == set(range(size))
