"""What a reading makes of an action: a step, which is a guard and a next-state term for each variable that it changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from balloonproof.model.language import Action, Transaction, running
from balloonproof.model.terms import FALSE, TRUE, Term, conj, substitute, variable


@dataclass(frozen=True)
class Step:
    """One reading of one action for one choice of its page.

    `role` says whose step it is ("" global, "page0" explicit, "own"/"sibling"/"peer"/"stranger" one-page); `inputs` are variables that the
    step may choose freely.
    """

    action: Action
    role: str
    guard: Term
    updates: Mapping[str, Term]
    inputs: Mapping[str, Term] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.action.name}({self.role})" if self.role else self.action.name

    def does_the_same_as(self, other: Step) -> bool:
        """Can it be taken in the same states, with the same effects?"""
        same_updates = self.updates.keys() == other.updates.keys() and all(self.updates[name] is other.updates[name] for name in self.updates)
        return self.guard is other.guard and same_updates


def run_action(item: Action, transaction: Transaction, arguments: Sequence[Any], role: str) -> Step | None:
    """Execute an action; None if its guard is false in every state."""
    with running(transaction):
        item.run(*arguments)
    guard = conj(*transaction.guards)
    if guard is not TRUE and guard.op == "const":
        return None
    updates = {cell: term for cell, term in transaction.after.items() if term is not transaction.before.get(cell)}
    return Step(item, role, guard, updates, dict(transaction.inputs))


def restricted(step: Step, constants: Mapping[Term, Term]) -> Step:
    """The step where the variables `constants` have these values for good; its guard may be FALSE then."""
    memo: dict[Term, Term] = {}
    guard = substitute(step.guard, constants, memo)
    updates = {name: substitute(term, constants, memo) for name, term in step.updates.items()}
    fixed = {term.name for term in constants}
    return Step(step.action, step.role, guard, {name: term for name, term in updates.items() if name not in fixed}, step.inputs)


def constants_of(steps: Sequence[Step], initial: Mapping[str, Term]) -> dict[Term, Term]:
    """The variables that never leave their value in `initial`, with that value: no step that can be taken changes them."""
    constants = {variable(name, term.sort): term for name, term in initial.items()}
    while True:
        memo: dict[Term, Term] = {}
        changed = set()
        for step in steps:
            if substitute(step.guard, constants, memo) is FALSE:
                continue
            for name, term in step.updates.items():
                cell = variable(name, term.sort)
                if cell in constants and substitute(term, constants, memo) is not constants[cell]:
                    changed.add(cell)
        if not changed:
            return constants
        for cell in changed:
            del constants[cell]
