"""The real document with operations added generates a package that type-checks and works, with no change of code."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Callable

import httpx
import pytest

from codegen.package import Project, generate
from statebase import AsyncStateBase, StateBase

_TEXT = 'Quotes """ and \'\'\' and \\ and {{ braces }} and {% blocks %} and a bell \a at the end "'

_OPERATION = {
    "tags": ["reports"],
    "summary": "File a report",
    "description": _TEXT,
    "operationId": "file_report_v1_reports__number__versions_post",
    "deprecated": True,
    "parameters": [
        {"name": "number", "in": "path", "required": True, "schema": {"type": "integer"}},
        {
            "name": "labels",
            "in": "query",
            "required": False,
            "schema": {"type": "array", "items": {"type": "string", "enum": ["a'b", 'c"d']}},
        },
        {"name": "since", "in": "query", "required": True, "schema": {"type": "string", "format": "date-time"}},
        {"name": "X-Trace-Level", "in": "header", "required": False, "schema": {"type": "integer"}},
        {"name": "Idempotency-Key", "in": "header", "required": False, "schema": {"type": "string"}},
    ],
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ReportCreate"}}},
    },
    "responses": {
        "200": {
            "description": "Successful Response",
            "content": {
                "application/json": {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/Report"}}}
            },
        },
        "404": {"description": _TEXT},
    },
}

_SCHEMAS = {
    "Severity": {"type": "string", "enum": ["low", "high"], "title": "Severity"},
    # datamodel-code-generator has to make way for names that the modules use themselves.
    "Type": {
        "type": "object",
        "properties": {"list": {"type": "string"}, "self": {"$ref": "#/components/schemas/Type"}},
    },
    "Author": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
    "ReportCreate": {
        "type": "object",
        "description": _TEXT,
        "required": ["severity", "place", "from"],
        "properties": {
            "severity": {"$ref": "#/components/schemas/Severity", "description": "How bad it is."},
            "place": {
                "type": "object",
                "required": ["city"],
                "properties": {"city": {"type": "string", "minLength": 2}, "zip code": {"type": "string"}},
            },
            "from": {"type": "string", "description": _TEXT},
            "author": {"anyOf": [{"$ref": "#/components/schemas/Author"}, {"type": "null"}]},
            "due": {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]},
            "weight": {"type": "number", "exclusiveMinimum": 0, "default": 1.5},
            "keys": {"anyOf": [{"type": "array", "items": {"type": "string", "minLength": 1}}, {"type": "null"}]},
            "scores": {"type": "object", "additionalProperties": {"type": "integer"}},
        },
    },
    "Report": {
        "type": "object",
        "required": ["id", "severity", "author", "filed_at", "size"],
        "properties": {
            "id": {"type": "string"},
            "severity": {"$ref": "#/components/schemas/Severity"},
            "author": {"anyOf": [{"$ref": "#/components/schemas/Author"}, {"type": "null"}]},
            "filed_at": {"type": "string", "format": "date-time"},
            "size": {"type": "integer", "maximum": 10},
            "token": {"anyOf": [{"type": "string"}, {"type": "null"}], "x-statebase": {"secret": True}},
        },
    },
}

_DELETE = {
    "tags": ["reports"],
    "summary": "Delete Report",
    "operationId": "delete_report_v1_reports__number__delete",
    "parameters": [{"name": "number", "in": "path", "required": True, "schema": {"type": "integer"}}],
    "responses": {"204": {"description": "Successful Response"}},
}

_SCORES = {
    "tags": ["reports"],
    "summary": "Put Scores",
    "operationId": "put_scores_v1_reports__number__scores_put",
    "parameters": [{"name": "number", "in": "path", "required": True, "schema": {"type": "integer"}}],
    "requestBody": {
        "required": True,
        "description": "The score of each part.",
        "content": {"application/json": {"schema": {"type": "object", "additionalProperties": {"type": "integer"}}}},
    },
    "responses": {"200": {"description": "Successful Response", "content": {"application/json": {"schema": {}}}}},
}

_USE = """
from datetime import datetime
from typing import Any, List

from statebase import AsyncStateBase, StateBase
from typing_extensions import assert_type

from grown.models import Author, Report, ReportCreatePlace
from grown.async_namespaces import AsyncNamespaces
from grown.namespaces import Namespaces
from grown.transport.reports import AsyncReports, Reports


def use(reports: Reports) -> None:
    filed = reports.file_report(
        7, datetime(2026, 1, 2), "low", {"city": "Rome"}, "me",
        labels=["a'b"], author=None, due="2026-01-02", keys=["k"], scores={"a": 1}, x_trace_level=3, timeout=5.0,
    )
    assert_type(filed, List[Report])
    reports.file_report(7, "2026-01-02", "high", ReportCreatePlace(city="Rome"), "me", author=Author(name="Ada"))
    assert_type(reports.delete_report(7), None)
    assert_type(reports.put_scores(7, {"a": 1}), Any)
    reports.file_report(7, "2026-01-02", "middling", {}, "me")  # type: ignore[arg-type]


async def use_async(reports: AsyncReports) -> None:
    assert_type(await reports.file_report(7, "2026-01-02", "low", {}, "me", idempotency_key="k"), List[Report])


def use_the_rest(client: StateBase, async_client: AsyncStateBase) -> None:
    use(Reports(client._api))
    AsyncReports(async_client._api)


def reach_them_as_attributes(client: Namespaces, async_client: AsyncNamespaces) -> None:
    assert_type(client.reports, Reports)
    assert_type(async_client.reports, AsyncReports)
"""


