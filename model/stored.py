"""The one-page system of a configuration as plain data, so that it need not be worked out again: for a cache that others keep.

Nothing is said here about the model: :func:`restore` gives back exactly the terms that :func:`stored` was given.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from balloonproof.model.one_page import OnePage, declared_fields
from balloonproof.model.steps import Step
from balloonproof.model.terms import BOOL, Sort, Term, topological

Data = Mapping[str, Any]
"""What JSON holds."""


def stored(one_page: OnePage) -> Data:
    """The steps of a one-page system, the variables that never change, and the actions that other pages do not notice."""
    constants = one_page.constants
    roots = [*constants, *constants.values()]
    for step in one_page.steps:
        roots += [step.guard, *step.updates.values(), *step.inputs.values()]
    rows: list[list[object]] = []
    number: dict[Term, int] = {}
    for term in topological(roots):
        number[term] = len(rows)
        rows.append([term.op, term.sort.name, [number[arg] for arg in term.args], term.value, term.name])

    def named(terms: Mapping[str, Term]) -> dict[str, int]:
        return {name: number[term] for name, term in terms.items()}

    return {
        "terms": rows,
        "steps": [[step.action.name, step.role, number[step.guard], named(step.updates), named(step.inputs)] for step in one_page.steps],
        "constants": [[number[term], number[value]] for term, value in constants.items()],
        "unnoticed": sorted(one_page.unnoticed),
    }


def restore(one_page: OnePage, data: Data) -> None:
    """Gives `one_page` what :func:`stored` made of an equal one. KeyError, ValueError, TypeError or IndexError if the data is of something else."""
    sorts = {sort.name: sort for sort in _sorts()}
    terms: list[Term] = []
    for op, sort, args, value, name in data["terms"]:
        terms.append(Term.restored(op, sorts[sort], tuple(terms[arg] for arg in args), value, name))
    actions = {item.name: item for item in one_page.configuration.system.actions}

    def named(numbers: Mapping[str, int]) -> dict[str, Term]:
        return {name: terms[number] for name, number in numbers.items()}

    steps = tuple(Step(actions[name], role, terms[guard], named(updates), named(inputs)) for name, role, guard, updates, inputs in data["steps"])
    one_page.know(steps, {terms[term]: terms[value] for term, value in data["constants"]}, frozenset(data["unnoticed"]))


def _sorts() -> Iterable[Sort]:
    """Every sort of a one-page system."""
    return (BOOL, *(item.sort for item in declared_fields().values()))
