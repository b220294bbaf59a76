"""`balloonproof export`: the model for other tools."""

from __future__ import annotations

from pathlib import Path

import click

from balloonproof.checker.commands.terminal import SET, WITHOUT, settings_of


@click.command()
@click.argument("name", metavar="SYSTEM")
@SET
@WITHOUT
@click.option("--format", "output", required=True, metavar="smt2|chc|vmt|tla", help="SMT-LIB 2, constrained Horn clauses, VMT-LIB, or TLA+ for TLC.")
@click.option("--reading", default="one-page", show_default=True, metavar="one-page|explicit", help="For any number of pages, or so many as --pages says.")
@click.option("--pages", type=int, metavar="N", help="Explicit reading: so many pages, two to a chunk.  [default: 1]")
@click.option("--slots", type=int, metavar="N", help="Explicit reading: so many elements in the free page queue.  [default: 5]")
@click.option("--ids", type=int, metavar="N", help="Explicit reading: so many command ids, STOP and DONE among them.  [default: 5]")
@click.option("-o", "--output", "file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write there instead of standard output.")
def export(
    name: str, settings: tuple[str, ...], without: tuple[str, ...], output: str, reading: str, pages: int | None, slots: int | None, ids: int | None,
    file: Path | None,
) -> None:  # fmt: skip
    """Print a system for other tools: solvers, model checkers, readers of TLA+."""
    from balloonproof.model.export import EXPLICIT, export_text, shape_of, transition_system
    from balloonproof.model.systems import find_system

    configuration = find_system(name).configure(settings_of(settings), without)
    bounds = {key: value for key, value in (("pages", pages), ("slots", slots), ("ids", ids)) if value is not None}
    if bounds and reading != EXPLICIT:
        raise click.UsageError(f"--{next(iter(bounds))} is a bound of the explicit reading: add --reading explicit")
    text = export_text(transition_system(configuration, reading, shape_of(**bounds)), output, file.stem if file else "")
    if file is None:
        click.echo(text, nl=False)
        return
    from balloonproof.checker.whole_file import whole_file

    with whole_file(file) as stream:
        stream.write(text)
