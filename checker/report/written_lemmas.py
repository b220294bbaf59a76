"""What the lemmas written in the model prove (`prove --route lemmas`), as text and as JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from balloonproof.checker.report.as_json import VERSION, configuration_json
from balloonproof.model.engines.lemmas import CounterexampleToInduction, LemmaCheck, LemmaResult

SHOWN = 3
"""How many counterexamples to induction are shown without `--verbose`."""


def lemma_lines(result: LemmaResult, width: int = 110, verbose: bool = False) -> Iterator[str]:
    """The verdict, what it stands on, and what is not preserved; with `verbose` every lemma's sentence."""
    yield f"{result.configuration}: {result.verdict} by the lemmas written in the model  ({result.seconds:.1f} s)"
    if result.verdict == "proved":
        confirmed = f"{result.obligations} obligations, shown by Z3, each confirmed by {result.rechecked_by}"
        yield f"  lemmas      {len(result.lemmas)}, inductive with what is claimed; {confirmed}"
    yield from _not_preserved(result.failures, width, verbose)
    yield from (f"  {reason}" for reason in result.reasons)
    if verbose:
        for lemma in result.lemmas:
            yield from textwrap.wrap(f"{lemma.name}: {lemma.meaning}", width, initial_indent="  lemma       ", subsequent_indent=" " * 14)


def _not_preserved(failures: Sequence[CounterexampleToInduction], width: int, verbose: bool) -> Iterator[str]:
    shown = failures if verbose else failures[:SHOWN]
    for item in shown:
        yield from textwrap.wrap(str(item), width, initial_indent="  not preserved  ", subsequent_indent=" " * 17)
    if len(shown) < len(failures):
        yield f"  not preserved  {len(failures) - len(shown)} more (-v shows them)"


SAYS = {
    "inductive": "every step preserves it, by itself",
    "preserved": "every step preserves it where the other lemmas hold, not by itself",
    "refuted": "it does not hold",
    "undecided": "not every step preserves it, even where the other lemmas hold",
}


def lemma_check_lines(result: LemmaCheck, width: int = 110, verbose: bool = False) -> Iterator[str]:
    """What is known of one lemma, and the counterexamples to induction: with the other lemmas, or, where there are none, without them."""
    yield f"{result.configuration}: {result.lemma.name}: {result.verdict}: {SAYS[result.verdict]}  ({result.seconds:.1f} s)"
    yield from textwrap.wrap(result.lemma.meaning, width, initial_indent="  lemma       ", subsequent_indent=" " * 14)
    if result.together:
        yield from _not_preserved(result.together, width, verbose)
    elif result.alone:
        yield "  without the other lemmas:"
        yield from _not_preserved(result.alone, width, verbose)


def lemma_checks_json(results: Sequence[LemmaCheck]) -> dict[str, Any]:
    return {
        "format": "balloonproof written lemma",
        "version": VERSION,
        "results": [
            {
                **configuration_json(item.configuration),
                "verdict": item.verdict,
                "lemma": {"name": item.lemma.name, "meaning": item.lemma.meaning},
                "not_preserved_alone": [_failure_json(one) for one in item.alone],
                "not_preserved": [_failure_json(one) for one in item.together],
                "seconds": round(item.seconds, 3),
            }
            for item in results
        ],
    }


def _failure_json(item: CounterexampleToInduction) -> dict[str, Any]:
    return {"lemma": item.lemma, "step": item.step, "before": item.before, "after": item.after, "reachable": item.reachable}


def lemmas_json(results: Sequence[LemmaResult]) -> dict[str, Any]:
    return {
        "format": "balloonproof written lemmas",
        "version": VERSION,
        "results": [
            {
                **configuration_json(item.configuration),
                "verdict": item.verdict,
                "lemmas": [{"name": lemma.name, "meaning": lemma.meaning} for lemma in item.lemmas],
                "not_preserved": [_failure_json(one) for one in item.failures],
                "obligations": item.obligations,
                "rechecked_by": item.rechecked_by or None,
                "reasons": list(item.reasons),
                "seconds": round(item.seconds, 3),
            }
            for item in results
        ],
    }
