"""A change of the state that is meant for a version, and changes that start over when another writer was faster."""

from __future__ import annotations

import json
import threading
from collections import ChainMap
from pathlib import Path
from types import MappingProxyType
from typing import Any, Callable, Dict, List
from urllib.parse import quote

import httpx
import pytest

from statebase import AsyncStateBase, ConflictError, InvalidRequestError, StateBase, StateConflictError
from statebase._base.extensions import HEADER

CHANGES: Dict[str, Callable[[Any, str, int], Any]] = {
    "update": lambda state, session_id, version: state.update_state(session_id, {"a": 2}, expected_version=version),
    "replace": lambda state, session_id, version: state.replace_state(session_id, {"a": 2}, expected_version=version),
    "rollback": lambda state, session_id, version: state.rollback(session_id, 0, expected_version=version),
}


@pytest.fixture
def session_id(local_client: Any) -> str:
    return str(local_client.sessions.create("agent", initial_state={"a": 1, "list": [1], "in": {"n": 1.5}}).id)


@pytest.mark.parametrize("change", CHANGES)
def test_change_is_made_to_the_version_that_it_is_meant_for(local_client: Any, session_id: str, change: str) -> None:
    """Another version is refused with both versions and the current state, and nothing is changed."""
    CHANGES[change](local_client.state, session_id, 0)
    before = local_client.state.get_state(session_id)

    with pytest.raises(StateConflictError) as caught:
        CHANGES[change](local_client.state, session_id, 0)

    error = caught.value
    assert isinstance(error, ConflictError)
    assert (error.status_code, error.code, error.param) == (409, "state_conflict", "expected_version")
    assert (error.expected_version, error.current_version, error.state) == (0, 1, before.state)
    assert (error.was_applied, error.outcome) == (False, "rejected")
    assert str(error).startswith(
        "409 state_conflict: The state has version 1, not the expected version 0: read the state again, then repeat the "
        "change."
    )
    assert local_client.state.get_state(session_id) == before


def test_repetition_of_a_change_gets_its_first_response(local_client: Any, session_id: str) -> None:
    """Its idempotency key is looked up before its version: the version is that of the change itself by then."""
    first, second = (
        local_client.state.update_state(session_id, {"a": 2}, expected_version=0, idempotency_key="key")
        for _ in range(2)
    )

    assert first == second
    assert local_client.state.get_state(session_id).version == 1


def test_conflict_is_not_kept_for_its_idempotency_key(local_client: Any, session_id: str) -> None:
    """A version that is still to come may be there when the request is repeated."""
    with pytest.raises(StateConflictError):
        local_client.state.update_state(session_id, {"a": 2}, expected_version=1, idempotency_key="key")
    local_client.state.update_state(session_id, {"b": 1})

    assert local_client.state.update_state(session_id, {"a": 2}, expected_version=1, idempotency_key="key").version == 2


def test_large_state_is_refused_like_a_small_one(local_client: Any, session_id: str) -> None:
    """Such a state is encoded before its transaction."""
    large = {"text": "some text " * 20_000}
    local_client.state.replace_state(session_id, large, expected_version=0)

    with pytest.raises(StateConflictError) as caught:
        local_client.state.replace_state(session_id, {"text": "other text " * 20_000}, expected_version=0)

    assert caught.value.state == large


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("1", "expected_version must be an integer, got str"),
        (True, "expected_version must be an integer, got bool"),
        (1.0, "expected_version must be an integer, got float"),
        (-1, "expected_version must be at least 0, got -1: pass the version of a state"),
        (10**18, "expected_version must be less than 10**18: pass the version of a state"),
    ],
)
def test_what_is_not_a_version_is_not_sent(local_client: Any, session_id: str, version: Any, message: str) -> None:
    """The error names the argument."""
    with pytest.raises(InvalidRequestError) as caught:
        local_client.state.update_state(session_id, {"a": 2}, expected_version=version)

    assert (str(caught.value), caught.value.param) == (message, "expected_version")


