"""States that take long to encode: they are encoded before the transaction, and land as all others do."""

from __future__ import annotations

import json
import random
import sqlite3
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any, Callable, Dict, List

import httpx
import pytest

from statebase._generated import models, queries
from statebase.local import Engine, EngineError
from statebase.local.storage import history
from statebase.local.storage.tables.states import Draft

pytestmark = pytest.mark.slow

FILLER = " ".join(f"word{number}" for number in range(12_000))


@pytest.fixture
def can_write(store_path: Path) -> Callable[[], bool]:
    """Whether another process could write to the store at this moment."""

    def look() -> bool:
        connection = sqlite3.connect(store_path, timeout=0, isolation_level=None)
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        finally:
            connection.close()
        return True

    return look


def test_nobody_waits_while_a_large_version_is_encoded(
    open_engine: Callable[..., Engine],
    make_http: Callable[..., httpx.Client],
    store_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    can_write: Callable[[], bool],
):
    """Whether the state becomes large, is large, or was; a small one is encoded in its one transaction."""
    http = make_http(open_engine(store_path))
    path = f"/v1/sessions/{http.post('/v1/sessions', json={'agent_id': 'a'}).json()['id']}/state"
    encode = history.encode
    others_could_write: List[bool] = []

    def watched(*arguments: Any) -> Any:
        others_could_write.append(can_write())
        return encode(*arguments)

    monkeypatch.setattr(history, "encode", watched)
    http.put(path, json={"state": {"filler": FILLER}})
    http.patch(path, json={"state": {"a": 1}})
    http.post(f"{path}/rollback", json={"version": 1})
    session_path = path.rpartition("/")[0]
    http.post(f"{session_path}/fork", json={})
    http.post(f"{session_path}/fork", json={"version": 2})
    turn = {"input": {"type": "text", "content": "in"}, "output": {"type": "text", "content": "out"}}
    added = http.post(f"{session_path}/turns", json={**turn, "state_after": {"filler": FILLER, "b": 1}})
    http.post("/v1/sessions", json={"agent_id": "a", "initial_state": {"filler": FILLER}})
    http.put(path, json={"state": {"small": 1}})
    http.patch(path, json={"state": {"small": 2}})

    assert added.status_code == 201
    assert others_could_write == [*[True] * 8, False]


def test_content_and_versions_are_those_of_small_ones(http: httpx.Client, session_id: str):
    path = f"/v1/sessions/{session_id}/state"
    put = http.put(path, json={"state": {"filler": FILLER, "a": {"x": 1}}}).json()
    patch = http.patch(path, json={"state": {"a": {"y": 2}, "b": None}}).json()
    back = http.post(f"{path}/rollback", json={"version": -1}).json()

    assert (put["version"], put["state"], put["data"]) == (1, {"filler": FILLER, "a": {"x": 1}}, put["state"])
    assert (patch["version"], patch["data"]) == (2, {"filler": FILLER, "a": {"y": 2}, "b": None})
    assert (back["new_version"], back["restored_from_version"], back["state"]) == (3, 1, put["state"])
    assert http.get(path).json()["state"] == put["state"]
    assert [version["version"] for version in http.get(f"{path}/history").json()["data"]] == [3, 2, 1, 0]


@pytest.mark.parametrize("overtaken", [1, 2, 5])
def test_version_that_comes_between_is_merged(
    open_engine: Callable[..., Engine],
    store_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    can_write: Callable[[], bool],
    overtaken: int,
):
    """However often another writer is faster: each change lands once, and nothing of the others is lost."""
    engine = open_engine(store_path)
    session = engine.create_session(models.SessionCreateRequest(agent_id="a", initial_state={"filler": FILLER})).id
    encode = Draft.encode
    left = [overtaken]
    overtaking_now = [False]

    def overtaking(draft: Draft) -> Any:
        if left[0] and not overtaking_now[0] and can_write():
            left[0] -= 1
            overtaking_now[0] = True
            engine.update_state(session, models.StatePartialUpdateRequest(state={f"other{left[0]}": 1}))
            overtaking_now[0] = False
        return encode(draft)

    monkeypatch.setattr(Draft, "encode", overtaking)
    answer = engine.update_state(session, models.StatePartialUpdateRequest(state={"mine": 1}))

    state = engine.get_state(session)
    others = {key: value for key, value in state.state.items() if key.startswith("other")}
    assert answer.state["mine"] == state.state["mine"] == 1
    assert state.version == 1 + len(others)
    assert len(others) == min(overtaken, 2)
    versions = engine.get_state_history(session, queries.GetStateHistoryQuery(limit=100)).data
    assert [version.version for version in versions] == list(range(state.version, -1, -1))