@pytest.fixture
def grown(make_project: Callable[..., Project], real_document: dict[str, Any]) -> Project:
    real_document["paths"]["/v1/reports/{number}/versions"] = {"post": _OPERATION}
    real_document["paths"]["/v1/reports/{number}"] = {"delete": _DELETE}
    real_document["paths"]["/v1/reports/{number}/scores"] = {"put": _SCORES}
    real_document["components"]["schemas"].update(_SCHEMAS)
    project = make_project(real_document, real_overlay=True, package="grown")
    generate(project)
    return project


def test_it_type_checks(grown: Project, tmp_path: Path, root: Path) -> None:
    """A strict type checker accepts the whole package and a use of it, and sees a wrong use."""
    use = tmp_path / "use.py"
    use.write_text(_USE, encoding="utf-8")

    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--config-file=",
            f"--cache-dir={tmp_path}/cache",
            "-p",
            "grown",
            "-m",
            "use",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout.splitlines()[-1].startswith("Success: no issues found"), done.stdout + done.stderr


@pytest.mark.usefixtures("importable")
@pytest.mark.parametrize("flavour", ["sync", "async"])
def test_it_says_what_it_should_on_the_wire(grown: Project, flavour: str) -> None:
    """Each argument goes where the document says, under its name there; the answer is read into the new models."""
    requests: list[httpx.Request] = []
    answer = {"id": "r", "severity": "catastrophic", "filed_at": "2026-01-02T03:04:05Z", "size": 11}

    def handle(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        answers = {"POST": httpx.Response(200, json=[answer]), "PUT": httpx.Response(200, json="any")}
        return answers.get(request.method, httpx.Response(204))

    transport = importlib.import_module("grown.transport.reports")
    models = importlib.import_module("grown.models")
    arguments: dict[str, Any] = {
        "labels": ["a'b", 'c"d'],
        "author": models.Author(name="Ada"),
        "due": datetime(2026, 1, 2, tzinfo=timezone.utc),
        "keys": None,
        "x_trace_level": 3,
    }
    positional = (7, datetime(2026, 5, 6, tzinfo=timezone.utc), "low", {"city": "Rome"}, "me")

    if flavour == "sync":
        with StateBase("sb_test", transport=httpx.MockTransport(handle)) as client:
            reports = transport.Reports(client._api)
            filed = reports.file_report(*positional, **arguments)
            gone = reports.delete_report(7)
            anything = reports.put_scores(7, {"a": 1})
    else:

        async def call() -> Any:
            async with AsyncStateBase("sb_test", transport=httpx.MockTransport(handle)) as client:
                reports = transport.AsyncReports(client._api)
                filed = await reports.file_report(*positional, **arguments)
                return filed, await reports.delete_report(7), await reports.put_scores(7, {"a": 1})

        filed, gone, anything = asyncio.run(call())

    post, delete, put = requests
    assert post.url.path == "/v1/reports/7/versions"
    assert post.url.params.multi_items() == [("since", "2026-05-06T00:00:00Z"), ("labels", "a'b"), ("labels", 'c"d')]
    assert post.headers["x-trace-level"] == "3"
    assert json.loads(post.content) == {
        "severity": "low",
        "place": {"city": "Rome"},
        "from": "me",
        "author": {"name": "Ada"},
        "due": "2026-01-02T00:00:00Z",
        "keys": None,
    }
    assert (delete.method, delete.url.path, delete.content) == ("DELETE", "/v1/reports/7", b"")
    assert gone is None
    assert (put.method, json.loads(put.content), anything) == ("PUT", {"a": 1}, "any")
    assert filed == [models.Report.model_validate(answer)]
    assert filed[0].author is None, "an absent nullable field is None"
    assert filed[0].severity == "catastrophic", "an answer may hold values that the document does not list"
    assert filed[0].filed_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)


