"""`balloonproof systems` and `balloonproof schema`: what there is to ask for, and what answers look like to a program."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from balloonproof.checker.commands.terminal import FORMAT

if TYPE_CHECKING:
    from balloonproof.model.language import System


@click.command()
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


@click.command()
def schema() -> None:
    """Print the JSON Schema of everything that --format json prints."""
    from importlib import resources

    click.echo(resources.files("balloonproof.checker.report").joinpath("results.schema.json").read_text(encoding="utf-8"), nl=False)
