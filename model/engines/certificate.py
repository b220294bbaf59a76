"""Certificates: the proof obligations of an inductive invariant as SMT-LIB 2 files, and their re-check by cvc5.

The text is written from the model's own terms (`smtlib`), not by the solver that found the proof.  Obligations: every initial
state satisfies every lemma;
every step preserves all lemmas together; the lemmas imply the properties; and the premise that one page and a
summarised queue stand for any number (`premise`).
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from balloonproof.model.engines.induction import Invariant, broken_by
from balloonproof.model.engines.premise import projection_claims, queue_claims
from balloonproof.model.engines.reachability import Progress, silent
from balloonproof.model.smtlib import obligation
from balloonproof.model.terms import conj, disj, negate


@dataclass(frozen=True)
class Obligation:
    """One file of a certificate: `text` must be unsatisfiable."""

    name: str
    text: str


class RecheckFailed(RuntimeError):
    """The second solver did not confirm an obligation; nothing may be called proved."""


def obligations(invariant: Invariant) -> Iterator[Obligation]:
    """Everything that must be unsatisfiable: for the invariant to be inductive and imply the properties, and for one page to suffice."""
    system = invariant.system
    everything = conj(*(lemma.term for lemma in invariant.lemmas))
    about = str(system.configuration)
    broken = negate(everything)
    yield Obligation(
        "initial",
        obligation(f"{about}\nan initial state violates a lemma", [("initial", system.initial), ("broken", broken)]),
    )
    for name, bad in system.violated().items():
        yield Obligation(
            f"property-{name}",
            obligation(f"{about}\nthe lemmas hold, {name} does not", [("lemmas", everything), ("bad", bad)]),
        )
    for step in system.steps:
        after = [question for lemma in invariant.lemmas if (question := broken_by(lemma, step)) is not None]
        if not after:
            continue
        parts = [(str(lemma), lemma.term) for lemma in invariant.lemmas]
        parts += [(f"guard of {step.name}", step.guard), ("a lemma is violated after it", disj(*after))]
        title = f"{about}\n{step.name} ({step.action.source})\nbreaks a lemma"
        yield Obligation(f"step-{_file_name(step.name)}", obligation(title, parts))
    for claim in projection_claims(system.configuration):
        title = f"{about}\none page suffices: {claim.name}"
        yield Obligation(f"premise-{_file_name(claim.name)}", obligation(title, claim.parts))
    for claim in queue_claims():
        yield Obligation(f"premise-{claim.name}", obligation(f"the queue may be summarised: {claim.name}", claim.parts))


def _file_name(name: str) -> str:
    return name.replace("(", "-").replace(" ", "-").replace(")", "")


def recheck(items: list[Obligation], progress: Progress = silent) -> str:
    """Have cvc5 confirm every obligation; the name and version of the solver.  RecheckFailed names the first that it does not confirm."""
    import cvc5

    version = f"cvc5 {cvc5.__version__}"
    for number, item in enumerate(items, 1):
        progress(f"cvc5 re-checks obligation {number} of {len(items)}: {item.name}")
        solver = cvc5.Solver()
        parser = cvc5.InputParser(solver)
        parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, item.text, item.name)
        manager = parser.getSymbolManager()
        answer = ""
        while True:
            command = parser.nextCommand()
            if command.isNull():
                break
            answer += str(command.invoke(solver, manager)).strip()
        if answer != "unsat":
            raise RecheckFailed(f"{version} answers {answer or 'nothing'!r} to obligation {item.name}")
    return version


def write_certificate(directory: Path, invariant: Invariant, items: list[Obligation]) -> None:
    """Write the obligations and a manifest into `directory`, which must not exist or be empty; all or nothing."""
    if directory.exists() and any(directory.iterdir()):
        raise FileExistsError(f"{directory} is not empty: a certificate needs a folder of its own")
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent) as name:
        temporary = Path(name) / "certificate"
        temporary.mkdir()
        for item in items:
            (temporary / f"{item.name}.smt2").write_text(item.text, encoding="utf-8")
        manifest = {
            "format": "balloonproof certificate",
            "version": 1,
            "configuration": str(invariant.system.configuration),
            "lemmas": [str(lemma) for lemma in invariant.lemmas],
            "obligations": [{"file": f"{item.name}.smt2", "expected": "unsat"} for item in items],
        }
        (temporary / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
        if directory.exists():
            directory.rmdir()
        os.replace(temporary, directory)
