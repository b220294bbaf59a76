"""`balloonproof prove`: proofs, counterexamples, and tables of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from balloonproof.checker.commands.terminal import FORMAT, SET, VERBOSE, WITHOUT, progress_line, settings_of, width, worst

if TYPE_CHECKING:
    from balloonproof.model.engines.result import ProofResult, Summary
    from balloonproof.model.language import Configuration, System


@click.command()
@click.argument("names", nargs=-1, metavar="[SYSTEM]...")
@SET
@WITHOUT
@click.option("--property", "claims", multiple=True, metavar="NAME", help="Decide only this property; may be repeated.")
@FORMAT
@VERBOSE
@click.option("--all", "everything", is_flag=True, help="Decide every system, at its defaults and at its safe settings, and print the table.")
@click.option("--all-settings", is_flag=True, help="Decide every combination of settings and print the table.")
@click.option("--necessity", is_flag=True, help="For each guard: is the system still proved without it?")
@click.option("--vacuity", is_flag=True, help="For each action, condition, setting and guard: is there a run in which it makes a difference?")
@click.option(
    "--route",
    type=click.Choice(["search", "lemmas", "ic3", "spacer"]),
    default="search",
    show_default=True,
    help="How: exact search and learned lemmas, the lemmas written in the model, or neither: IC3, or Spacer on Horn clauses.",
)
@click.option("--lemma", metavar="NAME", help="With --route lemmas: only whether each step preserves this lemma, alone and with the others.")
@click.option("--seconds", type=click.FloatRange(min=0.001), default=120.0, show_default=True, help="How long IC3 or Spacer may take for one system.")
@click.option("--trace", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write the counterexample as a native trace.")
@click.option("--certificate", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Write the proofs' obligations as SMT-LIB 2 files.")
def prove(
    names: tuple[str, ...], settings: tuple[str, ...], without: tuple[str, ...], claims: tuple[str, ...], output: str, verbose: bool,
    everything: bool, all_settings: bool, necessity: bool, vacuity: bool, route: str, lemma: str | None,
    seconds: float, trace: Path | None, certificate: Path | None,
) -> None:  # fmt: skip
    """Prove systems safe, or find their shortest counterexamples.

    Exit status: 0 all proved, 1 one refuted (with --vacuity: something is idle), 2 usage, 3 undecided.
    """
    flags = {"--all": everything, "--all-settings": all_settings, "--necessity": necessity, "--vacuity": vacuity}
    modes = [name for name, chosen in flags.items() if chosen]
    if len(modes) > 1:
        raise click.UsageError(f"{modes[0]} and {modes[1]} exclude each other")
    if everything and (names or settings or without):
        raise click.UsageError("--all decides every system at its own settings: give it no system, --set or --without")
    if not everything and not names:
        raise click.UsageError("name a system, or give --all; `balloonproof systems` lists them")
    if trace and (modes or len(names) > 1):
        raise click.UsageError("--trace takes one configuration: name one system, without --all, --all-settings, --necessity or --vacuity")
    if certificate and (all_settings or necessity or vacuity):
        raise click.UsageError(f"--certificate and {modes[0]} exclude each other")
    if route != "search" and (modes or trace or certificate):
        raise click.UsageError(f"--route {route} only gives verdicts: leave out --all, --all-settings, --necessity, --vacuity, --trace and --certificate")
    if lemma and route != "lemmas":
        raise click.UsageError("--lemma goes with --route lemmas")
    chosen = settings_of(settings)
    if everything:
        _prove_all(claims, output, certificate)
        return
    configurations = _configurations(names, chosen, without, claims)
    if all_settings:
        _prove_all_settings([item.system for item in configurations], chosen, without, output)
        return
    if necessity:
        _necessity(configurations, output)
    elif vacuity:
        _vacuity(configurations, output, verbose)
    elif route in ("ic3", "spacer"):
        _by_second_route({"ic3": "IC3", "spacer": "Spacer"}[route], configurations, seconds, output, verbose)
    elif lemma:
        _one_lemma(configurations, lemma, output, verbose)
    elif route == "lemmas":
        _by_lemmas(configurations, output, verbose)
    else:
        _prove_each(configurations, output, verbose, trace, certificate)


def _configurations(names: tuple[str, ...], settings: dict[str, str], without: tuple[str, ...], claims: tuple[str, ...]) -> list[Configuration]:
    from balloonproof.model.systems import find_system

    systems = [find_system(name) for name in dict.fromkeys(names)]
    return [(system.claiming(claims) if claims else system).configure(settings, without) for system in systems]


def _prove_each(configurations: list[Configuration], output: str, verbose: bool, trace: Path | None, certificate: Path | None) -> None:
    from balloonproof.model.engines.certificate import must_be_free
    from balloonproof.model.engines.verdict import decide

    if certificate:
        must_be_free(certificate)
    with progress_line() as say:
        results = [decide(item, say) for item in configurations]
    if trace:
        _write_counterexample(results[0], trace)
    if certificate:
        _write_certificates([item.summary() for item in results], certificate)
    if output == "json":
        from balloonproof.checker.report.as_json import prove_json

        click.echo(json.dumps(prove_json(results), indent=1))
    else:
        from balloonproof.checker.report.proof_text import proof_lines

        for result in results:
            for line in proof_lines(result, width(), verbose):
                click.echo(line)
    sys.exit(worst(item.verdict for item in results))


def _prove_all(claims: tuple[str, ...], output: str, certificate: Path | None) -> None:
    from balloonproof.checker.report.summary_table import summaries_json, summary_lines
    from balloonproof.model.engines.certificate import must_be_free
    from balloonproof.model.engines.verdict import decide
    from balloonproof.model.systems import SYSTEMS, shown_configurations
    from balloonproof.model.workers import prefixed

    if certificate:
        must_be_free(certificate)
    configurations = shown_configurations([system.claiming(claims) for system in SYSTEMS] if claims else SYSTEMS)
    summaries: list[Summary] = []
    with progress_line() as say:  # one after the other: each decision uses several cores by itself, and its time is what it takes alone
        for number, item in enumerate(configurations):
            summaries.append(decide(item, prefixed(say, f"{number} of {len(configurations)} decided; ")).summary())
    if certificate:
        _write_certificates(summaries, certificate, collection=True)
    _answer(output, lambda: summaries_json(configurations, summaries), summary_lines(summaries))
    sys.exit(worst(item.verdict for item in summaries))


def _prove_all_settings(systems: list[System], settings: dict[str, str], without: tuple[str, ...], output: str) -> None:
    from balloonproof.checker.report.settings_table import Row, all_configurations, decide_all, print_table, table_json

    tables: list[tuple[System, list[Row]]] = []
    with progress_line() as say:
        for system in systems:

            def report(done: int, of: int, name: str = system.name) -> None:
                say(f"{name}: {done} of {of} different configurations decided")

            tables.append((system, decide_all(all_configurations(system, without, settings), report)))
    if output == "json":
        click.echo(json.dumps(table_json(tables), indent=1))
    else:
        for system, rows in tables:
            print_table(system, rows)
    sys.exit(worst(row.verdict for _, rows in tables for row in rows))


def _necessity(configurations: list[Configuration], output: str) -> None:
    from balloonproof.checker.report.necessity import necessity_json, necessity_lines
    from balloonproof.model.engines.necessity import necessity

    with progress_line() as say:
        results = [necessity(item, say) for item in configurations]
    _answer(output, lambda: necessity_json(results), (line for item in results for line in necessity_lines(item, width())))
    sys.exit(worst(item.verdict for item in results))


def _vacuity(configurations: list[Configuration], output: str, verbose: bool) -> None:
    from balloonproof.checker.report.vacuity import vacuity_json, vacuity_lines
    from balloonproof.model.engines.vacuity import vacuity
    from balloonproof.model.systems import SYSTEMS

    with progress_line() as say:
        results = [vacuity(item, SYSTEMS, say) for item in configurations]
    _answer(output, lambda: vacuity_json(results), vacuity_lines(results, verbose))
    sys.exit(1 if any(item.idle for item in results) else 0)


def _by_second_route(engine: str, configurations: list[Configuration], seconds: float, output: str, verbose: bool) -> None:
    from balloonproof.checker.report.second_route import second_route_json, second_route_lines
    from balloonproof.model.engines.second_route import decide_by

    with progress_line() as say:
        results = [decide_by(engine, item, seconds, say) for item in configurations]
    _answer(output, lambda: second_route_json(results), (line for item in results for line in second_route_lines(item, verbose)))
    sys.exit(worst(item.verdict for item in results))


def _by_lemmas(configurations: list[Configuration], output: str, verbose: bool) -> None:
    from balloonproof.checker.report.written_lemmas import lemma_lines, lemmas_json
    from balloonproof.model.engines.lemmas import prove_by_lemmas

    with progress_line() as say:
        results = [prove_by_lemmas(item, say) for item in configurations]
    _answer(output, lambda: lemmas_json(results), (line for item in results for line in lemma_lines(item, width(), verbose)))
    sys.exit(worst(item.verdict for item in results))


def _one_lemma(configurations: list[Configuration], name: str, output: str, verbose: bool) -> None:
    from balloonproof.checker.report.written_lemmas import lemma_check_lines, lemma_checks_json
    from balloonproof.model.engines.lemmas import check_lemma

    with progress_line() as say:
        results = [check_lemma(item, name, say) for item in configurations]
    _answer(output, lambda: lemma_checks_json(results), (line for item in results for line in lemma_check_lines(item, width(), verbose)))
    sys.exit(worst(item.verdict for item in results))


def _answer(output: str, document: Callable[[], object], lines: Iterable[str]) -> None:
    """Print the results, as JSON or line by line."""
    if output == "json":
        click.echo(json.dumps(document(), indent=1))
    else:
        for line in lines:
            click.echo(line)


def _write_counterexample(result: ProofResult, path: Path) -> None:
    from balloonproof.checker.model_trace import trace_of
    from balloonproof.checker.read import Expectation, write_native_file

    if not result.counterexamples:
        raise click.UsageError(f"--trace: there is no counterexample, {result.configuration} is {result.verdict}")
    first = result.counterexamples[0]
    write_native_file(trace_of(first.run, expect=Expectation("reject", 0, first.property)), path)


def _write_certificates(summaries: list[Summary], path: Path, collection: bool = False) -> None:
    """A proof's certificate; of several (or a whole collection) those that are proved, each in a sub-folder."""
    from balloonproof.model.engines.certificate import Proof, write_certificate, write_certificates

    proofs = [Proof(item.configuration, item.lemmas, item.obligations) for item in summaries if item.verdict == "proved"]
    if not proofs:
        raise click.UsageError(f"--certificate: there is no proof, {summaries[0].configuration} is {summaries[0].verdict}")
    if collection or len(summaries) > 1:
        write_certificates(path, proofs)
    else:
        write_certificate(path, proofs[0])
