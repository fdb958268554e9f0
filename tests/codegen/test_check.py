"""`check` says whether the generated package is what the document makes, and shows every difference."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import pytest

from codegen.package import Project, check, generate


@pytest.fixture
def project(make_project: Callable[..., Project], small_document: dict[str, Any]) -> Project:
    project = make_project(small_document)
    generate(project)
    return project


def test_the_repository_is_clean(root: Path) -> None:
    """The files in the repository are those that the document, the overlay and the pinned generators produce."""
    assert check(Project.at(root)) == []


@pytest.mark.parametrize(
    "name",
    [
        "__init__.py",
        "models/things.py",
        "queries.py",
        "operations.py",
        "openapi.json",
        "transport/__init__.py",
        "transport/things.py",
    ],
)
def test_a_hand_edit_is_shown(project: Project, name: str) -> None:
    """An edit in any file is in the diff, as a line that generating would take away."""
    path = project.output / name
    path.write_text(path.read_text(encoding="utf-8") + "# by hand\n", encoding="utf-8")

    difference = check(project)

    assert f"--- made/{name} (as it is)" in difference
    assert "-# by hand" in difference


def test_a_missing_file_is_shown(project: Project) -> None:
    """A file that is gone is in the diff, whole."""
    (project.output / "queries.py").unlink()

    difference = check(project)

    assert difference[:2] == ["--- /dev/null", "+++ made/queries.py (as generated)"]
    assert "+class ListThingsQuery(Model):" in difference


def test_an_extra_file_is_shown(project: Project) -> None:
    """A file that nothing generates is in the diff, whole."""
    (project.output / "transport" / "extra.py").write_text("x = 1\n", encoding="utf-8")

    difference = check(project)

    assert difference == [
        "--- made/transport/extra.py (as it is)",
        "+++ /dev/null",
        "@@ -1 +0,0 @@",
        "-x = 1",
    ]


def test_what_python_leaves_behind_is_no_difference(project: Project) -> None:
    """Compiled modules beside the sources do not count."""
    (project.output / "__pycache__").mkdir()
    (project.output / "__pycache__" / "models.cpython-311.pyc").write_bytes(b"\xff\x00")

    assert check(project) == []


def test_a_stale_lock_is_shown(project: Project) -> None:
    """A lock that names another version of a generator, or another document, is in the diff."""
    text = project.lock.read_text(encoding="utf-8")
    project.lock.write_text(text.replace("openapi-python-client ", "openapi-python-client 0.0."), encoding="utf-8")

    difference = check(project)

    assert "--- versions.lock (as it is)" in difference
    assert any(line.startswith("-openapi-python-client 0.0.") for line in difference)


def test_a_changed_document_is_shown(
    project: Project, make_project: Callable[..., Project], small_document: dict[str, Any]
) -> None:
    """A document that was replaced without generating is in the diff: its effect, and the lock."""
    small_document["paths"]["/v1/things"]["get"]["summary"] = "List all things"
    make_project(small_document)

    difference = check(project)

    assert '+        """List all things.' in difference
    assert any(line.startswith("+document.json sha256:") for line in difference)


def test_checking_changes_nothing(project: Project) -> None:
    """The output is read, never written, and nothing is left beside it."""
    (project.output / "models.py").write_text("x = 1\n", encoding="utf-8")
    before = sorted(project.output.parent.rglob("*"))

    check(project)

    assert (project.output / "models.py").read_text(encoding="utf-8") == "x = 1\n"
    assert sorted(project.output.parent.rglob("*")) == before
