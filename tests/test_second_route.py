"""IC3 and Spacer agree with the search, and are believed only when their answer was re-checked."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balloonproof.checker.report.second_route import second_route_json, second_route_lines
from balloonproof.model.engines import second_route
from balloonproof.model.engines.ic3 import Ic3
from balloonproof.model.engines.induction import Invariant, Lemma
from balloonproof.model.engines.lemmas import is_inductive
from balloonproof.model.engines.reachability import Reachable, explore
from balloonproof.model.engines.second_route import ENGINES, Engine, decide_by, execute
from balloonproof.model.language import Configuration, Property
from balloonproof.model.one_page import OnePage
from balloonproof.model.systems import FIRECRACKER, FREE_PAGE_BITMAP, HINTING, POSTCOPY, PRECOPY, SNAPSHOT
from balloonproof.model.terms import TRUE, Term, disj, has_values, negate

SAFE = PRECOPY.configure({"dirty-log": "get-and-clear"})
UNSAFE = PRECOPY.configure(without=["final-sync"])
VARIANTS = [
    SAFE,
    UNSAFE,
    PRECOPY.configure(without=["clear-log-before-read"]),
    HINTING.configure(without=["done-on-cleanup"]),
    HINTING.configure(without=["start-only-when-requested"]),
]
BEYOND_SPACER = [
    HINTING.configure(dict(HINTING.safe)),
    FREE_PAGE_BITMAP.configure(),
    POSTCOPY.configure(),
]
SCHEMA = Path(__file__).parent.parent / "checker" / "report" / "results.schema.json"


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize(
    ("engine", "configuration"),
    [*(("Spacer", item) for item in VARIANTS), *(("IC3", item) for item in (*VARIANTS, *BEYOND_SPACER))],
    ids=str,
)
def test_it_agrees_with_the_search(engine: str, configuration: Configuration) -> None:
    system = OnePage(configuration)
    bad = disj(*system.violated().values())
    found = explore(system, stop_at=bad).first(bad)
    result = decide_by(engine, configuration, seconds=60)
    assert (result.verdict, result.reasons) == ("proved" if found is None else "refuted", ())
    jsonschema.validate(json.loads(json.dumps(second_route_json([result]))), json.loads(SCHEMA.read_text()))
    if found is None:
        assert result.rechecked_by.startswith("cvc5 ")
        if engine == "IC3":
            assert any(line.startswith("  clause      never ") for line in second_route_lines(result, verbose=True))
        assert result.invariant is not None
        assert result.obligations > len(configuration.system.actions)
    else:
        assert result.length is not None
        assert result.length >= found[0]


def test_running_out_of_time_is_no_verdict(engine: str) -> None:
    result = decide_by(engine, HINTING.configure({"release-waits-for-ack": "yes"}), seconds=0.2)
    assert result.verdict == "undecided"
    assert result.reasons == (f"{engine} did not decide it within 0.2 s",)


def answer(monkeypatch: pytest.MonkeyPatch, engine: str, **answers: object) -> None:
    """Let the engine answer this, whatever it is asked."""
    for method, value in answers.items():
        monkeypatch.setattr(ENGINES[engine], method, lambda *_, value=value: value)


def test_a_wrong_invariant_is_not_believed(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, engine, solve="unsat", lemmas=[Lemma("nothing", TRUE)])
    result = decide_by(engine, SAFE)
    assert result.verdict == "undecided"
    assert "its invariant is not confirmed" in result.reasons[0]


def test_an_invariant_that_cannot_be_read_is_not_believed(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(solver: Engine) -> list[Lemma]:
        raise ValueError("expected a formula of equalities, found +")

    answer(monkeypatch, engine, solve="unsat")
    monkeypatch.setattr(ENGINES[engine], "lemmas", unreadable)
    assert decide_by(engine, SAFE).verdict == "undecided"


def test_a_wrong_run_is_not_believed(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    system = OnePage(UNSAFE)
    solver = ENGINES[engine](system)
    assert solver.solve(60) == "sat"
    states = solver.run()
    assert execute(system, states) is None
    for wrong in ([], states[1:], states[:-1], [*states[:4], *states[5:]], states[::-1]):
        answer(monkeypatch, engine, solve="sat", run=wrong)
        result = decide_by(engine, UNSAFE)
        assert result.verdict == "undecided"
        assert "cannot be executed" in result.reasons[0]


def test_a_broken_premise_leaves_nothing_proved(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = second_route.check_premise
    monkeypatch.setattr(second_route, "check_premise", lambda configuration: type(genuine(configuration))(("one page does not suffice",), ()))
    assert decide_by(engine, SNAPSHOT.configure()).verdict == "undecided"


def test_the_command_line_gives_its_verdict(engine: str) -> None:
    words = [sys.executable, "-m", "balloonproof.checker", "prove", "precopy", "--without", "final-sync", "--route", engine.lower()]
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (1, "")
    assert result.stdout.startswith(f"precopy without final-sync: refuted by {engine}")


# -------------------------------------------------------------------------------------- IC3, on claims that nobody has made

SEARCHED = [explore(OnePage(configuration)) for configuration in (SNAPSHOT.configure(), FIRECRACKER.configure(dict(FIRECRACKER.safe)))]


def claiming(system: OnePage, bad: Term) -> OnePage:
    """The same steps, and nothing claimed but that no state is bad."""
    claimed = Property("claimed", "", "always", lambda s, page: negate(bad))
    configuration = system.configuration
    other = OnePage(replace(configuration, system=replace(configuration.system, properties=(claimed,))))
    other.know(system.steps, system.constants, system.unnoticed)
    return other


@st.composite
def claims(draw: st.DrawFn) -> tuple[Reachable, Term]:
    """A system and some of the values of a reachable state, one of which may be another: often reachable, and often narrowly not."""
    reachable = draw(st.sampled_from(SEARCHED))
    sorts = reachable.system.variables
    state = reachable.layout.unpack(int(reachable.states[draw(st.integers(0, len(reachable.states) - 1))]))
    other = draw(st.sampled_from(sorted(sorts)))
    state[other] = draw(st.integers(0, sorts[other].size - 1))
    chosen = draw(st.sets(st.sampled_from(sorted(sorts)), min_size=1, max_size=8)) | {other}
    return reachable, has_values({name: state[name] for name in sorted(chosen)}, sorts)


@settings(max_examples=30, deadline=None)
@given(claims())
def test_ic3_decides_any_claim_as_the_search_does(claim: tuple[Reachable, Term]) -> None:
    reachable, bad = claim
    found = reachable.first(bad)
    system = claiming(reachable.system, bad)
    solver = Ic3(system)
    assert solver.solve(60) == ("unsat" if found is None else "sat")
    if found is None:
        assert is_inductive(Invariant(system, solver.lemmas()))
    else:
        states = solver.run()
        assert execute(system, states) is None
        assert len(states) > found[0]
