"""All pages are alike: no action and no property tells a page from another but by its state, checked by machine.

The premise looks at explicit states through page 0, which stands for every page only if page 0 is not special.  So two pages are exchanged, with all that
is said of them: in the state before a step, in the step and in the state after it.  What was a step must be one again, of the same action; Z3 checks it for
each action, on two pages of one host page (and one chunk) and on two pages of two chunks.  Likewise a property must say of one page what it says of the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from balloonproof.model.engines.premise import Claim
from balloonproof.model.explicit import Element, Explicit, Shape
from balloonproof.model.language import Action, Configuration
from balloonproof.model.steps import Step
from balloonproof.model.terms import FALSE, TRUE, Term, choose, conj, const, disj, equal, implies, negate, substitute, variable

TOGETHER = Shape((0, 0), slots=2, ids=4, host_pages=(0, 0))
APART = Shape((0, 1), slots=2, ids=4)
OTHER_PAGE = {"page0": "page1", "page1": "page0"}
OTHER_CHUNK = {"chunk0": "chunk1", "chunk1": "chunk0"}


def alike_claims(configuration: Configuration) -> Iterator[Claim]:
    """One claim for each action, and for each property that must always hold; none where both are the same term, which leaves nothing to ask."""
    pairs = [_Exchange(Explicit(configuration, shape)) for shape in (TOGETHER, APART)]
    for item in configuration.system.actions:
        differs = disj(*(pair.changes_step(item) for pair in pairs))
        if differs is not FALSE:
            yield Claim(f"alike {item.name}", (("exchanged, it is another step", differs),))
    for number, claimed in enumerate(configuration.system.properties):
        differs = disj(*(pair.changes_property(number) for pair in pairs)) if claimed.kind == "always" else FALSE
        if differs is not FALSE:
            yield Claim(f"alike property {claimed.name}", (("exchanged, it says something else", differs),))


class _Exchange:
    """An explicit instance of two pages, and the exchange of these."""

    def __init__(self, explicit: Explicit) -> None:
        self.explicit = explicit
        self.cells = {name: variable(name, sort) for name, sort in explicit.declared.items()}
        names = {**OTHER_PAGE, **(OTHER_CHUNK if len(set(explicit.shape.chunks)) > 1 else {})}
        self.renamed = {name: ".".join([names.get(owner, owner), *rest]) for name in self.cells for owner, *rest in [name.split(".")]}
        self.before = {self.cells[name]: term for name, term in self.exchanged(self.cells.__getitem__).items()}

    def exchanged(self, read: Callable[[str], Term]) -> dict[str, Term]:
        """The state that `read` tells, with the pages exchanged."""
        return {other: self._value(name, read) for name, other in self.renamed.items()}

    def _value(self, name: str, read: Callable[[str], Term]) -> Term:
        sort = self.explicit.declared[name]
        if sort is not self.explicit.shape.page_sort:
            return read(name)
        other = choose(equal(read(name), const(0, sort)), const(1, sort), const(0, sort))
        if not name.startswith("queue."):
            return other
        slot = int(name.split(".")[1])  # of the queue only hints name a page
        length = self.explicit.shape.length_sort
        there = disj(*(equal(read("queue.length"), const(count, length)) for count in range(slot + 1, length.size)))
        return choose(there & (read(f"queue.{slot}.kind") == Element.HINT), other, read(name))

    def changes_step(self, item: Action) -> Term:
        """Where the action about a page, after an exchange, is not what it is about the other page."""
        steps = {step.role: step for step in self.explicit.steps_of(item)}
        roles = {"page0": "page1"} if item.per_page else {"": ""}
        return disj(*(self._differ(steps.get(role), steps.get(other)) for role, other in roles.items()))

    def _differ(self, step: Step | None, other: Step | None) -> Term:
        if step is None or other is None:
            return FALSE if step is other else TRUE
        after = self.exchanged(lambda name: step.updates.get(name, self.cells[name]))
        guard = substitute(other.guard, self.before)
        effects = (equal(after[name], substitute(other.updates.get(name, cell), self.before)) for name, cell in self.cells.items())
        return negate(conj(equal(step.guard, guard), implies(step.guard, conj(*effects))))

    def changes_property(self, number: int) -> Term:
        """Where the property of the system that has this number says, after an exchange, something else of the other page."""
        claimed = self.explicit.configuration.system.properties[number]
        return negate(equal(self.explicit.predicate(claimed, 0), substitute(self.explicit.predicate(claimed, 1), self.before)))
