"""`balloonproof convert`: foreign logs to a native trace."""

from __future__ import annotations

from pathlib import Path

import click

from balloonproof.checker.commands.terminal import must_exist, progress_line


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, metavar="FILE", help="The native trace to write.")
def convert(paths: tuple[str, ...], output: Path) -> None:
    """Convert the logs of one migration to a native trace."""
    from balloonproof.checker.read import read_trace, write_native_file

    for path in paths:
        must_exist(path)
    must_exist(str(output.parent))
    with progress_line() as say:
        say("reading")
        trace = read_trace(list(paths))
        say("writing")
        write_native_file(trace, output)
    click.echo(f"{output}: {sum(1 for _ in trace.events):,} events")
