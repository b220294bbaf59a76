"""`balloonproof mutate`: would anything notice a mistake in the model?"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from balloonproof.checker.commands.terminal import FORMAT, SET, VERBOSE, WITHOUT, clear_progress, progress_line, settings_of

if TYPE_CHECKING:
    from balloonproof.checker.trace_tests import TraceTests
    from balloonproof.model.language import Configuration


@click.command()
@click.argument("name", metavar="[SYSTEM]", required=False)
@SET
@WITHOUT
@click.option("--all", "everything", is_flag=True, help="Every part of the text of all systems, each in one system after the other until something notices.")
@click.option(
    "--trace", "traces", multiple=True, type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
    help="A trace with an expect line to test mutants with, instead of those that come with balloonproof; may be repeated.",
)  # fmt: skip
@FORMAT
@VERBOSE
def mutate(
    name: str | None, settings: tuple[str, ...], without: tuple[str, ...], everything: bool, traces: tuple[Path, ...], output: str, verbose: bool
) -> None:
    """Take away each effect and each condition of each action; is it noticed?

    A mutant is caught if a property that held is violated, if a witness, a step or progress becomes impossible, or if a trace that carries its verdict
    gets another.  What nothing notices, and what is not shown to be equivalent to the model, is listed: a condition that no claimed property needs and no
    trace breaks, or a claim that is missing.
    Exit status: 0 everything is noticed, 1 something is not, 2 usage.
    """
    from balloonproof.checker.trace_tests import TraceTests, bundled_traces
    from balloonproof.model.systems import find_system

    if everything and (name or settings or without):
        raise click.UsageError("--all takes every system at its own settings: give it no system, --set or --without")
    if name:
        configuration = find_system(name).configure(settings_of(settings), without)
        tests = TraceTests(traces or bundled_traces())
        sys.exit(_one_system(configuration, tests, output, verbose))
    if not everything:
        raise click.UsageError("name a system, or give --all; `balloonproof systems` lists them")
    sys.exit(_whole_model(TraceTests(traces or bundled_traces()), output, verbose))


def _one_system(configuration: Configuration, tests: TraceTests, output: str, verbose: bool) -> int:
    from balloonproof.checker.report.mutation import mutation_json, mutation_lines
    from balloonproof.model.engines.mutation import mutate as run

    with progress_line() as say:
        result = run(configuration, tests, say)
    if output == "json":
        click.echo(json.dumps(mutation_json(result), indent=1))
    else:
        for line in mutation_lines(result, verbose):
            click.echo(line)
    return 1 if result.survivors else 0


def _whole_model(tests: TraceTests, output: str, verbose: bool) -> int:
    from balloonproof.checker.report.whole_model import heading, row, whole_model_json, whole_model_lines
    from balloonproof.model.engines.mutation import MutationResult
    from balloonproof.model.engines.whole_model import mutate_all
    from balloonproof.model.systems import SYSTEMS

    text = output == "text"
    if text:
        click.echo(heading())
    with progress_line() as say:

        def show(result: MutationResult) -> None:
            if text:
                clear_progress()
                click.echo(row(result))

        result = mutate_all(SYSTEMS, tests, say, show)
    if text:
        for line in whole_model_lines(result, verbose):
            click.echo(line)
    else:
        click.echo(json.dumps(whole_model_json(result), indent=1))
    return 1 if result.survivors else 0
