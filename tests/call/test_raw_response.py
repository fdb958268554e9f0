"""Each method can give the whole answer: status, headers, attempts, bytes and, on request, what it reads."""

from __future__ import annotations

import pickle
from datetime import datetime, timezone
from typing import Any, Dict

import httpx
import pytest

from statebase import APIResponse, APIResponseValidationError, NotFoundError, StateBase
from statebase._generated.operations import OPERATIONS

SESSION = {
    "id": "sess_1",
    "agent_id": "agent",
    "created_at": "2026-01-02T03:04:05Z",
    "updated_at": "2026-01-02T03:04:05Z",
    "state": {},
    "memory_count": 0,
    "turn_count": 0,
}
HEADERS = {
    "X-Request-ID": "req_1",
    "X-RateLimit-Limit": "100",
    "X-RateLimit-Remaining": "99",
    "X-RateLimit-Reset": "1767323045",
}


@pytest.fixture
def raw(flavour: str, make_client: Any) -> Any:
    """Return the raw view of a client whose service returns the listed responses; methods return when they are done."""
    from functools import wraps

    def make(*answers: httpx.Response) -> Any:
        left = list(answers)
        client = make_client(transport=httpx.MockTransport(lambda request: left.pop(0)))
        if flavour == "sync":
            return client.with_raw_response
        loop, target = client._loop, client.target.with_raw_response

        class Waiting:
            def __init__(self, part: Any) -> None:
                self._part = part

            def __getattr__(self, name: str) -> Any:
                value = getattr(self._part, name)
                if not callable(value):
                    return Waiting(value)
                return wraps(value)(lambda *args, **kwargs: loop.run_until_complete(value(*args, **kwargs)))

        return Waiting(target)

    return make


def test_answer_tells_all(raw: Any) -> None:
    """Status, headers in any case of letters, request id, rate limit, bytes, and the model."""
    answer = raw(httpx.Response(200, json=SESSION, headers=HEADERS)).sessions.get("sess_1")

    assert isinstance(answer, APIResponse)
    assert answer.status_code == 200
    assert answer.headers["x-ratelimit-limit"] == answer.headers["X-RateLimit-Limit"] == "100"
    assert answer.request_id == "req_1"
    assert answer.rate_limit.limit == 100
    assert answer.rate_limit.remaining == 99
    assert answer.rate_limit.reset_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    assert answer.content == httpx.Response(200, json=SESSION).content
    assert answer.parse().id == "sess_1"
    assert repr(answer) == "APIResponse(status_code=200, request_id='req_1')"


@pytest.mark.parametrize("reset", ["soon", "-1", "", "1e300", "nan", "99999999999999999999"])
def test_rate_limit_that_says_nothing(raw: Any, reset: str) -> None:
    """A value that cannot be read is None."""
    answer = raw(httpx.Response(200, json=SESSION, headers={"X-RateLimit-Reset": reset})).sessions.get("sess_1")

    assert answer.rate_limit.reset_at is answer.rate_limit.limit is answer.rate_limit.remaining is None


def test_attempts_and_key_are_told(raw: Any, clock: Any) -> None:
    """A success that took several attempts tells them, and a write the key that it carried."""
    session = {**SESSION, "object": "session"}
    answer = raw(httpx.Response(503), httpx.Response(201, json=session)).sessions.create("agent", idempotency_key="key")

    assert [attempt.status_code for attempt in answer.attempts] == [503, 201]
    assert answer.elapsed_seconds == answer.attempts[-1].elapsed_seconds
    assert answer.idempotency_key == "key"


def test_errors_are_raised_as_ever(raw: Any) -> None:
    """A raw answer is a successful one."""
    with pytest.raises(NotFoundError):
        raw(httpx.Response(404)).sessions.get("sess_1")


def test_answer_that_cannot_be_read_can_be_seen(raw: Any) -> None:
    """The bytes are there; reading them is what fails, and the error knows the call."""
    answer = raw(httpx.Response(201, html="<html>", headers=HEADERS)).sessions.create("agent", idempotency_key="key")

    assert answer.content == b"<html>"
    with pytest.raises(APIResponseValidationError) as caught:
        answer.parse()
    assert (caught.value.outcome, caught.value.idempotency_key, caught.value.request_id) == ("unknown", "key", "req_1")
    assert caught.value.attempts == answer.attempts


def test_page_goes_on_from_a_raw_answer(flavour: str, raw: Any) -> None:
    """The page of a raw list is a page like any other."""
    item = {name: SESSION[name] for name in SESSION if name != "state"}
    pages = [{"data": [item], "has_more": True}, {"data": [{**item, "id": "sess_2"}], "has_more": False}]
    view = raw(*(httpx.Response(200, json=page) for page in pages))

    page = view.sessions.list().parse()

    assert [one.id for one in page.data] == ["sess_1"]
    if flavour == "sync":
        assert [one.id for one in page.auto_paging_iter()] == ["sess_1", "sess_2"]


def test_tool_calls_and_words_work_as_ever(raw: Any, turn: Dict[str, Any]) -> None:
    """The methods written by hand have their raw kind, too."""
    view = raw(httpx.Response(201, json=turn), httpx.Response(200, json={"data": [], "query": "tea"}))

    assert view.sessions.add_tool_call("sess_1", "track", {}, None).parse().id == "turn_1"
    assert view.memory.search("tea", types=["fact"]).parse().query == "tea"


def test_every_operation_is_there() -> None:
    """The raw view has each method of the client."""
    view = StateBase("sb_test").with_raw_response

    for operation in OPERATIONS.values():
        for dotted in set(operation.methods) - {
            "memory.add_many",
            "memory.list",
            "system.erase_user",
        }:  # of several requests
            namespace, name = dotted.split(".")
            assert callable(getattr(getattr(view, namespace), name)), dotted


def test_raw_answer_is_not_pickled() -> None:
    """It belongs to its call; what it reads can be pickled."""
    client = StateBase("sb_test", transport=httpx.MockTransport(lambda _: httpx.Response(200, json=SESSION)))

    with pytest.raises(TypeError, match="cannot be pickled or copied"):
        pickle.dumps(client.with_raw_response.sessions.get("sess_1"))
