"""Memories of users, batches, expiry, filters and lists: on the engine, over a server, and on a service without them."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any, Callable, Dict, Iterator, List

import httpx
import pytest

from statebase import ConflictError, InvalidRequestError, NotFoundError, StateBaseError
from statebase._namespaces import memory as methods
from statebase.local import Engine, LocalTransport
from statebase.server import serve_in_thread
from statebase.testing import FrozenClock

from .plain_service import PlainService


@pytest.fixture
def engine(clock: FrozenClock) -> Iterator[Engine]:
    engine = Engine.open(clock=clock)
    yield engine
    engine.close()


@pytest.fixture
def plain(engine: Engine) -> PlainService:
    return PlainService(engine)


@pytest.fixture(params=["engine", "server", "plain"])
def client(
    request: pytest.FixtureRequest, engine: Engine, plain: PlainService, make_client: Callable[..., Any]
) -> Iterator[Any]:
    """A client of the engine in this process, over a socket, or of a service that knows no extension."""
    if request.param == "plain":
        yield make_client(transport=httpx.MockTransport(plain))
    elif request.param == "engine":
        yield make_client(transport=LocalTransport(engine))
    else:
        with serve_in_thread(engine=engine) as server:
            yield make_client(base_url=server.url)


@pytest.fixture
def own_client(engine: Engine, make_client: Callable[..., Any]) -> Any:
    return make_client(transport=LocalTransport(engine))


@pytest.fixture
def plain_client(plain: PlainService, make_client: Callable[..., Any]) -> Any:
    return make_client(transport=httpx.MockTransport(plain))


def contents(found: Any) -> List[str]:
    return [memory.content for memory in found]


def test_memory_of_a_user_is_found_by_the_user_alone(client: Any) -> None:
    """Searches, lists and contexts of the user find it, those of another user do not."""
    added = client.memory.add("Prefers tea over coffee", user_id="ada", tags=["drinks"])
    client.memory.add("Prefers tea over milk", user_id="bob")
    session = client.sessions.create("agent", user_id="ada")

    assert added.is_new
    assert contents(client.memory.search("tea", user_id="ada", threshold=0)) == ["Prefers tea over coffee"]
    assert contents(client.memory.list("ada")) == ["Prefers tea over coffee"]
    assert contents(client.sessions.get_context(session.id, "tea").memories) == ["Prefers tea over coffee"]
    assert client.memory.get(added.id).tags == ["drinks"]
    assert client.sessions.get(added.session_id).user_id == "ada"


def test_memories_of_the_sessions_of_a_user_are_those_of_the_user(client: Any) -> None:
    """Also of an expired one."""
    first = client.sessions.create("agent", user_id="ada")
    client.memory.add("Likes tea in the morning", session_id=first.id)
    client.memory.add("Likes tea in the evening", user_id="ada")

    assert sorted(contents(client.memory.search("likes tea", user_id="ada", threshold=0))) == [
        "Likes tea in the evening",
        "Likes tea in the morning",
    ]
    assert contents(client.memory.list("ada")) == ["Likes tea in the evening", "Likes tea in the morning"]
    assert contents(client.memory.list(session_id=first.id)) == ["Likes tea in the morning"]
    assert contents(client.memory.list()) == ["Likes tea in the evening", "Likes tea in the morning"]


def test_all_memories_of_a_user_without_a_conversation_share_a_session(client: Any) -> None:
    first, second, other = (client.memory.add("text", user_id=user) for user in ("ada", "ada", "bob"))

    assert first.session_id == second.session_id != other.session_id


def test_session_of_a_user_does_not_expire_on_the_engine(own_client: Any, clock: FrozenClock) -> None:
    """It is replaced after it was deleted, and after it was given a lifetime and has expired."""
    added = own_client.memory.add("Likes tea", user_id="ada")
    clock.advance(days=3650)

    assert own_client.sessions.get(added.session_id).agent_id == "memory"
    own_client.sessions.update(added.session_id, ttl_seconds=1)
    clock.advance(seconds=2)
    second = own_client.memory.add("Likes milk", user_id="ada")
    assert len(own_client.memory.search("likes", user_id="ada", threshold=0)) == 2
    own_client.sessions.delete(second.session_id)
    third = own_client.memory.add("Likes milk", user_id="ada")
    assert len({added.session_id, second.session_id, third.session_id}) == 3


def test_expired_session_of_a_user_is_replaced_on_a_plain_service(plain_client: Any, clock: FrozenClock) -> None:
    """Searches still find its memories."""
    first = plain_client.memory.add("Likes green tea", user_id="ada")
    clock.advance(days=31)
    second = plain_client.memory.add("Likes black tea", user_id="ada")

    assert first.session_id != second.session_id
    assert len(plain_client.memory.search("likes tea", user_id="ada", threshold=0)) == 2


def test_search_never_returns_memories_of_others(plain: PlainService, plain_client: Any) -> None:
    """A service that does not know the parameter is not asked to search by it: it would search all users."""
    plain_client.memory.add("Likes tea", user_id="bob")
    plain.requests.clear()

    assert contents(plain_client.memory.search("tea", user_id="ada", threshold=0)) == []
    assert contents(plain_client.memory.list("ada")) == []
    assert ("GET", "/v1/memories") not in plain.calls()


def test_service_that_ignores_the_user_filter_of_sessions(make_client: Any, plain: PlainService) -> None:
    """The sessions of others are not taken for those of the user."""

    def handle(request: httpx.Request) -> httpx.Response:
        if request.method == "GET" and request.url.path == "/v1/sessions":
            request.url = request.url.copy_remove_param("user_id")
        return plain(request)

    client = make_client(transport=httpx.MockTransport(handle))
    other = client.memory.add("Likes tea", user_id="bob")

    assert client.memory.add("Likes tea", user_id="ada").session_id != other.session_id
    assert contents(client.memory.list("ada")) == ["Likes tea"]


def test_filters(client: Any, clock: FrozenClock) -> None:
    """By time, exclusive, and by metadata: every key must have an equal value; types and tags as well."""
    first = client.memory.add("Likes tea one", "preference", user_id="ada", metadata={"n": 1, "x": {"a": [1]}})
    clock.advance(seconds=1)
    second = client.memory.add("Likes tea two", user_id="ada", tags=["a"], metadata={"n": True})
    clock.advance(seconds=1)
    third = client.memory.add("Likes tea three", user_id="ada", tags=["a", "b"])
    cases: List[Any] = [
        ({"created_after": first.created_at}, {second.id, third.id}),
        ({"created_before": third.created_at.isoformat()}, {first.id, second.id}),
        ({"created_after": first.created_at, "created_before": third.created_at}, {second.id}),
        ({"metadata": {"n": 1}}, {first.id}),
        ({"metadata": {"n": 1.0, "x": {"a": [1]}}}, {first.id}),
        ({"metadata": {"n": 1, "y": None}}, set()),
        ({"metadata": {}}, {first.id, second.id, third.id}),
        ({"tags": ["a"], "created_before": third.created_at}, {second.id}),
        ({"types": "preference"}, {first.id}),
    ]

    for filters, wanted in cases:
        assert {memory.id for memory in client.memory.list("ada", **filters)} == wanted, filters
        found = client.memory.search("likes tea", user_id="ada", threshold=0, **filters)
        assert {memory.id for memory in found} == wanted, filters
        found = client.memory.search("likes tea", first.session_id, threshold=0, **filters)
        assert {memory.id for memory in found} == wanted, filters


def test_list_goes_over_pages(client: Any) -> None:
    """Newest first; up to a limit, after an id, or all."""
    client.memory.add_many([f"text {number}" for number in range(205)], user_id="ada")
    everything = client.memory.list("ada")

    assert contents(everything) == [f"text {number}" for number in reversed(range(205))]
    assert client.memory.list("ada", limit=101) == everything[:101]
    assert client.memory.list("ada", limit=3, starting_after=everything[99].id) == everything[100:103]
    assert client.memory.list("ada", starting_after=everything[-1].id) == []


def test_list_shows_what_searches_do_not_find(client: Any) -> None:
    client.memory.add("The code is 0000", user_id="ada", embed=False)

    assert contents(client.memory.list("ada")) == ["The code is 0000"]
    assert contents(client.memory.search("code", user_id="ada", threshold=0)) == []


def test_many_memories_are_stored_in_order(client: Any) -> None:
    """Texts, or mappings of the arguments of `add`; what a mapping lacks comes from the call."""
    added = client.memory.add_many(
        ["One", {"content": "Two", "type": "event", "tags": ["t"], "metadata": {"a": 1}}, {"content": "Three"}],
        user_id="ada",
        type="preference",
    )

    assert [(memory.content, memory.type) for memory in added] == [
        ("One", "preference"),
        ("Two", "event"),
        ("Three", "preference"),
    ]
    again = client.memory.get(added[1].id)
    assert (again.tags, again.metadata, again.created_at) == (["t"], {"a": 1}, added[1].created_at)
    assert client.sessions.get(added[0].session_id).memory_count == 3
    assert client.memory.add_many([], user_id="ada") == []


def test_repeated_batch_adds_nothing(client: Any) -> None:
    """All batches of a call have keys that are made of its own."""
    memories = [f"text {number}" for number in range(120)]

    first = client.memory.add_many(memories, user_id="ada", idempotency_key="key")
    second = client.memory.add_many(memories, user_id="ada", idempotency_key="key")

    assert [memory.id for memory in first] == [memory.id for memory in second]
    assert len(client.memory.list("ada")) == 120
    with pytest.raises(ConflictError):
        client.memory.add_many([*memories[:-1], "other"], user_id="ada", idempotency_key="key")


def test_batch_that_fails_is_gone_on_with(plain: PlainService, make_client: Any) -> None:
    """On a plain service the memories before the failure are stored; the key of the error adds the others."""
    fails = {"left": 1}

    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/memories" and b"text 2" in request.read() and fails["left"]:
            fails["left"] = 0
            plain(request)  # applied, and the answer is lost
            return httpx.Response(400)
        return plain(request)

    client = make_client(transport=httpx.MockTransport(handle))
    memories = [f"text {number}" for number in range(5)]

    with pytest.raises(StateBaseError, match=r"add_many\(\) failed after 2 stored memories") as caught:
        client.memory.add_many(memories, user_id="ada")
    added = client.memory.add_many(memories, user_id="ada", idempotency_key=caught.value.idempotency_key)

    assert contents(added) == memories
    assert contents(client.memory.list("ada")) == memories[::-1]


@pytest.mark.parametrize("answer", [httpx.ConnectError("lost"), 503, 429])
def test_lost_answers_store_nothing_twice(engine: Engine, make_client: Any, answer: Any) -> None:
    """The answer to each request is lost once after it was applied, then the request is repeated."""
    transport = LocalTransport(engine)
    seen: Dict[str, int] = {}

    def handle(request: httpx.Request) -> httpx.Response:
        key = request.headers.get("idempotency-key", "")
        response = transport.handle_request(request)
        response.read()
        seen[key] = seen.get(key, 0) + 1
        if key and seen[key] == 1:
            if isinstance(answer, Exception):
                raise answer
            return httpx.Response(answer)
        return response

    client = make_client(transport=httpx.MockTransport(handle))

    client.memory.add("Likes tea", user_id="ada", expires_in=60)
    client.memory.add("Likes milk", user_id="ada", unless_similar=0.9)
    client.memory.add_many(["One", "Two"], user_id="ada")

    assert contents(client.memory.list("ada")) == ["Two", "One", "Likes milk", "Likes tea"]


def test_expired_memory_is_found_by_nothing(own_client: Any, engine: Engine, clock: FrozenClock) -> None:
    """Not by searches, lists, contexts or its id; the next write deletes its row."""
    session = own_client.sessions.create("agent", user_id="ada", ttl_seconds=3600)
    kept = own_client.memory.add("Likes tea", user_id="ada")
    added = own_client.memory.add("Likes tea today", user_id="ada", expires_in=timedelta(minutes=1))
    assert added.expires_at - added.created_at == timedelta(minutes=1)
    assert own_client.memory.get(added.id).expires_at == added.expires_at
    clock.advance(seconds=59.9)
    assert len(own_client.memory.search("tea", user_id="ada", threshold=0)) == 2
    clock.advance(seconds=0.2)

    for found in (
        own_client.memory.search("tea", user_id="ada", threshold=0),
        own_client.memory.search("tea", all_users=True, threshold=0),
        own_client.memory.list("ada"),
        own_client.sessions.get_context(session.id, "tea").memories,
        own_client.sessions.get_context(session.id).memories,
    ):
        assert [memory.id for memory in found] == [kept.id]
    assert [explained.result.id for explained in engine.explain_search("tea", threshold=0).results] == [kept.id]
    for call in (
        own_client.memory.get,
        own_client.memory.delete,
        lambda memory_id: own_client.memory.update(memory_id, type="x"),
    ):
        with pytest.raises(NotFoundError):
            call(added.id)
    own_client.sessions.create("agent")
    assert own_client.sessions.get(kept.session_id).memory_count == 1


def test_expiry_is_refused_where_it_is_not_supported(plain: PlainService, plain_client: Any) -> None:
    """The service would ignore it: nothing is stored."""
    session = plain_client.sessions.create("agent")

    for call in (
        lambda: plain_client.memory.add("Likes tea", user_id="ada", expires_in=60),
        lambda: plain_client.memory.add("Likes tea", session_id=session.id, expires_in=60),
        lambda: plain_client.memory.add_many(["One", {"content": "Two", "expires_in": 60}], user_id="ada"),
    ):
        with pytest.raises(InvalidRequestError, match="expires_in is not supported by this service") as caught:
            call()
        assert caught.value.param == "expires_in"
    assert plain_client.memory.list() == []


def test_similar_memory_is_returned_instead(client: Any) -> None:
    """Of the same user or session; a memory of another one does not count."""
    first = client.memory.add("Prefers tea over coffee", user_id="ada", unless_similar=0.95)
    second = client.memory.add("Prefers tea over coffee", user_id="ada", unless_similar=0.95)
    different = client.memory.add("Works at the harbour", user_id="ada", unless_similar=0.95)
    other = client.memory.add("Prefers tea over coffee", user_id="bob", unless_similar=0.95)
    session = client.sessions.create("agent", user_id="ada")
    own = client.memory.add("Prefers tea over coffee", session_id=session.id, unless_similar=0.95)

    assert (first.is_new, second.is_new, different.is_new, other.is_new, own.is_new) == (True, False, True, True, True)
    assert (second.id, second.content) == (first.id, first.content)
    assert len(client.memory.list()) == 4


def test_search_without_a_scope_says_so_once(
    own_client: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log line, unless it is intended; searches of a user or session are silent."""
    monkeypatch.setattr(methods, "_said", [])
    session = own_client.sessions.create("agent")
    caplog.set_level(logging.WARNING, "statebase")

    own_client.memory.search("tea", all_users=True)
    own_client.memory.search("tea", session.id)
    own_client.memory.search("tea", user_id="ada")
    assert caplog.messages == []
    for _ in range(2):
        own_client.memory.search("tea")
    assert len(caplog.messages) == 1
    assert "memories of all users" in caplog.messages[0]


