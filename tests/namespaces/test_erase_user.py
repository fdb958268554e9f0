"""Erasing a user leaves nothing of them: neither in sessions, nor in what is kept beside these."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any, Dict

import httpx
import pytest

import statebase._namespaces.users as users
from statebase import InvalidRequestError, StateBase, StateBaseError
from statebase.local.operations import erase
from statebase.models import UserErasure
from statebase.testing import FrozenClock

from .conftest import Service

SECRET = "zebrafish"


def fill(client: Any, user_id: str = "ada", **options: Any) -> str:
    """Create a session of a user, with a secret in everything that takes a text."""
    session = client.sessions.create(
        "bot", user_id, {"m": SECRET}, {"s": SECRET}, idempotency_key=f"create {user_id}", **options
    )
    client.sessions.add_turn(session.id, SECRET, SECRET, reasoning=SECRET, idempotency_key=f"turn {user_id}")
    client.state.update_state(session.id, {SECRET: 1}, reasoning=SECRET)
    client.state.rollback(session.id, 0, SECRET)
    memory = client.memory.add(f"The {SECRET} is theirs", session_id=session.id, idempotency_key=f"memory {user_id}")
    client.memory.update(memory.id, content=f"Now the {SECRET} is not")
    client.entities.create(session.id, SECRET, SECRET, {"a": SECRET})
    client.sessions.get_context(session.id, SECRET, extra_headers={"Idempotency-Key": f"context {user_id}"})
    return str(session.id)


def counts(report: UserErasure) -> Dict[str, Any]:
    return {name: value for name, value in report.model_dump().items() if name not in ("remaining", "cursor")}


def traces(client: Any) -> str:
    return json.dumps([client.traces.get(item.id).model_dump(mode="json") for item in client.traces.list(limit=1000)])


def test_everything_of_a_user_is_erased(service: Service) -> None:
    """And nothing of another one."""
    client = service.client()
    fill(client)
    client.sessions.delete(fill_and_fork(client))
    other = fill(client, "bob")

    report = client.erase_user("ada")

    assert [item.id for item in client.sessions.list()] == [other]
    assert SECRET in str(client.sessions.get(other)) + str(client.sessions.list_turns(other).data)
    if service.is_plain:
        assert counts(report) == {
            **dict.fromkeys(("expired_sessions", "entities", "traces", "stored_responses")),
            "dry_run": False,
            "live_sessions": 2,
            "turns": 1,
            "memories": 1,
        }
        assert len(report.remaining) == 3
        return
    assert (report.live_sessions, report.expired_sessions, report.turns, report.memories, report.entities) == (
        2,
        0,
        1,
        1,
        1,
    )
    assert (report.remaining, report.cursor, report.dry_run) == ([], None, False)
    assert report.traces == 7 + 3  # of the first session all; the creation and two forks of those without contents
    assert report.stored_responses == 8 + 1
    assert "ada" not in traces(client)
    of_others = [item for item in client.traces.list(limit=1000) if item.session_id != other]
    details = [client.traces.get(item.id).details for item in of_others]
    assert SECRET not in json.dumps(details)
    assert {"redacted": True, "version": 1} in details
    assert "bob" in traces(client)
    again = client.erase_user("ada")
    assert not any(value for value in counts(again).values())


def fill_and_fork(client: Any) -> str:
    """Create a fork of a fork of an empty session, and return the fork in between."""
    session = client.sessions.create("bot", "ada")
    fork = client.sessions.fork(session.id)
    client.sessions.delete(client.sessions.fork(fork.id).id)
    return str(fork.id)


def test_expired_sessions_are_erased(local_client: Any, clock: FrozenClock) -> None:
    """Also those that are long gone."""
    fill(local_client, ttl_seconds=60)
    clock.advance(days=3)

    report = local_client.erase_user("ada")

    assert (report.live_sessions, report.expired_sessions, report.turns) == (0, 1, 1)
    assert local_client.memory.search(SECRET, threshold=0.0).data == []


def test_expired_session_is_deleted_like_others(service: Service, clock: FrozenClock) -> None:
    """`delete` of its id works, although `get` returns 404."""
    client = service.client()
    session_id = fill(client, ttl_seconds=60)
    clock.advance(seconds=60)

    client.sessions.delete(session_id)

    with pytest.raises(StateBaseError):
        client.sessions.delete(session_id)


@pytest.mark.parametrize("key", ["create ada", "turn ada", "memory ada", "context ada"])
def test_repeated_idempotency_keys_return_nothing_of_a_user(local_client: Any, key: str) -> None:
    """The stored responses go with their sessions."""
    session_id = fill(local_client)
    local_client.erase_user("ada")

    repeated: Any = {
        "create ada": lambda: local_client.sessions.create(
            "bot", "ada", {"m": SECRET}, {"s": SECRET}, idempotency_key=key
        ),
        "turn ada": lambda: local_client.sessions.add_turn(
            session_id, SECRET, SECRET, reasoning=SECRET, idempotency_key=key
        ),
        "memory ada": lambda: local_client.memory.add(
            f"The {SECRET} is theirs", session_id=session_id, idempotency_key=key
        ),
        "context ada": lambda: local_client.sessions.get_context(
            session_id, SECRET, extra_headers={"Idempotency-Key": key}
        ),
    }
    with pytest.raises(StateBaseError) as caught:
        repeated[key]()

    assert caught.value.status_code == 404


def test_dry_run_erases_nothing(service: Service) -> None:
    """It returns what would be erased."""
    client = service.client()
    session_id = fill(client)
    before = traces(client)

    report = client.erase_user("ada", dry_run=True)

    assert client.sessions.get(session_id).turn_count == 1
    assert traces(client) == before
    real = client.erase_user("ada")
    assert counts(report) == {**counts(real), "dry_run": True}


def test_erasing_in_pieces(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each request does one piece; the report is the sum."""
    monkeypatch.setattr(erase, "_SECONDS_AT_ONCE", 0)
    monkeypatch.setattr(erase, "_TRACES_AT_ONCE", 2)
    monkeypatch.setattr(users, "_LARGEST_PAGE", 2)
    client = service.client()
    for _ in range(5):
        client.sessions.create("bot", "ada")
    client.sessions.delete(client.sessions.create("bot", "ada").id)
    client.sessions.create("bot", "bob")

    report = client.erase_user("ada")

    assert (report.live_sessions, report.traces) == (5, None if service.is_plain else 6)
    assert [item.user_id for item in client.sessions.list()] == ["bob"]


