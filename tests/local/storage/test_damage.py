"""A store with damaged content returns an error that names what is damaged."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Callable

import httpx
import pytest

from statebase._generated.models import (
    MemoryCreateRequest,
    SessionCreateRequest,
    StatePartialUpdateRequest,
    TurnCreateRequest,
    TurnInput,
    TurnOutput,
)
from statebase._generated.queries import ListSessionsQuery
from statebase.local import Engine
from statebase.local.http.transport import LocalTransport

SESSION = SessionCreateRequest(agent_id="agent", initial_state={"a": 1})


def test_damage_answers_500_and_leaves_its_cause_in_the_log(
    open_engine: Callable[..., Engine], store_path: Path, caplog: pytest.LogCaptureFixture
):
    """The error says what to do; the request's id leads to the cause."""
    engine = open_engine(store_path)
    session_id = engine.create_session(SESSION).id
    connection = sqlite3.connect(store_path)
    connection.execute("UPDATE state_versions SET data = X'00'")
    connection.commit()
    connection.close()

    with httpx.Client(transport=LocalTransport(engine), base_url="http://local", headers={"X-API-Key": "k"}) as client:
        response = client.get(f"/v1/sessions/{session_id}/state/history")

    assert response.status_code == 500
    assert response.json()["error"]["code"] == "internal_error"
    assert "The store is damaged" in response.json()["error"]["message"]
    assert response.headers["X-Request-ID"] in caplog.text
    assert "Traceback" in caplog.text


TURN = TurnCreateRequest(input=TurnInput(type="text", content="a"), output=TurnOutput(type="text", content="b"))


@pytest.mark.parametrize(
    ("damage", "method", "path"),
    [
        ("UPDATE states SET text = '{\"a\":'", "GET", ""),
        ("UPDATE states SET text = '{\"a\":'", "GET", "/state"),
        ("UPDATE states SET text = '{\"a\":'", "POST", "/fork"),
        ("UPDATE sessions SET metadata = '['", "GET", ""),
        ("UPDATE states SET text = '}'", "POST", "/context"),
        ("UPDATE turns SET output = '{'", "POST", "/context"),
        ("UPDATE memories SET tags = '['", "POST", "/context"),
    ],
)
def test_damaged_text_is_not_passed_on(
    open_engine: Callable[..., Engine], store_path: Path, damage: str, method: str, path: str
):
    """Bodies are written from the text in the store: one that would not be JSON is a 500."""
    engine = open_engine(store_path, durability="normal")
    session_id = engine.create_session(SESSION).id
    engine.create_turn(session_id, TURN)
    engine.create_memory(MemoryCreateRequest(session_id=session_id, content="likes tea", tags=["t"]))
    change(store_path, damage)

    with httpx.Client(transport=LocalTransport(engine), base_url="http://local") as client:
        response = client.request(method, f"/v1/sessions/{session_id}{path}", json={} if method == "POST" else None)

    assert response.status_code == 500
    assert "The store is damaged" in response.json()["error"]["message"]


def test_damage_in_a_deleted_session_keeps_nobody_from_writing(open_engine: Callable[..., Engine], store_path: Path):
    """The session is removed with all that can be read of it."""
    engine = open_engine(store_path, durability="normal")
    other = engine.create_session(SESSION).id
    session_id = engine.create_session(SESSION).id
    for number in range(60):
        engine.create_memory(MemoryCreateRequest(session_id=session_id, content=f"memory {number}", tags=["t"]))
    change(store_path, "UPDATE memories SET tags = '[' WHERE content = 'memory 40'")

    engine.delete_session(session_id)

    engine.update_state(other, StatePartialUpdateRequest(state={"b": 1}))
    assert [rows(store_path, table) for table in ("memories", "memory_tags", "removals")] == [0, 0, 0]


def test_damage_that_keeps_a_session_from_being_removed_fails_no_other_write(
    open_engine: Callable[..., Engine], store_path: Path, caplog: pytest.LogCaptureFixture
):
    """The write is carried out, and the log tells of the damage once."""
    engine = open_engine(store_path, durability="normal")
    other = engine.create_session(SESSION).id
    session_id = engine.create_session(SESSION).id
    engine.create_memory(MemoryCreateRequest(session_id=session_id, content="likes tea"))
    change(
        store_path,
        f"INSERT INTO removals SELECT seq, id FROM sessions WHERE id = '{session_id}'",
        f"DELETE FROM sessions WHERE id = '{session_id}'",
        "UPDATE memory_index_data SET block = X'FFFFFFFFFFFF' WHERE id >= 10",
    )

    for number in range(3):
        engine.update_state(other, StatePartialUpdateRequest(state={"b": number}))

    assert engine.get_state(other).version == 3
    assert rows(store_path, "removals") == 1
    assert caplog.text.count("is damaged") == 1


def test_damaged_metadata_of_an_older_store_fails_no_write(open_engine: Callable[..., Engine], store_path: Path):
    """It gets no labels; other sessions get theirs."""
    engine = open_engine(store_path, durability="normal")
    ids = [engine.create_session(SessionCreateRequest(agent_id="a", metadata={"k": number})).id for number in range(3)]
    engine.close()
    change(
        store_path,
        f"UPDATE sessions SET metadata = '{{' WHERE id = '{ids[1]}'",
        "DELETE FROM session_labels",
        "INSERT INTO meta SELECT 'labels.todo', max(seq) FROM sessions",
    )

    engine = open_engine(store_path, durability="normal")
    engine.create_session(SESSION)

    found = engine.list_sessions(ListSessionsQuery(metadata='{"k": 2}')).data
    assert [session.id for session in found] == [ids[2]]
    engine.delete_session(ids[1])


def change(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def rows(path: Path, table: str) -> int:
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
    finally:
        connection.close()