def test_names_of_the_public_documentation(client: Any) -> None:
    """memories is memory, create is add, and memory_type is type."""
    session = client.sessions.create("agent")

    added = client.memories.create("Likes tea", session_id=session.id, memory_type="preference")

    assert added.type == "preference"
    assert contents(client.memory.search("tea", session.id, memory_type="preference", threshold=0)) == ["Likes tea"]
    assert contents(client.memory.search("tea", session.id, memory_type="event", threshold=0)) == []
    assert client.with_raw_response.memory.create("Has a cat", session_id=session.id).status_code == 201


def test_raw_response(client: Any) -> None:
    """The response of the request that stored or found the memory; what it parses to is the result of the method."""
    raw = client.with_raw_response.memory
    added = raw.add("Likes tea", user_id="ada")
    found = raw.search("tea", user_id="ada", threshold=0)

    assert added.status_code == 201
    assert added.parse().content == "Likes tea"
    assert contents(found.parse()) == ["Likes tea"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "session_id is missing: pass the id of the session that the memory belongs to, or user_id"),
        ({"user_id": ""}, "user_id must be a non-empty string, got an empty string"),
        ({"user_id": 5}, "user_id must be a non-empty string, got int"),
        ({"session_id": "sess_1", "user_id": "ada"}, "user_id must be left out if session_id is passed"),
        ({"user_id": "ada", "expires_in": True}, "expires_in must be seconds or a timedelta, got bool"),
        ({"user_id": "ada", "expires_in": "1h"}, "expires_in must be seconds or a timedelta, got str"),
        ({"user_id": "ada", "expires_in": 0}, "expires_in must be above 0 and at most 3,155,760,000 seconds"),
        ({"user_id": "ada", "expires_in": float("nan")}, "expires_in must be above 0"),
        ({"user_id": "ada", "expires_in": timedelta(days=40_000)}, "expires_in must be above 0"),
        ({"user_id": "ada", "unless_similar": 0}, "unless_similar must be a score above 0 and at most 1, got 0"),
        (
            {"user_id": "ada", "unless_similar": float("nan")},
            "unless_similar must be a score above 0 and at most 1, got nan",
        ),
        ({"user_id": "ada", "unless_similar": True}, "unless_similar must be a number, got bool"),
        ({"user_id": "ada", "type": "event", "memory_type": "fact"}, "type and memory_type are the same option"),
    ],
)
def test_invalid_arguments_of_add(respond: Any, arguments: Any, message: str) -> None:
    """Nothing is sent."""
    client, requests = respond()

    with pytest.raises(InvalidRequestError) as caught:
        client.memory.add("Likes tea", **arguments)

    assert str(caught.value).startswith(message)
    assert requests == []