@pytest.mark.parametrize("text", ["", "x", "-1", "1.0", "1" * 19, "0, 0"])
def test_header_that_is_not_a_version_is_refused(local_client: Any, session_id: str, text: str) -> None:
    """The engine does not take it for no version."""
    with pytest.raises(Exception) as caught:
        local_client.state.update_state(session_id, {"a": 2}, extra_headers={HEADER: f"expected-version={quote(text)}"})

    assert type(caught.value).__name__ in ("BadRequestError", "InvalidRequestError")
    assert local_client.state.get_state(session_id).version == 0


def answered(version: int, state: Dict[str, Any]) -> httpx.Response:
    time = "2026-01-02T03:04:05.000006Z"
    values: Dict[str, Any] = {"session_id": "sess_1", "version": version, "state": state, "data": state}
    return httpx.Response(200, json={**values, "created_at": time, "updated_at": time})


def test_service_that_does_not_know_versions_is_noticed(respond: Any) -> None:
    """By the version that its response tells; the error says that the change was applied."""
    client, requests = respond(answered(3, {"a": 2}), answered(8, {"a": 2}))
    client.state.update_state("sess_1", {"a": 2}, expected_version=2)

    with pytest.raises(StateConflictError) as caught:
        client.state.update_state("sess_1", {"a": 2}, expected_version=2)

    error = caught.value
    assert [request.headers[HEADER] for request in requests] == ["expected-version=2"] * 2
    assert (error.expected_version, error.current_version, error.state) == (2, 8, {"a": 2})
    assert (error.was_applied, error.status_code, error.outcome) == (True, 200, "unknown")
    assert error.message == (
        "The update was applied, but not to version 2: it created version 8, because another writer changed the state "
        "meanwhile and the service ignored expected_version. Check the state and its history"
    )


def test_repetition_with_the_version_of_today_gets_the_response_of_then(local_client: Any, session_id: str) -> None:
    """A program that starts again reads the version that it has made itself, and repeats the update under its key."""
    first = local_client.state.update_state(session_id, {"a": 2}, expected_version=0, idempotency_key="order-7")
    current = local_client.state.get_state(session_id).version

    again = local_client.state.update_state(session_id, {"a": 2}, expected_version=current, idempotency_key="order-7")

    assert (again.version, again.state) == (first.version, first.state)
    assert local_client.state.get_state(session_id).version == 1


def test_repetition_of_an_overwriting_update_is_noticed(respond: Any) -> None:
    """The response of a service that does not know versions tells the same when it is sent again."""
    replayed = answered(8, {"a": 2})
    replayed.headers["Idempotent-Replayed"] = "true"
    client, _ = respond(replayed)

    with pytest.raises(StateConflictError) as caught:
        client.state.update_state("sess_1", {"a": 2}, expected_version=2)

    assert caught.value.was_applied


def test_raw_response_is_checked_when_it_is_parsed(respond: Any) -> None:
    """The response itself is there in any case."""
    client, _ = respond(answered(8, {"a": 2}))

    response = client.with_raw_response.state.update_state("sess_1", {"a": 2}, expected_version=2)

    assert response.status_code == 200
    with pytest.raises(StateConflictError):
        response.parse()


def test_modify_starts_over_when_the_state_was_changed(
    local_client: Any, statebase_client: StateBase, session_id: str
) -> None:
    """The function is called again with the state as it is now, and the change of the other writer stays."""
    seen: List[int] = []

    def add(state: Dict[str, Any]) -> None:
        seen.append(state["a"])
        if len(seen) < 3:
            statebase_client.state.update_state(session_id, {"a": state["a"] * 10, f"rival{len(seen)}": True})
        state["a"] += 1

    changed = local_client.state.modify(session_id, add, reasoning="counting")

    assert seen == [1, 10, 100]
    assert {key: changed.state[key] for key in ("a", "rival1", "rival2")} == {"a": 101, "rival1": True, "rival2": True}
    assert changed.version == 3
    [trace] = local_client.traces.list(session_id=session_id, action="state.updated", limit=1).data
    assert local_client.traces.get(trace.id).details["reasoning"] == "counting"


