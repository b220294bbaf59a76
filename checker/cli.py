"""The command line: `balloonproof COMMAND`.  Exit status: 0 good, 1 bad, 2 usage or input error, 3 undecided.

Heavy modules are imported inside the commands, so that `--help` answers at once.
"""

from __future__ import annotations

import difflib
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from balloonproof.checker.export_command import export
from balloonproof.checker.prove_command import prove
from balloonproof.checker.recheck_command import recheck
from balloonproof.checker.terminal import FORMAT, SET, VERBOSE, WITHOUT, must_exist, progress_line, settings_of, worst

if TYPE_CHECKING:
    from balloonproof.checker.verdict import Report
    from balloonproof.model.language import System


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


@cli.command()
@FORMAT
def systems(output: str) -> None:
    """List systems with their settings, guards and properties."""
    from balloonproof.model.systems import SYSTEMS

    if output == "json":
        from balloonproof.checker.report.as_json import systems_json

        click.echo(json.dumps(systems_json(SYSTEMS), indent=1))
        return
    for system in SYSTEMS:
        _show_system(system)


def _show_system(system: System) -> None:
    click.echo(f"{system.name}: {system.meaning}")
    click.echo("  settings (--set NAME=VALUE; the first value is the default)")
    for setting in system.settings:
        click.echo(f"    {setting.name}={'|'.join(setting.values)}\n        {setting.meaning}")
    click.echo("  guards (--without GUARD)")
    for guard in system.guards:
        click.echo(f"    {guard.name}\n        {guard.meaning}")
    click.echo("  properties")
    for item in system.properties:
        click.echo(f"    {item.name} ({item.kind})\n        {item.meaning}")
    click.echo()


for command in (prove, recheck, export):
    cli.add_command(command)


@cli.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--system", metavar="SYSTEM", help="Check against this system instead of the one that the trace names.")
@SET
@WITHOUT
@click.option("--hide", multiple=True, metavar="EVENT", help="Treat events of this name or family (host.hint, guest.*) as unobserved; may be repeated.")
@FORMAT
@VERBOSE
def check(
    paths: tuple[str, ...], system: str | None, settings: tuple[str, ...], without: tuple[str, ...], hide: tuple[str, ...], output: str, verbose: bool
) -> None:
    """Check traces against the model.

    PATHs are native traces, each checked by itself, or the logs of one migration; a directory holds one migration's logs.
    Exit status: 0 accept, 1 reject, 2 bad input, 3 inconclusive.
    """
    from balloonproof.checker.checking import check_paths
    from balloonproof.checker.read import is_native

    for path in paths:
        must_exist(path)
    jobs: list[str | list[str]] = list(paths) if len(paths) > 1 and all(map(is_native, paths)) else [list(paths)]
    reports: list[Report] = []
    with progress_line() as say:
        for job in jobs:
            name = job if isinstance(job, str) else " ".join(job)

            def report(message: str, name: str = name) -> None:
                say(f"{name}: {message}")

            reports.append(check_paths(job, system, settings_of(settings), without, hide, report))
    if output == "json":
        from balloonproof.checker.report.as_json import check_json

        click.echo(json.dumps(check_json(reports), indent=1))
    else:
        from balloonproof.checker.report.check_text import report_lines

        for job, item in zip(jobs, reports, strict=True):
            if len(jobs) > 1:
                click.echo(f"{job}: ", nl=False)
            for line in report_lines(item, verbose):
                click.echo(line)
    sys.exit(worst(item.verdict for item in reports))


@cli.command()
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


if __name__ == "__main__":
    main()
