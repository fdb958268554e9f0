"""Each operation, through both clients, sends what the OpenAPI document says and reads what it promises.

The expectations come from the JSON document alone; a new operation is covered as soon as it is generated.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, Iterator, Tuple

import httpx
import pytest
import respx

import statebase
from statebase._generated.operations import OPERATIONS

DOCUMENT = json.loads((Path(statebase.__file__).parent / "_generated" / "openapi.json").read_text(encoding="utf-8"))
TIMESTAMP = "2026-01-02T03:04:05.000006Z"
BASE = "https://api.statebase.org"


def resolve(schema: Dict[str, Any]) -> Dict[str, Any]:
    """Follow a reference."""
    if "$ref" not in schema:
        return schema
    found: Any = DOCUMENT
    for part in schema["$ref"][2:].split("/"):
        found = found[part]
    return resolve(found)


def sample(schema: Dict[str, Any], *, required_only: bool = False) -> Any:
    """Return a value that fits a schema."""
    schema = resolve(schema)
    for choice in schema.get("anyOf", schema.get("allOf", [])):
        if choice.get("type") != "null":
            return sample(choice, required_only=required_only)
    kind = schema.get("type", "object" if "properties" in schema else None)
    if kind == "object":
        if "properties" not in schema:
            return {"any": ["thing", 1, None]}
        names = schema.get("required", []) if required_only else schema["properties"]
        return {name: sample(schema["properties"][name], required_only=required_only) for name in names}
    if kind == "array":
        return [sample(schema["items"], required_only=required_only)]
    if kind == "string":
        return TIMESTAMP if schema.get("format") == "date-time" else schema.get("default", "text")
    if kind == "integer":
        return schema.get("minimum", 0) + 1
    return {"number": 0.5, "boolean": True}.get(str(kind), {"any": "thing"})


def operations() -> Iterator[Tuple[str, str, Dict[str, Any]]]:
    """List method, path and definition of each operation of the document."""
    for path, item in DOCUMENT["paths"].items():
        for method, definition in item.items():
            if method in ("get", "put", "post", "patch", "delete"):
                yield method.upper(), path, definition


def body_schema(definition: Dict[str, Any]) -> Dict[str, Any]:
    content = definition.get("requestBody", {}).get("content", {})
    return resolve(content["application/json"]["schema"]) if content else {}


def success(definition: Dict[str, Any]) -> Tuple[int, Any]:
    """Say with which status and body an operation succeeds."""
    status = next(int(code) for code in definition["responses"] if code.startswith("2"))
    content = definition["responses"][str(status)].get("content", {})
    return status, sample(content["application/json"]["schema"]) if content else None


def method_of(client: Any, dotted: str) -> Any:
    namespace, name = dotted.split(".")
    return getattr(client if namespace == "system" else getattr(client, namespace), name)


def plain(result: Any) -> Any:
    """Turn a result into what JSON would hold."""
    if hasattr(result, "auto_paging_iter"):
        return {"data": [plain(item) for item in result], "has_more": result["has_more"]}
    if isinstance(result, list):
        return [plain(item) for item in result]
    return result.model_dump(mode="json") if hasattr(result, "model_dump") else result


EXTENSIONS = {"create_memories", "erase_user", "list_memories", "search_own_memories", "write_batch"}
"""Operations of the SDK's own, whose methods also call others."""

CASES = [
    pytest.param(dotted, method, path, definition, id=dotted)
    for method, path, definition in operations()
    for operation in OPERATIONS.values()
    if (operation.method, operation.path) == (method, path)
    if operation.id not in EXTENSIONS
    for dotted in operation.methods
]


def test_every_operation_has_a_method() -> None:
    """The 37 operations of the document and the extensions are all in the table, and each is offered somewhere."""
    in_document = {(method, path) for method, path, _ in operations()}

    assert {(o.method, o.path) for o in OPERATIONS.values() if o.methods} == in_document
    assert len(in_document) == 37 + len(EXTENSIONS)