@pytest.mark.parametrize("most", [1, 3])
def test_modify_gives_up_after_its_last_attempt(
    local_client: Any, statebase_client: StateBase, session_id: str, most: int
) -> None:
    """The error is that of the last attempt."""
    calls: List[int] = []

    def add(state: Dict[str, Any]) -> None:
        calls.append(len(calls))
        statebase_client.state.update_state(session_id, {"rival": len(calls)})

    with pytest.raises(StateConflictError) as caught:
        local_client.state.modify(session_id, add, max_attempts=most)

    assert len(calls) == most
    assert (caught.value.expected_version, caught.value.current_version) == (most - 1, most)


def test_modify_does_not_repeat_what_was_applied(respond: Any) -> None:
    """A service that does not know versions has written the state: once more would be twice."""
    client, requests = respond(answered(2, {"a": 1}), answered(8, {"a": 2}))

    with pytest.raises(StateConflictError) as caught:
        client.state.modify("sess_1", lambda state: {"a": state["a"] + 1})

    assert caught.value.was_applied
    assert [request.method for request in requests] == ["GET", "PUT"]
    assert json.loads(requests[1].content)["state"] == {"a": 2}


def test_function_returns_the_new_state_or_changes_its_copy(local_client: Any, session_id: str) -> None:
    """It gets a copy: changes made before it raises are lost."""
    before = local_client.state.get_state(session_id)

    def fail(state: Dict[str, Any]) -> None:
        state["list"].append(2)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        local_client.state.modify(session_id, fail)
    assert local_client.state.get_state(session_id) == before

    assert local_client.state.modify(session_id, lambda state: {**state, "a": 5}).state == {**before.state, "a": 5}
    assert local_client.state.modify(session_id, lambda state: state.clear()).state == {}


def test_async_function_is_awaited(async_statebase_client: AsyncStateBase, event_loop_for_clients: Any) -> None:
    """By the asynchronous client."""

    async def main() -> Any:
        session = await async_statebase_client.sessions.create("agent", initial_state={"a": 1})

        async def add(state: Dict[str, Any]) -> Dict[str, Any]:
            return {**state, "b": (await async_statebase_client.sessions.get(session.id)).agent_id}

        return await async_statebase_client.state.modify(session.id, add)

    assert event_loop_for_clients.run_until_complete(main()).state == {"a": 1, "b": "agent"}


def test_async_function_is_refused_by_the_synchronous_client(statebase_client: StateBase) -> None:
    """With a message, and without a warning that it was never awaited."""
    session = statebase_client.sessions.create("agent")

    async def add(state: Dict[str, Any]) -> None:
        state["a"] = 1

    with pytest.raises(InvalidRequestError) as caught:
        statebase_client.state.modify(session.id, add)

    assert str(caught.value) == "function must return a mapping or None, got coroutine"


def test_function_returns_any_mapping(local_client: Any, session_id: str) -> None:
    """Also one that is not a dictionary."""
    changed = local_client.state.modify(session_id, lambda state: ChainMap({"b": 1}, state))
    assert (changed.state["a"], changed.state["b"]) == (1, 1)
    assert local_client.state.modify(session_id, lambda _: MappingProxyType({"c": 2})).state == {"c": 2}


