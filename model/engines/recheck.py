"""Re-check a certificate with another solver and nothing but its files; this module and what it imports need neither Z3 nor numpy.

A certificate is a folder: `manifest.json` and one SMT-LIB 2 file per obligation, each of which must be unsatisfiable.  A folder of certificates has a
manifest of its own that names its sub-folders.  Before a solver sees a file it is known that the folder holds exactly what
its manifest lists, that no file differs from what was written, and that a file does nothing but assert and ask once.
"""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from balloonproof.model.workers import Progress, each, prefixed, silent

FORMAT, COLLECTION, VERSION = "balloonproof certificate", "balloonproof certificates", 2
MANIFEST = "manifest.json"
KINDS = ("initial", "property", "step", "premise")
"""What an obligation is about; a certificate without any one of them proves nothing."""


@dataclass(frozen=True)
class Obligation:
    """One file of a certificate: `text` must be unsatisfiable."""

    name: str
    text: str

    @property
    def kind(self) -> str:
        return self.name.partition("-")[0]

    @property
    def file(self) -> str:
        return f"{self.name}.smt2"


class RecheckFailed(RuntimeError):
    """A solver did not confirm an obligation; nothing may be called proved."""


class BadCertificate(ValueError):
    """The folder is not a certificate, or not as it was written; one line says where and what is wrong."""


@dataclass(frozen=True)
class Certificate:
    """A certificate as read from its folder."""

    path: Path
    configuration: str
    lemmas: tuple[str, ...]
    obligations: tuple[Obligation, ...]


@dataclass(frozen=True)
class Recheck:
    """What a solver said of one certificate; `unconfirmed` has a line for each obligation that it did not call unsatisfiable."""

    certificate: Certificate
    solver: str
    unconfirmed: tuple[str, ...]


# ----------------------------------------------------------------------------------------------------------------- reading


def read_certificates(path: Path) -> Iterator[Certificate]:
    """The certificate in the folder `path`, or each of those in a folder of certificates; BadCertificate if anything is not as it was written."""
    manifest = _manifest(path)
    if manifest["format"] == FORMAT:
        yield _certificate(path, manifest)
        return
    listed = {item["folder"]: item["sha256"] for item in _entries(path, manifest, "certificates", ("folder", "sha256"))}
    _compare(path, set(listed), {item.name for item in path.iterdir()} - {MANIFEST})
    for folder, expected in listed.items():
        _unchanged(path / folder / MANIFEST, expected)
        inner = _manifest(path / folder)
        if inner["format"] != FORMAT:
            raise BadCertificate(f"{path / folder / MANIFEST}: expected the manifest of one certificate, found {inner['format']!r}")
        yield _certificate(path / folder, inner)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def manifest_text(content: Mapping[str, Any]) -> str:
    """A manifest as it is written: the content, and a digest of it, so that a change is noticed."""
    return json.dumps({**content, "sha256": digest(json.dumps(content, sort_keys=True).encode())}, indent=1) + "\n"


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    if not path.is_file():
        raise BadCertificate(f"{folder}: no {MANIFEST}; expected a folder that `balloonproof prove --certificate` wrote")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadCertificate(f"{path}: not JSON, so cut short or changed: {error}") from None
    if not isinstance(content, dict) or content.get("format") not in (FORMAT, COLLECTION):
        raise BadCertificate(f"{path}: expected the format {FORMAT!r} or {COLLECTION!r}")
    if content.get("version") != VERSION:
        raise BadCertificate(f"{path}: version {content.get('version')!r} found, {VERSION} expected; write the certificate again")
    claimed = content.pop("sha256", None)
    if claimed != digest(json.dumps(content, sort_keys=True).encode()):
        raise BadCertificate(f"{path}: its content is not what was written: the digest differs")
    return content


def _entries(folder: Path, manifest: Mapping[str, Any], key: str, fields: tuple[str, ...]) -> list[dict[str, str]]:
    """The list `key` of a manifest: objects whose `fields` are strings, the first of them the name of something in this folder, once."""
    entries = manifest.get(key)
    if not isinstance(entries, list) or not entries:
        raise BadCertificate(f"{folder / MANIFEST}: expected a list {key!r} that is not empty")
    seen = set()
    for entry in entries:
        if not isinstance(entry, dict) or not all(isinstance(entry.get(field), str) for field in fields):
            raise BadCertificate(f"{folder / MANIFEST}: expected {' and '.join(fields)} in each of {key!r}, found {entry!r}")
        name = entry[fields[0]]
        if name in seen or name in ("", ".", "..", MANIFEST) or Path(name).name != name:
            raise BadCertificate(f"{folder / MANIFEST}: {name!r} in {key!r} is listed twice or is no name in this folder")
        seen.add(name)
    return entries


def _compare(folder: Path, listed: set[str], found: set[str]) -> None:
    for name in sorted(listed - found):
        raise BadCertificate(f"{folder / name}: listed in the manifest, but missing")
    for name in sorted(found - listed):
        raise BadCertificate(f"{folder / name}: not listed in the manifest")


def _unchanged(path: Path, expected: str) -> bytes:
    if not path.is_file():
        raise BadCertificate(f"{path}: expected a file")
    content = path.read_bytes()
    if digest(content) != expected:
        raise BadCertificate(f"{path}: not the file that was written: {len(content):,} bytes whose digest differs from the manifest's")
    return content


