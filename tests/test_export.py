"""Exports: other readers understand them, and what they understand is the model."""

from __future__ import annotations

import io
import itertools
import random
import re
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from exported import CHOSEN, chosen
from hypothesis import given, settings
from hypothesis import strategies as st
from pysmt.environment import Environment
from pysmt.smtlib.parser import SmtLibParser
from smt_reader import Vmt, read
from tla_reader import Module

from balloonproof.model.export import EXPLICIT, FORMATS, ONE_PAGE, export_text, transition_system
from balloonproof.model.export.transition_system import Predicate, TransitionSystem, Variable
from balloonproof.model.language import Action, Actor
from balloonproof.model.one_page import OnePage
from balloonproof.model.steps import Step
from balloonproof.model.systems import SYSTEMS
from balloonproof.model.terms import BOOL, FALSE, TRUE, Sort, choose, conj, const, disj, equal, evaluate, increment, negate, range_sort, variable

GOLDEN = Path(__file__).parent / "golden"

# ----------------------------------------------------------------------------------------------------- a lamp, to be read


def lamp() -> TransitionSystem:
    """A lamp that somebody may switch on, and that counts how often; small, with one of everything that a system can have."""
    colour, count = Sort("Colour", ("RED", "GREEN", "BLUE")), range_sort("Count", 3)
    on, shade, times, wish = variable("lamp.on", BOOL), variable("shade", colour), variable("times", count), variable("input.wish", colour)
    common = disj(equal(shade, const(0, colour)), conj(on, negate(equal(times, const(2, count))), negate(equal(shade, const(1, colour)))))
    switch = Action("switch-on", Actor.GUEST, "lamp.switch", "the manual, page 3", "Switch it on in\nany colour.\n\nNot while it is on.", lambda s: None, True)
    shine = Action("shine", Actor.DEVICE, "lamp.shine", "physics", "It shines.", lambda s: None, False)
    return TransitionSystem(
        "lamp-post",
        ("lamp-post: a lamp.",),
        (
            Variable("lamp.on", BOOL, 0, "it is on"),
            Variable("shade", colour, None, "its colour, any at first"),
            Variable("times", count, 1, ""),
        ),
        (
            Step(switch, "own", ~on & (times != 2), {"lamp.on": TRUE, "shade": wish, "times": increment(times)}, {"wish": wish}),
            Step(switch, "peer", conj(common, disj(common, wish == 2)), {"times": choose(common, const(0, count), times)}, {"wish": wish}),
            Step(shine, "", on, {"lamp.on": FALSE}, {}),
        ),
        (Predicate("never-blue", "It is not blue when it is off.", disj(on, negate(equal(shade, const(2, colour))))),),
        (Predicate("red", "It can be red.", conj(on, equal(shade, const(0, colour)))),),
    )


@pytest.mark.parametrize("format", FORMATS)
def test_the_lamp_is_printed_as_ever(format: str) -> None:
    """After an intended change: python tests/test_export.py writes the files anew."""
    assert export_text(lamp(), format) == (GOLDEN / f"lamp.{format}").read_text()


# ------------------------------------------------------------------------------------------------------------ every system


def random_state(system: TransitionSystem, dice: random.Random) -> dict[str, int]:
    return {item.name: dice.randrange(item.sort.size) for item in system.variables}


def likely_state(system: TransitionSystem, step: Step, dice: random.Random) -> dict[str, int]:
    """A random state, changed a variable at a time towards one that enables `step`, as far as that goes."""
    state = {**random_state(system, dice), **{term.name: dice.randrange(term.sort.size) for term in system.inputs}}
    parts = step.guard.args if step.guard.op == "and" else (step.guard,)
    sorts = {item.name: item.sort for item in system.variables}
    for _ in range(2):
        for name in dice.sample(list(sorts), len(sorts)):
            state[name] = max(range(sorts[name].size), key=lambda value, name=name: sum(evaluate(part, {**state, name: value}) for part in parts))  # type: ignore[misc]
    return {name: state[name] for name in sorts}


def inputs_of(step: Step) -> list[dict[str, int]]:
    terms = list(step.inputs.values())
    return [dict(zip((term.name for term in terms), values, strict=True)) for values in itertools.product(*(range(term.sort.size) for term in terms))]