WRONG: Dict[str, Any] = {
    "function": (lambda state: state.modify("sess_1", 5), "function must be callable, got int"),
    "result": (lambda state: state.modify("sess_1", lambda _: 5), "function must return a mapping or None, got int"),
    "attempts": (
        lambda state: state.modify("sess_1", dict, max_attempts=0),
        "max_attempts must be an integer of at least 1, got 0",
    ),
    "kind of attempts": (
        lambda state: state.modify("sess_1", dict, max_attempts=True),
        "max_attempts must be an integer of at least 1, got bool",
    ),
    "number in place of an array": (
        lambda state: state.append("sess_1", "a", 1),
        "path 'a' must lead to an array, but there is int",
    ),
    "array in place of a number": (
        lambda state: state.increment("sess_1", "list"),
        "path 'list' must lead to a number, but there is list",
    ),
    "truth in place of a number": (
        lambda state: state.increment("sess_1", "yes"),
        "path 'yes' must lead to a number, but there is bool",
    ),
    "number in place of an object": (
        lambda state: state.remove_key("sess_1", ("a", "b")),
        "path ('a', 'b') must lead to an object, but there is int",
    ),
    "key of an array": (
        lambda state: state.append("sess_1", ("list", "b"), 1),
        "path ('list', 'b') must lead to an object, but there is list",
    ),
    "index of an object": (
        lambda state: state.increment("sess_1", 0),
        "path must be a key, or a sequence of keys and indexes, got int",
    ),
    "index that is not there": (
        lambda state: state.increment("sess_1", ("list", 1)),
        "path ('list', 1) has the index 1, but the array has 1 items",
    ),
    "no path": (lambda state: state.remove_key("sess_1", ()), "path must not be empty: pass a key of the state"),
    "part of a path": (
        lambda state: state.remove_key("sess_1", ("a", 1.5)),
        "path must be a key, or a sequence of keys and indexes, got float in it",
    ),
    "text to add": (lambda state: state.increment("sess_1", "a", "1"), "by must be a number, got str"),
    "float and an integer beyond it": (
        lambda state: state.increment("sess_1", "half", 10**400),
        "by is too large: the sum at path 'half' is beyond a float",
    ),
    "floats whose sum is infinite": (
        lambda state: state.increment("sess_1", ("large", 0), 1e308),
        "by is too large: the sum at path ('large', 0) is beyond a float",
    ),
    "NaN to add": (lambda state: state.increment("sess_1", "a", float("nan")), "by must be a finite number, got nan"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_argument_is_refused_before_anything_is_written(respond: Any, case: str) -> None:
    """The error names the argument, the types, and what to pass."""
    call, message = WRONG[case]
    client, requests = respond(answered(0, {"a": 1, "list": [1], "yes": True, "half": 0.5, "large": [1e308]}))

    with pytest.raises(InvalidRequestError) as caught:
        call(client.state)

    assert str(caught.value) == message
    assert [request.method for request in requests] in ([], ["GET"])


def test_values_are_changed_in_place(local_client: Any, session_id: str) -> None:
    """Missing objects on the way are created; a missing key can be removed."""
    state = local_client.state
    state.append(session_id, "list", {"b": 2})
    state.append(session_id, ("cart", "items"), None)
    state.increment(session_id, ("in", "n"), -1)
    state.increment(session_id, ("list", 0), by=2)
    state.increment(session_id, ("list", -1, "c"))
    state.remove_key(session_id, ("list", 1, "b"))
    state.remove_key(session_id, ("no", "such", "key"))

    assert state.remove_key(session_id, "a").state == {
        "list": [3, {"c": 1}],
        "in": {"n": 0.5},
        "cart": {"items": [None]},
    }


@pytest.mark.parametrize("where", [":memory:", "state.db"])
def test_no_change_is_lost_between_threads(tmp_path: Path, where: str) -> None:
    """Each of eight threads adds to the same number."""
    path = where if where == ":memory:" else str(tmp_path / where)
    with StateBase.local(path, durability="normal") as client:
        session = client.sessions.create("agent")

        def add() -> None:
            for _ in range(5):
                client.state.modify(session.id, step, max_attempts=1000)

        def step(state: Dict[str, Any]) -> None:
            state["count"] = state.get("count", 0) + 1

        threads = [threading.Thread(target=add) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert client.state.get_state(session.id).state["count"] == 40