def _certificate(folder: Path, manifest: Mapping[str, Any]) -> Certificate:
    listed = _entries(folder, manifest, "obligations", ("file", "sha256", "expected"))
    _compare(folder, {item["file"] for item in listed}, {item.name for item in folder.iterdir()} - {MANIFEST})
    obligations = []
    for item in listed:
        path = folder / item["file"]
        content = _unchanged(path, item["sha256"])
        if path.suffix != ".smt2" or item["expected"] != "unsat":
            raise BadCertificate(f"{path}: every obligation is an .smt2 file that is expected to be unsat")
        try:
            obligations.append(Obligation(path.stem, content.decode()))
        except UnicodeDecodeError as error:
            raise BadCertificate(f"{path}: not UTF-8: {error}") from None
    missing = [kind for kind in KINDS if kind not in {item.kind for item in obligations}]
    if missing:
        raise BadCertificate(f"{folder / MANIFEST}: no obligation is about: {', '.join(missing)}")
    for obligation in obligations:
        if fault := unfit(obligation.text):
            raise BadCertificate(f"{folder / obligation.file}: {fault}")
    lemmas = manifest.get("lemmas", [])
    return Certificate(folder, str(manifest.get("configuration")), tuple(map(str, lemmas)), tuple(obligations))


_TOKEN = re.compile(r';[^\n]*|\|[^|]*\||"(?:[^"]|"")*"|[()]|[^\s()|";]+|\s+|(.)')
_DECLARING = ("set-info", "set-logic", "declare-datatype", "declare-const", "assert")


def unfit(text: str) -> str | None:
    """Why `text` is no obligation: it must declare and assert, ask `(check-sat)` once and last, and do nothing else.  None if it is one."""
    depth, heads, opened = 0, [], False
    for token in _TOKEN.finditer(text):
        word = token.group()
        if token.group(1):
            return f"line {text.count(chr(10), 0, token.start()) + 1}: {word!r} is never closed"
        if word.isspace() or word.startswith(";"):
            continue
        if depth == 0 and word != "(":
            return f"line {text.count(chr(10), 0, token.start()) + 1}: expected a command, found {word!r}"
        if opened:
            heads.append(word)
        opened = depth == 0
        depth += {"(": 1, ")": -1}.get(word, 0)
    if depth or opened:
        return "the last command is cut short"
    strange = next((head for head in heads[:-1] if head not in _DECLARING), None)
    if strange:
        return f"expected declarations and assertions before one (check-sat), found ({strange} ...)"
    if heads[-1:] != ["check-sat"]:
        return "expected (check-sat) as the last command"
    return None if "assert" in heads else "nothing is asserted"


# ---------------------------------------------------------------------------------------------------------------- checking


def ask_cvc5(item: Obligation) -> str:
    """cvc5's answer to one obligation; what it prints of an error counts as one."""
    import cvc5

    solver = cvc5.Solver()
    parser = cvc5.InputParser(solver)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, item.text, item.name)
    manager = parser.getSymbolManager()
    answer = ""
    try:
        while not (command := parser.nextCommand()).isNull():
            answer += str(command.invoke(solver, manager)).strip()
    except RuntimeError as error:
        return str(error)
    return answer


def cvc5_version() -> str:
    import cvc5

    return f"cvc5 {cvc5.__version__}"


def recheck(items: Sequence[Obligation], progress: Progress = silent) -> str:
    """Have cvc5 confirm every obligation, on all cores; the name and version of the solver.  RecheckFailed names one that it does not confirm."""
    version = cvc5_version()
    for item, answer in _answers(items, ask_cvc5, progress):
        if answer != "unsat":
            raise RecheckFailed(f"{version} answers {answer or 'nothing'!r} to obligation {item.name}")
    return version


def _answers(items: Sequence[Obligation], ask: Callable[[Obligation], str], progress: Progress) -> Iterator[tuple[Obligation, str]]:
    """Each obligation and the answer to it, in their order."""
    parts = [items[start : start + 16] for start in range(0, len(items), 16)]
    answers: dict[int, list[str]] = {}
    for number, found in each(lambda part: [ask(item) for item in part], parts):
        answers[number] = found
        progress(f"obligations asked: {sum(map(len, answers.values()))} of {len(items)}")
    return zip(items, (answer for number in range(len(parts)) for answer in answers[number]), strict=True)


def ask_program(command: str, path: Path) -> str:
    """What a solver that reads SMT-LIB 2 prints when it is run on the file; OSError if it cannot be run."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ValueError(f"--solver: {command}: {error}") from None
    if not words:
        raise ValueError("--solver: expected the command of a solver, found nothing")
    try:
        done = subprocess.run([*words, str(path.resolve())], capture_output=True, text=True, check=False)
    except OSError as error:
        raise OSError(f"--solver: cannot run {words[0]!r}: {error.strerror}") from None
    return done.stdout.strip() or done.stderr.strip() or f"exit status {done.returncode}"


def recheck_certificate(certificate: Certificate, solver: str | None = None, progress: Progress = silent) -> Recheck:
    """Ask cvc5, or the program `solver`, about every obligation of a certificate."""

    def ask(item: Obligation) -> str:
        return ask_program(solver, certificate.path / item.file) if solver is not None else ask_cvc5(item)

    name = cvc5_version() if solver is None else solver
    answers = _answers(certificate.obligations, ask, prefixed(progress, f"{certificate.configuration}: "))
    wrong = tuple(f"{item.file}: {(answer.splitlines() or ['nothing'])[0]}" for item, answer in answers if answer != "unsat")
    return Recheck(certificate, name, wrong)
