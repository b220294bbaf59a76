"""IC3, property-directed reachability: an inductive invariant or a run, by thousands of small questions about one step, without lemmas and without search.

Frame i is a set of clauses that hold in every state within i steps of the start; each frame implies the next, and all but the last exclude every bad state.
A bad state that the last frame admits is a proof obligation: either some state of the frame before steps into it, which is an obligation in its turn, or
it is cut off by a clause, made as strong as that frame allows.  An obligation that meets the initial states begins a run; two equal frames are an invariant.
(Bradley, "SAT-Based Model Checking without Unrolling", VMCAI 2011; Een, Mishchenko and Brayton, "Efficient Implementation of Property Directed
Reachability", FMCAD 2011.)  A cube is a set of values of variables, a clause the denial of one, so an invariant reads like a learned one.
"""

from __future__ import annotations

import heapq
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import z3

from balloonproof.model.engines.induction import Lemma, clause, induction_solver
from balloonproof.model.engines.z3_terms import Z3Terms, value_of
from balloonproof.model.one_page import OnePage
from balloonproof.model.steps import Step
from balloonproof.model.terms import BOOL, FALSE, Term, const, disj, equal, evaluate, negate, variable
from balloonproof.model.workers import Progress, silent

Cube = frozenset[tuple[str, int]]
"""The states where each of these variables has this value."""


@dataclass(frozen=True)
class ProofObligation:
    """From every state of `cube` the `step` with `inputs` leads into the cube of `then`; without a step, every state of the cube is bad."""

    cube: Cube
    step: Step | None = None
    inputs: Mapping[str, int] | None = None
    then: ProofObligation | None = None


class OutOfTime(Exception):
    """The time is over, or the solver gave up."""


class Ic3:
    """Decides a one-page system; after `solve`, `lemmas` or `run` says why."""

    def __init__(self, system: OnePage) -> None:
        self.system = system
        self.initial = {name: value for name, value in system.initial_values.items() if value is not None}
        self.solver = StepSolver(system)
        self.frames: list[set[Cube]] = [set()]  # a clause is kept in the last frame that it is known to hold in
        self.start: ProofObligation | None = None
        self.invariant: set[Cube] = set()
        self.ends = 0.0

    def solve(self, seconds: float, progress: Progress = silent) -> str:
        """sat (a bad state is reachable), unsat, or unknown after `seconds`."""
        self.ends = time.perf_counter() + seconds
        try:
            while True:
                while (bad := self.solver.bad_state(len(self.frames) - 1)) is not None:
                    self.start = self._block(bad)
                    if self.start:
                        return "sat"
                self.frames.append(set())
                self.solver.add_frame()
                equal_frames = self._push()
                progress(f"{self.system.configuration}: IC3 is at frame {len(self.frames) - 1}, {sum(map(len, self.frames))} clauses")
                if equal_frames:
                    self.invariant = set().union(*self.frames[equal_frames:])
                    return "unsat"
        except OutOfTime:
            return "unknown"

    def lemmas(self) -> list[Lemma]:
        """The invariant: what is claimed, and the clauses that it takes."""
        claimed = [Lemma(name, negate(bad)) for name, bad in self.system.violated().items() if bad is not FALSE]
        return claimed + [clause(self.system, dict(sorted(cube))) for cube in sorted(self.invariant, key=sorted)]

    def run(self) -> list[dict[str, int]]:
        """The states of the run into a bad one, first to last."""
        assert self.start
        item, chosen = self.start, dict(self.start.cube)
        states = [{name: self.initial.get(name, chosen.get(name, 0)) for name in self.system.variables}]
        while item.step and item.then:
            known = {**states[-1], **(item.inputs or {})}
            states.append({**states[-1], **{name: evaluate(term, known) for name, term in item.step.updates.items()}})
            item = item.then
        return states

    def _block(self, bad: ProofObligation) -> ProofObligation | None:
        """Cut `bad` off from the last frame; if that cannot be done, the obligation that a run into it begins with."""
        ticket, last = count(), len(self.frames) - 1
        queue = [(last, next(ticket), bad)]
        while queue:
            frame, _, item = heapq.heappop(queue)
            if self._meets_start(item.cube):
                return item
            if any(known <= item.cube for later in self.frames[frame:] for known in later):
                continue
            part = self._unreached(frame, item.cube)
            if part is None:
                heapq.heappush(queue, (frame - 1, next(ticket), self.solver.predecessor(item)))
                heapq.heappush(queue, (frame, next(ticket), item))
                continue
            cube = self._smaller(frame, part)
            while frame < last and self._unreached(frame + 1, cube) is not None:
                frame += 1
            self._cut_off(frame, cube)
            if frame < last:  # a longer way into it may exist: better to look now than to meet it again
                heapq.heappush(queue, (frame + 1, next(ticket), item))
        return None

    def _meets_start(self, cube: Iterable[tuple[str, int]]) -> bool:
        return all(self.initial.get(name, value) == value for name, value in cube)

    def _unreached(self, frame: int, cube: Cube) -> Cube | None:
        """A part of `cube` without initial states that no step leads into from elsewhere in the frame before `frame`; None if one leads into the cube."""
        if time.perf_counter() > self.ends:
            raise OutOfTime
        part = self.solver.unreached(frame - 1, cube)
        if part is None or not self._meets_start(part):
            return part
        return part | {next((name, value) for name, value in sorted(cube) if self.initial.get(name, value) != value)}

    def _smaller(self, frame: int, cube: Cube) -> Cube:
        """`cube` without what is not needed for being unreached in `frame`, each value tried once: first those of variables that few clauses speak of."""
        spoken_of = Counter(name for clauses in self.frames for known in clauses for name, _ in known)
        for value in sorted(cube, key=lambda pair: (spoken_of[pair[0]], pair)):
            rest = cube - {value}
            if value in cube and not self._meets_start(rest) and (part := self._unreached(frame, rest)) is not None:
                cube = part
        return cube

    def _cut_off(self, frame: int, cube: Cube) -> None:
        """Deny `cube` in this frame and those before it."""
        for index in range(frame + 1):
            self.frames[index] = {known for known in self.frames[index] if not cube <= known}
        self.frames[frame].add(cube)
        self.solver.deny(frame, cube)

    def _push(self) -> int | None:
        """Move every clause on as long as the frame that it is in preserves it; the number of a frame that equals the one before it."""
        for frame in range(1, len(self.frames) - 1):
            for cube in sorted(self.frames[frame], key=sorted):
                if cube in self.frames[frame] and (part := self._unreached(frame + 1, cube)) is not None:
                    self._cut_off(frame + 1, part)
            if not self.frames[frame]:
                return frame + 1
        return None


