"""Lemmas that someone wrote: inductive, or with a counterexample to induction that says whether it can be reached."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from balloonproof.checker.report.written_lemmas import lemma_check_lines, lemma_lines, lemmas_json
from balloonproof.model.engines.lemmas import check_lemma, check_lemmas, prove_by_lemmas
from balloonproof.model.engines.reachability import explore
from balloonproof.model.language import Configuration, Property, lemma
from balloonproof.model.one_page import OnePage
from balloonproof.model.state import Phase
from balloonproof.model.systems import BALLOON, BALLOON_SKIP, HINTING, PRECOPY, SYSTEMS
from balloonproof.model.terms import TRUE, Term, negate

SWITCHING = Property("a VM that was stopped to switch over does not run", "", "lemma", lambda s, page: ~s.final | ~s.running)
NEVER_DIRTY = Property("no page is ever dirty", "", "lemma", lambda s, page: ~page.dirty)
NEVER_IDLE = Property("a migration runs", "", "lemma", lambda s, page: s.phase != Phase.NONE)
STOPPED = Property("a completed migration has sent all", "", "lemma", lambda s, page: (s.phase != Phase.COMPLETED) | ~page.relied | page.copied)


def test_an_inductive_lemma_has_no_counterexample() -> None:
    assert check_lemmas(PRECOPY.configure(), [SWITCHING]) == []


def test_a_false_lemma_has_a_reachable_one() -> None:
    found = check_lemmas(PRECOPY.configure(), [NEVER_DIRTY])
    first = next(item for item in found if item.reachable)
    assert first.step == "start-migration"
    assert (first.before["page.dirty"], first.after["page.dirty"]) == ("no", "yes")
    assert "the lemma is false" in str(first)


def test_a_lemma_that_is_true_but_not_inductive_has_only_unreachable_ones() -> None:
    found = check_lemmas(PRECOPY.configure(), [STOPPED])
    assert found
    assert not any(item.reachable for item in found)
    assert all(item.before["phase"] != "completed" and item.after["phase"] == "completed" for item in found if item.step == "complete")
    assert "needs another one" in str(found[0])


def test_a_lemma_must_hold_at_the_start() -> None:
    found = check_lemmas(PRECOPY.configure(), [NEVER_IDLE])
    assert found[0].step is None
    assert "does not hold in the initial state" in str(found[0])


# ----------------------------------------------------------------------------------------------------- those of the model

SCHEMA = Path(__file__).parent.parent / "checker" / "report" / "results.schema.json"
PROVED = [
    PRECOPY.configure(),
    PRECOPY.configure({"dirty-log": "get-and-clear"}),
    PRECOPY.configure({"dirty-log": "ring", "multifd": "yes"}),
    PRECOPY.configure({"dirty-log": "tcg", "mid-round-sync": "yes"}),
    PRECOPY.configure({"memslot-removal": "vcpus-paused"}),
    BALLOON_SKIP.configure({"deflate-waits-for-ack": "no", "deflate-marks-dirty": "yes", "drain-at-stop": "yes"}),
    HINTING.configure({"dirty-log": "ring", "command-id-buffer": "per-round"}),
    HINTING.configure({"dirty-log": "tcg", "drain-before-new-id": "yes"}),
    HINTING.configure({"release-waits-for-ack": "early", "command-id-buffer": "per-round"}),
    HINTING.configure({"early-release": "no", "drain-before-new-id": "yes"}),
    *(system.configure(dict(system.safe)) for system in SYSTEMS if system is not PRECOPY),
]
"""Of each system the configuration that `prove --all` proves, and some others."""


@pytest.mark.parametrize("configuration", PROVED, ids=str)
def test_written_lemmas_prove_what_the_search_finds_safe(configuration: Configuration) -> None:
    result = prove_by_lemmas(configuration)
    assert (result.verdict, result.reasons, result.failures) == ("proved", (), ())
    assert result.rechecked_by.startswith("cvc5 ")
    reachable = explore(OnePage(configuration))
    claimed = [item for item in configuration.system.properties if item.kind == "always"]
    for item in (*claimed, *result.lemmas):
        assert reachable.first(negate(reachable.system.predicate(item))) is None, item.name


@pytest.mark.parametrize("without", ["final-sync", "clear-only-fetched", "clear-log-before-read", "log-kept-on"])
def test_what_the_search_refutes_they_do_not_prove(without: str) -> None:
    result = prove_by_lemmas(PRECOPY.configure(without=[without]))
    assert result.verdict == "undecided"
    assert any(item.reachable for item in result.failures)


def test_without_one_that_is_needed_the_rest_is_said_to_be_too_weak() -> None:
    weak = replace(PRECOPY, lemmas=tuple(item for item in PRECOPY.lemmas if item.name != "last-sync-finds-all"))
    result = prove_by_lemmas(weak.configure())
    assert (result.verdict, [(item.lemma, item.step, item.reachable) for item in result.failures]) == ("undecided", [("no-page-lost", "complete", False)])
    assert "needs another one" in " ".join(" ".join(lemma_lines(result)).split())
    jsonschema.validate(json.loads(json.dumps(lemmas_json([result]))), json.loads(SCHEMA.read_text()))


def test_a_system_without_lemmas_is_undecided() -> None:
    result = prove_by_lemmas(replace(PRECOPY, lemmas=()).configure())
    assert (result.verdict, result.reasons) == ("undecided", ("nobody has written lemmas for precopy",))


def test_every_lemma_is_a_sentence_and_says_something_somewhere() -> None:
    written = {item.name: item for system in SYSTEMS for item in system.lemmas}
    assert all(item.meaning.endswith(".") for item in written.values())
    others = (HINTING.configure({"dirty-log": "tcg"}), BALLOON.configure({"ballooned-record": "until-deflate"}))
    systems = [OnePage(configuration) for configuration in (*PROVED, *others)]
    speaking = {item.name for system in systems for item in system.configuration.system.lemmas if system.predicate(item) is not TRUE}
    assert speaking == set(written)


def test_the_command_line_shows_the_argument() -> None:
    words = ["-m", "balloonproof.checker", "prove", "precopy", "--route", "lemmas", "-v"]
    result = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("precopy: proved by the lemmas written in the model")
    assert all(item.name in result.stdout for item in prove_by_lemmas(PRECOPY.configure()).lemmas)


# ------------------------------------------------------------------------------------------------------------- one lemma


def test_a_lemma_that_needs_no_other_is_inductive() -> None:
    result = check_lemma(PRECOPY.configure(), "switching-over-stops-the-vm")
    assert (result.verdict, result.alone, result.together) == ("inductive", (), ())


def test_a_lemma_that_needs_others_says_what_it_lacks_without_them() -> None:
    result = check_lemma(PRECOPY.configure(), "last-sync-finds-all")
    assert (result.verdict, result.together) == ("preserved", ())
    assert result.alone
    assert not any(item.reachable for item in result.alone)
    text = " ".join(" ".join(lemma_check_lines(result)).split())
    assert "not by itself" in text
    assert "a state that is unreachable" in text


def test_a_lemma_is_checked_even_where_the_rest_is_too_weak() -> None:
    weak = replace(PRECOPY, lemmas=tuple(item for item in PRECOPY.lemmas if item.name != "change-is-on-record")).configure()
    assert check_lemma(weak, "switching-over-stops-the-vm").verdict == "inductive"
    result = check_lemma(weak, "last-sync-finds-all")
    assert result.verdict == "undecided"
    assert "needs another one" in " ".join(" ".join(lemma_check_lines(result)).split())


def test_a_false_lemma_is_refuted() -> None:
    wrong = replace(PRECOPY, lemmas=(*PRECOPY.lemmas, NEVER_DIRTY)).configure()
    assert check_lemma(wrong, NEVER_DIRTY.name).verdict == "refuted"


def run_prove(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "balloonproof.checker", "prove", "precopy", *words], capture_output=True, text=True, check=False)


def test_the_command_line_checks_one_lemma() -> None:
    result = run_prove("--route", "lemmas", "--lemma", "one-page-is-sent", "--format", "json")
    assert (result.returncode, result.stderr) == (0, "")
    document = json.loads(result.stdout)
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    assert document["results"][0]["lemma"]["name"] == "one-page-is-sent"


def test_a_misspelt_lemma_gets_a_suggestion() -> None:
    result = run_prove("--route", "lemmas", "--lemma", "last-sync-find-all")
    assert (result.returncode, result.stdout) == (2, "")
    assert "unknown lemma of precopy 'last-sync-find-all': did you mean 'last-sync-finds-all'?" in result.stderr


def test_one_lemma_belongs_to_the_route_of_lemmas() -> None:
    result = run_prove("--lemma", "last-sync-finds-all")
    assert result.returncode == 2
    assert "--lemma goes with --route lemmas" in result.stderr


def test_a_lemma_must_say_what_it_says() -> None:
    def unexplained(s: object, page: object) -> Term:
        raise AssertionError

    with pytest.raises(ValueError, match="unexplained has no docstring"):
        lemma(unexplained)
