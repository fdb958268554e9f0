"""Text of the document stays text: it never becomes code, and reads in docstrings and literals as it was written."""

from __future__ import annotations

import ast
import copy
import importlib
import inspect
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from codegen.package import Project, generate

_HOSTILE = [
    '"""\nimport os; os.system("boom")\n"""',
    'ends with a quote"',
    'ends with three"""',
    "ends with a backslash\\",
    '\\"""\\',
    "{{ ''.__class__ }} {% for x in y %} {# comment #}",
    "control \x00 \x07 \x1b[31m and \u202e right to left",
    "'; raise SystemExit; '",
    "#}\n    raise SystemExit",
    '" """',
]


def hostile(document: dict[str, Any], text: str) -> dict[str, Any]:
    """Put a text wherever the document takes one of its author's choice."""
    document["info"].update(title=text, description=text)
    for item in document["paths"].values():
        for operation in item.values():
            operation.update(summary=text, description=text)
            for parameter in operation.get("parameters", []):
                parameter["description"] = text
            for answer in operation["responses"].values():
                answer["description"] = text
            operation["responses"]["404"] = {"description": text}
    for schema in document["components"]["schemas"].values():
        schema.update(description=text, title=text)
        for field in schema["properties"].values():
            field.update(description=text, title=text)
    create = document["components"]["schemas"]["ThingCreate"]["properties"]
    create["name"] = {"type": "string", "description": text, "default": text}
    document["components"]["schemas"]["ThingCreate"]["required"] = []
    create["choice"] = {"type": "string", "enum": [text, "other"], "default": text}
    create["open"] = {"type": "string", "x-statebase": {"values": [text]}}
    create["shape"] = {"type": "string", "pattern": '^"""\'\\\\$'}
    create[f"field {text}"] = {"type": "string"}
    path = f"/v1/{text.replace('{', '').replace('}', '')}"
    document["paths"][path] = {
        "get": {
            "tags": ["things"],
            "operationId": "get_odd",
            "responses": {"204": {"description": text}},
            "x-statebase": {"example": f">>> client.things.get_odd()  # {text if text.isprintable() else ''}"},
        }
    }
    parameters = document["paths"]["/v1/things"]["get"]["parameters"]
    parameters.append({"name": f"query {text}", "in": "query", "required": False, "schema": {"type": "string"}})
    return document


def names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from (alias.name for alias in node.names)


def shape(path: Path) -> list[str]:
    """List what a module is made of, without its texts."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [type(node).__name__ for node in ast.walk(tree)]


@pytest.mark.parametrize("text", _HOSTILE, ids=range(len(_HOSTILE)))
@pytest.mark.usefixtures("importable")
def test_text_stays_text(make_project: Callable[..., Project], small_document: dict[str, Any], text: str) -> None:
    """The modules are made of the same pieces as with a harmless text, import, and hold the text itself."""
    # As long as the other one: what is too long for a signature gets a name.
    harmless_text = "x" * (len(repr(text)) - 2)
    harmless = make_project(hostile(copy.deepcopy(small_document), harmless_text), package="harmless")
    generate(harmless)
    project = make_project(hostile(small_document, text), package="hostile")
    generate(project)

    for path in project.output.rglob("*.py"):
        expected = harmless.output / path.relative_to(project.output)
        assert shape(path) == shape(expected)
        assert {"os", "SystemExit"}.isdisjoint(names(ast.parse(path.read_text(encoding="utf-8"))))

    models = importlib.import_module("hostile.models")
    queries = importlib.import_module("hostile.queries")
    transport = importlib.import_module("hostile.transport.things")
    create = models.ThingCreate()
    method = inspect.getdoc(transport.Things.delete_thing) or ""

    assert " ".join((inspect.getdoc(models.Thing) or "").split()) == " ".join(text.split())
    assert f"NotFoundError: {' '.join(text.split())}" in " ".join(method.split())
    assert (create.name, create.choice) == (text, text)
    assert f"field {text}" in {field.alias for field in models.ThingCreate.model_fields.values()}
    assert f"query {text}" in {field.alias for field in queries.QUERIES["list_things"].model_fields.values()}
