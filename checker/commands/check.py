"""`balloonproof check`: traces against the model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from balloonproof.checker.commands.terminal import HIDE, SET, SYSTEM, VERBOSE, WITHOUT, must_exist, progress_line, settings_of, worst

if TYPE_CHECKING:
    from balloonproof.checker.verdict import Report

CHECK_FORMATS = ["text", "json", "junit", "sarif", "github"]


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@SYSTEM
@SET
@WITHOUT
@HIDE
@click.option("--format", "output", type=click.Choice(CHECK_FORMATS), default="text", show_default=True, help="How to report.")
@click.option("-o", "--output", "file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write the report to a file.")
@click.option("--follow", is_flag=True, help="Check a trace or a QEMU log while it is being written, until it is rejected or the migration has completed.")
@click.option("--follow-timeout", type=click.FloatRange(min=0), metavar="SECONDS", help="With --follow: stop when nothing was written for so long.")
@VERBOSE
def check(
    paths: tuple[str, ...], system: str | None, settings: tuple[str, ...], without: tuple[str, ...], hide: tuple[str, ...], output: str, file: Path | None,
    follow: bool, follow_timeout: float | None, verbose: bool,
) -> None:  # fmt: skip
    """Check traces against the model.

    PATHs are native traces, each checked by itself, or the logs of one migration; a directory holds one migration's logs; - is standard input.
    Exit status: 0 accept, 1 reject, 2 bad input, 3 inconclusive.
    """
    from balloonproof.checker.checking import check_paths
    from balloonproof.checker.read import is_native
    from balloonproof.model.workers import prefixed

    for path in paths:
        must_exist(path)
    if follow_timeout is not None and not follow:
        raise click.UsageError("--follow-timeout goes with --follow")
    if follow and (len(paths) > 1 or Path(paths[0]).is_dir()):
        raise click.UsageError("--follow takes one file that is being written, or - for standard input")
    jobs: list[str | list[str]] = list(paths) if len(paths) > 1 and all(map(is_native, paths)) else [list(paths)]
    reports: list[Report] = []
    with progress_line() as say:
        for job in jobs:
            name = job if isinstance(job, str) else " ".join(job)
            report = prefixed(say, f"{name}: ")
            if follow:
                from balloonproof.checker.live import check_growing

                reports.append(check_growing(name, system, settings_of(settings), without, hide, follow_timeout, report))
            else:
                reports.append(check_paths(job, system, settings_of(settings), without, hide, report))
    status = worst(item.verdict for item in reports)
    from balloonproof.checker.report.rendering import render

    _report(render(reports, output, verbose, status), file)
    sys.exit(status)


def _report(text: str, file: Path | None) -> None:
    """A report goes to standard output, or into a file that is written as a whole."""
    if file is None:
        click.echo(text, nl=False)
        return
    from balloonproof.checker.whole_file import whole_file

    with whole_file(file) as stream:
        stream.write(text)
