"""Read the source of modules: imports, type aliases, methods."""

from __future__ import annotations

import ast
import functools
from dataclasses import dataclass, replace
from typing import Callable, Iterator, Optional, Union

GENERATED = "_generated/"
"""The folder of the generated package in the package."""
_OFFERING = {
    f"{GENERATED}models": f"{GENERATED}models/__init__.py",
    f"{GENERATED}results": f"{GENERATED}results.py",
}
"""The files of the modules that offer what others have."""


@dataclass(frozen=True)
class Module:
    """One module, parsed."""

    path: str
    """The path in the package."""
    tree: ast.Module
    read: Callable[[str], Module]
    """Returns a module of the package by path."""

    @functools.cached_property
    def _folders(self) -> dict[str, Optional[str]]:
        """The module of each imported name; None if it is not in the package."""
        imports = [node for node in ast.walk(self.tree) if isinstance(node, ast.ImportFrom)]
        return {alias.name: self._folder(node) for node in imports for alias in node.names}

    @functools.cached_property
    def _types(self) -> dict[str, ast.expr]:
        """The type aliases."""
        nodes = [node for node in ast.walk(self.tree) if isinstance(node, ast.Assign)]
        assignments = [node for node in nodes if not isinstance(node.value, ast.Call)]  # such as a TypeVar
        return {t.id: node.value for node in assignments for t in node.targets if isinstance(t, ast.Name)}

    def origin(self, name: str) -> Optional[str]:
        """Return the path of the module that a name was imported from; None for names defined here.

        Args:
            name: The name, or a dotted one, such as `models.TurnResponse`.
        """
        first, dot, rest = name.partition(".")
        folder = self._folders.get(first)
        if folder is None:
            return None
        module, own = (f"{folder}/{first}", rest) if dot else (folder, first)
        return self.read(_OFFERING[module]).origin(own) if module in _OFFERING else f"{module}.py"

    def alias(self, name: str) -> Optional[tuple[ast.expr, Module]]:
        """Return the type of an alias, and the module that defines it; None for a class."""
        if name in self._types:
            return self._types[name], self
        origin = self.origin(name)
        # Generated modules export only classes.
        return None if origin is None or origin.startswith(GENERATED) else self.read(origin).alias(name)

    def _folder(self, node: ast.ImportFrom) -> Optional[str]:
        """Return the target of an import; None if it is outside of the package."""
        names = node.module.split(".") if node.module else []
        if node.level == 0:
            return "/".join(names[1:]) if names[0] == "statebase" else None
        return "/".join([*self.path.split("/")[: -node.level], *names])


@dataclass(frozen=True)
class Function:
    """A method of a class."""

    module: Module
    owner: str
    """The class."""
    node: Union[ast.FunctionDef, ast.AsyncFunctionDef]

    @property
    def name(self) -> str:
        """Its name."""
        return self.node.name

    @property
    def of_class(self) -> bool:
        """Whether it is a class method."""
        return bool(self.node.decorator_list)

    @property
    def summary(self) -> str:
        """The first paragraph of its docstring."""
        return (ast.get_docstring(self.node) or "").partition("\n\n")[0]


def functions_with_bases(module: Module, class_name: str) -> Iterator[tuple[str, Function]]:
    """Return the public methods of a class by name, after those of its bases in the package.

    Raises:
        LookupError: The module has no such class.
    """
    for node in _class(module, class_name).bases:
        base = ast.unparse(node.value if isinstance(node, ast.Subscript) else node)
        origin = module.origin(base)
        if origin is not None:
            for name, function in functions_with_bases(module.read(origin), base):
                yield name, replace(function, owner=class_name)
    yield from functions(module, class_name)


def functions(module: Module, class_name: str) -> Iterator[tuple[str, Function]]:
    """Return the public methods of a class by name, without properties.

    Raises:
        LookupError: The module has no such class.
    """
    overloads: dict[str, list[ast.expr]] = {}
    for node in _class(module, class_name).body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and not node.name.startswith("_"):
            decorators = {ast.unparse(decorator) for decorator in node.decorator_list}
            if "overload" in decorators and node.returns is not None:
                overloads.setdefault(node.name, []).append(node.returns)
            if decorators <= {"classmethod", "staticmethod"}:
                if node.name in overloads:
                    node.returns = ast.Subscript(ast.Name("Union"), ast.Tuple(overloads[node.name]))
                yield node.name, Function(module, class_name, node)


def _class(module: Module, class_name: str) -> ast.ClassDef:
    found = [node for node in module.tree.body if isinstance(node, ast.ClassDef) and node.name == class_name]
    if not found:
        raise LookupError(f"{module.path} has no class {class_name}")
    return found[0]
