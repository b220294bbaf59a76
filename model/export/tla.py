"""TLA+: a module with one action per action of the model, and the configuration with which TLC checks it, in one file."""

from __future__ import annotations

import itertools
import re
import textwrap
from collections.abc import Iterable, Iterator

from balloonproof.model.export.lines import WIDTH, about_action, about_page, conjuncts, wrapped
from balloonproof.model.export.tla_terms import TlaTerms, is_range, tla_value
from balloonproof.model.export.transition_system import Predicate, TransitionSystem
from balloonproof.model.steps import Step
from balloonproof.model.terms import BOOL, Sort

_RESERVED = {"Init", "Next", "Spec", "TypeOK", "vars", "STRING", "BOOLEAN"}


def module_name(text: str) -> str:
    """`text` as the name of a module: hinting gives Hinting."""
    return _camel(text)


def is_module_name(text: str) -> bool:
    """Can a TLA+ module have this name?"""
    return re.fullmatch(r"\w*[A-Za-z]\w*", text, re.ASCII) is not None and not text.startswith(("WF_", "SF_"))


def tla_text(system: TransitionSystem, module: str) -> str:
    """`system` as the module `module`, which must be the name of its file, followed by TLC's configuration of it."""
    return "\n".join(_Module(system, module).lines()) + "\n"


def _camel(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[-_. ]", name))


class _Module:
    def __init__(self, system: TransitionSystem, module: str) -> None:
        self.system, self.module = system, module
        self.taken = {*_RESERVED, module}
        self.variables = {item.name: self._unique(item.name.replace(".", "_")) for item in system.variables}
        self.inputs = {term.name: self._unique(term.name.removeprefix("input.").replace(".", "_")) for term in system.inputs}
        self.terms = TlaTerms(lambda name: self.variables.get(name) or self.inputs[name])
        self.sorts = {sort: self._unique(_camel(sort.name)) for sort in system.sorts if sort is not BOOL}
        self.properties = {item: self._unique(_camel(item.name)) for item in (*system.always, *system.sometimes)}

    def _unique(self, name: str) -> str:
        """`name`, or `name` with a number if it is taken."""
        choices = itertools.chain([name], (f"{name}{number}" for number in itertools.count(2)))
        found = next(choice for choice in choices if choice not in self.taken)
        self.taken.add(found)
        return found

    def lines(self) -> Iterator[str]:
        yield f"---- MODULE {self.module} ----"
        yield from wrapped(self.system.about, "\\* ")
        yield f"\\* TLC reads its configuration from the end of this file: tlc -config {self.module}.tla {self.module}.tla"
        if any(map(is_range, self.sorts)):
            yield "EXTENDS Naturals"
        yield ""
        yield from (f"{name} == {_set_of(sort)}" for sort, name in self.sorts.items())
        yield from self._declarations()
        actions = list(self._actions())
        yield from (line for _, lines in actions for line in lines)
        yield "\n\\* Any action.\nNext =="
        yield from (f"    \\/ {name}" for name, _ in actions)
        yield "\nSpec == Init /\\ [][Next]_vars"
        yield from self._properties()
        yield f"\n====\n\n---- CONFIG {self.module} ----\nSPECIFICATION Spec\nCHECK_DEADLOCK FALSE\nINVARIANT TypeOK"
        yield from (f"INVARIANT {self.properties[item]}" for item in self.system.always)
        yield "===="

    def _set(self, sort: Sort) -> str:
        return "BOOLEAN" if sort is BOOL else self.sorts[sort]

    def _declarations(self) -> Iterator[str]:
        yield "\nVARIABLES"
        names = [self.variables[item.name] for item in self.system.variables]
        for index, (item, name) in enumerate(zip(self.system.variables, names, strict=True)):
            declared = f"    {name}" + ("," if index + 1 < len(names) else "")
            yield f"{declared:32}\\* {item.meaning}".rstrip() if item.meaning else declared
        yield "\nvars ==" + _tuple(names, 4, 8)
        yield "\nTypeOK =="
        yield from (f"    /\\ {self.variables[item.name]} \\in {self._set(item.sort)}" for item in self.system.variables)
        yield "\nInit =="
        for item in self.system.variables:
            start = f"\\in {self._set(item.sort)}" if item.initial is None else f"= {tla_value(item.sort, item.initial)}"
            yield f"    /\\ {self.variables[item.name]} {start}"

    def _actions(self) -> Iterator[tuple[str, list[str]]]:
        """The operator of each action of the model and its text; where its page makes a difference, one operator for each."""
        for action, group in itertools.groupby(self.system.steps, lambda step: step.action):
            steps = list(group)
            name = self._unique(_camel(action.name))
            lines = ["", *wrapped([f"{action.name}, {action.actor.value}", *about_action(steps[0])], "\\* ")]
            parts = []
            for step in steps:
                parts.append(name if len(steps) == 1 else self._unique(f"{name}_{step.role}"))
                lines += [""] if len(steps) > 1 and len(parts) > 1 else []
                lines += [f"\\* About {about_page(step.role)}."] if step.role else []
                lines += self._step(parts[-1], step)
            if len(steps) > 1:
                lines += ["", f"{name} == " + " \\/ ".join(parts)]
            yield name, lines

    def _step(self, name: str, step: Step) -> Iterator[str]:
        yield f"{name} =="
        indent = 4
        if step.inputs:
            bounds = [f"{self.inputs[term.name]} \\in {self._set(term.sort)}" for term in step.inputs.values()]
            yield from textwrap.wrap(f"\\E {', '.join(bounds)} :", WIDTH - 8, initial_indent="    ", subsequent_indent="       ", break_long_words=False)
            indent = 8
        bullet = " " * indent + "/\\ "
        for part in conjuncts(step.guard):
            yield bullet + self.terms.expression(part, len(bullet))
        for cell, term in step.updates.items():
            start = f"{bullet}{self.variables[cell]}' = "
            text = self.terms.expression(term, len(start))
            yield start + (text if term.op in ("const", "var", "ite") or "\n" in text else f"({text})" if term.args else text)
        kept = [self.variables[item.name] for item in self.system.variables if item.name not in step.updates]
        if kept:
            yield f"{bullet}UNCHANGED" + _tuple(kept, indent + 3, len(bullet) + 10)

    def _properties(self) -> Iterator[str]:
        for item in self.system.always:
            yield from self._property(item, "Always: ")
        for item in self.system.sometimes:
            yield from self._property(item, "Sometimes: ")
            name = self.properties[item]
            yield f"\n\\* Not an invariant: TLC's counterexample to it is a witness of {name}.\nNever{name} == ~{name}"

    def _property(self, item: Predicate, kind: str) -> Iterator[str]:
        yield ""
        yield from wrapped([kind + item.meaning], "\\* ")
        yield f"{self.properties[item]} ==\n    {self.terms.implication(item.term, 4)}"


def _set_of(sort: Sort) -> str:
    if is_range(sort):
        return f"0 .. {sort.size - 1}"
    return "{" + ", ".join(tla_value(sort, value) for value in range(sort.size)) + "}"


def _tuple(names: Iterable[str], indent: int, column: int) -> str:
    """A tuple that goes on at `column` if it fits there, else on lines of its own."""
    text = ", ".join(names)
    if column + len(text) + 4 <= WIDTH:
        return f" <<{text}>>"
    margin = " " * indent
    return f"\n{margin}<<" + f"\n{margin}  ".join(textwrap.wrap(text, WIDTH - indent - 4)) + ">>"
