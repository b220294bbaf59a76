"""`balloonproof coverage` and `balloonproof near-misses`: what traces have exercised of the model, and how near they came to its races."""

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


@click.command("near-misses")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@SYSTEM
@SET
@WITHOUT
@FORMAT
def near_misses(paths: tuple[str, ...], system: str | None, settings: tuple[str, ...], without: tuple[str, ...], output: str) -> None:
    """Measure how near each trace came to the known races, in time and in events.

    Each PATH is one trace: a native trace, or a folder with the logs of one migration.
    """
    from balloonproof.checker import near_misses as measure
    from balloonproof.checker.checking import open_trace

    for path in paths:
        must_exist(path)
    with progress_line() as say:
        found = []
        for path in paths:
            say(f"{path}: reading")
            found.append((path, measure.near_misses(*open_trace(path, system, settings_of(settings), without))))
    if output == "json":
        from balloonproof.checker.report.as_json import near_misses_json

        click.echo(json.dumps(near_misses_json(found), indent=1))
    else:
        from balloonproof.checker.report.near_miss_text import near_miss_lines

        for path, items in found:
            for line in near_miss_lines(path, items):
                click.echo(line)
