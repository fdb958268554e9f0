"""A fork gets what its options name: in one transaction on an engine, by calls on a service that ignores them."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from statebase import InvalidRequestError, NotFoundError, StateBaseError
from statebase.testing import FrozenClock

from .conftest import Service

HOUR = 3600


@pytest.fixture
def client(service: Service) -> Any:
    return service.client()


@pytest.fixture
def source(client: Any, clock: FrozenClock) -> str:
    """A session with a turn and a memory at each of its versions 0 to 2."""
    session_id = client.sessions.get_or_create("bot", key="k", user_id="ada", metadata={"a": 1}, ttl_seconds=HOUR).id
    for number in range(3):
        if number:
            clock.advance(seconds=1)
            client.state.update_state(session_id, {"n": number})
        clock.advance(seconds=1)
        client.sessions.add_turn(session_id, f"in {number}", f"out {number}", {"m": number}, f"why {number}")
        client.memory.add(f"fact {number}", "event", session_id, tags=["t"], metadata={"m": number})
    return str(session_id)


def turns_of(client: Any, session_id: str) -> Any:
    turns = [
        client.sessions.get_turn(session_id, item.id)
        for item in client.sessions.list_turns(session_id, order="asc", limit=20)
    ]
    return [(t.turn_number, t.input.content, t.output.content, t.metadata, t.reasoning) for t in turns]


def memories_of(client: Any, session_id: str) -> Any:
    found = client.memory.search("fact", session_id=session_id, threshold=0.0)
    memories = [client.memory.get(each.id) for each in found]
    return sorted((m.content, m.type, m.tags, m.metadata) for m in memories)


def test_fork_without_options_is_as_before(client: Any, source: str, clock: FrozenClock) -> None:
    """A day, two keys of metadata, and nothing copied."""
    fork = client.sessions.fork(source)

    assert (fork.turn_count, fork.memory_count, fork.state) == (0, 0, {"n": 2})
    assert fork.metadata == {"forked_from": source, "forked_version": 2}
    assert (fork.ttl_expires_at - clock.now()).total_seconds() == 24 * HOUR


@pytest.mark.parametrize(("version", "count"), [(0, 1), (1, 2), (2, 3), (None, 3)])
def test_turns_and_memories_until_the_next_version_are_copied(
    client: Any, source: str, version: Any, count: int
) -> None:
    """Complete, with numbers of their own; the source is not changed."""
    fork = client.sessions.fork(source, version, with_turns=True, with_memories=True)

    assert (fork.turn_count, fork.memory_count) == (count, count)
    assert client.sessions.get(fork.id) == fork
    assert turns_of(client, fork.id) == turns_of(client, source)[:count]
    assert memories_of(client, fork.id) == memories_of(client, source)[:count]
    assert client.sessions.get(source).turn_count == 3
    assert client.sessions.add_turn(fork.id, "next", "one").turn_number == count + 1
    client.sessions.delete(source)
    assert len(turns_of(client, fork.id)) == count + 1


def test_metadata_are_kept_without_the_key(client: Any, source: str) -> None:
    """The key leads to one session."""
    fork = client.sessions.fork(source, keep_metadata=True)

    assert fork.metadata == {"a": 1, "forked_from": source, "forked_version": 2}
    assert client.sessions.get_or_create("bot", key="k", user_id="ada").id == source


@pytest.mark.parametrize(("options", "seconds"), [({"ttl_seconds": 60}, 60), ({"keep_ttl": True}, HOUR - 5)])
def test_lifetime(client: Any, source: str, clock: FrozenClock, options: Any, seconds: int) -> None:
    """A given one, or what is left of that of the source."""
    fork = client.sessions.fork(source, **options)

    assert (fork.ttl_expires_at - clock.now()).total_seconds() == seconds
    assert client.sessions.get(fork.id).ttl_expires_at == fork.ttl_expires_at


def test_repeated_fork_is_one_fork(client: Any, source: str) -> None:
    """Its idempotency key covers all that is copied."""
    first, second = (
        client.sessions.fork(source, with_turns=True, with_memories=True, idempotency_key="key") for _ in range(2)
    )

    assert first.id == second.id
    assert (second.turn_count, second.memory_count) == (3, 3)
    assert client.sessions.get(first.id).turn_count == 3


def test_more_than_a_page(client: Any) -> None:
    """Of turns and of memories."""
    source = client.sessions.create("bot").id
    for number in range(101):
        client.sessions.add_turn(source, str(number), "")
        client.memory.add(f"fact {number}", session_id=source)

    fork = client.sessions.fork(source, with_turns=True, with_memories=True)

    assert (fork.turn_count, fork.memory_count) == (101, 101)
    assert [turn[:2] for turn in turns_of(client, fork.id)][:2] == [(1, "0"), (2, "1")]


def test_copied_turns_have_no_states(service: Service, client: Any, source: str) -> None:
    """Those are versions of the source."""
    if service.is_plain:
        pytest.skip("the service stores its current state with each turn")
    fork = client.sessions.fork(source, with_turns=True)
    again = client.sessions.fork(fork.id, with_turns=True)

    for session_id in (fork.id, again.id):
        turn = client.sessions.get_turn(session_id, client.sessions.list_turns(session_id)[0].id)
        assert (turn.state_before, turn.state_after) == (None, None)


def test_interrupted_fork_is_completed_by_its_key(plain: Service) -> None:
    """Nothing is copied twice; the error says how."""
    client = plain.client()
    source = client.sessions.create("bot").id
    for number in range(3):
        client.sessions.add_turn(source, str(number), "")
    added = []

    def fail(request: httpx.Request) -> Any:
        if request.method == "POST" and request.url.path.endswith("/turns"):
            added.append(request)
            return (
                httpx.Response(403, json={"error": {"code": "permission_denied", "message": "no"}})
                if len(added) == 2
                else None
            )
        return None

    plain.plain.instead = fail
    with pytest.raises(StateBaseError) as caught:
        client.sessions.fork(source, with_turns=True)
    key = caught.value.idempotency_key
    assert "but did not complete it" in str(caught.value)

    fork = client.sessions.fork(source, with_turns=True, idempotency_key=key)

    assert [turn[:2] for turn in turns_of(client, fork.id)] == [(1, "0"), (2, "1"), (3, "2")]
    assert len([item for item in client.sessions.list() if item.id != source]) == 1


def test_other_options_are_another_request(service: Service, client: Any, source: str) -> None:
    """The stored response would lack what they name."""
    if service.is_plain:
        pytest.skip("there, the rest is done by calls")
    client.sessions.fork(source, idempotency_key="key")

    with pytest.raises(StateBaseError) as caught:
        client.sessions.fork(source, with_turns=True, idempotency_key="key")

    assert caught.value.status_code == 409


def test_missing_source(client: Any) -> None:
    """As without options."""
    with pytest.raises(NotFoundError):
        client.sessions.fork("sess_1", with_turns=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"with_turns": 1}, "with_turns must be a bool, got int"),
        ({"with_memories": "yes"}, "with_memories must be a bool, got str"),
        ({"keep_metadata": None}, "keep_metadata must be a bool, got None"),
        ({"ttl_seconds": 2_592_001}, "ttl_seconds must be from 1 to 2,592,000, got 2592001"),
        ({"ttl_seconds": 5, "keep_ttl": True}, "ttl_seconds and keep_ttl exclude each other: pass one of them"),
    ],
)
def test_wrong_options_are_not_sent(respond: Any, options: Any, message: str) -> None:
    """The message names the argument."""
    client, requests = respond()

    with pytest.raises(InvalidRequestError) as caught:
        client.sessions.fork("sess_1", **options)

    assert (str(caught.value), caught.value.param) == (message, next(iter(options)))
    assert requests == []


@pytest.mark.parametrize("text", ["0", "x", "", "-1", "99999999", "1.5"])
def test_header_that_is_no_lifetime_is_refused(local_client: Any, text: str) -> None:
    """The engine does not take it for the default."""
    source = local_client.sessions.create("bot").id

    with pytest.raises(StateBaseError) as caught:
        local_client.sessions.fork(source, extra_headers={"X-StateBase-Extensions": f"ttl-seconds={text}"})

    assert caught.value.status_code == 400
    assert len(local_client.sessions.list().data) == 1


@pytest.mark.parametrize("service", ["sqlite", "postgres", "served"], indirect=True)
def test_copy_of_a_memory_expires_when_the_memory_does(client: Any, clock: FrozenClock) -> None:
    """The copy has the same end as the memory, not an endless life."""
    source = client.sessions.create("bot").id
    memory = client.memory.add("likes tea", session_id=source, expires_in=60)

    fork = client.sessions.fork(source, with_memories=True)

    (copy,) = client.memory.list(session_id=fork.id)
    assert (copy.content, copy.expires_at) == ("likes tea", memory.expires_at)
    clock.advance(seconds=60)
    assert client.memory.list(session_id=fork.id) == []


@pytest.mark.parametrize("service", ["postgres"], indirect=True)
def test_copy_of_a_long_memory_has_all_its_vectors(client: Any, service: Any) -> None:
    """Those of the parts after the first are in a table of their own."""
    source = client.sessions.create("bot").id
    client.memory.add("The harbour master writes down each ship that comes in. " * 40, session_id=source)
    parts = "SELECT seq, count(*) FROM memory_parts GROUP BY seq ORDER BY seq"

    client.sessions.fork(source, with_memories=True)

    database = service.engine._core.store.database
    with database.read():
        (_, first), (_, copied) = database.execute(parts).fetchall()
    assert first == copied > 0