class StepSolver:
    """The questions: one SAT solver that knows the system's step, and the clauses of each frame behind a marker of that frame."""

    def __init__(self, system: OnePage) -> None:
        self.sorts = system.variables
        self.steps = [step for step in system.steps if step.updates]
        self.bad = disj(*system.violated().values())
        self.now, self.then = Z3Terms(), Z3Terms(lambda name: f"{name}'")
        self.solver = induction_solver(system, self.now)
        self.taken = [z3.Bool(f"taken {number}") for number in range(len(self.steps))]
        self.some_taken, self.is_bad = z3.Bool("some step is taken"), z3.Bool("the state is bad")
        self.solver.add(z3.Implies(self.some_taken, z3.Or(*self.taken)), z3.Implies(self.is_bad, self.now.translate(self.bad)))
        for taken, step in zip(self.taken, self.steps, strict=True):
            values = (self.then.variable(name, sort) == self.now.translate(self._after(step, name)) for name, sort in self.sorts.items())
            self.solver.add(z3.Implies(taken, z3.And(self.now.translate(step.guard), *values)))
        self.markers: list[Any] = []
        self.literals: dict[tuple[str, int, bool], Any] = {}
        self.denials: dict[Cube, Any] = {}
        self.add_frame()
        self.solver.add(z3.Implies(self.markers[0], self.now.translate(system.initial)))

    def add_frame(self) -> None:
        self.markers.append(z3.Bool(f"frame {len(self.markers)}"))

    def deny(self, frame: int, cube: Cube) -> None:
        """No state of the frame is in the cube from now on."""
        self.solver.add(z3.Implies(self.markers[frame], self._denial(cube)))

    def bad_state(self, frame: int) -> ProofObligation | None:
        """Bad states of which the frame admits one."""
        if not self._satisfiable(*self.markers[frame:], self.is_bad):
            return None
        return ProofObligation(_Reasons(self.solver.model(), self.now).cube([self.bad]))

    def unreached(self, frame: int, cube: Cube) -> Cube | None:
        """The part of `cube` that it takes to be unreached by a step from a state of the frame outside the cube; None if there is such a step."""
        after = {self._literal(name, value, after=True): (name, value) for name, value in sorted(cube)}
        if self._satisfiable(*self.markers[frame:], self.some_taken, self._denial(cube), *after):
            return None
        core = {item.get_id() for item in self.solver.unsat_core()}
        return frozenset(value for literal, value in after.items() if literal.get_id() in core)

    def predecessor(self, item: ProofObligation) -> ProofObligation:
        """States that lead into those of `item`, by the step that was found when it was asked last whether they are unreached."""
        model = self.solver.model()
        step = next(step for taken, step in zip(self.taken, self.steps, strict=True) if z3.is_true(model[taken]))
        goals = [equal(self._after(step, name), const(value, self.sorts[name])) for name, value in item.cube]
        reasons = _Reasons(model, self.now)
        cube = reasons.cube([step.guard, *goals])
        inputs = {term.name: reasons.value(term) for term in step.inputs.values()}
        return ProofObligation(frozenset(pair for pair in cube if pair[0] in self.sorts), step, inputs, item)

    def _after(self, step: Step, name: str) -> Term:
        return step.updates.get(name, variable(name, self.sorts[name]))

    def _satisfiable(self, *assumptions: Any) -> bool:
        answer = self.solver.check(*assumptions)
        if answer == z3.unknown:
            raise OutOfTime
        return bool(answer == z3.sat)

    def _literal(self, name: str, value: int, after: bool) -> Any:
        """A literal that says that the variable has this value before, or after, the step."""
        key = (name, value, after)
        if key not in self.literals:
            sort = self.sorts[name]
            said = (self.then if after else self.now).translate(equal(variable(name, sort), const(value, sort)))
            self.literals[key] = said if sort is BOOL else z3.Bool(f"{name} is {value}{' after' if after else ''}")
            if sort is not BOOL:
                self.solver.add(self.literals[key] == said)
        return self.literals[key]

    def _denial(self, cube: Cube) -> Any:
        """A literal that implies that the state before the step is not in the cube."""
        if cube not in self.denials:
            self.denials[cube] = z3.Bool(f"denial {len(self.denials)}")
            self.solver.add(z3.Or(z3.Not(self.denials[cube]), *(z3.Not(self._literal(*pair, after=False)) for pair in sorted(cube))))
        return self.denials[cube]


