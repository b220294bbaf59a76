"""`balloonproof mutate`: would anything notice a mistake in the model?"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from balloonproof.checker.commands.terminal import FORMAT, SET, VERBOSE, WITHOUT, progress_line, settings_of


@click.command()
@click.argument("name", metavar="SYSTEM")
@SET
@WITHOUT
@click.option(
    "--trace", "traces", multiple=True, type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
    help="A trace with an expect line to test mutants with, instead of those that come with balloonproof; may be repeated.",
)  # fmt: skip
@FORMAT
@VERBOSE
def mutate(name: str, settings: tuple[str, ...], without: tuple[str, ...], traces: tuple[Path, ...], output: str, verbose: bool) -> None:
    """Take away each effect and each condition of each action; is it noticed?

    A mutant is caught if a property that held is violated, if a witness, a step or progress becomes impossible, or if a trace that carries its verdict
    gets another.  What nothing notices, and what is not shown to be equivalent to the model, is listed: a condition that no claimed property needs and no
    trace breaks, or a claim that is missing.
    Exit status: 0 everything is noticed, 1 something is not, 2 usage.
    """
    from balloonproof.checker.trace_tests import TraceTests, bundled_traces
    from balloonproof.model.engines.mutation import mutate as run
    from balloonproof.model.systems import find_system

    configuration = find_system(name).configure(settings_of(settings), without)
    with progress_line() as say:
        result = run(configuration, TraceTests(traces or bundled_traces()), say)
    if output == "json":
        from balloonproof.checker.report.mutation import mutation_json

        click.echo(json.dumps(mutation_json(result), indent=1))
    else:
        from balloonproof.checker.report.mutation import mutation_lines

        for line in mutation_lines(result, verbose):
            click.echo(line)
    sys.exit(1 if result.survivors else 0)
