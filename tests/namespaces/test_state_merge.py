"""States are compared, versions are read by number, and the state of a fork is merged into its origin."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any, Dict, List

import httpx
import pytest

from statebase import (
    NOT_GIVEN,
    APIResponseValidationError,
    InvalidRequestError,
    MergeConflictError,
    StateBase,
    StateConflictError,
)

BASE = {"a": 1, "in": {"x": 1, "y": 1}, "gone": True, "list": [1]}


@pytest.fixture
def session_id(local_client: Any) -> str:
    return str(local_client.sessions.create("agent", initial_state=BASE).id)


@pytest.fixture
def fork_id(local_client: Any, session_id: str) -> str:
    return str(local_client.sessions.fork(session_id).id)


def test_all_versions_can_be_listed(local_client: Any, session_id: str) -> None:
    """Also those before the newest 100; together with since_version it is a range."""
    for number in range(1, 131):
        local_client.state.update_state(session_id, {"a": number})

    versions: List[int] = []
    before: Any = NOT_GIVEN
    while True:
        page = local_client.sessions.list_state_versions(session_id, limit=100, before_version=before).data
        versions += [version.version for version in page]
        if not page:
            break
        before = versions[-1]

    assert versions == [*range(130, -1, -1)]
    between = local_client.state.get_state_history(session_id, since_version=3, before_version=6).data
    assert [(version.version, version.state["a"]) for version in between] == [(5, 5), (4, 4)]
    assert str(local_client.state.diff((session_id, 1), (session_id, 3))) == "~ a  1 -> 3"
    assert local_client.state.get_state_history(session_id, before_version=0).data == []
    assert len(local_client.state.get_state_history(session_id, before_version=10**18 - 1).data) == 50
    for wrong, message in ((-5, "at least 0"), (10**30, r"less than 10\*\*18"), (1.5, "an integer, got float")):
        with pytest.raises(InvalidRequestError, match=f"^before_version must be {message}"):
            local_client.state.get_state_history(session_id, before_version=wrong)


def test_diff_takes_sessions_versions_and_states(local_client: Any, session_id: str, fork_id: str) -> None:
    """In any combination; no difference is falsy."""
    changed = local_client.state.update_state(session_id, {"a": 2})

    diff = local_client.state.diff((session_id, 0), session_id)

    assert [tuple(change)[:4] for change in diff] == [("changed", "a", 1, 2)]
    assert local_client.state.diff(fork_id, session_id) == diff == local_client.state.diff(BASE, changed.state)
    assert not local_client.state.diff(fork_id, (session_id, 0))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (3, "before must be the id of a session, a tuple of the id and a version, or a state, got int"),
        (None, "before must be the id of a session, a tuple of the id and a version, or a state, got None"),
        (("x", "1"), "before must be the id of a session, a tuple of the id and a version, or a state, got tuple"),
        (("x", True), "before must be the id of a session, a tuple of the id and a version, or a state, got tuple"),
        (("x", -1), "before must have a version from 0, got -1"),
        (("SESSION", 9), "before has the version 9, but the newest version of the session is 0"),
    ],
)
def test_what_is_not_a_state(local_client: Any, session_id: str, source: Any, message: str) -> None:
    """The error names the argument."""
    given = (session_id, source[1]) if isinstance(source, tuple) and source[0] == "SESSION" else source

    with pytest.raises(InvalidRequestError) as caught:
        local_client.state.diff(given, {})

    assert (caught.value.message, caught.value.param) == (message, "before")


def test_changes_of_both_sides_are_merged(local_client: Any, session_id: str, fork_id: str) -> None:
    """By keys, at any depth; removed keys are removed, equal changes are not a conflict."""
    local_client.state.replace_state(fork_id, {"a": 1, "in": {"x": 2, "y": 1}, "list": [1, 2], "same": 1, "new": None})
    local_client.state.replace_state(session_id, {"a": 5, "in": {"x": 1, "z": 1}, "gone": True, "list": [1], "same": 1})

    merged = local_client.state.merge(session_id, fork_id)

    expected = {"a": 5, "in": {"x": 2, "z": 1}, "list": [1, 2], "same": 1, "new": None}
    assert (merged.state, merged.version, merged.resolved) == (expected, 2, ())
    assert local_client.state.get_state(session_id).state == expected
    assert [change.path for change in merged.changes] == ["in.x", "gone", "list[1]", "new"]
    [trace] = local_client.traces.list(session_id=session_id, action="state.updated", limit=1).data
    assert local_client.traces.get(trace.id).details["reasoning"] == f"Merged {fork_id}, version 1."


def test_fork_takes_over_what_its_origin_has(local_client: Any, session_id: str, fork_id: str) -> None:
    """The base is found in this direction too."""
    local_client.state.update_state(session_id, {"a": 2})
    local_client.state.update_state(fork_id, {"b": 2})

    assert local_client.state.merge(fork_id, session_id).state == {**BASE, "a": 2, "b": 2}


def test_conflicts_are_told_and_nothing_is_written(local_client: Any, session_id: str, fork_id: str) -> None:
    """As objects, with what is not there as NOT_GIVEN. True is not 1."""
    local_client.state.replace_state(fork_id, {"a": True, "in": {"x": 3, "y": 1}, "list": [1], "n.w": {"k": 1}})
    local_client.state.replace_state(session_id, {"in": {"x": 2, "y": 1}, "gone": 1, "list": [1], "n.w": {"k": 2}})

    with pytest.raises(MergeConflictError) as caught:
        local_client.state.merge(session_id, fork_id)

    found = [(each.path, each.base, each.ours, each.theirs) for each in caught.value.conflicts]
    assert sorted(found) == [
        ('["n.w"].k', NOT_GIVEN, 2, 1),
        ("a", 1, NOT_GIVEN, True),
        ("gone", True, 1, NOT_GIVEN),
        ("in.x", 1, 2, 3),
    ]
    assert caught.value.outcome == "not_sent"
    assert pickle.loads(pickle.dumps(caught.value)).conflicts == caught.value.conflicts
    assert local_client.state.get_state(session_id).version == 1


@pytest.mark.parametrize(
    ("resolve", "expected"),
    [
        ("ours", {"a": 2}),
        ("theirs", {"a": 3}),
        (lambda c: c.base + c.ours + c.theirs, {"a": 6}),
        (lambda c: NOT_GIVEN, {}),
    ],
)
def test_conflicts_are_resolved(local_client: Any, session_id: str, fork_id: str, resolve: Any, expected: Any) -> None:
    """By a side or by a function, which may leave the value out."""
    local_client.state.update_state(fork_id, {"a": 3, "b": 1})
    local_client.state.update_state(session_id, {"a": 2})

    merged = local_client.state.merge(session_id, fork_id, resolve=resolve, reasoning="mine")

    rest = {key: value for key, value in BASE.items() if key != "a"}
    assert merged.state == {**rest, **expected, "b": 1}
    assert [conflict.path for conflict in merged.resolved] == ["a"]


@pytest.mark.parametrize("base", [0, "tuple", BASE])
def test_base_can_be_given(local_client: Any, session_id: str, base: Any) -> None:
    """For sessions that are not forks of each other."""
    other = local_client.sessions.create("agent", initial_state={**BASE, "a": 9})
    local_client.state.update_state(session_id, {"gone": False})

    with pytest.raises(InvalidRequestError, match="base is missing: neither session is a fork of the other"):
        local_client.state.merge(session_id, other.id)
    merged = local_client.state.merge(session_id, other.id, base=(session_id, 0) if base == "tuple" else base)

    assert merged.state == {**BASE, "a": 9, "gone": False}


def test_merge_starts_over_when_the_state_was_changed(
    local_client: Any, statebase_client: StateBase, session_id: str, fork_id: str
) -> None:
    """The change of the other writer is merged too, and conflicts are those of the last attempt."""
    local_client.state.update_state(fork_id, {"a": 3})
    local_client.state.update_state(session_id, {"a": 2})
    seen: List[Any] = []

    def theirs(conflict: Any) -> Any:
        seen.append(conflict.ours)
        if len(seen) == 1:
            statebase_client.state.update_state(session_id, {"a": 7, "rival": 1})
        return conflict.theirs

    merged = local_client.state.merge(session_id, fork_id, resolve=theirs)

    assert (seen, merged.state["a"], merged.state["rival"], len(merged.resolved)) == ([2, 7], 3, 1, 1)
    with pytest.raises(StateConflictError):
        local_client.state.update_state(session_id, {"a": 0}, expected_version=1)


def test_interrupted_merge_writes_nothing(local_client: Any, session_id: str, fork_id: str) -> None:
    """A function that raises, whatever it raises, leaves the state as it was."""
    local_client.state.update_state(fork_id, {"a": 3})
    local_client.state.update_state(session_id, {"a": 2})

    def stop(conflict: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        local_client.state.merge(session_id, fork_id, resolve=stop)

    assert local_client.state.get_state(session_id).version == 1


def test_resolve_is_checked_first(local_client: Any, session_id: str) -> None:
    """Before anything is read."""
    with pytest.raises(InvalidRequestError, match="resolve must be 'ours', 'theirs' or a function, got str"):
        local_client.state.merge(session_id, "sess_missing00000", resolve="mine")


TIME = "2026-01-02T12:00:00Z"


def history(*versions: int, newest: int) -> httpx.Response:
    data = [{"version": each, "state": {"v": each}, "created_at": TIME} for each in versions]
    return httpx.Response(200, json={"data": data, "current_version": newest})


def test_service_that_ignores_before_version_is_noticed(respond: Any) -> None:
    """It would return its newest versions in place of older ones."""
    client, _ = respond(history(9, newest=9))

    with pytest.raises(APIResponseValidationError, match="does not support before_version"):
        client.state.get_state_history("sess_1", before_version=3)


def test_version_is_found_on_a_service_that_ignores_before_version(respond: Any) -> None:
    """Among its newest 100; an older one is an error."""
    newest = [*range(240, 140, -1)]
    client, requests = respond(history(240, newest=240), history(*newest, newest=240))

    assert str(client.state.diff(("sess_1", 150), {"v": 1})) == "~ v  150 -> 1"
    assert dict(requests[1].url.params) == {"limit": "100", "since_version": "149"}

    client, _ = respond(history(240, newest=240), history(*newest, newest=240))
    with pytest.raises(APIResponseValidationError, match="only returns the newest 100 versions"):
        client.state.diff(("sess_1", 3), {})


def test_merge_on_a_service_without_extensions(respond: Any) -> None:
    """The base is read among the newest versions of the fork, and an overwritten change is noticed."""
    state: Dict[str, Any] = {"session_id": "sess_1", "version": 4, "created_at": TIME, "updated_at": TIME}
    session = {"id": "sess_2", "agent_id": "a", "state": {}, "created_at": TIME, "updated_at": TIME}
    fork = {**session, "metadata": {"forked_from": "sess_1", "forked_version": 0}, "turn_count": 0, "memory_count": 0}

    def answered(version: int, values: Dict[str, Any]) -> httpx.Response:
        return httpx.Response(200, json={**state, "version": version, "state": values, "data": values})

    answers = [
        *(httpx.Response(200, json=fork), history(1, newest=1), history(1, 0, newest=1)),
        *(answered(1, {"v": 0, "new": 1}), answered(4, {"v": 5})),
    ]
    client, requests = respond(*copy.deepcopy(answers), answered(5, {"v": 5, "new": 1}))

    merged = client.state.merge("sess_1", "sess_2")

    assert (merged.state, merged.version) == ({"v": 5, "new": 1}, 5)
    assert json.loads(requests[-1].content)["state"] == {"v": 5, "new": 1}
    client, _ = respond(*answers, answered(6, {"v": 5, "new": 1}))
    with pytest.raises(StateConflictError) as caught:
        client.state.merge("sess_1", "sess_2")
    assert caught.value.was_applied
