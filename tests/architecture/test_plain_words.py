"""The check of plain words reads messages, docstrings and pages, and its list of exceptions cannot grow stale."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.architecture import plain_words


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a module, a page and an overlay, all of them clean."""
    for name in ("src/statebase/module.py", "docs/page.md", "openapi/overlay.yaml"):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.touch()
    monkeypatch.setattr(plain_words, "ROOT", tmp_path)
    monkeypatch.setattr(plain_words, "NOT_YET", {})
    return tmp_path


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("src/statebase/module.py", 'x = 1\nraise ValueError(f"{x} is no number")', "module.py:2: message: 'is no'"),
        ("src/statebase/module.py", '"""Read.\n\n2 without it.\n"""', "module.py:3: docstring: 'without it'"),
        ("src/statebase/module.py", 'class A:\n    a: int\n    """By whom."""', "module.py:3: docstring: 'whom'"),
        ("docs/page.md", "\nMend the option.", "page.md:2: page: 'Mend'"),
        ("openapi/overlay.yaml", "It waits for ever.", "overlay.yaml:1: page: 'for ever'"),
    ],
)
def test_phrase_is_found(project: Path, capsys: Any, name: str, text: str, found: str) -> None:
    """Each is named by its place and kind, and fails the check."""
    (project / name).write_text(text)

    assert plain_words.main() == 1

    assert found in capsys.readouterr().out


def test_plain_text_passes(project: Path, capsys: Any) -> None:
    """Similar phrases are not found."""
    (project / "docs/page.md").write_text(
        "There is no session. It is no longer there. Recommended. Run it without items."
    )

    assert plain_words.main() == 0
    assert capsys.readouterr().out == ""


def test_exception_that_is_clean_has_to_go(project: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of the list is left out only as long as it needs to be."""
    monkeypatch.setattr(plain_words, "NOT_YET", {"page": ("docs/page.md",)})
    (project / "docs/page.md").write_text("Mend it.")
    assert plain_words.main() == 0

    (project / "docs/page.md").write_text("Fix it.")
    assert plain_words.main() == 1

    assert "docs/page.md: its pages are clean: take it out of NOT_YET" in capsys.readouterr().out
