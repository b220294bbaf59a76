"""`balloonproof mutate`: would anything notice a mistake in the model?"""

from __future__ import annotations

import json
import sys

import click

from balloonproof.checker.commands.terminal import FORMAT, SET, VERBOSE, WITHOUT, progress_line, settings_of


@click.command()
@click.argument("name", metavar="SYSTEM")
@SET
@WITHOUT
@FORMAT
@VERBOSE
def mutate(name: str, settings: tuple[str, ...], without: tuple[str, ...], output: str, verbose: bool) -> None:
    """Take away each effect and each condition of each step; is it noticed?

    A mutant is caught if a property that held is violated, or if a witness, a step or progress becomes impossible.  One that is not may still be
    noticed by the premise that one page stands for any number: an explicit step is none of the mutated system.  What nothing notices is listed: a
    condition that no claimed property needs, or a claim that is missing.
    Exit status: 0 everything is noticed, 1 something is not, 2 usage.
    """
    from balloonproof.model.systems import find_system

    configuration = find_system(name).configure(settings_of(settings), without)
    from balloonproof.model.engines.mutation import mutate as run

    with progress_line() as say:
        result = run(configuration, say)
    if output == "json":
        from balloonproof.checker.report.mutation import mutation_json

        click.echo(json.dumps(mutation_json(result), indent=1))
    else:
        from balloonproof.checker.report.mutation import mutation_lines

        for line in mutation_lines(result, verbose):
            click.echo(line)
    sys.exit(1 if result.unnoticed else 0)
