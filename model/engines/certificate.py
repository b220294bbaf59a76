"""Certificates: the proof obligations of an inductive invariant as SMT-LIB 2 files; `recheck` reads them.

The text is written from the model's own terms (`smtlib`), not by the solver that found the proof.  Obligations: every initial state satisfies every
lemma; every step preserves all lemmas together; the lemmas imply the properties; and the premise that one page and a summarised queue stand for any
number (`premise`, `alike`).  That these are all the steps there are, and that the terms are what the text says, is not in the files: it is the work of
`language`, `steps` and the readings.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from balloonproof.model.ending import in_order
from balloonproof.model.engines.alike import alike_claims
from balloonproof.model.engines.induction import Invariant, broken_by
from balloonproof.model.engines.premise import Claim, projection_claims, queue_claims
from balloonproof.model.engines.recheck import COLLECTION, FORMAT, MANIFEST, VERSION, Obligation, digest, manifest_text
from balloonproof.model.language import Configuration
from balloonproof.model.smtlib import obligation
from balloonproof.model.terms import conj, disj, negate


def obligations(invariant: Invariant) -> Iterator[Obligation]:
    """Everything that must be unsatisfiable for the invariant to be inductive and imply the properties."""
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
    parts = [(str(lemma), lemma.term) for lemma in invariant.lemmas]
    for step in system.steps:
        after = [question for lemma in invariant.lemmas if (question := broken_by(lemma, step)) is not None]
        if not after:
            continue
        title = f"{about}\n{step.name} ({step.action.source})\nbreaks a lemma"
        asked = [(f"guard of {step.name}", step.guard), ("a lemma is violated after it", disj(*after))]
        yield Obligation(f"step-{_file_name(step.name)}", obligation(title, parts + asked))


def premise_claims(configuration: Configuration) -> Iterator[tuple[Claim, Obligation]]:
    """That one page and a summarised queue stand for any number: each claim, and the obligation that says the same."""
    for claim in queue_claims():
        yield claim, Obligation(f"premise-{claim.name}", obligation(f"the queue may be summarised: {claim.name}", claim.parts))
    for claim in (*projection_claims(configuration), *alike_claims(configuration)):
        title = f"{configuration}\none page suffices: {claim.name}"
        yield claim, Obligation(f"premise-{_file_name(claim.name)}", obligation(title, claim.parts))


def _file_name(name: str) -> str:
    return name.replace("(", "-").replace(" ", "-").replace(")", "")


# ----------------------------------------------------------------------------------------------------------------- writing


@dataclass(frozen=True)
class Proof:
    """What a certificate is written from."""

    configuration: str
    lemmas: tuple[str, ...]
    obligations: tuple[Obligation, ...]


def write_certificate(directory: Path, proof: Proof) -> None:
    """Write the obligations and a manifest into `directory`, which must not exist or be empty; all or nothing."""
    _all_or_nothing(directory, lambda folder: _fill(folder, proof))


def write_certificates(directory: Path, proofs: Sequence[Proof]) -> None:
    """Write several certificates, each into a sub-folder of `directory` named after its configuration; all or nothing."""

    def fill(folder: Path) -> None:
        entries = []
        for proof in proofs:
            name = proof.configuration.replace(" ", "+")
            (folder / name).mkdir()
            _fill(folder / name, proof)
            entries.append({"folder": name, "sha256": digest((folder / name / MANIFEST).read_bytes())})
        manifest = {"format": COLLECTION, "version": VERSION, "certificates": entries}
        (folder / MANIFEST).write_text(manifest_text(manifest), encoding="utf-8")

    _all_or_nothing(directory, fill)


def _fill(folder: Path, proof: Proof) -> None:
    for item in proof.obligations:
        (folder / item.file).write_text(item.text, encoding="utf-8")
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "configuration": proof.configuration,
        "lemmas": list(proof.lemmas),
        "obligations": [{"file": item.file, "expected": "unsat", "sha256": digest(item.text.encode())} for item in proof.obligations],
    }
    (folder / MANIFEST).write_text(manifest_text(manifest), encoding="utf-8")


def must_be_free(directory: Path) -> None:
    """FileExistsError unless `directory` does not exist or is an empty folder: worth asking before a long computation."""
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise FileExistsError(f"{directory} is not an empty folder: a certificate needs one of its own")


def _all_or_nothing(directory: Path, fill: Callable[[Path], None]) -> None:
    must_be_free(directory)
    directory.parent.mkdir(parents=True, exist_ok=True)
    with in_order(), tempfile.TemporaryDirectory(dir=directory.parent) as name:
        temporary = Path(name) / "certificate"
        temporary.mkdir()
        fill(temporary)
        if directory.exists():
            directory.rmdir()
        os.replace(temporary, directory)