def test_threads_that_write_at_once_lose_nothing(open_engine: Callable[..., Engine], store_path: Any):
    engine = open_engine(store_path)
    session = engine.create_session(models.SessionCreateRequest(agent_id="a", initial_state={"filler": FILLER})).id

    def write(name: str) -> None:
        for number in range(5):
            engine.update_state(session, models.StatePartialUpdateRequest(state={f"{name}{number}": number}))

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    state = engine.get_state(session)
    assert state.version == 20
    assert set(state.state) == {"filler", *(f"{name}{number}" for name in "abcd" for number in range(5))}


def test_session_that_is_deleted_meanwhile_gets_nothing(engine: Engine, monkeypatch: pytest.MonkeyPatch):
    session = engine.create_session(models.SessionCreateRequest(agent_id="a")).id
    encode = Draft.encode

    def overtaking(draft: Draft) -> Any:
        engine.delete_session(session)
        return encode(draft)

    monkeypatch.setattr(Draft, "encode", overtaking)

    with pytest.raises(EngineError) as error:
        engine.replace_state(session, models.StateReplaceRequest(state={"filler": FILLER}))
    assert error.value.code == "session_not_found"


def test_repeated_request_gets_its_first_answer(http: httpx.Client, session_id: str):
    path = f"/v1/sessions/{session_id}/state"
    headers = {"Idempotency-Key": "once"}
    first = http.put(path, json={"state": {"filler": FILLER}}, headers=headers)
    http.patch(path, json={"state": {"filler": "other"}})

    again = http.put(path, json={"state": {"filler": FILLER}}, headers=headers)

    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.content == first.content
    assert http.get(path).json()["version"] == 2


def test_random_changes_come_back_from_the_history(engine: Engine):
    """Through keyframes, many steps, and changes in several places at once."""
    chance = random.Random(3)
    state: Dict[str, Any] = {f"key{number}": chance.random() for number in range(6000)}
    session = engine.create_session(models.SessionCreateRequest(agent_id="a", initial_state=state)).id
    expected = [json.dumps(state)]
    for _ in range(80):
        changes = {f"key{chance.randrange(6100)}": chance.random() for _ in range(chance.choice([1, 3, 50]))}
        state.update(changes)
        engine.update_state(session, models.StatePartialUpdateRequest(state=changes))
        expected.append(json.dumps(state))

    versions = engine.get_state_history(session, queries.GetStateHistoryQuery(limit=100)).data

    assert [json.dumps(version.state) for version in versions[::-1]] == expected


def test_session_that_is_deleted_while_its_new_state_is_encoded_is_not_found(
    open_engine: Callable[..., Engine], store_path: Path
):
    """Its versions, which the new one is written against, may be gone already."""
    engine = open_engine(store_path, durability="normal")
    session_id = engine.create_session(
        models.SessionCreateRequest(agent_id="a", initial_state={"text": "x" * 100_000, "n": 0})
    ).id
    for number in range(3):  # the next one is written against the first
        engine.update_state(session_id, models.StatePartialUpdateRequest(state={"n": number}))

    def delete(frame: FrameType, event: str, argument: object) -> None:
        if frame.f_code.co_name == "make":
            sys.settrace(None)
            deletion = threading.Thread(target=engine.delete_session, args=[session_id])
            deletion.start()
            deletion.join()

    before = sys.gettrace()
    sys.settrace(delete)
    try:
        with pytest.raises(EngineError) as raised:
            engine.update_state(session_id, models.StatePartialUpdateRequest(state={"n": 9}))
    finally:
        sys.settrace(before)

    assert (raised.value.status, raised.value.code) == (404, "session_not_found")
