"""What each guard of a system changes: the model with it and without it, compared step by step as predicates on one page's states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from balloonproof.checker.known_systems import one_page_of
from balloonproof.model.language import Configuration
from balloonproof.model.one_page import declared_fields
from balloonproof.model.steps import Step
from balloonproof.model.terms import FALSE, Term, conj, disj, equal, exists, negate, variable


@dataclass(frozen=True)
class Effect:
    """Where removing a guard changes one action in one role (own, peer, stranger; "" for a global one).

    `enabled`: the action can happen.  `changed`: some way of it has another outcome without the guard, or is not possible.  `same`:
    some way of it is as it would be without.  `allowed`: it cannot happen, and could without the guard.
    """

    action: str
    role: str
    enabled: Term
    changed: Term
    same: Term
    allowed: Term


@cache
def enabled_where(configuration: Configuration, action: str) -> Term:
    """Where a page can see an action happen to it, or globally."""
    steps = [step for step in one_page_of(configuration).steps if step.action.name == action and step.role in ("own", "")]
    return disj(*(exists(set(step.inputs.values()), step.guard) for step in steps))


@cache
def guard_effects(configuration: Configuration, guard: str) -> tuple[Effect, ...]:
    """The actions that a guard, kept by this configuration, has a part in."""
    system = configuration.system
    weaker = system.configure(dict(configuration.settings), [*configuration.removed, guard])
    with_it, without_it = _steps(configuration), _steps(weaker)
    found = []
    for key in dict.fromkeys([*with_it, *without_it]):
        one, other = with_it.get(key), without_it.get(key)
        if one is None or other is None or not _alike(one, other):
            found.append(_effect(*key, one, other))
    return tuple(found)


def _steps(configuration: Configuration) -> Mapping[tuple[str, str], Step]:
    return {(step.action.name, step.role): step for step in one_page_of(configuration).steps}


def _alike(one: Step, other: Step) -> bool:
    """Terms are shared, so equal ones are the same object."""
    if one.guard is not other.guard or one.updates.keys() != other.updates.keys():
        return False
    return all(term is other.updates[name] for name, term in one.updates.items())


def _effect(action: str, role: str, one: Step | None, other: Step | None) -> Effect:
    mine, theirs = one.guard if one else FALSE, other.guard if other else FALSE
    updates = [step.updates if step else {} for step in (one, other)]
    inputs = {term for step in (one, other) if step for term in step.inputs.values()}
    unlike = []
    for name in {**updates[0], **updates[1]}:
        unchanged = variable(name, declared_fields()[name].sort)
        unlike.append(negate(equal(updates[0].get(name, unchanged), updates[1].get(name, unchanged))))
    differs = disj(negate(theirs), *unlike)
    enabled = exists(inputs, mine)
    return Effect(
        action,
        role,
        enabled,
        changed=exists(inputs, conj(mine, differs)),
        same=exists(inputs, conj(mine, negate(differs))),
        allowed=conj(negate(enabled), exists(inputs, theirs)),
    )
