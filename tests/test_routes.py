"""Exact search, written lemmas, IC3 and Spacer agree: a few rows of what `benchmarks/routes.py` compares."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))

import routes
from routes import ROUTES, Cell, configurations, disagree, run

from balloonproof.model.systems import FIRECRACKER, PRECOPY, SNAPSHOT


def test_every_route_proves_what_is_safe() -> None:
    found = {route: run(SNAPSHOT.configure(), route, 120).verdict for route in ROUTES}
    assert found == dict.fromkeys(ROUTES, "proved")


def test_no_route_proves_what_is_not() -> None:
    found = {route: run(SNAPSHOT.configure(without=["populate-first"]), route, 120).verdict for route in ROUTES}
    assert found == {"search": "refuted", "lemmas": "undecided", "ic3": "refuted", "spacer": "refuted"}


def test_what_takes_too_long_is_undecided() -> None:
    assert run(PRECOPY.configure(), "search", 0.01).verdict == "undecided"


def test_only_a_proof_against_a_refutation_is_a_disagreement() -> None:
    proved, refuted, undecided = (Cell(verdict, 1.0) for verdict in ("proved", "refuted", "undecided"))
    assert disagree([proved, undecided, refuted])
    assert not any(map(disagree, ([proved, undecided, proved], [refuted, undecided, refuted], [undecided])))


def test_rows_are_those_of_prove_all() -> None:
    assert len(configurations()) > 11
    assert configurations(["firecracker"]) == [FIRECRACKER.configure(), FIRECRACKER.configure(dict(FIRECRACKER.safe))]


def test_a_disagreement_is_the_exit_status(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(routes, "run", lambda configuration, route, seconds: Cell("refuted" if route == "spacer" else "proved", 1.0))
    assert routes.main(["snapshot"]) == 1
    assert "DISAGREE" in capsys.readouterr().out
    monkeypatch.setattr(routes, "run", lambda configuration, route, seconds: Cell("proved", 1.0))
    assert routes.main(["snapshot"]) == 0