@pytest.mark.usefixtures("importable")
@pytest.mark.parametrize("flavour", ["sync", "async"])
def test_a_new_parameter_of_an_adapted_method_needs_no_hand(
    make_project: Callable[..., Project], real_document: dict[str, Any], turn: dict[str, Any], flavour: str
) -> None:
    """Arguments of the SDK are kept; an argument that the document adds is in the signature, in api.md, and is sent."""
    properties = real_document["components"]["schemas"]["TurnCreateRequest"]["properties"]
    properties["mood"] = {"type": "string", "description": "How it went."}
    project = make_project(real_document, real_overlay=True, package="grown")
    generate(project)
    sessions = importlib.import_module("grown.transport.sessions")
    bodies: list[Any] = []

    def handle(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        return httpx.Response(201, json=turn)

    if flavour == "sync":
        with StateBase("sb_test", transport=httpx.MockTransport(handle)) as client:
            sessions.Sessions(client._api).add_turn("sess_1", "hi", "hello", mood="good")
    else:

        async def call() -> None:
            async with AsyncStateBase("sb_test", transport=httpx.MockTransport(handle)) as client:
                await sessions.AsyncSessions(client._api).add_turn("sess_1", "hi", "hello", mood="good")

        asyncio.run(call())

    text = {"type": "text", "content": "hi"}
    assert bodies == [{"input": text, "output": {**text, "content": "hello"}, "mood": "good"}]
    line = next(
        each for each in project.reference.read_text("utf-8").splitlines() if "client.sessions.add_turn" in each
    )
    assert "mood: str = ..." in line
    assert "input: str | TurnInput | Mapping[str, Any]" in line


@pytest.mark.usefixtures("importable")
def test_the_models_of_requests_keep_what_the_document_demands(grown: Project) -> None:
    """Limits, closed sets and required fields stand in what is sent; the service would refuse anything else."""
    models = importlib.import_module("grown.models")
    good = {"severity": "low", "place": {"city": "Rome"}, "from": "me"}

    assert models.ReportCreate.model_validate(good).weight == 1.5
    for fault in ({"severity": "x"}, {"place": {"city": "R"}}, {"weight": 0}, {"scores": {"a": "b"}}, {"from": None}):
        with pytest.raises(ValueError, match=next(iter(fault))):
            models.ReportCreate.model_validate({**good, **fault})


@pytest.mark.usefixtures("importable")
def test_a_secret_is_read_and_not_shown(grown: Project) -> None:
    """A text that is marked as secret stays out of repr(), with a default of its own and without a description."""
    report = importlib.import_module("grown.models").Report
    fields = {"id": "r1", "severity": "low", "filed_at": "2026-01-02T03:04:05Z", "size": 1}

    assert report(**fields).token is None
    assert report(**fields, token="hidden").token == "hidden"
    assert "hidden" not in repr(report(**fields, token="hidden"))


@pytest.mark.usefixtures("importable")
def test_the_operations_hold_the_new_one(grown: Project) -> None:
    """The table of operations and the models of query strings know it, so that generic code does too."""
    operations = importlib.import_module("grown.operations")
    queries = importlib.import_module("grown.queries")

    operation = operations.OPERATIONS["file_report"]

    assert operation.methods == ("reports.file_report",)
    assert operation.retry == "keyed"
    assert {*queries.QUERIES["file_report"].model_fields} == {"since", "labels"}
    assert queries.QUERIES["file_report"].model_validate({"since": "2026-01-02T03:04:05"}).since.tzinfo is timezone.utc


@pytest.mark.usefixtures("importable")
def test_the_docstrings_hold_the_texts(grown: Project) -> None:
    """Whatever a text is made of, a reader of the docstring sees it as it is in the document."""
    transport = importlib.import_module("grown.transport.reports")

    docs = inspect.getdoc(transport.Reports.file_report)

    assert docs is not None
    assert docs.splitlines()[0] == "File a report."
    assert f"\n{_TEXT}\n" in docs
    assert "Deprecated" in docs
    assert "weight: More than 0. Default: 1.5." in docs
    assert f"    from_: {_TEXT}." in docs


def test_parameters_of_a_path_generate_what_those_of_its_operations_do(
    make_project: Callable[..., Project], real_document: dict[str, Any]
) -> None:
    """OpenAPI allows both; the overlay, which looks at the operations of each path, meets neither by mistake."""
    before = make_project(real_document, real_overlay=True, package="before")
    generate(before)
    for path, item in real_document["paths"].items():
        if "{" in path:
            operations = [operation for operation in item.values() if "parameters" in operation]
            item["parameters"] = [entry for entry in operations[0]["parameters"] if entry["in"] == "path"]
            for operation in operations:
                operation["parameters"] = [entry for entry in operation["parameters"] if entry["in"] != "path"]
    after = make_project(real_document, real_overlay=True, package="after")
    generate(after)

    for name in ("operations.py", "queries.py", "transport/sessions.py", "transport/traces.py"):
        assert (after.output / name).read_text("utf-8") == (before.output / name).read_text("utf-8")
