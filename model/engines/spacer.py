"""The second route: constrained Horn clauses, solved by Z3's Spacer without any lemma and without the exact search.

The one-page system is given to Spacer as three rules over Booleans (an initial state is reachable; the step of a reachable state is reachable, all steps in
one rule; is a bad state reachable?).  Spacer has been seen to say "safe" wrongly, so its word counts for nothing: of "safe" its invariant is read back into
the model's own terms, written as the same obligations as a learned one, and confirmed by cvc5; of "unsafe" its run is executed step by step
by the compiled steps.  What is not confirmed, or takes too long, is undecided.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import z3

from balloonproof.model.compiled import Layout, compile_predicate, compile_steps
from balloonproof.model.engines.certificate import obligations
from balloonproof.model.engines.induction import Invariant, Lemma
from balloonproof.model.engines.reachability import initial_states
from balloonproof.model.engines.recheck import RecheckFailed, recheck
from balloonproof.model.engines.verdict import PremiseCheck, check_premise
from balloonproof.model.language import Configuration
from balloonproof.model.one_page import OnePage
from balloonproof.model.terms import BOOL, FALSE, TRUE, Sort, Term, choose, conj, const, disj, equal, implies, negate, topological, variable
from balloonproof.model.workers import Background, Progress, silent

Bits = list[Any]
"""A value as Z3 Booleans, lowest bit first."""


@dataclass(frozen=True)
class SpacerResult:
    """What the second route came to.

    `verdict` is proved (the invariant was confirmed by `rechecked_by`), refuted (the one-page system has a bad run of `length` steps, which was executed) or
    undecided (see `reasons`).
    """

    configuration: Configuration
    verdict: str
    seconds: float
    invariant: Invariant | None = None
    obligations: int = 0
    rechecked_by: str = ""
    length: int | None = None
    reasons: tuple[str, ...] = ()


def decide_by_spacer(configuration: Configuration, seconds: float = 120.0, progress: Progress = silent) -> SpacerResult:
    """Decide one configuration by Horn clauses; `seconds` limits Spacer."""
    started = time.perf_counter()
    with Background(lambda: check_premise(configuration)) as premise:
        progress(f"{configuration}: Spacer solves the Horn clauses, at most {seconds:.0f} s")
        clauses = HornClauses(OnePage(configuration))
        answer = clauses.solve(seconds)
        progress(f"{configuration}: re-checking what Spacer answered: {answer}")
        if answer == "unsat":
            found = _confirm_invariant(clauses, premise)
        elif answer == "sat":
            found = _confirm_run(clauses)
        else:
            found = {"verdict": "undecided", "reasons": (f"Spacer did not decide it within {seconds:.0f} s: {answer}",)}
    return SpacerResult(configuration, seconds=time.perf_counter() - started, **found)


def _confirm_invariant(clauses: HornClauses, premise: Background[PremiseCheck]) -> dict[str, Any]:
    invariant = Invariant(clauses.system, clauses.lemmas())
    base = premise.result()
    items = [*obligations(invariant), *base.obligations]
    found: dict[str, Any] = {"verdict": "proved", "invariant": invariant, "obligations": len(items), "reasons": base.failures}
    try:
        found["rechecked_by"] = recheck(items)
    except RecheckFailed as failure:
        found["reasons"] = (*base.failures, f"Spacer says safe, but its invariant is not confirmed: {failure}")
    return {**found, "verdict": "undecided" if found["reasons"] else "proved"}


def _confirm_run(clauses: HornClauses) -> dict[str, Any]:
    fault = execute(clauses.system, states := clauses.run())
    if fault:
        return {"verdict": "undecided", "reasons": (f"Spacer says unsafe, but its run cannot be executed: {fault}",)}
    return {"verdict": "refuted", "length": len(states) - 1}


def execute(system: OnePage, states: Sequence[dict[str, int]]) -> str | None:
    """What is wrong with `states` as a run of the system into a bad state; None if it is one."""
    layout = Layout.of(system.variables)
    moves = compile_steps(system.steps, layout)
    bad = compile_predicate(disj(*system.violated().values()), layout)
    packed = [layout.pack(state) for state in states]
    if not packed or packed[0] not in initial_states(system, layout):
        return "it does not start in an initial state"
    for number, (before, after) in enumerate(zip(packed, packed[1:], strict=False), 1):
        if not any(move.enabled(before) and move.after(before) == after for move in moves):
            return f"no step leads from its state {number - 1} to the next"
    return None if bad(packed[-1]) else "it does not end in a bad state"


class HornClauses:
    """The rules of a one-page system, and what Spacer makes of them."""

    def __init__(self, system: OnePage) -> None:
        self.system = system
        self.cells = [(name, sort, bit) for name, sort in system.variables.items() for bit in range(sort.width)]
        now, then = BitTerms(""), BitTerms("'")
        self.before = [now.variable(name, sort)[bit] for name, sort, bit in self.cells]
        self.after = [then.variable(name, sort)[bit] for name, sort, bit in self.cells]
        self.relation = z3.Function("reachable", *[z3.BoolSort() for _ in self.cells], z3.BoolSort())
        self.solver = z3.Fixedpoint()
        # Rules are kept as they are written, so that the answer speaks of this relation and these arguments.
        self.solver.set(**{"engine": "spacer", "xform.slice": False, "xform.inline_linear": False, "xform.inline_eager": False})
        self.solver.register_relation(self.relation)
        self._rules(now)

    def _rules(self, now: BitTerms) -> None:
        steps = self.system.steps
        inputs = {term.name: term.sort for step in steps for term in step.inputs.values()}
        choice = [z3.Bool(f"step#{bit}") for bit in range(max(1, (len(steps) - 1).bit_length()))]
        taken = [_is_number(choice, index) for index in range(len(steps))]
        free = [bit for name, sort in inputs.items() for bit in now.variable(name, sort)]
        self.solver.declare_var(*self.before, *self.after, *choice, *free)
        here = [self.relation(*self.before), *(now.in_sort(name, sort) for name, sort in {**self.system.variables, **inputs}.items())]
        parts = [z3.Or(*taken), *(z3.Implies(one, now.boolean(step.guard)) for one, step in zip(taken, steps, strict=True))]
        for target, (name, sort, bit) in zip(self.after, self.cells, strict=True):
            value = now.variable(name, sort)[bit]
            for one, step in zip(taken, steps, strict=True):
                if name in step.updates:
                    value = z3.If(one, now.translate(step.updates[name])[bit], value)
            parts.append(target == value)
        start = [now.boolean(self.system.initial), *(now.in_sort(name, sort) for name, sort in self.system.variables.items())]
        self.solver.rule(self.relation(*self.before), start, "initial")
        self.solver.rule(self.relation(*self.after), [*here, *parts], "step")
        self.bad = z3.And(*here, now.boolean(disj(*self.system.violated().values())))

    def solve(self, seconds: float) -> str:
        """sat (a bad state is reachable), unsat, or what kept Spacer from an answer."""
        self.solver.set("timeout", max(1, int(seconds * 1000)))
        try:
            answer = self.solver.query(z3.Exists(self.before, self.bad))
        except z3.Z3Exception as error:
            return str(error)
        return str(answer) if answer != z3.unknown else self.solver.reason_unknown()

    def lemmas(self) -> list[Lemma]:
        """Spacer's invariant in the model's terms: the conjuncts of what it says `reachable` implies."""
        literals = [_bit_term(name, sort, bit) for name, sort, bit in self.cells]
        found: list[Term] = []
        for formula in _conjuncts(self.solver.get_answer()):
            if not z3.is_quantifier(formula):
                raise ValueError(f"expected a definition of the reachable states, found {formula.decl()}")
            body, count = formula.body(), formula.num_vars()
            if not (z3.is_eq(body) or z3.is_implies(body)) or not z3.eq(body.arg(0).decl(), self.relation):
                continue  # a definition of the query
            where = {z3.get_var_index(body.arg(0).arg(position)): term for position, term in enumerate(literals)}
            assert len(where) == count
            found += [_term(part, where.__getitem__) for part in _conjuncts(body.arg(1))]
        kept = [term for term in dict.fromkeys(found) if term is not TRUE]
        return [Lemma(f"clause {number} of Spacer's invariant", term) for number, term in enumerate(kept, 1)]

    def run(self) -> list[dict[str, int]]:
        """The states of Spacer's run into a bad state, first to last."""
        states = []
        for fact in _conjuncts(self.solver.get_ground_sat_answer()):
            if z3.eq(fact.decl(), self.relation):
                state: dict[str, int] = dict.fromkeys(self.system.variables, 0)
                for (name, _, bit), value in zip(self.cells, fact.children(), strict=True):
                    state[name] |= int(z3.is_true(value)) << bit
                states.append(state)
        return states[::-1]


