"""What a re-check of certificates came to, as text and as JSON; imports neither Z3 nor the engines that find proofs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from balloonproof.model.engines.recheck import Recheck

VERSION = 1


def recheck_lines(results: Sequence[Recheck], seconds: float, verbose: bool = False) -> Iterator[str]:
    """One line per certificate, and one for each obligation that is not confirmed."""
    for item in results:
        count = len(item.certificate.obligations)
        if item.unconfirmed:
            yield f"{item.certificate.configuration}: {len(item.unconfirmed)} of {count} obligations not confirmed by {item.solver}"
        else:
            yield f"{item.certificate.configuration}: {count} obligations, each confirmed by {item.solver}"
        yield from (f"  {line}" for line in item.unconfirmed)
        if verbose:
            yield from (f"  lemma       {lemma}" for lemma in item.certificate.lemmas)
            yield from (f"  obligation  {obligation.file}" for obligation in item.certificate.obligations)
    wrong = sum(1 for item in results if item.unconfirmed)
    yield f"{len(results)} certificate{'s' if len(results) != 1 else ''}, " + (f"{wrong} not confirmed" if wrong else "all confirmed") + f"  ({seconds:.1f} s)"


def recheck_json(results: Sequence[Recheck], seconds: float) -> dict[str, Any]:
    return {
        "format": "balloonproof recheck",
        "version": VERSION,
        "seconds": round(seconds, 3),
        "results": [
            {
                "path": str(item.certificate.path),
                "configuration": item.certificate.configuration,
                "solver": item.solver,
                "verdict": "unconfirmed" if item.unconfirmed else "confirmed",
                "obligations": len(item.certificate.obligations),
                "unconfirmed": list(item.unconfirmed),
            }
            for item in results
        ],
    }
