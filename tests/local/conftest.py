"""An engine of its own for each test, and a client that checks every answer against the contract."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional

import httpx
import pytest
from pydantic import BaseModel, TypeAdapter

from statebase._base.operation import Operation
from statebase._generated.models import ErrorResponse, HTTPValidationError
from statebase._generated.operations import OPERATIONS
from statebase.local import Engine, LocalTransport
from statebase.local.http.route import Router
from statebase.testing import FrozenClock

BASE_URL = "http://local"

_router = Router(OPERATIONS)
_results = {operation.id: TypeAdapter(operation.result) for operation in OPERATIONS.values()}
_timestamp = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
_served: Dict[str, Any] = json.loads((Path(__file__).parents[2] / "openapi/statebase-v1.json").read_text("utf-8"))
_open_models = {"TurnInput", "TurnOutput"}


def check_answer(request: httpx.Request, response: httpx.Response) -> None:
    """Fail unless the answer is one that the contract allows for the request."""
    assert response.headers["X-Request-ID"]
    found = _router.find(request.url.raw_path.decode().partition("?")[0])
    operation = None if found is None else found.operations.get(request.method)
    if response.status_code == 422:
        problems = HTTPValidationError.model_validate_json(response.content, strict=True).detail
        assert problems
    elif response.is_error or operation is None:
        ErrorResponse.model_validate_json(response.content, strict=True)
    elif operation.result is type(None):
        assert response.status_code == operation.status
        assert response.content == b""
    elif response.headers.get("Idempotent-Replayed") is None:
        assert response.status_code == operation.status
        answer = _results[operation.id].validate_json(response.content, strict=True)
        assert _unknown_fields(answer) == []
        assert _odd_timestamps(response.json()) == []
        assert _missing_fields(response.json(), _served_schema(operation)) == []


def _served_schema(operation: Operation[Any]) -> Any:
    """Return the schema of an answer in the document as the service publishes it; None for an operation not in it."""
    responses = _served["paths"].get(operation.path, {}).get(operation.method.lower(), {}).get("responses", {})
    return responses.get(str(operation.status), {}).get("content", {}).get("application/json", {}).get("schema")


def _missing_fields(value: Any, schema: Any) -> List[str]:
    """Return the fields that clients generated from a schema fail without."""
    if schema is not None and "$ref" in schema:
        schema = _served["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if schema is None or value is None:
        return []
    if isinstance(value, list):
        return [name for item in value for name in _missing_fields(item, schema.get("items"))]
    if not isinstance(value, dict):
        return []
    nested = [
        name for key, part in schema.get("properties", {}).items() for name in _missing_fields(value.get(key), part)
    ]
    return [f"{schema.get('title')}.{key}" for key in schema.get("required", ()) if key not in value] + nested


def _unknown_fields(value: Any) -> List[str]:
    if isinstance(value, list):
        return [name for item in value for name in _unknown_fields(item)]
    if not isinstance(value, BaseModel) or type(value).__name__ in _open_models:
        return []
    nested = [name for item in vars(value).values() for name in _unknown_fields(item)]
    return [f"{type(value).__name__}.{name}" for name in value.model_extra or ()] + nested


def _odd_timestamps(value: Any, key: str = "") -> List[Any]:
    if isinstance(value, dict):
        return [odd for name, item in value.items() for odd in _odd_timestamps(item, name)]
    if isinstance(value, list):
        return [odd for item in value for odd in _odd_timestamps(item)]
    if isinstance(value, str) and (key.endswith("_at") or key == "timestamp"):
        return [] if _timestamp.fullmatch(value) else [value]
    return []


class CheckedTransport(httpx.BaseTransport):
    """A transport that checks what goes through."""

    def __init__(self, transport: LocalTransport) -> None:
        self._transport = transport

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self._transport.handle_request(request)
        response.read()
        check_answer(request, response)
        return response


@pytest.fixture
def engine_clock(statebase_clock: FrozenClock) -> FrozenClock:
    """The clock of the engines."""
    return statebase_clock


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what tests the behaviour of an engine on SQLite and on PostgreSQL, unless it is about a file."""
    if "database" in metafunc.fixturenames:
        databases = ["sqlite", "postgres"]
        if metafunc.definition.get_closest_marker("postgres_only") is not None:
            databases = ["postgres"]
        elif metafunc.definition.get_closest_marker("sqlite_only") is not None or "store_path" in metafunc.fixturenames:
            databases = ["sqlite"]
        metafunc.parametrize("database", databases, indirect=True)