def after(step: Step, values: Mapping[str, int], system: TransitionSystem) -> dict[str, int]:
    return {item.name: evaluate(step.updates[item.name], values) if item.name in step.updates else values[item.name] for item in system.variables}


def draw_step(data: st.DataObject) -> tuple[int, Step, dict[str, int], dict[str, int], dict[str, int]]:
    """A system, one of its steps, a state, inputs, and a next state: the step's, or one that differs in one variable."""
    number = data.draw(st.integers(0, len(CHOSEN) - 1))
    system = chosen(number)
    step = data.draw(st.sampled_from(system.steps))
    dice = random.Random(data.draw(st.integers(0, 2**32)))
    state = likely_state(system, step, dice)
    inputs = dice.choice(inputs_of(step))
    following = after(step, {**state, **inputs}, system)
    if data.draw(st.booleans()):
        item = data.draw(st.sampled_from(system.variables))
        following[item.name] = data.draw(st.integers(0, item.sort.size - 1))
    return number, step, state, inputs, following


# -------------------------------------------------------------------------------------------------------------------- TLA+


def tla_value(sort: Sort, value: int) -> Any:
    if sort is BOOL:
        return bool(value)
    return value if sort.values[0] == "0" else sort.values[value]


def tla_state(system: TransitionSystem, module: Module, state: Mapping[str, int]) -> dict[str, Any]:
    return {name: tla_value(item.sort, state[item.name]) for name, item in zip(module.variables, system.variables, strict=True)}


@cache
def tla_module(number: int) -> Module:
    return Module(export_text(chosen(number), "tla", "Protocol"))


def tla_action(step: Step, module: Module) -> str:
    name = "".join(part.capitalize() for part in step.action.name.split("-"))
    return f"{name}_{step.role}" if f"{name}_{step.role}" in module.operators else name


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_a_tla_action_is_the_step(data: st.DataObject) -> None:
    number, step, state, _, following = draw_step(data)
    system, module = chosen(number), tla_module(number)
    expected = any(evaluate(step.guard, {**state, **inputs}) and after(step, {**state, **inputs}, system) == following for inputs in inputs_of(step))
    now, then = tla_state(system, module, state), tla_state(system, module, following)
    assert module.evaluate(tla_action(step, module), now, then) == expected
    if expected:
        assert module.evaluate("Next", now, then)


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_a_tla_invariant_is_the_property(data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(CHOSEN) - 1))
    system, module = chosen(number), tla_module(number)
    state = random_state(system, random.Random(data.draw(st.integers(0, 2**32))))
    now = tla_state(system, module, state)
    assert module.evaluate("TypeOK", now)
    assert module.evaluate("Init", now) == evaluate(system.initial, state)
    start = {item.name: item.initial or 0 for item in system.variables}
    assert module.evaluate("Init", tla_state(system, module, start))
    for item in (*system.always, *system.sometimes):
        name = "".join(part.capitalize() for part in item.name.split("-"))
        assert module.evaluate(name, now) == evaluate(item.term, state)
        if item in system.sometimes:
            assert module.evaluate(f"Never{name}", now) != evaluate(item.term, state)


@pytest.mark.parametrize("number", range(len(CHOSEN)))
def test_tlc_is_told_every_invariant(number: int) -> None:
    module = tla_module(number)
    expected = {"TypeOK", *("".join(part.capitalize() for part in item.name.split("-")) for item in chosen(number).always)}
    assert set(re.findall(r"^INVARIANT (\w+)$", module.rest, re.M)) == expected
    assert module.name == re.search(r"^---- CONFIG (\w+) ----$", module.rest, re.M)[1]  # type: ignore[index]


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.name)
def test_every_action_has_an_operator_with_its_source(system: Any) -> None:
    text = export_text(transition_system(system.configure()), "tla")
    module = Module(text)
    steps = [step for step in OnePage(system.configure()).steps if step.updates]
    for item in {step.action for step in steps}:
        assert "".join(part.capitalize() for part in item.name.split("-")) in module.operators
        assert " ".join(item.source.split()) in " ".join(text.replace("\\*", " ").split())


def test_names_that_meet_are_told_apart() -> None:
    one = lamp()
    twins = (Variable("a.b", BOOL, 0, ""), Variable("a_b", BOOL, 1, ""))
    module = Module(export_text(TransitionSystem("Next", one.about, (*one.variables, *twins), one.steps, one.always, one.sometimes), "tla"))
    assert len(set(module.variables)) == len(module.variables) == 5


