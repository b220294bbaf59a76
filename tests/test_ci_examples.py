"""The example workflows: they parse, and the commands in them are commands of this version."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from balloonproof.checker.cli import cli

CI = Path(__file__).parent.parent / "docs" / "ci"
TEXTS = {path.name: path.read_text() for path in sorted(CI.iterdir())}


def commands(text: str) -> list[list[str]]:
    """The words of each use of balloonproof in a text, up to what ends a shell command."""
    found = re.findall(r"(?m)^\s*(?:- )?(balloonproof [^\n|;`]*?)(?:\s+\|\|.*|\s+#.*|)$", text)
    return [shlex.split(item) for item in found]


@pytest.mark.parametrize("name", TEXTS)
def test_every_command_in_an_example_exists_with_its_options(name: str) -> None:
    used = commands(TEXTS[name])
    assert used
    for _, command, *words in used:
        found = cli.get_command(click.Context(cli), command)
        assert found is not None
        context = click.Context(found)
        parser = found.make_parser(context)
        options, _, _ = parser.parse_args(list(words))
        for parameter in found.params:
            if parameter.name in options and isinstance(parameter.type, click.Choice):
                assert options[parameter.name] in parameter.type.choices


def test_the_github_workflow_uploads_what_it_writes() -> None:
    workflow: dict[Any, Any] = yaml.safe_load(TEXTS["github-actions.yml"])
    (job,) = workflow["jobs"].values()
    assert workflow["permissions"]["security-events"] == "write"
    assert all(("uses" in step) != ("run" in step) for step in job["steps"])
    (upload,) = (step for step in job["steps"] if "upload-sarif" in step.get("uses", ""))
    assert upload["if"] == "always()"
    assert any(f'-o "{upload["with"]["sarif_file"]}/' in step.get("run", "") for step in job["steps"])
    assert any("--format github" in step.get("run", "") for step in job["steps"])


def test_the_gitlab_job_reports_what_it_writes() -> None:
    (job,) = yaml.safe_load(TEXTS["gitlab-ci.yml"]).values()
    folder = job["artifacts"]["reports"]["junit"].split("/")[0]
    assert job["artifacts"]["when"] == "always"
    assert any(f'--format junit -o "{folder}/' in line for line in job["script"])


def test_the_table_of_the_readme_has_every_format() -> None:
    check = cli.get_command(click.Context(cli), "check")
    assert check is not None
    (formats,) = (item.type.choices for item in check.params if item.name == "output" and isinstance(item.type, click.Choice))
    for name in set(formats) - {"text"}:
        assert f"--format {name}" in TEXTS["README.md"]
