"""The house is what CONTRIBUTING.md draws: few rooms, arrows that point down, no circles."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Dict, Iterator, List, Set

import pytest

import statebase

PACKAGE = Path(str(statebase.__file__)).parent
ROOT = Path(__file__).parents[2]
CONFIGURATION = (ROOT / "pyproject.toml").read_text("utf-8")
ALLOWED = {(arrow[0], arrow[1]) for arrow in re.findall(r'"(statebase[\w.]*) -> (statebase[\w.]*)"', CONFIGURATION)}
ROOMS = sorted(
    path for path in PACKAGE.rglob("__init__.py") if path.parent != PACKAGE and "_generated" not in path.parts
)
# These stand for the public names of their packages, and load them at once.
OF_THE_PUBLIC = {"cli", "local", "server", "testing", "transfer"}


def module_of(path: Path, root: Path) -> str:
    parts = path.relative_to(root.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(root: Path) -> Dict[str, Set[str]]:
    """Return what each module imports of its package, in functions and for type checkers as well."""
    modules = {module_of(path, root): path for path in root.rglob("*.py")}
    return {module: set(targets(module, path, modules)) for module, path in modules.items()}


def targets(module: str, path: Path, modules: Dict[str, Path]) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        if isinstance(node, ast.ImportFrom):
            package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
            base = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                full = f"{source}.{alias.name}"
                if full in modules or source in modules:
                    yield full if full in modules else source


def circles(imports: Dict[str, Set[str]]) -> List[List[str]]:
    """Return the groups of modules that reach each other."""
    reached: Dict[str, Set[str]] = {}
    for module in imports:
        found: Set[str] = set()
        left = [module]
        while left:
            for target in imports[left.pop()] - found:
                found.add(target)
                left.append(target)
        reached[module] = found
    groups = {
        tuple(sorted(other for other in reached[module] if module in reached[other]))
        for module in imports
        if module in reached[module]
    }
    return [list(group) for group in sorted(groups)]


@pytest.mark.parametrize("name", ["src/statebase", "codegen"])
def test_no_circle_of_modules(name: str) -> None:
    """No module imports itself by way of others, in functions neither, but for what the linter's configuration names."""
    imports = imports_of(ROOT / name if name == "codegen" else PACKAGE)

    for source, target in ALLOWED:
        imports.get(source, set()).discard(target)

    assert circles(imports) == []


def test_allowed_arrows_exist() -> None:
    """An exception in the linter's configuration that is needed no more is removed."""
    imports = imports_of(PACKAGE)

    assert {(source, target) for source, target in ALLOWED if target not in imports.get(source, set())} == set()


def test_a_circle_in_a_function_is_found(tmp_path: Path) -> None:
    """Two modules that import each other, one of them inside of a function, are a circle."""
    package = tmp_path / "house"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "hall.py").write_text("def enter():\n    from . import attic\n")
    (package / "attic.py").write_text("from .hall import enter\n")

    assert circles(imports_of(package)) == [["house.attic", "house.hall"]]


def test_few_entries() -> None:
    """The listing of the package shows its architecture: at most 20 entries."""
    entries = [path.name for path in PACKAGE.iterdir() if path.name != "__pycache__"]

    assert len(entries) <= 20, sorted(entries)


def test_few_layers() -> None:
    """The rooms stand on at most 10 floors."""
    layers = re.search(r'containers = \["statebase"\].*?layers = \[\n(.*?)\n\]', CONFIGURATION, re.DOTALL)

    assert layers is not None
    assert len(layers[1].splitlines()) <= 10


@pytest.mark.parametrize("path", ROOMS, ids=lambda path: str(path.parent.relative_to(PACKAGE)))
def test_room_says_what_lives_there(path: Path) -> None:
    """The `__init__` of a room has a paragraph about it, and imports nothing when it is loaded."""
    tree = ast.parse(path.read_text("utf-8"))
    imported = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]

    assert ast.get_docstring(tree)
    if path.parent.name not in OF_THE_PUBLIC:
        assert all(isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in imported)


def test_map_names_files_that_exist() -> None:
    """Every file that CONTRIBUTING.md names in its drawings and its map is there."""
    guide = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    table = re.findall(r"^\| .* \| `([\w/.]+)` \|$", guide, re.MULTILINE)

    assert len(table) >= 21
    assert [path for path in table if not any((base / path).exists() for base in (PACKAGE, ROOT))] == []
