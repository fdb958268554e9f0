"""Each error status has its class, and the error says what the service said, in whatever form."""

from __future__ import annotations

import json
from typing import Any, Dict

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

import statebase
from statebase import APIStatusError, StateBase, StateBaseError

CLASSES = {
    400: "BadRequestError",
    401: "AuthenticationError",
    402: "APIStatusError",
    403: "PermissionDeniedError",
    404: "NotFoundError",
    405: "APIStatusError",
    408: "APIStatusError",
    409: "ConflictError",
    413: "PayloadTooLargeError",
    418: "APIStatusError",
    422: "UnprocessableEntityError",
    429: "RateLimitError",
    499: "APIStatusError",
    500: "InternalServerError",
    501: "InternalServerError",
    502: "InternalServerError",
    503: "InternalServerError",
    504: "InternalServerError",
    599: "InternalServerError",
}


def error_of(serve: Any, answer: httpx.Response) -> Any:
    with pytest.raises(StateBaseError) as caught:
        serve(lambda request: answer, max_retries=0).sessions.get("sess_1", extra_query={"private": "words"})
    return caught.value


def test_escaped_text_is_the_text(serve: Any) -> None:
    """A service may write any character as an escape; pydantic before 2.7.3 garbles those beyond ASCII."""
    error = error_of(serve, httpx.Response(404, content=b'{"detail": "\\u732b"}'))

    assert (error.message, error.body) == ("404: \u732b", {"detail": "\u732b"})


@pytest.mark.parametrize(("status", "name"), CLASSES.items())
def test_status_has_its_class(serve: Any, status: int, name: str) -> None:
    """The class is exactly that of the table, and all are both ours and of httpx."""
    error = error_of(serve, httpx.Response(status))

    assert type(error) is getattr(statebase, name)
    assert isinstance(error, APIStatusError)
    assert isinstance(error, httpx.HTTPStatusError)
    assert error.status_code == status


def test_error_of_the_service_is_told_in_full(serve: Any) -> None:
    """Message, code, parameter, request id, headers and body are on the error."""
    body = {
        "error": {
            "code": "session_not_found",
            "message": "There is no session sess_1",
            "type": "not_found_error",
            "param": "session_id",
        }
    }
    error = error_of(serve, httpx.Response(404, json=body, headers={"X-Request-ID": "req_1", "X-Other": "é".encode()}))

    assert str(error) == "404 session_not_found: There is no session sess_1 (request req_1)"
    assert (error.code, error.param, error.request_id) == ("session_not_found", "session_id", "req_1")
    assert error.headers["x-other"] == "é"
    assert error.body == body
    assert error.outcome == "rejected"
    assert len(error.attempts) == 1


DETAILS: Dict[str, Any] = {
    "detail is text": ({"detail": "Not authenticated"}, "Not authenticated"),
    "detail is a list": (
        {
            "detail": [
                {"loc": ["body", "ttl_seconds"], "msg": "Input should be positive", "type": "greater_than"},
                {"loc": ["body", "tags", 0], "msg": "Field required", "type": "missing"},
            ]
        },
        "body.ttl_seconds: Input should be positive; body.tags.0: Field required",
    ),
    "detail of another shape": ({"detail": [{"loc": None, "msg": None}, "text"]}, "(object); text"),
    "message of many lines": ({"error": {"message": "a\n  b"}}, "a b"),
    "empty detail": ({"detail": []}, "Unprocessable Entity (application/json, 13 bytes)"),
    "number": (5, "Unprocessable Entity (application/json, 1 bytes)"),
    "nothing": (None, "Unprocessable Entity"),
}


@pytest.mark.parametrize(("body", "reason"), DETAILS.values(), ids=DETAILS)
def test_reason_is_found_in_every_form(serve: Any, body: Any, reason: str) -> None:
    """FastAPI's details, the service's envelope, and what is neither, read as one line."""
    content = b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
    answer = httpx.Response(422, content=content, headers={"content-type": "application/json"})

    assert str(error_of(serve, answer)) == f"422: {reason}"


def test_what_a_terminal_would_obey_is_not_in_the_message(serve: Any) -> None:
    """Of the service's text it shows what can be printed, and no more than a screen of it; the fields have all of it."""
    detail = {"code": "x\x1b[2J", "message": "a\x00b\x1b[31m \u202ec\u200b" + "d" * 5000}
    error = error_of(serve, httpx.Response(400, json={"error": detail}, headers={"X-Request-ID": b"r\x9b"}))

    assert str(error).isprintable()
    assert str(error).startswith("400 x\ufffd[2J: a\ufffdb\ufffd[31m \ufffdc\ufffdddd")
    assert str(error).endswith("ddd... (request r\ufffd)")
    assert len(str(error)) < 2100
    assert (error.code, error.body["error"], error.request_id) == (detail["code"], detail, "r\x9b")


def test_page_of_a_gateway_is_described(serve: Any) -> None:
    """The message has the type and the size of an answer that is not JSON; the body is its text."""
    error = error_of(serve, httpx.Response(502, html="<h1>Bad gateway</h1>" + "x" * 1000))

    assert str(error) == "502: Bad Gateway (text/html; charset=utf-8, 1020 bytes)"
    assert error.body.startswith("<h1>Bad gateway</h1>")


def test_status_without_a_name(serve: Any) -> None:
    """A status that no standard knows reads well, too."""
    assert str(error_of(serve, httpx.Response(499))) == "499: an error"


def test_address_is_told_without_its_query(serve: Any) -> None:
    """The user's query is not in the error."""
    error = error_of(serve, httpx.Response(500))

    assert error.url == "https://api.statebase.org/v1/sessions/sess_1"
    assert "words" not in repr(vars(error)) + str(error) + str(error.request.url)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
ENVELOPE = st.fixed_dictionaries(
    {}, optional={"code": JSON, "message": JSON, "param": JSON, "retry_after": JSON, "type": JSON}
)
ITEM = st.fixed_dictionaries({}, optional={"loc": JSON, "msg": JSON})


@given(
    st.integers(400, 599),
    st.one_of(
        JSON,
        st.fixed_dictionaries({"error": ENVELOPE | JSON}),
        st.fixed_dictionaries({"detail": st.lists(ITEM | JSON) | JSON}),
    ),
)
def test_no_body_breaks_the_error(status: int, body: Any) -> None:
    """Whatever JSON comes with an error status, the caller sees an error of this status."""
    answer = httpx.Response(status, content=json.dumps(body).encode())
    client = StateBase("sb_test", max_retries=0, transport=httpx.MockTransport(lambda _: answer))

    with pytest.raises(APIStatusError) as caught:
        client.info()

    assert caught.value.status_code == status
    assert "\n" not in str(caught.value)
    assert caught.value.response.status_code == status


@given(
    st.binary(),
    st.lists(
        st.tuples(
            st.sampled_from(["retry-after", "x-ratelimit-reset", "content-type", "x-request-id"]),
            st.binary(max_size=30),
        )
    ),
)
def test_no_bytes_break_the_error(content: bytes, headers: Any) -> None:
    """Whatever bytes come in headers and body, likewise."""
    answer = httpx.Response(429, content=content, headers=headers)
    client = StateBase("sb_test", max_retries=0, transport=httpx.MockTransport(lambda _: answer))

    with pytest.raises(statebase.RateLimitError) as caught:
        client.info()

    assert caught.value.response.status_code == 429
    assert caught.value.retry_after is None or caught.value.retry_after >= 0
