"""The command line: `balloonproof COMMAND`.  Exit status: 0 good, 1 bad, 2 usage or input error, 3 undecided.

Heavy modules are imported inside the commands, so that `--help` answers at once.
"""

from __future__ import annotations

import difflib
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from balloonproof.checker.verdict import Report
    from balloonproof.model.engines.result import ProofResult
    from balloonproof.model.language import System

STATUS = {"proved": 0, "accept": 0, "refuted": 1, "reject": 1, "undecided": 3, "inconclusive": 3}


class Suggesting(click.Group):
    """A group that names the nearest command for one that does not exist."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            names = self.list_commands(ctx)
            near = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
            raise click.UsageError(f"unknown command {name!r}: " + (f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"))
        return super().resolve_command(ctx, args)


CHECK_FORMATS = ["text", "json", "junit", "sarif", "github"]
FORMAT = click.option("--format", "output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to report.")
SET = click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Change a setting; may be repeated.")
WITHOUT = click.option("--without", multiple=True, metavar="GUARD", help="Take a guard away; may be repeated.")
VERBOSE = click.option("-v", "--verbose", is_flag=True, help="Show all details.")


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


@cli.command()
def schema() -> None:
    """Print the JSON Schema of everything that --format json prints."""
    from importlib import resources

    click.echo(resources.files("balloonproof.checker.report").joinpath("results.schema.json").read_text(encoding="utf-8"), nl=False)


@cli.command()
@click.argument("names", nargs=-1, required=True, metavar="SYSTEM...")
@SET
@WITHOUT
@FORMAT
@VERBOSE
@click.option("--all-settings", is_flag=True, help="Decide every combination of settings and print the table.")
@click.option("--trace", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write the counterexample as a native trace.")
@click.option("--certificate", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Write a proof's obligations as SMT-LIB 2 files.")
def prove(
    names: tuple[str, ...], settings: tuple[str, ...], without: tuple[str, ...], output: str, verbose: bool, all_settings: bool,
    trace: Path | None, certificate: Path | None,
) -> None:  # fmt: skip
    """Prove systems safe, or find their shortest counterexamples.

    Exit status: 0 all proved, 1 one refuted, 2 usage, 3 undecided.
    """
    from balloonproof.model.systems import find_system

    chosen = _settings(settings)
    configurations = [find_system(name).configure(chosen, without) for name in names]
    if (trace or certificate) and (len(names) > 1 or all_settings):
        raise click.UsageError("--trace and --certificate take one configuration: name one system, without --all-settings")
    if all_settings:
        _prove_all([item.system for item in configurations], chosen, without, output)
        return
    from balloonproof.model.engines.verdict import decide

    with progress_line() as say:
        results = [decide(item, say) for item in configurations]
    if trace:
        _write_counterexample(results[0], trace)
    if certificate:
        _write_certificate(results[0], certificate)
    if output == "json":
        from balloonproof.checker.report.as_json import prove_json

        click.echo(json.dumps(prove_json(results), indent=1))
    else:
        from balloonproof.checker.report.proof_text import proof_lines

        for result in results:
            for line in proof_lines(result, _width(), verbose):
                click.echo(line)
    sys.exit(worst(item.verdict for item in results))


def worst(verdicts: Iterator[str] | list[str]) -> int:
    """The exit status of several verdicts: a refutation outweighs an open question, which outweighs success."""
    statuses = {STATUS[verdict] for verdict in verdicts}
    return next(status for status in (1, 3, 0) if status in statuses or status == 0)


def _settings(words: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise click.UsageError(f"--set takes NAME=VALUE, found {word!r}")
        found[name] = value
    return found


def _prove_all(chosen: list[System], settings: dict[str, str], without: tuple[str, ...], output: str) -> None:
    from balloonproof.checker.report.settings_table import Row, all_configurations, decide_all

    tables: list[tuple[System, list[Row]]] = []
    with progress_line() as say:
        for system in chosen:
            configurations = all_configurations(system, without, settings)

            def report(done: int, of: int, name: str = system.name) -> None:
                say(f"{name}: {done} of {of} different configurations decided")

            tables.append((system, decide_all(configurations, os.cpu_count() or 1, report)))
    if output == "json":
        _table_json(tables)
    else:
        for system, rows in tables:
            _table_text(system, rows)
    sys.exit(worst([row.verdict for _, rows in tables for row in rows]))


def _table_json(tables: list[tuple[System, Any]]) -> None:
    from balloonproof.checker.report.as_json import VERSION, configuration_json
    from balloonproof.checker.report.settings_table import safe_rules

    systems = [
        {
            "system": system.name,
            "safe_rules": safe_rules(rows),
            "rows": [
                {
                    "verdict": row.verdict, "length": row.steps, "property": row.property, "reasons": list(row.reasons),
                    "configurations": [configuration_json(item) for item in row.configurations],
                }
                for row in rows
            ],
        }
        for system, rows in tables
    ]  # fmt: skip
    click.echo(json.dumps({"format": "balloonproof prove table", "version": VERSION, "tables": systems}, indent=1))


def _table_text(system: System, rows: Any) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from balloonproof.checker.report.settings_table import safe_rules, values_of

    table = Table(box=box.SIMPLE, title=f"{system.name}: every combination of settings", title_justify="left")
    for setting in system.settings:
        table.add_column(setting.name, overflow="fold")
    table.add_column("verdict")
    table.add_column("steps", justify="right")
    for row in rows:
        cells = [values_of(row, setting.name) for setting in system.settings]
        table.add_row(*cells, row.verdict + (f" ({row.property})" if row.property not in (None, "no-page-lost") else ""), str(row.steps or ""))
    console = Console(width=max(140, Console().width), highlight=False)
    console.print(table)
    total = sum(len(row.configurations) for row in rows)
    proved = sum(len(row.configurations) for row in rows if row.verdict == "proved")
    console.print(f"{proved} of {total} combinations proved ({len(rows)} of them different).  Safe is what satisfies one of:")
    for rule in safe_rules(rows):
        console.print("  " + " and ".join(f"{name}={value}" for name, value in rule.items()) if rule else "  everything")


def _write_counterexample(result: ProofResult, path: Path) -> None:
    from balloonproof.checker.model_trace import trace_of
    from balloonproof.checker.read import Expectation, write_native_file

    if not result.counterexamples:
        raise click.UsageError(f"--trace: there is no counterexample, {result.configuration} is {result.verdict}")
    first = result.counterexamples[0]
    write_native_file(trace_of(first.run, expect=Expectation("reject", 0, first.property)), path)


def _write_certificate(result: ProofResult, path: Path) -> None:
    from balloonproof.model.engines.certificate import write_certificate

    if result.verdict != "proved" or result.invariant is None:
        raise click.UsageError(f"--certificate: there is no proof, {result.configuration} is {result.verdict}")
    write_certificate(path, result.invariant, result.obligations)


@cli.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--system", metavar="SYSTEM", help="Check against this system instead of the one that the trace names.")
@SET
@WITHOUT
@click.option("--hide", multiple=True, metavar="EVENT", help="Treat events of this name or family (host.hint, guest.*) as unobserved; may be repeated.")
@click.option("--format", "output", type=click.Choice(CHECK_FORMATS), default="text", show_default=True, help="How to report.")
@click.option(
    "-o", "--output", "file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write the report there, as a whole or not at all."
)
@VERBOSE
def check(
    paths: tuple[str, ...], system: str | None, settings: tuple[str, ...], without: tuple[str, ...], hide: tuple[str, ...], output: str, file: Path | None,
    verbose: bool,
) -> None:  # fmt: skip
    """Check traces against the model.

    PATHs are native traces, each checked by itself, or the logs of one migration; a directory holds one migration's logs.
    Exit status: 0 accept, 1 reject, 2 bad input, 3 inconclusive.
    """
    from balloonproof.checker.checking import check_paths
    from balloonproof.checker.read import is_native

    for path in paths:
        _exists(path)
    jobs: list[str | list[str]] = list(paths) if len(paths) > 1 and all(map(is_native, paths)) else [list(paths)]
    reports: list[Report] = []
    with progress_line() as say:
        for job in jobs:
            name = job if isinstance(job, str) else " ".join(job)

            def report(message: str, name: str = name) -> None:
                say(f"{name}: {message}")

            reports.append(check_paths(job, system, _settings(settings), without, hide, report))
    status = worst(item.verdict for item in reports)
    from balloonproof.checker.report.rendering import render

    _report(render(reports, output, verbose, status), file)
    sys.exit(status)


def _report(text: str, file: Path | None) -> None:
    """A report goes to standard output, or into a file that is written as a whole."""
    if file is None:
        click.echo(text, nl=False)
        return
    from balloonproof.checker.whole_file import whole_file

    with whole_file(file) as stream:
        stream.write(text)


@cli.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, metavar="FILE", help="The native trace to write.")
def convert(paths: tuple[str, ...], output: Path) -> None:
    """Convert the logs of one migration to a native trace."""
    from balloonproof.checker.read import read_trace, write_native_file

    for path in paths:
        _exists(path)
    with progress_line() as say:
        say("reading")
        trace = read_trace(list(paths))
        say("writing")
        write_native_file(trace, output)
    click.echo(f"{output}: {sum(1 for _ in trace.events):,} events")


def _exists(path: str) -> None:
    """One line with the nearest name if a path does not exist."""
    if path == "-" or Path(path).exists():
        return
    folder = Path(path).parent
    names = [item.name for item in folder.iterdir()] if folder.is_dir() else []
    near = difflib.get_close_matches(Path(path).name, names, n=1, cutoff=0.4)
    raise click.UsageError(f"no such file or folder: {path}" + (f": did you mean {folder / near[0]}?" if near else ""))


def _width() -> int:
    import shutil

    return max(100, shutil.get_terminal_size((120, 24)).columns)


@contextmanager
def progress_line() -> Iterator[Callable[[str], None]]:
    """A line on the terminal that tells what is going on; nothing if standard error is not a terminal."""
    if not sys.stderr.isatty():
        yield lambda message: None
        return
    from rich.console import Console

    with Console(stderr=True).status("starting") as status:
        yield status.update


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