def call(
    client: Any, dotted: str, method: str, path: str, definition: Dict[str, Any], *, required_only: bool
) -> Tuple[Any, httpx.Request, Dict[str, Any], Any]:
    """Call a method with a sample of each argument; return result, request, arguments by place, and the answer."""
    parameters = [resolve(parameter) for parameter in definition.get("parameters", [])]
    given: Dict[str, Dict[str, Any]] = {"path": {}, "query": {}}
    for parameter in parameters:
        if parameter["in"] in given and (parameter.get("required") or not required_only):
            given[parameter["in"]][parameter["name"]] = sample(parameter["schema"])
    schema = body_schema(definition)
    given["body"] = sample(schema, required_only=required_only) if schema else {}
    status, answer = success(definition)
    with respx.mock(base_url=BASE) as router:
        route = router.route(method=method, path=path.format(**given["path"])).respond(status, json=answer)
        result = method_of(client, dotted)(**given["path"], **given["query"], **given["body"])
        return result, route.calls.last.request, given, answer


@pytest.mark.parametrize(("dotted", "method", "path", "definition"), CASES)
def test_all_arguments_go_where_the_document_says(
    make_client: Any, dotted: str, method: str, path: str, definition: Dict[str, Any]
) -> None:
    """Every argument arrives under its own name, in path, query or body, and the answer is read without loss."""
    result, request, given, answer = call(make_client(), dotted, method, path, definition, required_only=False)

    expected = {name: json_text(value) for name, value in given["query"].items()}
    assert dict(httpx.QueryParams(request.url.query.decode())) == expected
    assert (json.loads(request.read()) if request.read() else {}) == given["body"]
    if isinstance(answer, dict):
        assert plain(result).items() >= (only_page(answer) if "has_more" in answer else answer).items()
    else:
        assert plain(result) == answer


def only_page(answer: Dict[str, Any]) -> Dict[str, Any]:
    return {name: answer[name] for name in ("data", "has_more")}


def json_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@pytest.mark.parametrize(("dotted", "method", "path", "definition"), CASES)
def test_what_is_left_out_is_not_sent(
    make_client: Any, dotted: str, method: str, path: str, definition: Dict[str, Any]
) -> None:
    """With the required arguments alone, nothing else is in the query or in the body."""
    _, request, given, _ = call(make_client(), dotted, method, path, definition, required_only=True)

    by_the_sdk = {"type": "fact"} if dotted in ("memory.add", "memory.create") else {}  # as in statebase 0.4
    assert dict(httpx.QueryParams(request.url.query.decode())) == given["query"]
    assert (json.loads(request.read()) if request.read() else {}) == {**given["body"], **by_the_sdk}


@pytest.mark.parametrize(("dotted", "method", "path", "definition"), CASES)
def test_headers_say_who_calls_and_make_writes_happen_once(
    make_client: Any, dotted: str, method: str, path: str, definition: Dict[str, Any]
) -> None:
    """The key goes in X-API-Key; a write carries an idempotency key, a read and a delete none."""
    _, request, _, _ = call(make_client("sb_secret"), dotted, method, path, definition, required_only=True)

    writes = method in ("POST", "PATCH", "PUT") and not path.endswith("/context")
    assert request.headers["x-api-key"] == "sb_secret"
    assert request.headers["host"] == "api.statebase.org"
    assert request.headers["user-agent"].startswith("statebase-python/")
    assert ("idempotency-key" in request.headers) == writes
    assert request.headers.get("content-type") == ("application/json" if body_schema(definition) else None)


def test_both_flavours_take_the_same_arguments() -> None:
    """The signature of each method is the same in both clients."""
    import inspect

    from statebase import AsyncStateBase, StateBase

    sync, asynchronous = StateBase("sb_test"), AsyncStateBase("sb_test")
    for case in CASES:
        dotted = str(case.id)

        assert inspect.signature(method_of(sync, dotted)).parameters == (
            inspect.signature(method_of(asynchronous, dotted)).parameters
        ), dotted
