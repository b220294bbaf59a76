"""The command line: `balloonproof COMMAND`.  Exit status: 0 good, 1 bad, 2 usage or input error, 3 undecided."""

from __future__ import annotations

import difflib
import os
import sys

import click

from balloonproof.checker.commands.check import check
from balloonproof.checker.commands.convert import convert
from balloonproof.checker.commands.coverage import coverage, near_misses
from balloonproof.checker.commands.export import export
from balloonproof.checker.commands.mutate import mutate
from balloonproof.checker.commands.prove import prove
from balloonproof.checker.commands.races import races
from balloonproof.checker.commands.recheck import recheck
from balloonproof.checker.commands.systems import schema, systems


class Suggesting(click.Group):
    """A group that names the nearest command for one that does not exist."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            names = self.list_commands(ctx)
            near = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
            raise click.UsageError(f"unknown command {name!r}: " + (f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"))
        return super().resolve_command(ctx, args)


@click.group(cls=Suggesting, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="balloonproof")
def cli() -> None:
    """Can live migration lose a page?

    Proves the protocols between QEMU's migration and virtio-balloon, and checks logs of real migrations against the same model.
    """


for command in (check, convert, coverage, export, mutate, near_misses, prove, races, recheck, schema, systems):
    cli.add_command(command)


def main() -> None:
    """The `balloonproof` command: errors are one line on standard error."""
    try:
        cli.main(standalone_mode=False)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("balloonproof: interrupted", err=True)
        sys.exit(130)
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
        sys.exit(141)
    except click.ClickException as error:
        click.echo(f"balloonproof: {error.format_message()}", err=True)
        sys.exit(2)
    except (ValueError, OSError) as error:
        click.echo(f"balloonproof: {error}", err=True)
        sys.exit(2)