@pytest.mark.parametrize(
    ("memories", "message"),
    [
        ("text", "memories must be a list of memories, got str: use add() for one"),
        ({"content": "text"}, "memories must be a list of memories, got dict: use add() for one"),
        (5, "memories must be a list of memories, got int"),
        ([5], "memories[0] must be a string, or a mapping with content, got int"),
        (["a", {"content": 5}], "memories[1]['content'] must be a string"),
        ([{"content": "a", "user": "b"}], "memories[0] has an unknown key: use content, type, tags, metadata, embed"),
        ([{"content": "a", "expires_in": -1}], "memories[0]['expires_in'] must be above 0"),
    ],
)
def test_invalid_memories(respond: Any, memories: Any, message: str) -> None:
    """Nothing is sent; the item is named, not its content."""
    client, requests = respond()

    with pytest.raises(InvalidRequestError) as caught:
        client.memory.add_many(memories, user_id="ada")

    assert str(caught.value).startswith(message)
    assert requests == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"metadata": {"a": 1}}, "metadata requires user_id or session_id: pass one of them"),
        ({"created_after": "2026-01-01T00:00:00Z"}, "created_after requires user_id or session_id"),
        ({"user_id": "ada", "metadata": "text"}, "metadata must be a mapping, got str"),
        ({"user_id": "ada", "created_after": 5}, "created_after must be an aware datetime, or a time such as"),
        (
            {"user_id": "ada", "created_before": "yesterday"},
            "created_before must be an aware datetime, or a time such as",
        ),
        ({"user_id": ""}, "user_id must be a non-empty string"),
    ],
)
@pytest.mark.parametrize("method", ["search", "list"])
def test_invalid_filters(respond: Any, method: str, arguments: Any, message: str) -> None:
    """Nothing is sent."""
    client, requests = respond()

    with pytest.raises(InvalidRequestError) as caught:
        client.memory.search("tea", **arguments) if method == "search" else client.memory.list(**arguments)

    assert str(caught.value).startswith(message)
    assert requests == []


@pytest.mark.parametrize("limit", [0, -1, True, "5", 2.0])
def test_limit_of_a_list(respond: Any, limit: Any) -> None:
    client, requests = respond()

    with pytest.raises(InvalidRequestError, match="limit must be an integer of at least 1, or None, got"):
        client.memory.list(limit=limit)

    assert requests == []


def test_unknown_memory_to_start_after(client: Any) -> None:
    client.memory.add("Likes tea", user_id="ada")

    with pytest.raises(StateBaseError):
        client.memory.list("ada", starting_after="mem_000000000000")
