"""Event hooks are told of each attempt, before and after, without anything private."""

from __future__ import annotations

from typing import Any, Dict, List

import httpx
import pytest

from statebase import AttemptEnded, AttemptStarted, StateBaseError


@pytest.fixture
def events() -> List[Any]:
    return []


@pytest.fixture
def hooks(events: List[Any]) -> Dict[str, Any]:
    return {"attempt_started": [events.append], "attempt_ended": [events.append]}


def test_each_attempt_is_told_before_and_after(respond: Any, events: List[Any], hooks: Any, clock: Any) -> None:
    """Number, operation and key of an attempt, then its result and the time of the next one."""
    client, requests = respond(
        httpx.ReadError("lost"),
        httpx.Response(503, headers={"x-request-id": "req_1"}),
        httpx.Response(422),
        event_hooks=hooks,
    )

    with pytest.raises(StateBaseError) as caught:
        client.sessions.create("agent")

    key = requests[0].headers["idempotency-key"]
    started = [AttemptStarted("create_session", "POST", "/v1/sessions", number, key) for number in (1, 2, 3)]
    assert events[0::2] == started
    assert [type(event) for event in events[1::2]] == [AttemptEnded] * 3
    assert [event.started for event in events[1::2]] == started
    assert [event.attempt for event in events[1::2]] == list(caught.value.attempts)
    assert [event.retry_in_seconds for event in events[1::2]] == [*clock.waits, None]


def test_success_is_told(respond: Any, events: List[Any], hooks: Any) -> None:
    """The last event of a call that succeeded has its status."""
    client, _ = respond(200, event_hooks=hooks)

    client.sessions.get("sess_1")

    assert events[0] == AttemptStarted("get_session", "GET", "/v1/sessions/{session_id}", 1, None)
    assert (events[1].attempt.status_code, events[1].attempt.phase, events[1].retry_in_seconds) == (200, "answer", None)


def test_events_hold_nothing_private(respond: Any, events: List[Any], hooks: Any) -> None:
    """Neither ids nor the query nor the key of the API is in an event."""
    client, _ = respond(httpx.Response(404), api_key="sb_hunter2", event_hooks=hooks)

    with pytest.raises(StateBaseError):
        client.memory.search("private words", "sess_private")

    assert "private" not in repr(events)
    assert "hunter2" not in repr(events)


def test_hooks_are_called_in_order(respond: Any, events: List[Any]) -> None:
    """Several hooks of a kind are called one after the other."""
    hooks = {"attempt_started": [lambda _: events.append(1), lambda _: events.append(2)]}
    client, _ = respond(200, event_hooks=hooks)

    client.sessions.get("sess_1")

    assert events == [1, 2]


def test_exception_of_a_hook_ends_the_call(respond: Any) -> None:
    """It reaches the caller as it is, and nothing more is sent."""

    def refuse(event: Any) -> None:
        raise PermissionError("not today")

    client, requests = respond(200, event_hooks={"attempt_started": [refuse]})

    with pytest.raises(PermissionError, match="not today"):
        client.sessions.get("sess_1")

    assert requests == []


def test_view_can_have_hooks_of_its_own(respond: Any, events: List[Any], hooks: Any) -> None:
    """with_options(event_hooks=...) takes the place of the client's, and None removes them."""
    client, _ = respond(200, 200, 200, event_hooks=hooks)

    client.with_options(event_hooks=None).sessions.get("sess_1")
    assert events == []
    client.with_options(event_hooks={"attempt_ended": [lambda _: events.append("view")]}).sessions.get("sess_1")
    assert events == ["view"]
    client.sessions.get("sess_1")
    assert len(events) == 3
