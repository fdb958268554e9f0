"""Hand-written steps as values for the templates: functions that become methods of both clients.

Such a function is a generator: it yields calls of methods of a namespace, its first argument, and receives their
results. Its signature and its docstring are read from the source; the package is not imported.
"""

from __future__ import annotations

import ast
import copy
import functools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Iterator, Mapping

from codegen.document.choices import NAMESPACES, Namespace
from codegen.errors import CodegenError, below, pointer
from codegen.prose import awaited_example

_GENERATED = "statebase._generated"


@dataclass(frozen=True)
class Steps:
    """One function."""

    name: str
    """The name of the method."""
    module: str
    """The module of the function."""
    function: str
    """The name of the function."""
    parameters: tuple[str, ...]
    """The parameters of its method, without `self`, as source code."""
    arguments: tuple[str, ...]
    """The arguments that the method passes to the function: `turns`, `**options`."""
    result: str
    """The annotation of its return value, or of the items that it iterates over."""
    iterates: bool
    """Whether its method returns an iterator."""
    docstring: str
    calls: tuple[str, ...]
    """The methods of the namespace that it calls."""
    overloads: tuple[tuple[tuple[str, ...], str], ...]
    """The parameters and the annotation of the return value of each `@overload` of the function."""
    imports: tuple[tuple[str, str], ...]
    """The modules and names of the SDK's types in its annotations."""

    def docstring_lines(self, asynchronous: bool) -> list[str]:
        """Return the docstring of its method, with the example for one of the clients."""
        return awaited_example(self.docstring) if asynchronous else self.docstring.splitlines()


def read_steps(namespaces: Mapping[str, Namespace], sources: Path) -> Mapping[str, tuple[Steps, ...]]:
    """Read the steps of each namespace.

    Args:
        namespaces: The namespaces of the clients.
        sources: The folder of the package.

    Raises:
        CodegenError: A function is missing, or is not a generator of steps.
    """

    @functools.cache
    def parsed(module: str) -> ast.Module:
        inner = "/".join(module.split(".")[1:])
        return ast.parse((sources / f"{inner}.py").read_text(encoding="utf-8"))

    found: dict[str, tuple[Steps, ...]] = {}
    for name, namespace in namespaces.items():
        steps: list[Steps] = []
        for path in namespace.steps:
            module, _, function = path.rpartition(".")
            try:
                steps.append(_steps(parsed(module), module, function))
            except (OSError, LookupError, SyntaxError) as error:
                place = below(pointer(NAMESPACES, name), "steps")
                raise CodegenError(place, f"The steps that are written by hand cannot be read: {error}.") from error
        by_name = {each.name: each for each in steps}
        found[name] = (*steps, *(_renamed(by_name[known], other) for other, known in namespace.names.items()))
    return found


def _steps(tree: ast.Module, module: str, name: str) -> Steps:
    nodes = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
    if not nodes:
        raise LookupError(f"{module} has no function {name}")
    *overloads, (namespace, given, returns) = [_signature(module, node) for node in nodes]
    options = [f"**{given.kwarg.arg}"] if given.kwarg else []
    keywords = [f"{a.arg}={a.arg}" for a in given.kwonlyargs]
    names: set[str] = set()
    for _, arguments, result in (*overloads, (namespace, given, returns)):
        every = (*arguments.args, *arguments.kwonlyargs, arguments.kwarg)
        annotations = [result.slice, *(a.annotation for a in every if a and a.annotation)]
        names |= {part.id for each in annotations for part in ast.walk(each) if isinstance(part, ast.Name)}
    imports = {*_imports(tree, module, names)}
    calls = (n.func for n in ast.walk(nodes[-1]) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute))
    return Steps(
        name=name,
        module=module,
        function=name,
        parameters=tuple(_parameters(given)),
        arguments=(*(a.arg for a in given.args), *keywords, *options),
        result=ast.unparse(returns.slice),
        iterates=ast.unparse(returns.value) == "Iteration",
        docstring=ast.get_docstring(nodes[-1]) or "",
        calls=tuple(f.attr for f in calls if isinstance(f.value, ast.Name) and f.value.id == namespace),
        overloads=tuple((tuple(_parameters(given)), ast.unparse(returns.slice)) for _, given, returns in overloads),
        imports=tuple(sorted(each for each in imports if each[0] != _GENERATED)),  # a module of it imports it anyway
    )


def _renamed(steps: Steps, name: str) -> Steps:
    """Return the steps as a method with another name."""
    docstring = steps.docstring.replace(f".{steps.name}(", f".{name}(")
    first, _, rest = docstring.partition("\n")
    return replace(steps, name=name, docstring=f"{first} Another name of `{steps.name}`.\n{rest}")


def _signature(module: str, node: ast.FunctionDef) -> tuple[str, ast.arguments, ast.Subscript]:
    """Return the name of the namespace, the arguments of the method, and the annotation of its result."""
    returns = node.returns
    kind = ast.unparse(returns.value) if isinstance(returns, ast.Subscript) else None
    if not isinstance(returns, ast.Subscript) or kind not in ("Steps", "Iteration") or not node.args.args:
        raise LookupError(f"{module}.{node.name} does not take a namespace and return Steps[...] or Iteration[...]")
    given = copy.deepcopy(node.args)
    return given.args.pop(0).arg, given, returns


def _parameters(given: ast.arguments) -> Iterator[str]:
    defaults = [*[None] * (len(given.args) - len(given.defaults)), *given.defaults]
    star = "*, " if given.kwonlyargs else ""
    for argument, default in (*zip(given.args, defaults), *zip(given.kwonlyargs, given.kw_defaults)):
        first = star if given.kwonlyargs and argument is given.kwonlyargs[0] else ""
        yield first + ast.unparse(argument) + ("" if default is None else f" = {ast.unparse(default)}")
    if given.kwarg:
        yield f"**{ast.unparse(given.kwarg)}"


def _imports(tree: ast.Module, module: str, names: set[str]) -> Iterator[tuple[str, str]]:
    """Return the names of a set that a module imports from the package, or defines."""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            parents = module.split(".")[: -node.level] if node.level else []
            origin = ".".join([*parents, *([node.module] if node.module else [])])
            for alias in node.names:
                if alias.name in names and origin.split(".")[0] == "statebase":
                    yield origin, alias.name
        elif isinstance(node, ast.ClassDef) and node.name in names:
            yield module, node.name
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name) and target.id in names:
                    yield module, target.id
