"""Batches: several writes to a session, all or none, each once whether it comes in a batch or alone."""

from __future__ import annotations

import json
import threading
from typing import Any, Dict, List

import httpx
import pytest

from statebase.local.operations import batch, stored_response


def turn(key: str, said: str = "hi", **more: Any) -> Dict[str, Any]:
    text = {"type": "text", "content": said}
    return {"operation": "create_turn", "idempotency_key": key, "body": {"input": text, "output": text, **more}}


def state(key: str, value: Dict[str, Any], **more: Any) -> Dict[str, Any]:
    return {"operation": "replace_state", "idempotency_key": key, "body": {"state": value, **more}}


def send(http: httpx.Client, session_id: str, *writes: Any, **more: Any) -> httpx.Response:
    return http.post(f"/v1/sessions/{session_id}/batch", json={"writes": list(writes), **more})


def alone(http: httpx.Client, session_id: str, write: Dict[str, Any]) -> httpx.Response:
    method, path = ("POST", "turns") if write["operation"] == "create_turn" else ("PUT", "state")
    content = json.dumps(write["body"], separators=(",", ":")).encode()
    headers = {"Idempotency-Key": write["idempotency_key"]}
    return http.request(method, f"/v1/sessions/{session_id}/{path}", content=content, headers=headers)


def stored(http: httpx.Client, session_id: str) -> List[Any]:
    """Return how many turns, versions and traces a session has."""
    history = http.get(f"/v1/sessions/{session_id}/history", params={"limit": 100}).json()
    turns = http.get(f"/v1/sessions/{session_id}/turns", params={"limit": 100}).json()["data"]
    count = http.get(f"/v1/sessions/{session_id}").json()["turn_count"]
    assert len(turns) == count
    return [count, len(history["versions"]), len(history["traces"])]


WRITES = [
    turn("a", "one", reasoning="because", metadata={"n": 1}),
    state("b", {"step": 1, "note": "x" * 400}, reasoning="a step"),
    turn("c", "two", state_after={"step": 2}),
    turn("d", "three", state_before={"step": 1}, state_after={"step": 2}),
]


def without(result: Dict[str, Any]) -> Dict[str, Any]:
    return {
        name: value for name, value in result.items() if name not in ("id", "session_id", "created_at", "updated_at")
    }


def test_batch_does_what_its_writes_do_alone(http: httpx.Client, new_session: Any) -> None:
    """Responses, turns, versions, states and traces are the same."""
    first, second = new_session(initial_state={"step": 0}), new_session(initial_state={"step": 0})

    results = send(http, first, *WRITES).json()["data"]
    expected = [alone(http, second, write).json() for write in WRITES]

    assert [without(result) for result in results] == [without(result) for result in expected]
    assert stored(http, first) == stored(http, second) == [3, 3, 5]
    for session in (first, second):
        listed = http.get(f"/v1/sessions/{session}/turns", params={"order": "asc"}).json()["data"]
        assert [item["turn_number"] for item in listed] == [1, 2, 3]
        detail = http.get(f"/v1/sessions/{session}/turns/{listed[2]['id']}").json()
        assert (detail["state_before"], detail["state_after"]) == ({"step": 1}, {"step": 2})
    actions = [
        [t["action"] for t in http.get(f"/v1/traces/sessions/{s}/traces").json()["data"]] for s in (first, second)
    ]
    assert actions[0] == actions[1]


def test_times_follow_the_order(http: httpx.Client, session_id: str) -> None:
    """On a frozen clock, no two writes have the same time."""
    results = send(http, session_id, turn("a"), state("b", {"n": 1}), turn("c")).json()["data"]

    times = [result.get("created_at") or result["updated_at"] for result in results]
    assert times == sorted(set(times))


@pytest.mark.parametrize("number", [1, 4])
def test_repeated_batch_changes_nothing(http: httpx.Client, session_id: str, number: int) -> None:
    """It has the same responses, also if it was repeated with other writes around it."""
    first = send(http, session_id, *WRITES[:number]).json()["data"]
    before = stored(http, session_id)

    again = send(http, session_id, *WRITES[:number]).json()["data"]

    assert again == first
    assert stored(http, session_id) == before
    assert send(http, session_id, turn("z"), *WRITES[:number]).json()["data"][1:] == first


def test_batch_and_single_requests_share_keys(http: httpx.Client, session_id: str) -> None:
    """A write that was applied alone is not applied again in a batch, and the other way round."""
    single = [alone(http, session_id, write).json() for write in WRITES[:2]]

    results = send(http, session_id, *WRITES).json()["data"]
    after = [alone(http, session_id, write) for write in WRITES]

    assert results[:2] == single
    assert [response.json() for response in after] == results
    assert {response.headers["Idempotent-Replayed"] for response in after} == {"true"}
    assert stored(http, session_id)[0] == 3