class _Reasons:
    """What terms are worth in a Z3 model, and which of its variables make them so."""

    def __init__(self, model: Any, terms: Z3Terms) -> None:
        self.model, self.terms = model, terms
        self.known: dict[Term, tuple[int, Cube]] = {}

    def cube(self, terms: Sequence[Term]) -> Cube:
        """Values that are enough for each of `terms` to be what it is."""
        return frozenset().union(*(self._of(term)[1] for term in terms))

    def value(self, term: Term) -> int:
        return self._of(term)[0]

    def _of(self, term: Term) -> tuple[int, Cube]:
        if term not in self.known:
            self.known[term] = self._work_out(term)
        return self.known[term]

    def _work_out(self, term: Term) -> tuple[int, Cube]:
        match term.op:
            case "const":
                return term.value, frozenset()
            case "var":
                value = value_of(self.model, self.terms.variable(term.name, term.sort))
                return value, frozenset({(term.name, value)})
            case "not":
                value, cube = self._of(term.args[0])
                return 1 - value, cube
            case "and" | "or":
                parts, decisive = [self._of(arg) for arg in term.args], int(term.op == "or")
                enough = [cube for value, cube in parts if value == decisive]
                return (decisive, min(enough, key=len)) if enough else (1 - decisive, frozenset().union(*(cube for _, cube in parts)))
            case "eq":
                (left, one), (right, other) = map(self._of, term.args)
                return int(left == right), one | other
            case _:
                test, why = self._of(term.args[0])
                value, cube = self._of(term.args[1 if test else 2])
                return value, why | cube
