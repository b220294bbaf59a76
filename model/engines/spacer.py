"""Constrained Horn clauses, solved by Z3's Spacer without any lemma and without the exact search.

The one-page system is given to Spacer as three rules over bit-vectors (an initial state is reachable; the step of a reachable state is reachable, all steps in
one rule; is a bad state reachable?).  Spacer has been seen to say "safe" wrongly, so its word counts for nothing: its invariant is read back into the model's
own terms, its run into states, and `second_route` confirms them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import z3

from balloonproof.model.engines.induction import Lemma
from balloonproof.model.engines.z3_terms import Z3Terms
from balloonproof.model.one_page import OnePage
from balloonproof.model.steps import Step
from balloonproof.model.terms import FALSE, TRUE, Term, choose, conj, const, disj, equal, implies, negate, variable
from balloonproof.model.workers import Progress, silent


class HornClauses:
    """The rules of a one-page system, and what Spacer makes of them."""

    def __init__(self, system: OnePage) -> None:
        self.system = system
        now, then = Z3Terms(), Z3Terms(lambda name: f"{name}'")
        self.before = [now.variable(name, sort) for name, sort in system.variables.items()]
        self.after = [then.variable(name, sort) for name, sort in system.variables.items()]
        self.relation = z3.Function("reachable", *[item.sort() for item in self.before], z3.BoolSort())
        self.solver = z3.Fixedpoint()
        # Rules are kept as they are written, so that the answer speaks of this relation and these arguments.
        self.solver.set(**{"engine": "spacer", "xform.slice": False, "xform.inline_linear": False, "xform.inline_eager": False})
        self.solver.register_relation(self.relation)
        inputs = {term.name: term.sort for step in system.steps for term in step.inputs.values()}
        self.solver.declare_var(*self.before, *self.after, *(now.variable(name, sort) for name, sort in inputs.items()))
        known = [now.in_sort(name, sort) for name, sort in {**system.variables, **inputs}.items()]
        start = [now.in_sort(name, sort) for name, sort in system.variables.items()]
        self.solver.rule(self.relation(*self.before), [*start, now.translate(system.initial)])
        self.solver.rule(self.relation(*self.after), [self.relation(*self.before), *known, z3.Or(*(self._taken(step, now) for step in system.steps))])
        self.unsafe = z3.Function("unsafe", z3.BoolSort())
        self.solver.register_relation(self.unsafe)
        self.solver.rule(self.unsafe(), [self.relation(*self.before), now.translate(disj(*system.violated().values()))])

    def _taken(self, step: Step, now: Z3Terms) -> Any:
        """`step` leads from the state before to the state after."""
        variables = zip(self.system.variables, self.before, self.after, strict=True)
        values = (after == (now.translate(step.updates[name]) if name in step.updates else before) for name, before, after in variables)
        return z3.And(now.translate(step.guard), *values)

    def solve(self, seconds: float, progress: Progress = silent) -> str:
        """sat (a bad state is reachable), unsat, or unknown after `seconds`."""
        self.solver.set("timeout", max(1, int(seconds * 1000)))
        try:
            answer = self.solver.query(self.unsafe())
        except z3.Z3Exception:  # how the time limit shows
            return "unknown"
        return str(answer)

    def lemmas(self) -> list[Lemma]:
        """Spacer's invariant in the model's terms: the conjuncts of what it says `reachable` implies."""
        found: list[Term] = []
        for formula in _conjuncts(self.solver.get_answer()):
            body = formula.body() if z3.is_quantifier(formula) else formula
            if not (z3.is_eq(body) or z3.is_implies(body)) or not z3.eq(body.arg(0).decl(), self.relation):
                continue  # what it says of another relation
            variables = [variable(name, sort) for name, sort in self.system.variables.items()]
            where = {z3.get_var_index(place): term for place, term in zip(body.arg(0).children(), variables, strict=True)}
            found += [_Reader(where).boolean(part) for part in _conjuncts(body.arg(1))]
        kept = [term for term in dict.fromkeys(found) if term is not TRUE]
        return [Lemma(f"clause {number} of Spacer's invariant", term) for number, term in enumerate(kept, 1)]

    def run(self) -> list[dict[str, int]]:
        """The states of Spacer's run into a bad state, first to last: the facts that its derivation of `unsafe` concludes one from the other."""
        names, seen = list(self.system.variables), set()
        states: list[dict[str, int]] = []

        def visit(part: Any) -> None:
            if part.get_id() in seen or not z3.is_app(part):
                return
            seen.add(part.get_id())
            if not z3.eq(part.decl(), self.relation):
                for child in part.children():  # a rule, what it was applied to, the conclusion
                    visit(child)
            elif all(z3.is_true(item) or z3.is_false(item) or z3.is_bv_value(item) for item in part.children()):
                states.append(dict(zip(names, map(_value, part.children()), strict=True)))

        visit(self.solver.get_answer())
        return states