@pytest.fixture
def database(request: pytest.FixtureRequest) -> str:
    """The name of the database on which the test runs."""
    return str(request.param)


@pytest.fixture
def new_location(database: str, request: pytest.FixtureRequest) -> Callable[[], str]:
    """Return where a new store may be: in memory, or in a schema of its own."""
    if database == "sqlite":
        return lambda: ":memory:"
    make: Callable[[], str] = request.getfixturevalue("new_postgres_url")
    return make


@pytest.fixture
def open_engine(engine_clock: FrozenClock, new_location: Callable[[], str]) -> Iterator[Callable[..., Engine]]:
    """Open engines on the clock; they are closed after the test."""
    opened: List[Engine] = []

    def opener(path: Any = None, **options: Any) -> Engine:
        opened.append(Engine.open(new_location() if path is None else path, clock=engine_clock, **options))
        return opened[-1]

    yield opener
    for engine in opened:
        engine.close()


@pytest.fixture
def engine(open_engine: Callable[..., Engine]) -> Engine:
    return open_engine()


@pytest.fixture
def make_http() -> Iterator[Callable[..., httpx.Client]]:
    """Make plain clients of an engine; options are those of the transport."""
    made: List[httpx.Client] = []

    def make(engine: Engine, *, headers: Optional[Dict[str, str]] = None, **options: Any) -> httpx.Client:
        transport = CheckedTransport(LocalTransport(engine, **options))
        made.append(httpx.Client(transport=transport, base_url=BASE_URL, headers=headers))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def http(engine: Engine, make_http: Callable[..., httpx.Client]) -> httpx.Client:
    return make_http(engine)


@pytest.fixture
def new_session(http: httpx.Client) -> Callable[..., str]:
    """Create a session and return its id; what is given goes into the body."""

    def create(**body: Any) -> str:
        response = http.post("/v1/sessions", json={"agent_id": "agent", **body})
        assert response.status_code == 201
        return str(response.json()["id"])

    return create


@pytest.fixture
def session_id(new_session: Callable[..., str]) -> str:
    return new_session()


@pytest.fixture
def new_turn(http: httpx.Client) -> Callable[..., Dict[str, Any]]:
    """Add a turn to a session and return it."""

    def create(session: str, text: str = "hi", **body: Any) -> Dict[str, Any]:
        turn = {
            "input": {"type": "text", "content": text},
            "output": {"type": "text", "content": f"re: {text}"},
            **body,
        }
        response = http.post(f"/v1/sessions/{session}/turns", json=turn)
        assert response.status_code == 201
        return dict(response.json())

    return create


@pytest.fixture
def new_memory(http: httpx.Client) -> Callable[..., Dict[str, Any]]:
    """Store a memory and return it."""

    def create(session: str, content: str = "likes tea", **body: Any) -> Dict[str, Any]:
        response = http.post("/v1/memories", json={"session_id": session, "content": content, **body})
        assert response.status_code == 201
        return dict(response.json())

    return create


@pytest.fixture
def error_of() -> Callable[[httpx.Response], Any]:
    """Return status, code and parameter of an error answer."""

    def read(response: httpx.Response) -> Any:
        error = response.json()["error"]
        return response.status_code, error["code"], error["param"]

    return read


@pytest.fixture
def store_path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"
