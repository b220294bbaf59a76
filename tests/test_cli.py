"""The command line as a user meets it: exit statuses, one-line errors, JSON, files written whole or not at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from balloonproof.checker import check
from balloonproof.checker.read import TraceSyntaxError

TRACES = Path(__file__).parent.parent / "traces"
SMALL = """balloonproof trace 1
guest pages=2 page-size=4096
system precopy dirty-log=get-and-clear
observed migration.start migration.sync-end migration.send migration.stop-vm migration.complete guest.dirty device.write management.resume
0.0 migration.start
0.1 migration.sync-end round=1
0.2 migration.send pages=0x0
0.3 migration.send pages=0x1
0.4 guest.dirty pages=0x1
0.5 migration.stop-vm
0.6 migration.sync-end round=2
0.7 migration.send pages=0x1
0.8 migration.complete
"""


def run(*words: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "balloonproof.checker", *words], capture_output=True, text=True, input=text, check=False)


def error_of(*words: str) -> str:
    result = run(*words)
    assert result.returncode == 2
    assert result.stdout == ""
    return result.stderr


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.trace"
    path.write_text(SMALL)
    return path


def test_prove_precopy_exits_0() -> None:
    result = run("prove", "precopy")
    assert result.returncode == 0
    assert result.stdout.startswith("precopy: proved")
    assert "cvc5" in result.stdout


def test_prove_hinting_exits_1_with_a_readable_run() -> None:
    result = run("prove", "hinting")
    assert result.returncode == 1
    for words in ("refuted", "19 steps on 1 page", "balloon device", "accept-hint page 0", "relied no → yes, logged stays yes", "no shorter run exists"):
        assert words in result.stdout


def test_prove_json_is_versioned_and_complete() -> None:
    result = json.loads(run("prove", "hinting", "--without", "done-on-cleanup", "--format", "json").stdout)
    assert (result["format"], result["version"]) == ("balloonproof prove", 1)
    found = result["results"][0]
    assert found["verdict"] == "refuted"
    assert found["without"] == ["done-on-cleanup"]
    assert {item["property"] for item in found["counterexamples"]} == {"hinted-pages-released"}
    assert all(item["length"] == len(item["steps"]) for item in found["counterexamples"])


@pytest.mark.parametrize(
    ("words", "near"),
    [
        (["prove", "hintin"], "did you mean 'hinting'"),
        (["prove", "hinting", "--set", "dirty-lg=manual"], "did you mean 'dirty-log'"),
        (["prove", "hinting", "--set", "dirty-log=manul"], "did you mean 'manual'"),
        (["prove", "hinting", "--set", "dirty-log"], "NAME=VALUE"),
        (["prove", "hinting", "--without", "final-snc"], "did you mean 'final-sync'"),
        (["chek"], "did you mean 'check'"),
        (["check", "--formt", "json", "x"], "--format"),
        (["check", str(TRACES / "recorded" / "b_hint_q1")], "did you mean"),
        (["check", str(TRACES / "recorded" / "r1_cancel_control"), "--system", "precpy"], "did you mean 'precopy'"),
        (["check", str(TRACES / "recorded" / "r1_cancel_control"), "--hide", "host.hnt"], "did you mean 'host.hint'"),
        (["prove", "precopy", "--trace", "x.trace"], "no counterexample"),
        (["prove", "precopy", "hinting", "--trace", "x"], "one configuration"),
        (["prove"], "name a system"),
        (["prove", "precopy", "--all"], "--all decides every system"),
        (["prove", "--all", "--necessity"], "exclude each other"),
        (["prove", "precopy", "--all-settings", "--certificate", "x"], "exclude each other"),
        (["prove", "precopy", "--property", "no-page-lst"], "did you mean 'no-page-lost'"),
        (["recheck", "no-such-folder"], "no such file or folder"),
        (["recheck", str(TRACES)], "no manifest.json"),
    ],
)
def test_a_wrong_word_is_one_line_and_exit_2(words: list[str], near: str) -> None:
    error = error_of(*words)
    assert error.startswith("balloonproof: ")
    assert error.count("\n") == 1
    assert near in error


def test_check_accepts_and_rejects(small: Path) -> None:
    assert run("check", str(small)).returncode == 0
    lost = small.with_name("lost.trace")
    lost.write_text(SMALL.replace("0.7 migration.send pages=0x1\n", ""))
    result = run("check", str(lost))
    assert result.returncode == 1
    assert "page 0x1: no run of the model explains event migration.complete [lost.trace:12]" in result.stdout
    both = run("check", str(small), str(lost), "--format", "json")
    assert both.returncode == 1
    assert [item["verdict"] for item in json.loads(both.stdout)["results"]] == ["accept", "reject"]


def test_check_reads_standard_input() -> None:
    assert run("check", "-", text=SMALL).returncode == 0


def test_check_json_is_versioned(small: Path) -> None:
    result = json.loads(run("check", str(small), "--format", "json").stdout)
    assert (result["format"], result["version"]) == ("balloonproof check", 1)
    assert result["results"][0]["event_counts"]["migration.send"] == 3


def test_a_line_cut_in_half_is_refused_by_name(small: Path) -> None:
    line = "0.4 guest.dirty pages=0x1"
    for length in range(1, len(line) - 2):  # "pages=0", one longer, is a page number
        small.write_text(SMALL.replace(line, line[:length]))
        with pytest.raises(TraceSyntaxError, match=r"small\.trace:(9|10):") as caught:
            check(small)
        assert "expected" in str(caught.value)


def test_a_truncated_file_is_refused_by_name(small: Path) -> None:
    small.write_text(SMALL[:-8])
    assert f"{small}:13:" in error_of("check", str(small))


@pytest.mark.parametrize(
    ("old", "new", "place", "said"),
    [
        ("migration.stop-vm\n", "migration.stopvm\n", "10:5", "event of the model (did you mean 'migration.stop-vm'?), found unknown event 'migration.stopvm'"),
        ("0.3 migration.send pages=0x1", "0.3 migration.send zeroo pages=0x1", "8:20", "(did you mean 'zero'?), found unknown flag 'zeroo'"),
        ("0.3 migration.send pages=0x1", "0.3 migration.send", "8:5", "found migration.send without pages"),
        ("0.3 migration.send pages=0x1", "0.3 host.command id=0x80000001 current=0x80000001", "8:5", "found unknown event 'host.command'"),
        ("0.0 migration.start\n", "", "5:5", "found migration.sync-end before any migration.start"),
        ("dirty-log=get", "dirty-lg=get", "3:16", "expected a setting of precopy (did you mean 'dirty-log'?), found 'dirty-lg'"),
        ("system precopy", "system precpy", "3:8", "(did you mean 'precopy'?), found 'precpy'"),
        ("observed migration.start", "observed migration.strt", "4:10", "expected an event (did you mean 'migration.start'?), found 'migration.strt'"),
        ("observed migration.start", "observed migratoin.*", "4:10", "(did you mean 'migration.*'?), found 'migratoin.*'"),
        ("observed", "without final-snc\nobserved", "4:9", "(did you mean 'final-sync'?), found 'final-snc'"),
    ],
)
def test_what_cannot_be_followed_is_refused_with_place_and_caret(small: Path, old: str, new: str, place: str, said: str) -> None:
    small.write_text(SMALL.replace(old, new, 1))
    first, line, caret = error_of("check", str(small)).splitlines()
    assert first.startswith(f"balloonproof: {small}:{place}: expected ")
    assert said in first
    text = small.read_text().splitlines()[int(place.split(":")[0]) - 1]
    assert (line[:60], caret) == (text[:60], " " * (int(place.split(":")[1]) - 1) + "^")


def test_a_mistyped_option_is_not_blamed_on_the_trace(small: Path) -> None:
    assert error_of("check", str(small), "--set", "system=x").startswith("balloonproof: unknown setting of precopy 'system': known: ")
    assert error_of("check", str(small), "--set", "=x").splitlines()[-1].endswith("--set takes NAME=VALUE, found '=x'")


def test_without_a_command_there_is_help() -> None:
    assert error_of().startswith("Usage: ")


def test_a_counterexample_written_as_a_trace_is_rejected_for_the_same_page_and_property(tmp_path: Path) -> None:
    path = tmp_path / "lost.trace"
    assert run("prove", "hinting", "--trace", str(path)).returncode == 1
    assert "expect reject page=0" in path.read_text()
    result = run("check", str(path), "--format", "json")
    assert result.returncode == 1
    finding = json.loads(result.stdout)["results"][0]["findings"][0]
    assert (finding["property"], finding["page"]) == ("no-page-lost", 0)


def test_convert_writes_a_native_trace_with_the_same_verdict(tmp_path: Path) -> None:
    path = tmp_path / "r1.trace"
    assert run("convert", str(TRACES / "recorded" / "r1_cancel_stalled"), "-o", str(path)).returncode == 0
    assert [item.name for item in tmp_path.iterdir()] == ["r1.trace"]
    assert run("check", str(path)).returncode == 1


def test_convert_leaves_nothing_behind_when_it_fails(tmp_path: Path, small: Path) -> None:
    small.write_text(SMALL[:-8])
    assert run("convert", str(small), "-o", str(tmp_path / "out.trace")).returncode == 2
    assert [item.name for item in tmp_path.iterdir()] == ["small.trace"]


def test_a_folder_without_logs_is_refused_by_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    assert error_of("check", str(folder)).startswith(f"balloonproof: {folder}: no files to read")


def test_convert_into_a_folder_that_does_not_exist_names_the_folder(tmp_path: Path, small: Path) -> None:
    folder = tmp_path / "missing"
    error = error_of("convert", str(small), "-o", str(folder / "out.trace"))
    assert error.startswith(f"balloonproof: no such file or folder: {folder}")
    assert not folder.exists()


def test_certificate_is_a_folder_of_obligations(tmp_path: Path) -> None:
    folder = tmp_path / "certificate"
    assert run("prove", "precopy", "--certificate", str(folder)).returncode == 0
    manifest = json.loads((folder / "manifest.json").read_text())
    assert {item["file"] for item in manifest["obligations"]} == {path.name for path in folder.glob("*.smt2")}


def test_systems_lists_every_setting_and_guard() -> None:
    text = run("systems").stdout
    listed = json.loads(run("systems", "--format", "json").stdout)
    for system in listed["systems"]:
        for item in (*system["settings"], *system["guards"], *system["properties"]):
            assert item["name"] in text
            assert item["meaning"]


def test_help_imports_nothing_heavy() -> None:
    code = "import sys, balloonproof.checker, balloonproof.checker.cli; print([m for m in ('z3', 'cvc5', 'numpy', 'rich', 'lark') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


@pytest.mark.parametrize(("level", "status"), [("1", 0), ("2", 2)])
def test_python_without_docstrings_is_named_as_the_cause(level: str, status: int) -> None:
    trace = Path(__file__).parent.parent / "traces" / "hand" / "precopy.accept.trace"
    words = [sys.executable, "-m", "balloonproof.checker", "check", str(trace)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONOPTIMIZE": level})
    assert done.returncode == status
    assert ("PYTHONOPTIMIZE" in done.stderr) == (status == 2)
    assert done.stderr.count("\n") == (status == 2)
