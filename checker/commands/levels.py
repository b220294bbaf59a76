"""`balloonproof levels`: what each way of recording a migration can tell."""

from __future__ import annotations

import click

from balloonproof.checker.commands.terminal import VERBOSE, progress_line


@click.command()
@click.argument("names", nargs=-1, metavar="[RACE]...")
@VERBOSE
def levels(names: tuple[str, ...], verbose: bool) -> None:
    """Tell which races each level of recording can see: QEMU's log alone, with the guest's ftrace, with uprobes, with every write.

    Each race's trace is checked as that level would show it; for a race that the log alone does not tell, the kinds of events are named that would.
    """
    from balloonproof.checker.levels import sights
    from balloonproof.checker.report.levels_text import level_lines
    from balloonproof.model.catalogue import RACES, find_races

    chosen = find_races(RACES, names)
    with progress_line() as say:
        found = sights(chosen, say)
    for line in level_lines(found, verbose):
        click.echo(line)
