"""Lines that the exports share: comments, and a step as guard, effects and what stays."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable

from balloonproof.model.export.transition_system import TransitionSystem
from balloonproof.model.smtlib import Encoding, express
from balloonproof.model.steps import Step
from balloonproof.model.terms import TRUE, Term

WIDTH = 120


def wrapped(lines: Iterable[str], mark: str) -> list[str]:
    """`lines` as comments of at most `WIDTH` characters, each beginning with `mark`."""
    return [(mark + part).rstrip() for line in lines for part in (textwrap.wrap(line, WIDTH - len(mark), break_on_hyphens=False) or [""])]


def about_step(step: Step) -> list[str]:
    """A step for a reader: who takes it about which page, what it means, where it comes from."""
    page = about_page(step.role)
    title = f"{step.action.name}, {step.action.actor.value}" + (f", about {page}" if page else "")
    return [title, *about_action(step)]


def about_action(step: Step) -> list[str]:
    """The meaning of a step's action and its source."""
    paragraphs = [" ".join(part.split()) for part in step.action.meaning.split("\n\n")]
    return [*paragraphs, f"Source: {step.action.source}"]


def about_page(role: str) -> str:
    """The page that a step is about, in words; nothing for a global step."""
    known = {
        "own": "the observed page",
        "sibling": "another page of the observed page's host page",
        "peer": "another page of the observed page's chunk",
        "stranger": "a page of another chunk",
    }
    return known.get(role, role.replace("page", "page "))


def conjuncts(term: Term) -> tuple[Term, ...]:
    """The parts that must all hold for `term` to hold."""
    if term is TRUE:
        return ()
    return term.args if term.op == "and" else (term,)


def step_name(step: Step) -> str:
    """A simple SMT-LIB symbol for a step: step.accept-hint.own."""
    return ".".join(part for part in ("step", step.action.name, step.role) if part)


def guard_and_effects(step: Step, encoding: Encoding, following: Callable[[str], str]) -> list[str]:
    """The step's guard and what it changes, one formula a line; `following` spells a variable in the next state."""
    lines = ["; guard", *(express(part, encoding) for part in conjuncts(step.guard))]
    lines += ["; effect", *(f"(= {following(name)} {express(term, encoding)})" for name, term in step.updates.items())]
    return lines


def unchanged(system: TransitionSystem, step: Step, encoding: Encoding, following: Callable[[str], str]) -> list[str]:
    """What the step leaves as it is, one formula a line."""
    kept = [item.name for item in system.variables if item.name not in step.updates]
    return ["; unchanged", *(f"(= {following(name)} {encoding.name(name)})" for name in kept)]


def conjunction(lines: Iterable[str], indent: str = "  ") -> list[str]:
    """One formula that says all of `lines`, comments among them."""
    inner = list(lines)
    formulas = [line for line in inner if not line.startswith(";")]
    if len(formulas) < 2:
        return [f"{indent}{line}" for line in formulas or ["true"]]
    return [f"{indent}(and", *(f"{indent}  {line}".rstrip() for line in inner), f"{indent})"]
