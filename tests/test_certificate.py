"""Certificates: written whole, re-checked with nothing but their files, and refused when they are not as they were written."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from balloonproof.model.engines.certificate import Proof, write_certificate, write_certificates
from balloonproof.model.engines.recheck import BadCertificate, Obligation, digest, manifest_text, read_certificates, recheck_certificate, unfit
from balloonproof.model.engines.verdict import prove_system

WITHOUT_Z3_AND_NUMPY = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("z3", "numpy"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
from balloonproof.checker.cli import main
sys.argv[0] = "balloonproof"
main()
"""


def recheck(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """The command, where neither Z3 nor numpy can be imported."""
    return subprocess.run([sys.executable, "-c", WITHOUT_Z3_AND_NUMPY, "recheck", *map(str, words)], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def proof() -> Proof:
    summary = prove_system("precopy").summary()
    return Proof(summary.configuration, summary.lemmas, summary.obligations)


@pytest.fixture(scope="module")
def written(proof: Proof, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificate") / "precopy"
    write_certificate(folder, proof)
    return folder


@pytest.fixture
def certificate(written: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(written, tmp_path / "copy"))


def rewrite(folder: Path, change: Callable[[dict[str, object]], object]) -> None:
    """Change a manifest the way that someone would who knows how it is made."""
    content = json.loads((folder / "manifest.json").read_text())
    del content["sha256"]
    change(content)
    (folder / "manifest.json").write_text(manifest_text(content))


def replace(folder: Path, name: str, text: str) -> None:
    """Another obligation under the same name, and a manifest that goes with it."""
    (folder / name).write_text(text)
    rewrite(folder, lambda content: next(item for item in content["obligations"] if item["file"] == name).update(sha256=digest(text.encode())))


# ---------------------------------------------------------------------------------------------------------------- confirmed


def test_a_certificate_is_confirmed_where_z3_is_not_installed(written: Path, proof: Proof) -> None:
    result = recheck(written)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(f"precopy: {len(proof.obligations)} obligations, each confirmed by cvc5")


def test_without_z3_nothing_can_be_proved() -> None:
    words = [sys.executable, "-c", WITHOUT_Z3_AND_NUMPY, "prove", "precopy"]
    assert subprocess.run(words, capture_output=True, check=False).returncode != 0


def test_a_certificate_holds_one_file_per_obligation_and_a_manifest(written: Path, proof: Proof) -> None:
    manifest = json.loads((written / "manifest.json").read_text())
    assert manifest["configuration"] == "precopy"
    assert manifest["lemmas"] == list(proof.lemmas)
    assert [item["file"] for item in manifest["obligations"]] == [item.file for item in proof.obligations]
    assert {item.name for item in written.iterdir()} == {"manifest.json", *(item.file for item in proof.obligations)}
    assert all((written / item.file).read_text() == item.text for item in proof.obligations)


def test_a_folder_of_certificates_is_confirmed_one_by_one(proof: Proof, tmp_path: Path) -> None:
    other = Proof("precopy without nothing", proof.lemmas, proof.obligations)
    write_certificates(tmp_path / "all", [proof, other])
    assert {item.name for item in (tmp_path / "all").iterdir()} == {"manifest.json", "precopy", "precopy+without+nothing"}
    result = json.loads(recheck(tmp_path / "all", "--format", "json").stdout)
    assert (result["format"], result["version"]) == ("balloonproof recheck", 1)
    assert [(item["configuration"], item["verdict"], item["obligations"]) for item in result["results"]] == [
        (item.configuration, "confirmed", len(proof.obligations)) for item in (proof, other)
    ]


def solver_that_says(answer: str, folder: Path) -> str:
    program = folder / "solver.py"
    program.write_text(f"import sys\nassert open(sys.argv[1]).read().endswith('(check-sat)\\n')\nprint({answer!r})\n")
    return f"{sys.executable} {program}"


def test_any_solver_can_be_asked(written: Path, tmp_path: Path) -> None:
    (found,) = read_certificates(written)
    small = type(found)(found.path, found.configuration, found.lemmas, found.obligations[:5])
    assert recheck_certificate(small, solver_that_says("unsat", tmp_path)).unconfirmed == ()
    for answer in ("sat", "unknown", "unsat\nunsat", '(error "no")'):
        assert len(recheck_certificate(small, solver_that_says(answer, tmp_path)).unconfirmed) == 5


@pytest.mark.parametrize("command", ["no-such-solver --fast", "", "'"])
def test_a_solver_that_cannot_be_run_is_one_line(command: str, written: Path) -> None:
    result = recheck(written, "--solver", command)
    assert (result.returncode, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1
    assert "--solver" in result.stderr


# -------------------------------------------------------------------------------------------------------------- unconfirmed


def test_an_obligation_that_is_not_confirmed_exits_1(certificate: Path) -> None:
    text = (certificate / "step-fetch.smt2").read_text()
    replace(certificate, "step-fetch.smt2", re.sub(r"; a lemma is violated after it\n\(assert .*\)\n", "", text))
    result = recheck(certificate)
    assert (result.returncode, result.stderr) == (1, "")
    assert "1 of" in result.stdout
    assert re.search(r"^  step-fetch\.smt2: .*\bsat\b", result.stdout, re.MULTILINE)


def test_text_that_no_solver_understands_is_not_confirmed(certificate: Path) -> None:
    replace(certificate, "initial.smt2", "(assert |phase|)\n(check-sat)\n")
    result = recheck(certificate)
    assert result.returncode == 1
    assert "  initial.smt2: " in result.stdout


# ------------------------------------------------------------------------------------------------------------------ refused

SPOILED: dict[str, tuple[Callable[[Path], object], str]] = {
    "a file is changed": (
        lambda folder: (folder / "step-fetch.smt2").write_text("(assert false)(check-sat)"),
        "step-fetch.smt2: not the file that was written",
    ),
    "a file is cut short": (
        lambda folder: (folder / "step-merge.smt2").write_bytes((folder / "step-merge.smt2").read_bytes()[:-20]),
        "step-merge.smt2: not the file that was written",
    ),
    "a file is missing": (lambda folder: (folder / "initial.smt2").unlink(), "initial.smt2: listed in the manifest, but missing"),
    "a file is extra": (lambda folder: (folder / "step-more.smt2").write_text("(check-sat)"), "step-more.smt2: not listed"),
    "a folder is extra": (lambda folder: (folder / "more").mkdir(), "more: not listed"),
    "a file is a folder": (
        lambda folder: ((folder / "initial.smt2").unlink(), (folder / "initial.smt2").mkdir()),
        "initial.smt2: expected a file",
    ),
    "the manifest is missing": (lambda folder: (folder / "manifest.json").unlink(), "no manifest.json"),
    "the manifest is cut short": (
        lambda folder: (folder / "manifest.json").write_text((folder / "manifest.json").read_text()[:300]),
        "manifest.json: not JSON, so cut short or changed",
    ),
    "the manifest is changed": (
        lambda folder: (folder / "manifest.json").write_text((folder / "manifest.json").read_text().replace('"precopy"', '"hinting"')),
        "manifest.json: its content is not what was written",
    ),
    "the manifest is of something else": (lambda folder: (folder / "manifest.json").write_text("[]"), "expected the format"),
    "the version is another": (lambda folder: rewrite(folder, lambda content: content.update(version=1)), "version 1 found, 2 expected"),
    "another answer is expected": (lambda folder: rewrite(folder, lambda content: content["obligations"][0].update(expected="sat")), "expected to be unsat"),
    "nothing is listed": (lambda folder: rewrite(folder, lambda content: content.update(obligations=[])), "expected a list 'obligations'"),
    "a file is listed twice": (lambda folder: rewrite(folder, lambda content: content["obligations"].append(content["obligations"][0])), "listed twice"),
    "a file lies elsewhere": (
        lambda folder: rewrite(folder, lambda content: content["obligations"][0].update(file="../initial.smt2")),
        "no name in this folder",
    ),
    "a digest is missing": (lambda folder: rewrite(folder, lambda content: content["obligations"][0].pop("sha256")), "expected file and sha256 and expected"),
    "nothing is said of the start": (
        lambda folder: (
            (folder / "initial.smt2").unlink(),
            rewrite(folder, lambda content: content.update(obligations=[item for item in content["obligations"] if item["file"] != "initial.smt2"])),
        ),
        "no obligation is about: initial",
    ),
    "the answer is printed, not found": (
        lambda folder: replace(folder, "step-fetch.smt2", '(echo "unsat")\n(assert true)\n(check-sat)\n'),
        "step-fetch.smt2: expected declarations and assertions before one (check-sat), found (echo ...)",
    ),
}


@pytest.mark.parametrize("case", SPOILED)
def test_what_is_not_as_it_was_written_is_refused(case: str, certificate: Path) -> None:
    spoil, message = SPOILED[case]
    list(read_certificates(certificate))
    spoil(certificate)
    with pytest.raises(BadCertificate) as error:
        list(read_certificates(certificate))
    assert message in str(error.value)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("case", ["a file is changed", "the manifest is missing", "the manifest is cut short"])
def test_the_command_refuses_in_one_line(case: str, certificate: Path) -> None:
    SPOILED[case][0](certificate)
    result = recheck(certificate)
    assert (result.returncode, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1
    assert SPOILED[case][1] in result.stderr


@pytest.mark.parametrize("spoil", [lambda all_: shutil.rmtree(all_ / "precopy"), lambda all_: (all_ / "stray.smt2").write_text("(check-sat)")])
def test_a_folder_of_certificates_must_be_complete(spoil: Callable[[Path], object], proof: Proof, tmp_path: Path) -> None:
    write_certificates(tmp_path / "all", [proof])
    spoil(tmp_path / "all")
    with pytest.raises(BadCertificate, match=r"precopy: listed in the manifest, but missing|stray\.smt2: not listed"):
        list(read_certificates(tmp_path / "all"))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "(check-sat) as the last"),
        ("(check-sat)", "nothing is asserted"),
        ("(assert false)", "(check-sat) as the last"),
        ("(assert false)(check-sat)(check-sat)", "found (check-sat ...)"),
        ("(assert false)\n(check-sat", "cut short"),
        ("(assert |a)\n(check-sat)", "line 1: '|' is never closed"),
        ("(assert false)\nunsat (check-sat)", "line 2: expected a command, found 'unsat'"),
        ("(assert false)(reset-assertions)(check-sat)", "(reset-assertions ...)"),
        ("(assert false)((check-sat))", "(check-sat) as the last"),
    ],
)
def test_an_obligation_declares_asserts_and_asks_once(text: str, fault: str) -> None:
    assert fault in (unfit(text) or "")


def test_brackets_in_names_strings_and_comments_do_not_count() -> None:
    assert unfit('; (echo "unsat")\n(declare-const |a)(| Bool)\n(set-info :source ")")\n(assert |a)(|)\n(check-sat)\n') is None


# ------------------------------------------------------------------------------------------------------------------ writing


def test_a_certificate_is_not_mixed_with_other_files(proof: Proof, tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("mine")
    for taken in (tmp_path, tmp_path / "notes"):
        with pytest.raises(FileExistsError, match="not an empty folder"):
            write_certificate(taken, proof)
    assert [path.name for path in tmp_path.iterdir()] == ["notes"]


def test_nothing_is_left_of_a_certificate_that_could_not_be_written(proof: Proof, tmp_path: Path) -> None:
    impossible = Proof(proof.configuration, proof.lemmas, (*proof.obligations, Obligation("no/such/folder", "")))
    with pytest.raises(OSError, match="no/such/folder"):
        write_certificate(tmp_path / "proof", impossible)
    assert list(tmp_path.iterdir()) == []