def _value(constant: Any) -> int:
    return int(z3.is_true(constant)) if z3.is_bool(constant) else int(constant.as_long())


def _conjuncts(formula: Any) -> list[Any]:
    return [part for child in formula.children() for part in _conjuncts(child)] if z3.is_and(formula) else [formula]


@dataclass(frozen=True)
class _Reader:
    """Z3 formulas about bound variables as terms; ValueError for a kind of formula that it does not know."""

    variables: Mapping[int, Term]

    def boolean(self, formula: Any) -> Term:
        if z3.is_var(formula):
            return self.variables[z3.get_var_index(formula)]
        kind, parts = formula.decl().kind(), formula.children()
        if kind in (z3.Z3_OP_EQ, z3.Z3_OP_IFF) and not z3.is_bool(parts[0]):
            return self._equal(*parts)
        args = [self.boolean(child) for child in parts] if all(map(z3.is_bool, parts)) else []
        match kind:
            case z3.Z3_OP_TRUE:
                return TRUE
            case z3.Z3_OP_FALSE:
                return FALSE
            case z3.Z3_OP_NOT:
                return negate(args[0])
            case z3.Z3_OP_AND:
                return conj(*args)
            case z3.Z3_OP_OR:
                return disj(*args)
            case z3.Z3_OP_EQ | z3.Z3_OP_IFF:
                return choose(args[0], args[1], negate(args[1]))
            case z3.Z3_OP_IMPLIES:
                return implies(*args)
            case z3.Z3_OP_ITE:
                return choose(args[0], args[1], args[2])
            case z3.Z3_OP_ULEQ:
                return self._compare(*parts)
        raise ValueError(f"expected a formula of equalities, found {formula.decl()}")

    def _values(self, expression: Any) -> dict[int, Term]:
        """Where a bit-vector has which value: a constant, a variable, or some bits of either."""
        if z3.is_bv_value(expression):
            return {expression.as_long(): TRUE}
        if z3.is_var(expression):
            term = self.variables[z3.get_var_index(expression)]
            return {value: equal(term, const(value, term.sort)) for value in range(term.sort.size)}
        if expression.decl().kind() == z3.Z3_OP_EXTRACT:
            high, low = expression.params()
            found: dict[int, Term] = {}
            for value, where in self._values(expression.arg(0)).items():
                part = value >> low & ((1 << (high - low + 1)) - 1)
                found[part] = disj(found.get(part, FALSE), where)
            return found
        raise ValueError(f"expected a constant, a variable or bits of one, found {expression.decl()}")

    def _equal(self, left: Any, right: Any) -> Term:
        others = self._values(right)
        return disj(*(conj(where, others.get(value, FALSE)) for value, where in self._values(left).items()))

    def _compare(self, left: Any, right: Any) -> Term:
        """Less or equal."""
        pairs = [(one, other) for one in self._values(left).items() for other in self._values(right).items()]
        return disj(*(conj(one[1], other[1]) for one, other in pairs if one[0] <= other[0]))
