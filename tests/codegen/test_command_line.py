"""`python -m codegen` says what it does, and says by its exit status how it went."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from codegen import __main__ as command_line
from codegen.__main__ import main


@pytest.fixture
def repository(tmp_path: Path, root: Path, small_document: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of its own for the commands, with a small document."""
    (tmp_path / "openapi").mkdir()
    (tmp_path / "openapi" / "statebase-v1.json").write_text(json.dumps(small_document), encoding="utf-8")
    overlay = {
        "overlay": "1.0.0",
        "info": {"title": "Test", "version": "1"},
        "actions": [
            {
                "target": "$.paths['/v1/things'].get",
                "description": "A shorter name.",
                "update": {"x-statebase": {"methods": ["things.list"]}},
            }
        ],
    }
    (tmp_path / "openapi" / "overlay.yaml").write_text(json.dumps(overlay), encoding="utf-8")
    (tmp_path / "templates").symlink_to(root / "templates")
    (tmp_path / "src" / "statebase").mkdir(parents=True)
    for room in ("_base", "_call", "_namespaces", "_results"):  # which the signatures of api.md name
        (tmp_path / "src" / "statebase" / room).symlink_to(root / "src" / "statebase" / room)
    monkeypatch.setattr(command_line, "ROOT", tmp_path)
    return tmp_path


def test_generate_then_check(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Generating says what it wrote; checking then finds nothing, and after an edit prints the difference."""
    made = repository / "src" / "statebase" / "_generated"

    assert main(["check"]) == 1
    assert main(["generate"]) == 0
    assert "wrote src/statebase/_generated" in capsys.readouterr().out
    assert main(["check"]) == 0
    (made / "models.py").write_text("x = 1\n", encoding="utf-8")
    assert main(["check"]) == 1
    assert "-x = 1\n" in capsys.readouterr().out


def test_an_error_is_one_line(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An invalid document ends with status 2 and one line on stderr."""
    (repository / "openapi" / "statebase-v1.json").write_text("[", encoding="utf-8")

    status = main(["generate"])

    printed = capsys.readouterr()
    assert status == 2
    assert printed.out == ""
    assert printed.err.startswith("codegen: error: ")
    assert printed.err.count("\n") == 1


def test_overlay_prints_the_whole_document(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The output is JSON, with the actions of the overlay applied."""
    assert main(["overlay"]) == 0

    document = json.loads(capsys.readouterr().out)
    assert document["paths"]["/v1/things"]["get"]["x-statebase"] == {"methods": ["things.list"]}


@pytest.mark.parametrize(("change", "status"), [(None, 0), ("additive", 1), ("breaking", 2)])
def test_drift_says_by_its_status_what_it_found(
    repository: Path,
    small_document: dict[str, Any],
    change: str | None,
    status: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """0 for no change, 1 for harmless ones, 2 for breaking ones; as text, or as JSON."""
    if change == "additive":
        small_document["components"]["schemas"]["Thing"]["properties"]["colour"] = {"type": "string"}
    elif change == "breaking":
        del small_document["paths"]["/v1/things/{thing_id}"]
    new = repository / "new.json"
    new.write_text(json.dumps(small_document), encoding="utf-8")
    old = repository / "openapi" / "statebase-v1.json"

    assert main(["drift", str(old), str(new)]) == status
    assert capsys.readouterr().out
    assert main(["drift", str(old), str(new), "--json"]) == status
    json.loads(capsys.readouterr().out)


def test_drift_of_what_is_not_there(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A source that cannot be read is status 3, which no drift has."""
    assert main(["drift", str(repository / "no.json"), str(repository / "no.json")]) == 3
    assert "no.json" in capsys.readouterr().err


def test_update_replaces_the_document_and_generates(
    repository: Path, small_document: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """The new document takes the place of the old one, the package follows, and the drift is shown."""
    small_document["components"]["schemas"]["Thing"]["properties"]["colour"] = {"type": "string"}
    new = repository / "new.json"
    new.write_text(json.dumps(small_document), encoding="utf-8")

    assert main(["update", str(new)]) == 0

    printed = capsys.readouterr().out
    assert "additive  Thing.colour (response): is new [GET /v1/things, POST /v1/things]\n" in printed
    assert "The document was replaced" in printed
    assert "colour: Optional[str]" in (repository / "src/statebase/_generated/models/things.py").read_text(
        encoding="utf-8"
    )
    assert main(["check"]) == 0
    assert main(["update", str(repository / "openapi" / "statebase-v1.json")]) == 0
    assert "The document has not changed." in capsys.readouterr().out


def test_update_keeps_the_document_if_it_cannot_be_generated_from(
    repository: Path, small_document: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """A document that the generator refuses replaces nothing."""
    document = repository / "openapi" / "statebase-v1.json"
    before = document.read_bytes()
    del small_document["paths"]["/v1/things"]["post"]["tags"]
    new = repository / "new.json"
    new.write_text(json.dumps(small_document), encoding="utf-8")

    assert main(["update", str(new)]) == 2

    error = capsys.readouterr().err
    assert "no tag" in error
    assert "The document was not changed: fix openapi/overlay.yaml" in error
    assert document.read_bytes() == before
    assert not (repository / "src/statebase/_generated").exists()


def test_help_names_every_command(root: Path) -> None:
    """Help comes without loading a generator."""
    script = (
        "import sys\n"
        "from codegen.__main__ import main\n"
        "try: main(['--help'])\n"
        "except SystemExit as done: assert done.code == 0\n"
        "slow = {'openapi_python_client', 'datamodel_code_generator', 'openapi_spec_validator'}\n"
        "assert not slow & sys.modules.keys()\n"
    )

    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    for command in ("generate", "check", "overlay", "drift", "update"):
        assert f"\n    {command} " in done.stdout


def test_output_may_go_anywhere(root: Path, tmp_path: Path) -> None:
    """Characters that the terminal lacks are written as numbers, and a reader that stops early ends the command."""
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    operation = {"responses": {"204": {"description": ""}}}
    old.write_text(json.dumps({"openapi": "3.1.0", "paths": {"/→": {"get": operation}}}), encoding="utf-8")
    new.write_text(json.dumps({"openapi": "3.1.0", "paths": {}}), encoding="utf-8")
    ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "codegen"]

    drift = subprocess.run([*command, "drift", old, new], cwd=root, env=ascii_only, capture_output=True, check=False)
    with subprocess.Popen([*command, "overlay"], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as overlay:
        assert overlay.stdout is not None and overlay.stderr is not None
        overlay.stdout.close()
        complaints = overlay.stderr.read()

    assert (drift.stdout, drift.returncode) == (b"breaking  GET /\\u2192: is gone\n", 2)
    assert (complaints, overlay.returncode) == (b"", 1)
