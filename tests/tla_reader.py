"""A small reader of TLA+: the official tree-sitter grammar, and an evaluator of the constant, state and action expressions that exports use."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import tree_sitter_tlaplus
from tree_sitter import Language, Node, Parser

Value = bool | int | str | frozenset[Any] | tuple[str, ...]
State = Mapping[str, Value]

INFIX: Mapping[str, Callable[[Any, Any], Value]] = {
    "eq": lambda left, right: left == right,
    "neq": lambda left, right: left != right,
    "in": lambda left, right: left in right,
    "land": lambda left, right: left and right,
    "lor": lambda left, right: left or right,
    "implies": lambda left, right: not left or right,
    "dots_2": lambda left, right: frozenset(range(left, right + 1)),
}


class Module:
    """A parsed module; ValueError with the line if it does not parse or an operator uses a name that is not defined before it."""

    def __init__(self, text: str) -> None:
        self.text = text.encode()
        with warnings.catch_warnings(action="ignore"):  # the grammar's package hands over its language in a way that tree-sitter deprecates
            parser = Parser(Language(tree_sitter_tlaplus.language()))
        root = parser.parse(self.text).root_node
        if root.has_error:
            raise ValueError(f"line {next(node for node in walk(root) if node.is_error or node.is_missing).start_point[0] + 1} is not TLA+")
        module = next(node for node in root.children if node.type == "module")
        self.name = word(module.child_by_field_name("name"))
        declared = [node for node in module.children if node.type == "variable_declaration"]
        self.variables = [word(name) for node in declared for name in node.named_children if name.type == "identifier"]
        self.operators: dict[str, Node] = {}
        for node in module.children:
            if node.type == "operator_definition":
                self._define(node)
        self.rest = self.text[module.end_byte :].decode()

    def _define(self, node: Node) -> None:
        name = word(node.child_by_field_name("name"))
        bound = {word(item) for item in walk(node) if item.type == "identifier" and item.parent is not None and item.parent.type != "identifier_ref"}
        for item in walk(node):
            known = {*self.variables, *self.operators, *bound}
            if item.type == "identifier_ref" and word(item) not in known:
                raise ValueError(f"line {item.start_point[0] + 1}: {word(item)} is not defined before {name}")
        if name in self.operators or name in self.variables:
            raise ValueError(f"line {node.start_point[0] + 1}: {name} is defined twice")
        self.operators[name] = node.named_children[-1]

    def evaluate(self, operator: str, now: State, then: State | None = None) -> Any:
        """The value of an operator in state `now`; of an action, in the step from `now` to `then`."""
        return self._value(self.operators[operator], dict(now), then or {})

    def _value(self, node: Node, now: dict[str, Any], then: State) -> Any:
        parts = [child for child in node.named_children if child.type not in ("comment", "block_comment")]
        match node.type:
            case "identifier_ref":
                name = word(node)
                return now[name] if name in now else self._value(self.operators[name], now, then)
            case "string":
                return word(node).strip('"')
            case "boolean":
                return word(node) == "TRUE"
            case "boolean_set":
                return frozenset({True, False})
            case "nat_number":
                return int(word(node))
            case "parentheses" | "conj_item" | "disj_item":
                return self._value(parts[-1], now, then)
            case "conj_list":
                return all(self._value(part, now, then) for part in parts)
            case "disj_list":
                return any(self._value(part, now, then) for part in parts)
            case "if_then_else":
                condition, left, right = (node.child_by_field_name(name) for name in ("if", "then", "else"))
                return self._value(left if self._value(condition, now, then) else right, now, then)
            case "finite_set_literal":
                return frozenset(self._value(part, now, then) for part in parts)
            case "bound_postfix_op":
                return then[word(parts[0])]
            case "bound_prefix_op":
                return self._prefix(parts, now, then)
            case "bound_infix_op":
                left, symbol, right = parts
                return INFIX[symbol.type](self._value(left, now, then), self._value(right, now, then))
            case "let_in":
                return self._let(parts, now, then)
            case "bounded_quantification":
                return self._exists(node, now, then)
        raise NotImplementedError(node.type)

    def _prefix(self, parts: list[Node], now: dict[str, Any], then: State) -> bool:
        if parts[0].type == "unchanged":
            names = [word(item) for item in parts[1].named_children if item.type == "identifier_ref"] or [word(parts[1])]
            return all(then[name] == now[name] for name in names)
        assert parts[0].type == "lnot"
        return not self._value(parts[1], now, then)

    def _let(self, parts: list[Node], now: dict[str, Any], then: State) -> Any:
        scope = dict(now)
        for part in parts[:-1]:
            scope[word(part.child_by_field_name("name"))] = self._value(part.named_children[-1], scope, then)
        return self._value(parts[-1], scope, then)

    def _exists(self, node: Node, now: dict[str, Any], then: State) -> bool:
        bounds = [child for child in node.named_children if child.type == "quantifier_bound"]
        names = [word(bound.named_children[0]) for bound in bounds]
        sets = [self._value(bound.named_children[-1], now, then) for bound in bounds]
        body = node.named_children[-1]
        return any(self._value(body, {**now, **dict(zip(names, values, strict=True))}, then) for values in itertools.product(*sets))


def walk(node: Node) -> list[Node]:
    """The node and everything below it, in order of the text."""
    return [node, *(item for child in node.children for item in walk(child))]


def word(node: Node | None) -> str:
    assert node is not None
    assert node.text is not None
    return node.text.decode()