class BitTerms:
    """Terms as Z3 Booleans only, so that Spacer's answer is made of nothing else; `suffix` marks the variables of the next state."""

    def __init__(self, suffix: str) -> None:
        self.suffix = suffix
        self.memo: dict[Term, Bits] = {}

    def variable(self, name: str, sort: Sort) -> Bits:
        return [z3.Bool(f"{name}#{bit}{self.suffix}") for bit in range(sort.width)]

    def boolean(self, term: Term) -> Any:
        return self.translate(term)[0]

    def translate(self, term: Term) -> Bits:
        for part in topological([term]):
            if part not in self.memo:
                self.memo[part] = self._node(part)
        return self.memo[term]

    def _node(self, term: Term) -> Bits:
        args = [self.memo[arg] for arg in term.args]
        match term.op:
            case "const":
                return [z3.BoolVal(bool(term.value >> bit & 1)) for bit in range(term.sort.width)]
            case "var":
                return self.variable(term.name, term.sort)
            case "not":
                return [z3.Not(args[0][0])]
            case "and":
                return [z3.And(*(arg[0] for arg in args))]
            case "or":
                return [z3.Or(*(arg[0] for arg in args))]
            case "eq":
                return [z3.And(*(left == right for left, right in zip(*args, strict=True)))]
            case _:
                return [z3.If(args[0][0], left, right) for left, right in zip(args[1], args[2], strict=True)]

    def in_sort(self, name: str, sort: Sort) -> Any:
        """The bits are one of the sort's values."""
        bits = self.variable(name, sort)
        return z3.Not(z3.Or(*(_is_number(bits, value) for value in range(sort.size, 1 << sort.width))))


def _is_number(bits: Bits, value: int) -> Any:
    return z3.And(*(bit if value >> place & 1 else z3.Not(bit) for place, bit in enumerate(bits)))


def _bit_term(name: str, sort: Sort, bit: int) -> Term:
    """A bit of a variable as a term."""
    if sort is BOOL:
        return variable(name, sort)
    return disj(*(equal(variable(name, sort), const(value, sort)) for value in range(sort.size) if value >> bit & 1))


def _conjuncts(formula: Any) -> list[Any]:
    return [part for child in formula.children() for part in _conjuncts(child)] if z3.is_and(formula) else [formula]


def _term(formula: Any, bound: Callable[[int], Term]) -> Term:
    """A Boolean Z3 formula as a term; ValueError if it is made of anything but Booleans."""
    if z3.is_var(formula):
        return bound(z3.get_var_index(formula))
    args = [_term(child, bound) for child in formula.children()]
    match formula.decl().kind():
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
            return choose(*args)
    raise ValueError(f"expected a formula of Booleans, found {formula.decl()}")
