"""The command line: `balloonproof COMMAND`.  Exit status: 0 good, 1 bad, 2 usage or input error, 3 undecided."""

from __future__ import annotations

import difflib
import os
import sys
from importlib import import_module

import click

MODULES = {
    "check": "check",
    "convert": "convert",
    "coverage": "coverage",
    "export": "export",
    "mutate": "mutate",
    "near-misses": "coverage",
    "levels": "levels",
    "prove": "prove",
    "races": "races",
    "recheck": "recheck",
    "schema": "systems",
    "systems": "systems",
}
"""The commands, and where in ``commands`` each is: imported when it is used."""


class Commands(click.Group):
    """The group of all commands; it names the nearest for one that does not exist."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in MODULES:
            return None
        module = import_module(f"balloonproof.checker.commands.{MODULES[cmd_name]}")
        found: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return found

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            names = self.list_commands(ctx)
            near = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
            raise click.UsageError(f"unknown command {name!r}: " + (f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"))
        return super().resolve_command(ctx, args)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="balloonproof")
def cli() -> None:
    """Can live migration lose a page?

    Proves the protocols between QEMU's migration and virtio-balloon, and checks logs of real migrations against the same model.
    """


def main() -> None:
    """The `balloonproof` command: errors are one line on standard error."""
    try:
        cli.main(standalone_mode=False)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("balloonproof: interrupted", err=True)
        sys.exit(130)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(2)
    except click.ClickException as error:
        click.echo(f"balloonproof: {error.format_message()}", err=True)
        sys.exit(2)
    except OSError as error:
        said = error.strerror if error.filename is None else f"{os.fsdecode(error.filename)}: {error.strerror}"
        click.echo(f"balloonproof: {said or error}", err=True)
        sys.exit(2)
    except ValueError as error:
        click.echo(f"balloonproof: {error}", err=True)
        sys.exit(2)
