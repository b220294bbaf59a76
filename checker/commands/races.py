"""`balloonproof races`: the catalogue of real races, expected against found."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from balloonproof.checker.commands.terminal import FORMAT, VERBOSE, progress_line

if TYPE_CHECKING:
    from balloonproof.model.engines.races import RaceResult
    from balloonproof.model.engines.result import ProofResult


@click.command()
@click.argument("names", nargs=-1, metavar="[ID]...")
@FORMAT
@VERBOSE
@click.option("--list", "only_list", is_flag=True, help="List the entries without deciding them.")
@click.option("--traces", type=click.Path(file_okay=False, exists=True, path_type=Path), metavar="DIR", help="Write each counterexample there as ID.trace.")
def races(names: tuple[str, ...], output: str, verbose: bool, only_list: bool, traces: Path | None) -> None:
    """Run the catalogue: each race refuted without its fix, proved with it, and for an open one what would close it.

    Exit status: 0 all as expected, 1 not.
    """
    from balloonproof.model.catalogue import ELSEWHERE, RACES, find_races

    chosen = find_races(RACES, names)
    if only_list:
        for race in chosen:
            click.echo(f"{race.name} ({race.system}; {race.era}; {race.commits}{f'; {race.listed}' if race.listed else ''})\n    {race.sentence}")
        for item in () if names else ELSEWHERE:
            click.echo(f"not here: {item.listed} ({item.subject}): {item.reason}")
        return
    from balloonproof.model.engines.races import decide_races

    with progress_line() as say:
        results = decide_races(chosen, say, _trace_text)
    if traces:
        _write_traces(results, traces)
    if output == "json":
        from balloonproof.checker.report.races import races_json

        click.echo(json.dumps(races_json(results), indent=1))
    else:
        from balloonproof.checker.report.races import race_lines

        for line in race_lines(results, verbose):
            click.echo(line)
    sys.exit(1 if any(result.problems for result in results) else 0)


def _trace_text(result: ProofResult) -> str:
    """The shortest counterexample as a native trace."""
    import io

    from balloonproof.checker.model_trace import trace_of
    from balloonproof.checker.read import Expectation, write_native

    first, text = result.counterexamples[0], io.StringIO()
    write_native(trace_of(first.run, expect=Expectation("reject", 0, first.property)), text)
    return text.getvalue()


def _write_traces(results: list[RaceResult], folder: Path) -> None:
    from balloonproof.checker.whole_file import whole_file

    for result in results:
        if result.note:
            magic, rest = result.note.split("\n", 1)
            with whole_file(folder / f"{result.race.name}.trace") as stream:
                stream.write(f"{magic}\n# {result.race.sentence}\n# {result.race.era}; {result.race.commits}\n{rest}")