def test_interrupted_erasure_goes_on(local_client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was done before stays done; the next call finds the rest."""
    monkeypatch.setattr(erase, "_SECONDS_AT_ONCE", 0)
    fill(local_client)
    step = erase.EraseOperations._redact
    calls = []

    def interrupted(*arguments: Any, **options: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return step(*arguments, **options)

    monkeypatch.setattr(erase.EraseOperations, "_redact", interrupted)
    with pytest.raises(KeyboardInterrupt):
        local_client.erase_user("ada")

    report = local_client.erase_user("ada")

    assert local_client.sessions.list().data == []
    assert "ada" not in traces(local_client)
    assert SECRET not in traces(local_client)
    assert report.remaining == []


def test_retried_piece_is_counted_once(local_client: Any, faults: Any) -> None:
    """The stored response to its idempotency key has the counts."""
    fill(local_client)
    faults.drop_after_commit()

    assert local_client.erase_user("ada").live_sessions == 1


def test_file_has_no_erased_text(tmp_path: Path) -> None:
    """Neither in tables and indexes, nor in free pages, nor in the write-ahead log."""
    path = tmp_path / "agents.db"
    with StateBase.local(path) as client:
        for number in range(30):
            fill(client, f"user {number}")
        fill(client, "bob is here")
        for number in range(30):
            report = client.erase_user(f"user {number}")
            assert report.remaining == []
        left = b"".join(file.read_bytes() for file in tmp_path.iterdir())
        assert SECRET.encode() in left
        client.erase_user("bob is here")

        left = b"".join(file.read_bytes() for file in tmp_path.iterdir())

    assert SECRET.encode() not in left
    assert b"bob is here" not in left


def test_log_that_others_read_is_named(tmp_path: Path) -> None:
    """Then deleted text goes when they are done."""
    path = tmp_path / "agents.db"
    with StateBase.local(path) as client:
        fill(client)
        reader = sqlite3.connect(path)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM sessions").fetchone()

        report = client.erase_user("ada")

        reader.close()
        assert [text.partition(",")[0] for text in report.remaining] == ["deleted text in the write-ahead log"]
        assert client.erase_user("ada").remaining == []


def test_service_that_ignores_the_filter_by_user(plain: Service) -> None:
    """Sessions of others stay."""
    client = plain.client()
    other = client.sessions.create("bot", "bob").id
    nobody = client.sessions.create("bot").id
    client.sessions.create("bot", "ada")

    def unfiltered(request: httpx.Request) -> None:
        if request.url.path == "/v1/sessions" and request.method == "GET":
            request.url = request.url.copy_with(query=b"limit=100")

    plain.plain.instead = unfiltered

    assert client.erase_user("ada").live_sessions == 1
    assert {item.id for item in client.sessions.list()} == {other, nobody}


@pytest.mark.parametrize(
    ("arguments", "message", "param"),
    [
        (("",), "user_id must be a non-empty string, got an empty string", "user_id"),
        ((None,), "user_id must be a non-empty string, got None", "user_id"),
        ((b"ada",), "user_id must be a non-empty string, got bytes", "user_id"),
    ],
)
def test_wrong_arguments_are_not_sent(respond: Any, arguments: Any, message: str, param: str) -> None:
    """No user means no user, never all of them."""
    client, requests = respond()

    with pytest.raises(InvalidRequestError) as caught:
        client.erase_user(*arguments)

    assert (str(caught.value), caught.value.param) == (message, param)
    assert requests == []


@pytest.mark.parametrize(
    "cursor", ["", "x", "sessions", "sessions:", "sessions:-1", "forks:x", "other:1", "forks:" + "9" * 40]
)
def test_cursor_of_another_kind_is_refused(local_client: Any, cursor: str) -> None:
    """It does not mean to begin."""
    with pytest.raises(StateBaseError) as caught:
        local_client.erase_user("ada", extra_body={"cursor": cursor})

    assert (caught.value.status_code, caught.value.param) == (400, "cursor")
