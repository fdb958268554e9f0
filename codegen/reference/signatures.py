"""Write the signatures of methods for people: unions with bars, full type names, `...` for optional arguments."""

from __future__ import annotations

import ast
import copy
from typing import Iterator, Optional, cast

from codegen.reference.modules import Function, Module

_SIMPLER = {"List": "list", "Dict": "dict", "Type": "type", "Tuple": "tuple"}


def parameters(function: Function) -> str:
    """Write the parameters of a method, without `self`."""
    arguments = function.node.args
    given = [*[None] * (len(arguments.args) - len(arguments.defaults)), *arguments.defaults]
    first = [_parameter(function, a, d) for a, d in zip(arguments.args[1:], given[1:], strict=True)]
    others = [_parameter(function, a, d) for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]
    star = [f"*{_parameter(function, arguments.vararg, None)}"] if arguments.vararg else ["*"] if others else []
    rest = [f"**{_parameter(function, arguments.kwarg, None)}"] if arguments.kwarg else []
    return ", ".join([*first, *star, *others, *rest])


def result(function: Function) -> tuple[str, Optional[str]]:
    """Return the result type of a method, and the module of the model in it, if there is just one."""
    returns = function.node.returns or ast.Constant(None)
    origins = [origin for origin in (function.module.origin(name) for name in _names(returns)) if origin]
    text = _written(function, returns)
    return text, origins[-1] if origins and " | " not in text else None


def _parameter(function: Function, argument: ast.arg, default: Optional[ast.expr]) -> str:
    text = argument.arg
    if argument.annotation is not None:
        text = f"{text}: {_written(function, argument.annotation)}"
    if default is None:
        return text
    left_out = isinstance(default, ast.Name) and default.id == "NOT_GIVEN"
    return f"{text} = {'...' if left_out else ast.unparse(default)}"


def _written(function: Function, annotation: ast.expr) -> str:
    text = ast.unparse(_Simplified(function.module).visit(copy.deepcopy(annotation)))
    return function.owner if text == "Self" else text


def _names(node: ast.AST) -> Iterator[str]:
    """Return the names in an annotation, dotted names as a whole."""
    if isinstance(node, (ast.Name, ast.Attribute)):
        yield ast.unparse(node)
    else:
        for child in ast.iter_child_nodes(node):
            yield from _names(child)


class _Simplified(ast.NodeTransformer):
    """Rewrites an annotation."""

    def __init__(self, module: Module) -> None:
        self._module = module

    def visit_Name(self, node: ast.Name) -> ast.expr:
        alias = self._module.alias(node.id)
        if alias is not None:
            value, module = alias
            return cast(ast.expr, _Simplified(module).visit(copy.deepcopy(value)))
        return ast.Name(_SIMPLER.get(node.id, node.id))

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        return ast.Name(node.attr) if ast.unparse(node.value) in ("models", "results") else node

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        # A type in quotes is one that is imported when it is used.
        return self.visit(ast.parse(node.value, mode="eval").body) if isinstance(node.value, str) else node

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        name = ast.unparse(node.value)
        if name == "Literal":
            return node
        if name == "Unpack":
            return node.slice
        if name not in ("Union", "Optional"):
            self.generic_visit(node)
            return node
        members = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        parts = [part for member in members for part in _parts(self.visit(member))]
        return _union([*parts, *([ast.Constant(None)] if name == "Optional" else [])])


def _parts(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.BinOp):
        yield from _parts(node.left)
        yield from _parts(node.right)
    else:
        yield node


def _union(parts: list[ast.expr]) -> ast.expr:
    written = {ast.unparse(part): part for part in parts}
    written.pop("NotGiven", None)
    if "str" in written:
        # An open set also accepts any other string.
        written = {text: part for text, part in written.items() if not text.startswith("Literal[")}
    # None and `...` come last.
    first, *more = sorted(written.values(), key=lambda part: ast.unparse(part) == "None")
    for part in more:
        first = ast.BinOp(first, ast.BitOr(), part)
    return first
