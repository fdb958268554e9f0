"""A session is found again by a key, lives as long as it is used, and is created again after its end."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any, List

import httpx
import pytest

from statebase import InvalidRequestError, StateBase, StateBaseError
from statebase.testing import FrozenClock

from .conftest import Service

HOUR = 3600


def opened(client: Any, **changes: Any) -> Any:
    return client.sessions.get_or_create("bot", **{"key": "chat", "user_id": "ada", **changes})


def test_session_is_found_again(service: Service, clock: FrozenClock) -> None:
    """By another client, after days, with its state, and whatever its arguments are then."""
    first = opened(service.client(), metadata={"channel": "web"}, initial_state={"n": 1}, ttl_seconds=30 * 24 * HOUR)
    service.client().sessions.add_turn(first.id, "hi", "hello")
    clock.advance(days=5)

    again = opened(service.client(), initial_state={"n": 2}, metadata={"other": 1})

    assert (again.id, again.turn_count, again.state) == (first.id, 1, {"n": 1})
    assert first.metadata == {"channel": "web", "statebase_key": "chat"}
    assert len(service.client().sessions.list().data) == 1


@pytest.mark.parametrize(
    "other", [{"key": "other"}, {"user_id": "bob"}, {"user_id": None}, {"agent_id": "other"}, {"key": "Chat"}]
)
def test_agents_users_and_keys_have_their_own(service: Service, other: Any) -> None:
    """None is a user too."""
    client = service.client()
    first = opened(client)
    arguments = {"agent_id": "bot", "key": "chat", "user_id": "ada", **other}

    second, third = (client.sessions.get_or_create(**arguments) for _ in range(2))

    assert second.id == third.id != first.id
    assert opened(client).id == first.id


def test_deleted_session_is_created_again_and_again(service: Service) -> None:
    """The idempotency key of the first one would return it for a day."""
    client = service.client()
    ids = []
    for _ in range(4):
        session = opened(client)
        assert client.sessions.get(session.id).turn_count == 0
        ids.append(session.id)
        client.sessions.delete(session.id)

    assert len(set(ids)) == 4


def test_expired_session_is_created_again(service: Service, clock: FrozenClock) -> None:
    """Within the day for which its idempotency key is kept."""
    client = service.client()
    first = opened(client, ttl_seconds=HOUR)
    clock.advance(hours=1)

    second = opened(client, ttl_seconds=HOUR)

    assert second.id != first.id
    assert opened(client).id == second.id


def test_deleted_session_is_created_with_other_arguments(service: Service) -> None:
    """Which are not the body that the idempotency key belongs to."""
    client = service.client()
    client.sessions.delete(opened(client, initial_state={"n": 1}).id)

    assert opened(client, initial_state={"n": 2}).state == {"n": 2}


def test_session_that_is_used_does_not_expire(service: Service, clock: FrozenClock) -> None:
    """It is extended once less than half of its life is left, not at each call."""
    client = service.client()
    first = opened(client, ttl_seconds=10 * HOUR)
    clock.advance(hours=4)
    assert opened(client, ttl_seconds=10 * HOUR).ttl_expires_at == first.ttl_expires_at

    for _ in range(5):
        clock.advance(hours=5, minutes=30)
        again = opened(client, ttl_seconds=10 * HOUR)
        assert again.id == first.id
        assert (again.ttl_expires_at - clock.now()).total_seconds() == 10 * HOUR


def test_session_expires_if_it_is_not_to_be_kept_alive(service: Service, clock: FrozenClock) -> None:
    """Even when it is used."""
    client = service.client()
    first = opened(client, ttl_seconds=10 * HOUR, keep_alive=False)
    clock.advance(hours=9)
    assert opened(client, ttl_seconds=10 * HOUR, keep_alive=False).ttl_expires_at == first.ttl_expires_at
    client.sessions.add_turn(first.id, "hi", "hello")
    clock.advance(hours=1)

    assert opened(client, keep_alive=False).id != first.id


WRITES: Any = {
    "turn": lambda client, session_id: client.sessions.add_turn(session_id, "hi", "hello"),
    "state": lambda client, session_id: client.state.update_state(session_id, {"n": 2}),
    "rollback": lambda client, session_id: client.state.rollback(session_id, 0),
    "memory": lambda client, session_id: client.memory.add("Likes tea", session_id=session_id),
}


@pytest.mark.parametrize("write", WRITES)
def test_writes_keep_a_session_alive(service: Service, clock: FrozenClock, write: str) -> None:
    """On an engine; the page says that another service extends the life in get_or_create only."""
    if service.is_plain:
        pytest.skip("writes extend no life there")
    client = service.client()
    session = opened(client, ttl_seconds=10 * HOUR)
    clock.advance(hours=4)
    WRITES[write](client, session.id)
    assert client.sessions.get(session.id).ttl_expires_at == session.ttl_expires_at
    for _ in range(3):
        clock.advance(hours=5, minutes=30)
        WRITES[write](client, session.id)

    clock.advance(hours=9)
    assert client.sessions.get(session.id).id == session.id
    clock.advance(hours=1)
    assert opened(client).id != session.id


def test_writes_extend_no_other_session(service: Service, clock: FrozenClock) -> None:
    """The lifetime of a session is what it was created with."""
    client = service.client()
    session = client.sessions.create("bot", ttl_seconds=10 * HOUR)
    clock.advance(hours=9)
    client.sessions.add_turn(session.id, "hi", "hello")

    assert client.sessions.get(session.id).ttl_expires_at == session.ttl_expires_at


def test_changed_lifetime_is_what_writes_restore(service: Service, clock: FrozenClock) -> None:
    """`sessions.update` gives a session another lifetime."""
    if service.is_plain:
        pytest.skip("writes extend no life there")
    client = service.client()
    session = opened(client, ttl_seconds=10 * HOUR)
    client.sessions.update(session.id, ttl_seconds=2 * HOUR)
    clock.advance(minutes=90)
    client.sessions.add_turn(session.id, "hi", "hello")

    left = client.sessions.get(session.id).ttl_expires_at - clock.now()
    assert left.total_seconds() == 2 * HOUR


def test_key_survives_other_metadata(service: Service) -> None:
    """An engine keeps it when metadata are replaced or cleared."""
    if service.is_plain:
        pytest.skip("said in the docstring")
    client = service.client()
    session = opened(client)
    client.sessions.update(session.id, metadata={"title": "x"})
    assert client.sessions.get(session.id).metadata == {"title": "x", "statebase_key": "chat"}
    client.sessions.update(session.id, metadata=None)

    assert opened(client).id == session.id


def test_requests(service: Service) -> None:
    """An engine takes one, once it is known; another service a list and the session."""
    client = service.client()
    session = opened(client)
    if not service.is_plain:
        assert client._connection.has_extensions if hasattr(client, "_connection") else True
        return
    assert service.plain.calls() == [
        ("GET", "/v1/sessions"),
        ("POST", "/v1/sessions"),
        ("GET", f"/v1/sessions/{session.id}"),
    ]
    opened(client)
    assert service.plain.calls() == [("GET", "/v1/sessions"), ("GET", f"/v1/sessions/{session.id}")]


def test_racing_callers_get_one_session_on_a_plain_service(plain: Service) -> None:
    """Each listed before any of them created; one has other arguments."""
    empty = {"data": [], "has_more": False, "first_id": None, "last_id": None}
    lists: List[Any] = []

    def nothing_at_first(request: httpx.Request) -> Any:
        if request.method == "GET" and request.url.path == "/v1/sessions":
            lists.append(request)
            return httpx.Response(200, json=empty) if len(lists) <= 3 else None
        return None

    plain.plain.instead = nothing_at_first

    ids = {opened(plain.client(), initial_state={"n": n}).id for n in (1, 1, 2)}

    assert len(ids) == 1
    assert json.loads(lists[0].url.params["metadata"]) == {"statebase_key": "chat"}


def test_racing_threads_get_one_session(tmp_path: Path) -> None:
    """With clients and connections of their own."""
    ids: List[str] = []
    ready = threading.Barrier(8)

    def race() -> None:
        with StateBase.local(tmp_path / "agents.db") as client:
            ready.wait()
            ids.extend(opened(client, key=f"chat {number}").id for number in range(10))

    threads = [threading.Thread(target=race) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(ids), len(set(ids))) == (80, 10)


def test_racing_threads_get_one_session_on_postgres(postgres_url: str) -> None:
    """Transactions run at the same time there."""
    ids: List[str] = []
    with StateBase.local(postgres_url) as client:
        ready = threading.Barrier(8)

        def race() -> None:
            ready.wait()
            ids.extend(opened(client, key=f"chat {number}").id for number in range(10))

        threads = [threading.Thread(target=race) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert (len(ids), len(set(ids))) == (80, 10)


def test_lost_response_is_no_second_session(local_client: Any, faults: Any) -> None:
    """The retry finds what the first attempt created."""
    faults.drop_after_commit()

    session = opened(local_client)

    assert [item.id for item in local_client.sessions.list()] == [session.id]


def test_imported_session_is_found_by_its_key(local_client: Any) -> None:
    """Its metadata have the key, also if a plain `create` stored them; the oldest one counts."""
    first, _ = (
        local_client.sessions.create("bot", user_id="ada", metadata={"statebase_key": "chat"}) for _ in range(2)
    )

    assert opened(local_client).id == first.id


def test_service_that_ignores_filters_is_noticed(plain: Service) -> None:
    """It would return the session of another conversation."""
    plain.client().sessions.create("bot", user_id="ada")

    def unfiltered(request: httpx.Request) -> None:
        if request.url.path == "/v1/sessions" and request.method == "GET":
            request.url = request.url.copy_with(query=b"limit=100")

    plain.plain.instead = unfiltered

    with pytest.raises(StateBaseError, match="it ignores the filters of lists"):
        opened(plain.client())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"key": ""}, "key must have 1 to 200 characters, got 0"),
        ({"key": "x" * 201}, "key must have 1 to 200 characters, got 201"),
        ({"key": 7}, "key must be a string, got int"),
        ({"user_id": 7}, "user_id must be a string, got int"),
        ({"metadata": [1]}, "metadata must be a mapping, got list"),
        ({"keep_alive": 1}, "keep_alive must be a bool, got int"),
        ({"ttl_seconds": 0}, "ttl_seconds must be from 1 to 2,592,000, got 0"),
        ({"ttl_seconds": 1.5}, "ttl_seconds must be an integer, got float"),
        ({"ttl_seconds": True}, "ttl_seconds must be an integer, got bool"),
    ],
)
def test_wrong_arguments_are_not_sent(respond: Any, arguments: Any, message: str) -> None:
    """The message names the argument."""
    client, requests = respond()

    with pytest.raises(InvalidRequestError) as caught:
        opened(client, **arguments)

    assert (str(caught.value), caught.value.param) == (message, next(iter(arguments)))
    assert requests == []


@pytest.mark.parametrize("key", ["\ud800", "a\0b"])
def test_keys_that_no_store_holds_are_refused(service: Service, key: str) -> None:
    """Like other texts; nothing is created."""
    client = service.client()

    with pytest.raises(StateBaseError):
        opened(client, key=key)

    assert client.sessions.list().data == []


@pytest.mark.parametrize("key", ["ключ/ü?#%", "🎉" * 200, ' " ', "x,y=z"])
def test_any_other_text_is_a_key(service: Service, key: str) -> None:
    """It is part of no header and no path."""
    client = service.client()

    assert opened(client, key=key).id == opened(client, key=key).id
