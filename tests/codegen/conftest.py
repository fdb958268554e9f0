"""Fixtures for the tests of the generator, which needs a newer Python than the code that it writes."""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Iterator

import pytest

if TYPE_CHECKING:
    from codegen.package import Project

ROOT = Path(__file__).parents[2]

if sys.version_info < (3, 11):
    collect_ignore_glob = ["test_*.py"]

    def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.write_line(
            f"tests/codegen was left out: the generator needs Python 3.11, this is {sys.version.split()[0]}."
        )


_OVERLAY = """\
overlay: 1.0.0
info: {title: Test, version: 1.0.0}
actions:
  - target: $.info
    description: An overlay has to change something.
    update: {x-test: true}
"""

_DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "Small", "version": "1"},
    "paths": {
        "/v1/things": {
            "get": {
                "tags": ["things"],
                "summary": "List Things",
                "operationId": "list_things_v1_things_get",
                "parameters": [
                    {
                        "name": "limit",
                        "in": "query",
                        "required": False,
                        "schema": {"type": "integer", "minimum": 1, "maximum": 100, "default": 20, "title": "Limit"},
                    },
                    {
                        "name": "starting_after",
                        "in": "query",
                        "required": False,
                        "schema": {"anyOf": [{"type": "string"}, {"type": "null"}], "title": "Starting After"},
                    },
                ],
                "responses": {
                    "200": {
                        "description": "Successful Response",
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ThingList"}}},
                    }
                },
            },
            "post": {
                "tags": ["things"],
                "summary": "Create Thing",
                "operationId": "create_thing_v1_things_post",
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ThingCreate"}}},
                },
                "responses": {
                    "201": {
                        "description": "Successful Response",
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}},
                    }
                },
            },
        },
        "/v1/things/{thing_id}": {
            "delete": {
                "tags": ["things"],
                "summary": "Delete Thing",
                "operationId": "delete_thing_v1_things__thing_id__delete",
                "parameters": [{"name": "thing_id", "in": "path", "required": True, "schema": {"type": "string"}}],
                "responses": {"204": {"description": "Successful Response"}},
            }
        },
    },
    "components": {
        "schemas": {
            "Thing": {
                "type": "object",
                "required": ["id", "size"],
                "properties": {"id": {"type": "string"}, "size": {"anyOf": [{"type": "integer"}, {"type": "null"}]}},
            },
            "ThingCreate": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": {"type": "string", "maxLength": 10},
                    "size": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]},
                },
            },
            "ThingList": {
                "type": "object",
                "required": ["data", "has_more"],
                "properties": {
                    "data": {"type": "array", "items": {"$ref": "#/components/schemas/Thing"}},
                    "has_more": {"type": "boolean"},
                },
            },
        }
    },
}


@pytest.fixture
def root() -> Path:
    """The root of the repository."""
    return ROOT


@pytest.fixture
def small_document() -> dict[str, Any]:
    """A small document in the style of FastAPI, with a page, a body and an empty answer, to change at will."""
    return copy.deepcopy(_DOCUMENT)


@pytest.fixture
def real_document() -> dict[str, Any]:
    """The document as the service publishes it, to change at will."""
    document: dict[str, Any] = json.loads((ROOT / "openapi" / "statebase-v1.json").read_text(encoding="utf-8"))
    return document


MakeProject = Callable[..., "Project"]


@pytest.fixture
def make_project(tmp_path: Path) -> MakeProject:
    """Create a project from a document; `package` is the name of the generated package, in `tmp_path`."""
    from codegen.package import Project

    def make(document: dict[str, Any], *, real_overlay: bool = False, package: str = "made") -> Project:
        openapi = tmp_path / "openapi"
        openapi.mkdir(exist_ok=True)
        overlay = (ROOT / "openapi" / "overlay.yaml").read_text(encoding="utf-8") if real_overlay else _OVERLAY
        (openapi / "document.json").write_text(json.dumps(document), encoding="utf-8")
        (openapi / "overlay.yaml").write_text(overlay, encoding="utf-8")
        return Project(
            document=openapi / "document.json",
            overlay=openapi / "overlay.yaml",
            lock=openapi / "versions.lock",
            templates=ROOT / "templates",
            sources=ROOT / "src" / "statebase",
            output=tmp_path / package,
            reference=tmp_path / "api.md",
        )

    return make


@pytest.fixture
def importable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let packages in `tmp_path` be imported, and forget them after the test."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in str(sys.modules[name].__file__):
            del sys.modules[name]
