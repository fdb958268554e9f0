"""No message shows what users said: a wrong argument is named by its path and type, wherever the content stands."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
from functools import partial
from typing import Any, Callable, Dict, Iterator, List, Tuple

import httpx
import pytest

from statebase import InvalidRequestError, StateBase
from statebase._call.options import RequestOptions, WriteOptions
from statebase._generated.operations import OPERATIONS
from statebase.local import Engine, LocalTransport
from statebase.server import create_app
from tests.faults.error_checks import chain
from tests.faults.operation_cases import CASES, prepare

MARK = "the-users-secret"
IDS = dict(OPERATIONS)


class Odd:
    """An object without a JSON form, whose repr shows what it holds."""

    def __repr__(self) -> str:
        return f"Odd({MARK})"


class Model:
    """An object of another SDK, with an id, in place of the id."""

    id = MARK

    def __repr__(self) -> str:
        return f"Model({MARK})"


def wrong_values() -> List[Any]:
    """Return values that fit few arguments, with the marker on each level."""
    return [
        Odd(),
        Model(),
        MARK.encode() + b"\xff",
        MARK + "\ud800",
        [MARK],
        (MARK, MARK, MARK),
        {MARK},
        {"a": MARK},
        {"a": [MARK, Odd()]},
        {"a": {"b": MARK + "\ud800"}},
        {"a": MARK, "b": float("nan")},
        {"a": [{"b": (MARK, float("inf"))}]},
        {("a", MARK): 1},
        {Odd(): MARK},
        [{"role": "user", "content": [{"type": "text", "text": Odd()}]}],
        [{"role": MARK, "content": MARK}],
        [{"input": MARK, "output": [MARK]}],
        [[MARK, Odd()]],
        {"type": [MARK], "content": {"a": MARK}},
    ]


def method_of(client: Any, operation_id: str) -> Any:
    target = client
    for name in IDS[operation_id].methods[0].replace("system.", "").split("."):
        target = getattr(target, name)
    return target


def shown(error: BaseException) -> str:
    """Return all that an error, and what it brings along, shows."""
    return "\n".join(f"{each} {each!r}" for each in chain(error))


def names(method: Any) -> List[str]:
    return [
        name
        for name, parameter in inspect.signature(method).parameters.items()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    ]


OPTIONS = [*WriteOptions.__annotations__, *RequestOptions.__annotations__]


@pytest.fixture
def store() -> Iterator[Tuple[Engine, StateBase]]:
    """An engine, and a client on it."""
    engine = Engine.open()
    with StateBase("sb_any", "http://localhost", transport=LocalTransport(engine), max_retries=0) as client:
        yield engine, client
    engine.close()


@pytest.mark.parametrize("operation_id", CASES)
def test_wrong_arguments_of_a_method(operation_id: str, store: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Each argument and each option of each method, with each wrong value."""
    engine, client = store
    caplog.set_level(logging.DEBUG)
    method = method_of(client, operation_id)
    arguments, options = prepare(operation_id, engine)
    right = {**dict(zip(names(method), arguments)), **options}
    found: List[str] = []
    for name in [*names(method), *OPTIONS]:
        for wrong in wrong_values():
            caplog.clear()
            try:
                method(**{**right, name: wrong})
            except Exception as error:
                if MARK in shown(error):
                    found.append(f"{name}: {shown(error)}")
            found += [f"{name}: log: {record.getMessage()}" for record in caplog.records if MARK in caplog.text]

    assert found == []


@pytest.mark.parametrize("wrong", wrong_values(), ids=range(len(wrong_values())))
def test_wrong_histories(store: Any, wrong: Any) -> None:
    """The arguments of `ingest` and `add_tool_call`, which are no operations of the API."""
    _, client = store
    session_id = client.sessions.create("agent").id
    sessions = client.sessions
    histories = [
        wrong,
        [wrong],
        [{"role": "user", "content": wrong}],
        [{"role": "assistant", "tool_calls": wrong}],
        [{"role": "tool", "content": wrong}],
        [{"role": wrong, "content": MARK}],
    ]
    calls: List[Callable[[], object]] = [partial(sessions.ingest, session_id, history) for history in histories]
    calls += [
        partial(sessions.ingest, wrong, [("a", "b")]),
        partial(sessions.add_tool_call, session_id, "tool", wrong, wrong),
    ]
    for call in calls:
        try:
            call()
        except Exception as error:
            assert MARK not in shown(error)


def test_session_in_place_of_its_id(local_client: Any) -> None:
    """The message says what to pass, and shows nothing of the session."""
    created = local_client.sessions.create("agent", initial_state={"a": MARK})
    session = local_client.sessions.get(created.id)

    with pytest.raises(InvalidRequestError) as caught:
        local_client.sessions.get(session)

    assert str(caught.value) == "session_id must be a string, got SessionResponse: pass session.id"


BAD_JSON: List[Any] = [
    MARK,
    [MARK],
    {MARK: MARK},
    {"a": [MARK]},
    [{"a": MARK}],
    MARK * 2000,
    {"type": MARK, "content": [MARK]},
]


def raw_bodies(fields: List[str]) -> Iterator[bytes]:
    """Yield bodies of the wrong types: as a whole, and one field at a time."""
    yield f'{{"a": "{MARK}'.encode()
    yield MARK.encode() + b"\xff"
    for wrong in BAD_JSON:
        yield json.dumps(wrong).encode()
        yield json.dumps(dict.fromkeys(fields, wrong)).encode()
        for field in fields:
            yield json.dumps({field: wrong}).encode()
    for field in fields:
        for value in (
            f'["{MARK}", 1e999]',
            f'{{"a": "{MARK}\\ud800"}}',
            f'{{"a": "{MARK}", "b": NaN}}',
            f'"{MARK}\\ud800"',
        ):
            yield f'{{"{field}": {value}}}'.encode()


@pytest.mark.parametrize("operation_id", [each for each in CASES if IDS[each].body is not None])
def test_wrong_bodies_of_a_server(operation_id: str, store: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The response of a server to a body of wrong types, and its log, do not contain the body."""
    engine, _ = store
    operation = IDS[operation_id]
    arguments, _ = prepare(operation_id, engine)
    path = operation.path
    for value in arguments:
        if "{" in path:
            path = path[: path.index("{")] + str(value) + path[path.index("}") + 1 :]
    model: Any = operation.body
    caplog.set_level(logging.DEBUG)
    found: List[str] = []

    async def run() -> None:
        transport = httpx.ASGITransport(create_app(engine))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            for body in raw_bodies(list(model.model_fields)):
                headers: Dict[str, str] = {"content-type": "application/json"}
                response = await http.request(operation.method, path, content=body, headers=headers)
                assert response.status_code < 500
                if response.status_code >= 400 and MARK in response.text:
                    found.append(response.text)

    asyncio.run(run())

    assert found == []
    assert MARK not in caplog.text
