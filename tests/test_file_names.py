"""Files may be called anything: every report still is of its format, and names the file."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote_to_bytes
from xml.etree import ElementTree

import pytest

from balloonproof.checker import check
from balloonproof.checker.read import read_trace
from balloonproof.checker.report.rendering import render

TRACES = Path(__file__).parent.parent / "traces"

NAMES = [
    b"a b.trace",
    b"new\nline.trace",
    b"new\n::error::line.trace",
    b"carriage\rreturn.trace",
    b"q'uo\"te.trace",
    b"no\xff\xfetext.trace",
    b"half\xed\xa0\x80pair.trace",
    b"::error file=x::y.trace",
    b"100%25%0A.trace",
    "ünïcödé-\N{BALLOON}.trace".encode(),
    b"control\x01\x1b[31m\t.trace",
    b"a,b:c;d#e?f&<>]]>.trace",
    b"C:\\x.trace",
    b"x" * 249 + b".trace",
]


@pytest.fixture(params=NAMES, ids=range(len(NAMES)))
def trace(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The relative path of a trace that is rejected."""
    monkeypatch.chdir(tmp_path)
    name = os.fsdecode(request.param)
    shutil.copy(TRACES / "hand" / "lost_write.reject.trace", name)
    return name


def test_the_reports_for_programs_hold_any_name(trace: str) -> None:
    report = check(trace)
    (result,) = json.loads(render([report], "json"))["results"]
    assert result["name"] == trace
    assert ElementTree.fromstring(render([report], "junit").encode())[0].get("name")
    (run,) = json.loads(render([report], "sarif"))["runs"]
    places = {place["physicalLocation"]["artifactLocation"]["uri"] for item in run["results"] for place in item["locations"]}
    assert {unquote_to_bytes(place) for place in places} == {os.fsencode(trace)}
    assert all(place.isascii() and ":" not in place for place in places)


def test_no_name_becomes_a_workflow_command(trace: str) -> None:
    lines = render([check(trace)], "github").splitlines()
    assert [line[:13] for line in lines] == ["::error file=", "balloonproof:"]


@pytest.mark.parametrize("trace", [NAMES[2], NAMES[5]], ids=["lines", "no text"], indirect=True)
def test_what_is_written_is_text(trace: str, tmp_path: Path) -> None:
    record = tmp_path / ("r" + trace[-200:])
    shutil.copytree(TRACES / "recorded" / "h1_natural", record)
    for words in (["check", trace, "-o", "out.txt"], ["check", trace], ["convert", str(record), "-o", "out.trace"], ["check", str(record), "-v"]):
        environment = {**os.environ, "LC_ALL": "C.UTF-8"}
        done = subprocess.run([sys.executable, "-m", "balloonproof.checker", *words], capture_output=True, check=False, env=environment)
        assert done.returncode in (0, 1)
        assert done.stderr == b""
        done.stdout.decode("utf-8")
    assert Path("out.txt").read_text(encoding="utf-8").startswith("reject")
    assert list(read_trace("out.trace").events)
