"""All turns of a session with their content, and the turn of an idempotency key: on the engine and elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any, Callable, Dict, Iterator, List

import httpx
import pytest

from statebase import AsyncStateBase, ConflictError, InvalidRequestError, NotFoundError, StateBase, StateBaseError
from statebase._base.extensions import HEADER
from statebase.local import Engine, LocalTransport
from statebase.server import serve_in_thread
from statebase.testing import FrozenClock

from .plain_service import PlainService


@pytest.fixture
def plain_service() -> Iterator[PlainService]:
    with contextlib.closing(Engine.open()) as engine:
        yield PlainService(engine)


@pytest.fixture(params=["engine", "postgres", "serve", "plain"])
def client(request: Any, make_client: Callable[..., Any]) -> Any:
    """A client of the embedded engine, of one on PostgreSQL, of a server, or of a service that knows no extension."""
    if request.param == "engine":
        return make_client(transport=LocalTransport(Engine.open(), close_engine=True))
    if request.param == "postgres":
        return make_client(
            transport=LocalTransport(Engine.open(request.getfixturevalue("postgres_url")), close_engine=True)
        )
    if request.param == "plain":
        return make_client(transport=httpx.MockTransport(request.getfixturevalue("plain_service")))
    server = request.getfixturevalue("server_url")
    return make_client(base_url=server)


@pytest.fixture
def server_url() -> Any:
    with contextlib.closing(Engine.open()) as engine, serve_in_thread(engine) as running:
        yield running.url


def record(client: Any, count: int) -> str:
    session_id = str(client.sessions.create("agent").id)
    client.sessions.ingest(session_id, [(f"question {n} " + "x" * 200, f"answer {n}") for n in range(1, count + 1)])
    return session_id


@pytest.mark.parametrize("count", [0, 110])
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_all_turns_come_whole_and_in_order(client: Any, count: int, order: Any) -> None:
    """Also those beyond one page, and beyond what a context has."""
    session_id = record(client, count)

    turns = list(client.sessions.iter_turns(session_id, order=order))

    numbers = list(range(1, count + 1))
    assert [turn.turn_number for turn in turns] == (numbers if order == "asc" else numbers[::-1])
    assert [turn.input.content for turn in turns] == [f"question {turn.turn_number} " + "x" * 200 for turn in turns]
    assert [turn.output.content for turn in turns] == [f"answer {turn.turn_number}" for turn in turns]


def test_whole_turns_have_everything(client: Any) -> None:
    """Metadata, reasoning, and other keys of input and output."""
    session_id = client.sessions.create("agent").id
    client.sessions.add_turn(session_id, {"type": "a", "content": "b", "c": [1]}, "d", {"e": 1}, "why")

    (turn,) = client.sessions.iter_turns(session_id, full=True)

    assert turn.input.model_dump() == {"type": "a", "content": "b", "c": [1]}
    assert (turn.metadata, turn.reasoning, turn.turn_number) == ({"e": 1}, "why", 1)
    assert turn.created_at is not None


def test_number_of_requests(make_client: Any, plain_service: PlainService) -> None:
    """A page of 100 on the engine; elsewhere a context for the newest 50, and a request for each of the others."""
    requests: List[str] = []
    engine = LocalTransport(Engine.open(), close_engine=True)

    def count(request: httpx.Request) -> httpx.Response:
        requests.append(request.url.path)
        return engine.handle_request(request)

    counted = make_client(transport=httpx.MockTransport(count))
    session_id = record(counted, 101)
    requests.clear()
    assert len(list(counted.sessions.iter_turns(session_id))) == 101
    assert len(requests) == 2
    requests.clear()
    assert next(iter(counted.sessions.iter_turns(session_id, order="desc"))).turn_number == 101
    assert len(requests) == 1

    plain = make_client(transport=httpx.MockTransport(plain_service))
    session_id = record(plain, 53)
    plain_service.requests.clear()
    assert len(list(plain.sessions.iter_turns(session_id))) == 53
    assert len(plain_service.requests) == 1 + 1 + 3


def test_large_turns_come_in_smaller_pages(client: Any) -> None:
    """The content of a response is limited; the iteration goes on."""
    session_id = client.sessions.create("agent").id
    client.sessions.ingest(session_id, [("x" * 1_500_000, str(n)) for n in range(5)])

    assert [turn.output.content for turn in client.sessions.iter_turns(session_id)] == list("01234")


def test_missing_session_and_wrong_arguments(client: Any) -> None:
    """Errors come when the iteration begins."""
    for wrong, message in (
        ({"order": "up"}, "^order must be 'asc' or 'desc', got 'up'$"),
        ({"order": 5}, "^order must be 'asc' or 'desc', got int$"),
        ({"full": False}, "^full must be True: use list_turns for previews$"),
    ):
        with pytest.raises(InvalidRequestError, match=message):
            list(client.sessions.iter_turns("sess_1", **wrong))
    with pytest.raises(NotFoundError):
        list(client.sessions.iter_turns("sess_000000000000"))


def test_failed_request_of_several_is_raised_and_the_others_are_cancelled(plain_service: PlainService) -> None:
    """As the error that it is, and not in a group; nothing is left running."""
    running: List[int] = [0, 0]

    async def handle(request: httpx.Request) -> httpx.Response:
        if request.method == "GET" and "/turns/" in request.url.path:
            if not running[1]:
                running[1] = 1
                return httpx.Response(403)
            running[0] += 1
            try:
                await asyncio.Event().wait()
            finally:
                running[0] -= 1
        return plain_service(request)

    async def run() -> None:
        async with AsyncStateBase("sb_test", transport=httpx.MockTransport(handle)) as client:
            session = await client.sessions.create("agent")
            await client.sessions.ingest(session.id, [("a", str(n)) for n in range(60)])
            with pytest.raises(StateBaseError, match="403"):
                async for _ in client.sessions.iter_turns(session.id):
                    raise AssertionError
            assert running == [0, 1]

    asyncio.run(run())


def test_first_answer_is_found_by_its_key(client: Any) -> None:
    """On any service, if the turn has the key in its metadata."""
    session_id = client.sessions.create("agent").id
    options: Dict[str, Any] = {"idempotency_key": "message-7", "metadata": {"idempotency_key": "message-7"}}
    first = client.sessions.add_turn(session_id, "hi", "hello", state_after={"big": "x" * 5000}, **options)
    client.sessions.add_turn(session_id, "other", "turn", idempotency_key="message-8")
    with pytest.raises(ConflictError):
        client.sessions.add_turn(session_id, "hi", "good morning", **options)

    found = client.sessions.find_turn(session_id, key="message-7")

    assert (found.id, found.output.content, found.state_after) == (first.id, "hello", {"big": "x" * 5000})


@pytest.mark.parametrize("client", ["engine", "postgres", "serve"], indirect=True)
def test_engine_finds_turns_of_all_methods_by_key_alone(client: Any) -> None:
    """In their own session only; another key, or one of a request that made no turn, finds nothing."""
    session_id, other = client.sessions.create("agent").id, client.sessions.create("agent").id
    turn = client.sessions.add_tool_call(session_id, "track", {}, "here", idempotency_key="call-1")
    turns = client.sessions.ingest(session_id, [("a", "b"), ("c", "d")], idempotency_key="job")
    with pytest.raises(StateBaseError):
        client.sessions.add_turn(session_id, {"content": "without a type"}, "b", idempotency_key="wrong")

    def find(key: str, where: str = session_id) -> Any:
        found = client.sessions.find_turn(where, key=key)
        return None if found is None else found.id

    assert find("call-1") == turn.id
    assert [find("job-0"), find("job-1"), find("job-2")] == [turns[0].id, turns[1].id, None]
    assert [find("wrong"), find("never"), find("call-1", other)] == [None, None, None]
    client.sessions.delete(session_id)
    with pytest.raises(NotFoundError):
        find("call-1")


def test_key_is_found_for_24_hours(local_client: Any, statebase_clock: FrozenClock) -> None:
    """As long as its response is stored."""
    session_id = local_client.sessions.create("agent", ttl_seconds=3 * 86400).id
    local_client.sessions.add_turn(session_id, "hi", "hello", idempotency_key="k")

    statebase_clock.advance(seconds=86400 - 1)
    assert local_client.sessions.find_turn(session_id, key="k") is not None
    statebase_clock.advance(seconds=2)
    assert local_client.sessions.find_turn(session_id, key="k") is None


def test_service_that_cannot_look_up_keys_says_so(make_client: Any, plain_service: PlainService) -> None:
    """Instead of "not found", which would be wrong."""
    client = make_client(transport=httpx.MockTransport(plain_service))
    session_id = client.sessions.create("agent").id
    client.sessions.add_turn(session_id, "hi", "hello", idempotency_key="k")

    with pytest.raises(StateBaseError, match="^The service cannot look up turns by idempotency key, and none of"):
        client.sessions.find_turn(session_id, key="k")


@pytest.mark.parametrize("api_key", ["sb_other", "sb_test"])
def test_key_belongs_to_the_caller(make_client: Any, api_key: str) -> None:
    """Another API key does not find the turn, as it would not get its stored response."""
    engine = LocalTransport(Engine.open(), api_key="sb_test")
    client = make_client("sb_test", transport=engine)
    session_id = client.sessions.create("agent").id
    client.sessions.add_turn(session_id, "hi", "hello", idempotency_key="k")
    if api_key == "sb_other":
        api_key = client.dashboard.create_key("other").full_key

    found = make_client(api_key, transport=engine).sessions.find_turn(session_id, key="k")

    assert (found is None) == (api_key != "sb_test")


@pytest.mark.parametrize("wrong", ["", "ä", "a" * 256, "a ", None, 7, ["a"]])
def test_wrong_key_is_refused(respond: Any, wrong: Any) -> None:
    """Before anything is sent."""
    client, requests = respond()

    with pytest.raises(InvalidRequestError, match=r"^key must be 1 to 255 printable ASCII characters.*, got "):
        client.sessions.find_turn("sess_1", key=wrong)

    assert requests == []


def test_headers_of_the_caller_are_kept(respond: Any) -> None:
    """The headers of the extensions are added to them."""
    page = httpx.Response(200, json={"data": [], "has_more": False}, headers={HEADER: "turn-key"})
    client, requests = respond(page)

    assert client.sessions.find_turn("sess_1", key="k, 1", extra_headers={"X-A": "b"}) is None

    assert (requests[0].headers["x-a"], requests[0].headers[HEADER]) == ("b", "turn-key=k%2C%201")
    assert json.loads(page.content)["data"] == []


def test_iteration_can_be_left_early() -> None:
    """Nothing more is requested, and nothing is left open."""
    with StateBase.local() as client:
        session_id = record(client, 3)
        for turn in client.sessions.iter_turns(session_id):
            assert turn.turn_number == 1
            break
