"""The symbolic reading: terms as Z3 expressions.  Booleans are Bool, other sorts bit-vectors of their width."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import z3

from balloonproof.model.terms import BOOL, Sort, Term, topological


class Z3Terms:
    """Translates terms; `rename` gives a variable's Z3 name (for instance with the step number of a bounded search)."""

    def __init__(self, rename: Callable[[str], str] = lambda name: name) -> None:
        self.rename = rename
        self.memo: dict[Term, Any] = {}

    def variable(self, name: str, sort: Sort) -> Any:
        return z3.Bool(self.rename(name)) if sort is BOOL else z3.BitVec(self.rename(name), sort.width)

    def translate(self, term: Term) -> Any:
        """`term` as a Z3 expression."""
        done = self.memo.get(term)
        if done is None:
            for part in topological([term]):
                if part not in self.memo:
                    self.memo[part] = self._node(part)
            done = self.memo[term]
        return done

    def _node(self, term: Term) -> Any:
        """Built by Z3's C functions: its Python operators check and convert every argument, which takes most of the time of a short query."""
        context = z3.main_ctx()
        args = [self.memo[arg].as_ast() for arg in term.args]
        match term.op:
            case "const":
                return z3.BoolVal(bool(term.value)) if term.sort is BOOL else z3.BitVecVal(term.value, term.sort.width)
            case "var":
                return self.variable(term.name, term.sort)
            case "not":
                ast = z3.Z3_mk_not(context.ref(), *args)
            case "and":
                ast = z3.Z3_mk_and(context.ref(), len(args), (z3.Ast * len(args))(*args))
            case "or":
                ast = z3.Z3_mk_or(context.ref(), len(args), (z3.Ast * len(args))(*args))
            case "eq":
                ast = z3.Z3_mk_eq(context.ref(), *args)
            case _:
                ast = z3.Z3_mk_ite(context.ref(), *args)
        return z3.BoolRef(ast, context) if term.sort is BOOL else z3.BitVecRef(ast, context)

    def in_sort(self, name: str, sort: Sort) -> Any:
        """The bit-vector variable holds one of its sort's values."""
        if sort is BOOL or sort.size == 1 << sort.width:
            return z3.BoolVal(True)
        return z3.ULT(self.variable(name, sort), sort.size)


def value_of(model: Any, expression: Any) -> int:
    """The value of `expression` in a Z3 model, as an index in its sort."""
    value = model.eval(expression, model_completion=True)
    if z3.is_bool(value):
        return int(z3.is_true(value))
    return int(value.as_long())