def test_key_twice_in_a_batch_is_one_write(http: httpx.Client, session_id: str) -> None:
    results = send(http, session_id, turn("a"), turn("a")).json()["data"]

    assert results[0] == results[1]
    assert stored(http, session_id)[0] == 1


BAD: Dict[str, Any] = {
    "body": ({**turn("x"), "body": {"input": "hi"}}, 422, ["body", "writes", 1, "body", "input"]),
    "operation": ({**turn("x"), "operation": "delete_session"}, 422, ["body", "writes", 1, "operation"]),
    "key": (turn(""), 422, ["body", "writes", 1, "idempotency_key"]),
    "long key": (turn("k" * 256), 422, ["body", "writes", 1, "idempotency_key"]),
    "not a write": (None, 422, ["body", "writes", 1]),
    "null character": (turn("x", "a\0"), 422, ["body", "writes", 1, "body", "input", "content"]),
    "other body": (turn("a", "other"), 409, 1),
}


@pytest.mark.parametrize(("wrong", "status", "place"), BAD.values(), ids=BAD)
def test_bad_write_is_named_and_nothing_is_written(
    http: httpx.Client, session_id: str, wrong: Any, status: int, place: Any
) -> None:
    """The writes before and after it are not applied either; the batch without it is."""
    before = stored(http, session_id)

    response = send(http, session_id, turn("a"), wrong, turn("b"))

    assert response.status_code == status
    if status == 422:
        assert response.json()["detail"][0]["loc"][: len(place)] == place
    else:
        assert response.json()["error"]["index"] == place
        assert response.json()["error"]["message"].startswith("writes[1]: ")
    assert stored(http, session_id) == before
    assert len(send(http, session_id, turn("a"), turn("b")).json()["data"]) == 2


@pytest.mark.parametrize("number", [0, 101])
def test_number_of_writes_is_limited(http: httpx.Client, session_id: str, number: int) -> None:
    response = send(http, session_id, *(turn(str(index)) for index in range(number)))

    assert response.status_code == 422
    assert stored(http, session_id)[0] == 0


def test_results_can_be_left_out(http: httpx.Client, session_id: str) -> None:
    response = send(http, session_id, *WRITES, include_results=False)

    assert response.json() == {"data": []}
    assert stored(http, session_id)[0] == 3


def test_large_results_are_refused(http: httpx.Client, new_session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each response holds the state; nothing is written, and without the responses it is."""
    monkeypatch.setattr(batch, "_LARGEST_RESULTS", 100_000)
    session_id = new_session(initial_state={"text": "x" * 60_000})

    refused = send(http, session_id, turn("a"), turn("b"))

    assert refused.status_code == 413
    assert stored(http, session_id)[0] == 0
    assert send(http, session_id, turn("a"), turn("b"), include_results=False).status_code == 200


def test_session_must_live(http: httpx.Client, new_session: Any, engine_clock: Any) -> None:
    """There is no batch for an unknown, a deleted or an expired session."""
    deleted, expired = new_session(), new_session(ttl_seconds=60)
    http.delete(f"/v1/sessions/{deleted}")
    engine_clock.advance(seconds=61)

    for session_id in ("sess_none", deleted, expired):
        response = send(http, session_id, turn("a"))
        assert (response.status_code, response.json()["error"]["code"]) == (404, "session_not_found")


def test_batches_at_once_number_turns_without_gaps(http: httpx.Client, session_id: str) -> None:
    """Also if some of them are the same batch, and single requests come in between."""

    def write(number: int) -> None:
        for index in range(5):
            send(http, session_id, *(turn(f"{number % 2}-{index}-{place}") for place in range(10)))
            alone(http, session_id, turn(f"{number % 2}-{index}-3"))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    listed = http.get(f"/v1/sessions/{session_id}/turns", params={"limit": 100, "order": "asc"}).json()["data"]
    assert [item["turn_number"] for item in listed] == list(range(1, 101))


class Interrupt(BaseException):
    pass


def test_interrupted_batch_leaves_nothing(http: httpx.Client, session_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it is interrupted, it can be repeated as a whole."""
    before, original = stored(http, session_id), stored_response.put
    left = [0]

    def put(*arguments: Any, **named: Any) -> None:
        left[0] -= 1
        if not left[0]:
            raise Interrupt
        original(*arguments, **named)

    for at in range(1, len(WRITES) + 1):
        left[0] = at
        with monkeypatch.context() as patch, pytest.raises(Interrupt):
            patch.setattr(stored_response, "put", put)
            send(http, session_id, *WRITES)
        assert stored(http, session_id) == before

    assert send(http, session_id, *WRITES).status_code == 200
    assert stored(http, session_id)[0] == 3
