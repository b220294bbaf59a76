"""`balloonproof recheck`: certificates checked again, with nothing but their files and a solver that is not Z3."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import click

from balloonproof.checker.commands.terminal import FORMAT, VERBOSE, must_exist, progress_line, worst


@click.command()
@click.argument("folders", nargs=-1, required=True, metavar="DIR...")
@click.option(
    "--solver", metavar="COMMAND", help="Run this SMT-LIB 2 solver on each file (for instance 'z3' or 'cvc5 --lang=smt2') instead of the cvc5 package."
)
@FORMAT
@VERBOSE
def recheck(folders: tuple[str, ...], solver: str | None, output: str, verbose: bool) -> None:
    """Check certificates again that `prove --certificate` wrote.

    DIR holds one certificate, or several in sub-folders.  Neither Z3 nor the model is used.
    Exit status: 0 every obligation is confirmed, 1 one is not, 2 not a certificate, or not as it was written.
    """
    from balloonproof.model.engines.recheck import read_certificates, recheck_certificate

    for folder in folders:
        must_exist(folder)
    started = time.perf_counter()
    with progress_line() as say:
        certificates = [item for folder in folders for item in read_certificates(Path(folder))]
        results = [recheck_certificate(item, solver, say) for item in certificates]
    seconds = time.perf_counter() - started
    if output == "json":
        from balloonproof.checker.report.recheck import recheck_json

        click.echo(json.dumps(recheck_json(results, seconds), indent=1))
    else:
        from balloonproof.checker.report.recheck import recheck_lines

        for line in recheck_lines(results, seconds, verbose):
            click.echo(line)
    sys.exit(worst("unconfirmed" if item.unconfirmed else "confirmed" for item in results))
