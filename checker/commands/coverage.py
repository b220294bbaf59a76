"""`balloonproof coverage`: what traces have exercised of the model."""

from __future__ import annotations

import json

import click

from balloonproof.checker.commands.terminal import FORMAT, HIDE, SET, SYSTEM, WITHOUT, must_exist, progress_line, settings_of


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@SYSTEM
@SET
@WITHOUT
@HIDE
@FORMAT
def coverage(paths: tuple[str, ...], system: str | None, settings: tuple[str, ...], without: tuple[str, ...], hide: tuple[str, ...], output: str) -> None:
    """Tell what traces have exercised of the model, and what none of them has shown.

    Each PATH is one trace: a native trace, or a folder with the logs of one migration.
    """
    from balloonproof.checker.coverage import survey

    for path in paths:
        must_exist(path)
    with progress_line() as say:
        found = survey(paths, system, settings_of(settings), without, hide, say)
    if output == "json":
        from balloonproof.checker.report.as_json import coverage_json

        click.echo(json.dumps(coverage_json(found), indent=1))
    else:
        from balloonproof.checker.report.coverage_text import coverage_lines

        for line in coverage_lines(found):
            click.echo(line)
