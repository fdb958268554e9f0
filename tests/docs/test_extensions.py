"""The tables of the extensions of the API contain what the registry and the document do."""

from __future__ import annotations

from pathlib import Path

import pytest

from statebase._base.extensions import EXTENSIONS
from statebase._generated.operations import OPERATIONS
from tests.namespaces.plain_service import EXTENSION_OPERATIONS

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "CONTRIBUTING.md", ROOT / "docs" / "guides" / "hosted.md"]


def rows(page: Path, title: str) -> list[str]:
    """Return the rows of the table whose first column has a title."""
    lines = page.read_text().splitlines()
    (start,) = [number for number, line in enumerate(lines) if line.startswith(f"| {title} |")]
    table = lines[start + 2 :]
    return table[: next((number for number, line in enumerate(table) if not line.startswith("|")), len(table))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_table_of_options(page: Path) -> None:
    """A row for each extension of the registry, in its order."""
    assert rows(page, "Option") == [
        "| "
        + " | ".join(
            (
                f"`{name}`" if extension.value is None else f"`{name}=`, {extension.value}",
                ", ".join(f"`{operation}`" for operation in extension.operations),
                extension.effect,
                extension.otherwise,
                extension.detected,
            )
        )
        + " |"
        for name, extension in EXTENSIONS.items()
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_table_of_operations(page: Path) -> None:
    """A row for each operation that the published document lacks."""
    told = [row.split(" | ")[0].removeprefix("| ") for row in rows(page, "Operation")]

    operations = [OPERATIONS[name] for name in EXTENSION_OPERATIONS]
    assert sorted(told) == sorted(f"`{operation.method} {operation.path}`" for operation in operations)


def test_extensions_are_of_published_operations() -> None:
    """An extension of an operation that is one itself would be a parameter of that."""
    named = {operation for extension in EXTENSIONS.values() for operation in extension.operations}

    assert named <= OPERATIONS.keys() - set(EXTENSION_OPERATIONS)