def test_text_that_is_no_tla_is_noticed() -> None:
    text = export_text(lamp(), "tla")
    for wrong in (text.replace("THEN", "TEHN"), text.replace("lamp_on' = TRUE", "lampon' = TRUE"), text.replace("VARIABLES", "VARIABLES Red,")):
        with pytest.raises(ValueError, match="line "):
            Module(wrong)


# --------------------------------------------------------------------------------------------------------------------- VMT


@cache
def vmt_file(number: int) -> Vmt:
    return Vmt(export_text(chosen(number), "vmt"))


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_a_vmt_transition_is_the_step(data: st.DataObject) -> None:
    number, step, state, inputs, following = draw_step(data)
    system, file = chosen(number), vmt_file(number)
    expected = bool(evaluate(step.guard, {**state, **inputs})) and after(step, {**state, **inputs}, system) == following
    free = {term.name: 0 for term in system.inputs}
    values = {**free, **state, **inputs, **{file.next[name]: value for name, value in following.items()}}
    name = ".".join(part for part in ("step", step.action.name, step.role) if part)
    assert bool(file.evaluate(name, values)) == expected
    assert bool(file.evaluate(file.annotated[":init", "true"], values)) == bool(evaluate(system.initial, state))
    assert bool(file.evaluate(file.annotated[":trans", "true"], values)) >= expected
    for index, item in enumerate(system.always):
        assert bool(file.evaluate(file.annotated[":invar-property", str(index)], values)) == bool(evaluate(item.term, state))


@pytest.mark.parametrize("number", range(len(CHOSEN)))
def test_pysmt_reads_the_vmt_annotations(number: int) -> None:
    system = chosen(number)
    script = SmtLibParser(Environment()).get_script(io.StringIO(export_text(system, "vmt")))
    assert len(script.annotations.all_annotated_formulae("next")) == len(system.variables)
    assert len(script.annotations.all_annotated_formulae("invar-property")) == len(system.always)
    assert all(len(script.annotations.all_annotated_formulae(key, "true")) == 1 for key in ("init", "trans"))


# ------------------------------------------------------------------------------------------------------------ all of them


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.name)
@pytest.mark.parametrize("format", FORMATS)
def test_every_system_can_be_exported(system: Any, format: str) -> None:
    for reading in (ONE_PAGE, EXPLICIT):
        text = export_text(transition_system(system.configure(), reading), format)
        assert system.meaning.split()[0] in text
        if format == "tla":
            Module(text)
        else:
            read(text)


@pytest.mark.parametrize("number", range(len(CHOSEN)))
def test_no_variable_is_idle(number: int) -> None:
    system = chosen(number)
    changed = {name for step in system.steps for name in step.updates}
    assert all(item.name in changed or item.initial is None for item in system.variables)
    assert all(step.updates for step in system.steps)


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "balloonproof.checker", "export", *words], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("words", "near"),
    [
        (["hintin", "--format", "tla"], "did you mean 'hinting'"),
        (["hinting", "--format", "smt"], "did you mean 'smt2'"),
        (["hinting", "--format", "tla", "--set", "dirty-lg=manual"], "did you mean 'dirty-log'"),
        (["hinting", "--format", "vmt", "--reading", "one_page"], "did you mean 'one-page'"),
        (["hinting", "--format", "vmt", "--pages", "2"], "--reading explicit"),
        (["hinting", "--format", "vmt", "--reading", "explicit", "--pages", "0"], "pages: expected at least 1, found 0"),
        (["hinting", "--format", "tla", "-o", "two-words.tla"], "found 'two-words'"),
    ],
)
def test_a_wrong_word_is_one_line_and_exit_2(words: list[str], near: str) -> None:
    result = run(*words)
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert near in result.stderr


def test_a_file_is_what_is_printed(tmp_path: Path) -> None:
    path = tmp_path / "Precopy.tla"
    assert run("precopy", "--format", "tla", "-o", str(path)).returncode == 0
    assert path.read_text() == run("precopy", "--format", "tla").stdout
    assert list(tmp_path.iterdir()) == [path]


if __name__ == "__main__":
    for each in FORMATS:
        (GOLDEN / f"lamp.{each}").write_text(export_text(lamp(), each))
