"""Lemmas that someone wrote: inductive, or with a counterexample to induction that says whether it can be reached."""

from __future__ import annotations

from balloonproof.model.engines.lemmas import check_lemmas
from balloonproof.model.language import Property
from balloonproof.model.state import Phase
from balloonproof.model.systems import PRECOPY

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
