"""Errors are plain data: they survive pickling and copying, and read as errors of httpx where 0.4 raised those."""

from __future__ import annotations

import copy
import inspect
import pickle
from datetime import datetime, timezone
from typing import Any, List, Type

import httpx
import pytest

import statebase
from statebase import (
    APIConnectionError,
    APIResponseValidationError,
    APIStatusError,
    Attempt,
    ConfigurationError,
    InvalidRequestError,
    NotFoundError,
    StateBaseError,
)
from statebase._base import errors as _errors
from statebase._base import http_errors as _http_errors


def error_classes() -> List[Type[StateBaseError]]:
    return [
        value
        for value in {**vars(_errors), **vars(_http_errors)}.values()
        if inspect.isclass(value) and issubclass(value, StateBaseError) and value.__module__ == "statebase"
    ]


def test_every_class_of_error_is_public() -> None:
    """Every error that can be raised can be imported."""
    assert {kind.__name__ for kind in error_classes()} <= set(statebase.__all__)


def test_tree_of_the_docstring_is_the_tree_of_the_code() -> None:
    """The picture in the module's docstring shows each class below its base, and no other."""
    drawn = {}
    parents: List[str] = []
    for line in inspect.cleandoc(str(_errors.__doc__)).splitlines():
        name = line.lstrip(" │├└─").split(" ")[0]
        if name.endswith("Error") and "Error" in name and line.startswith("    "):
            depth = (len(line) - len(line.lstrip(" │├└─"))) // 4 - 1
            parents[depth:] = [name]
            drawn[name] = parents[depth - 1] if depth else "Exception"
    in_code = {kind.__name__: kind.__mro__[1].__name__ for kind in error_classes()}

    assert drawn == in_code


@pytest.mark.parametrize("kind", error_classes(), ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(
    "duplicate",
    [
        copy.copy,
        copy.deepcopy,
        *(lambda error, p=p: pickle.loads(pickle.dumps(error, p)) for p in range(pickle.HIGHEST_PROTOCOL + 1)),
    ],
)
def test_copies_are_equal_in_all_they_say(kind: Any, duplicate: Any) -> None:
    """Errors cross the border of a process, of any class, with everything on them."""
    attempt = Attempt(datetime(2026, 1, 2, tzinfo=timezone.utc), 0.1, "answer", 404, "req_1")
    error = kind(
        "message",
        hint="hint",
        status_code=404,
        code="code",
        request_id="req_1",
        headers={"x-a": "b"},
        body={"error": {}},
        outcome="unknown",
        attempts=(attempt,),
        idempotency_key="key",
        retry_after=1.5,
    )

    copied = duplicate(error)

    assert type(copied) is kind
    assert str(copied) == "message. hint"
    assert vars(copied) == vars(error)
    assert copied.args == error.args == ("message",)


@pytest.mark.parametrize("answer", [404, 429, 503, httpx.ReadError("lost"), httpx.ConnectTimeout("late")])
def test_error_that_was_raised_can_be_pickled(respond: Any, answer: Any) -> None:
    """Not only a fresh error: one with a cause, a traceback and attempts as well."""
    client, _ = respond(answer, max_retries=0)
    with pytest.raises(StateBaseError) as caught:
        client.sessions.create("agent")

    copied = pickle.loads(pickle.dumps(caught.value))

    assert (str(copied), copied.outcome, copied.attempts) == (
        str(caught.value),
        caught.value.outcome,
        caught.value.attempts,
    )


def test_error_of_ingest_keeps_its_message_when_pickled(respond: Any) -> None:
    """A message that was completed on the way is the one that arrives."""
    client, _ = respond(404)
    with pytest.raises(NotFoundError) as caught:
        client.sessions.ingest("sess_1", [("hi", "hello")])

    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    assert str(caught.value).startswith("ingest() failed after 0 recorded turns: 404: Not Found.")


def test_code_for_httpx_errors_keeps_working(serve: Any) -> None:
    """`except httpx.HTTPStatusError` catches, and its request and response can be read as before."""
    body = {"error": {"code": "session_not_found", "message": "no"}}
    client = serve(lambda request: httpx.Response(404, json=body, headers={"X-Request-ID": "req_1"}))

    with pytest.raises(httpx.HTTPStatusError) as caught:
        client.sessions.get("sess_1")

    response = caught.value.response
    assert response.status_code == 404
    assert response.json() == body
    assert response.headers["x-request-id"] == "req_1"
    assert response.is_client_error
    assert response.url == caught.value.request.url == "https://api.statebase.org/v1/sessions/sess_1"
    assert caught.value.request.method == "GET"
    with pytest.raises(httpx.HTTPStatusError):
        response.raise_for_status()


@pytest.mark.parametrize(
    ("failure", "old"),
    [
        (httpx.ConnectError("refused"), httpx.TransportError),
        (httpx.ReadError("lost"), httpx.RequestError),
        (httpx.RemoteProtocolError("garbage"), httpx.HTTPError),
        (OSError("broken"), httpx.TransportError),
        (httpx.ReadTimeout("late"), httpx.TimeoutException),
        (httpx.ConnectTimeout("late"), httpx.TransportError),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_code_for_transport_errors_of_httpx_keeps_working(respond: Any, failure: Exception, old: Any) -> None:
    """An exception that 0.4 let through is caught as before, names the failed request, and is also one of ours."""
    client, _ = respond(failure, max_retries=0)

    with pytest.raises(old) as caught:
        client.memory.search("tea")

    assert isinstance(caught.value, APIConnectionError)
    assert isinstance(caught.value, httpx.TimeoutException) is isinstance(failure, httpx.TimeoutException)
    assert str(caught.value) == caught.value.message
    assert caught.value.__cause__ is failure
    for error in (caught.value, pickle.loads(pickle.dumps(caught.value))):
        assert (error.request.method, str(error.request.url)) == ("GET", "https://api.statebase.org/v1/memories")
        assert not error.request.headers.keys() - {"host"}


def test_connection_error_passes_through_an_httpx_client() -> None:
    """httpx puts its own request on a transport error that goes through it: ours keeps its own, and is not masked."""
    error = APIConnectionError("lost", url="https://api.statebase.org/v1/sessions")

    def handle(request: httpx.Request) -> httpx.Response:
        raise error

    with httpx.Client(transport=httpx.MockTransport(handle)) as http, pytest.raises(APIConnectionError) as caught:
        http.get("https://app.example/chat", headers={"Authorization": "secret"})

    assert caught.value is error
    assert str(error.request.url) == "https://api.statebase.org/v1/sessions"


@pytest.mark.parametrize(
    ("content", "content_type", "text"),
    [
        ("<h1>Zürich</h1>".encode(), "text/html", "<h1>Zürich</h1>"),
        ("Zürich".encode(), "text/plain; charset=latin-1", "Zürich"),
        (b"", "text/plain", ""),
        (b"[1]", "application/json", "[1]"),
    ],
    ids=["HTML", "wrong charset", "empty", "list"],
)
def test_response_of_an_error_has_its_text(serve: Any, content: bytes, content_type: str, text: str) -> None:
    """Whatever the body was, the text of the response is what the error's body says."""
    answer = httpx.Response(502, content=content, headers={"content-type": content_type})

    with pytest.raises(APIStatusError) as caught:
        serve(lambda request: answer, max_retries=0).info()

    assert caught.value.response.text == text


def test_response_of_a_compressed_error_can_be_read(serve: Any) -> None:
    """The body was decompressed once; the response does not try again."""
    import gzip

    content = gzip.compress(b'{"detail": "no"}')
    answer = httpx.Response(403, content=content, headers={"content-encoding": "gzip"})

    with pytest.raises(APIStatusError) as caught:
        serve(lambda request: answer).info()

    assert caught.value.response.json() == {"detail": "no"}


def test_request_and_response_are_not_replaced() -> None:
    """They are views of the error's data: what is set on them would be lost, and is refused."""
    error = NotFoundError("no", status_code=404)

    with pytest.raises(AttributeError, match="cannot be replaced"):
        error.response = httpx.Response(200)
    with pytest.raises(AttributeError, match="cannot be replaced"):
        error.request = httpx.Request("GET", "https://example.com")


def test_hint_follows_the_message() -> None:
    """The hint makes a sentence of its own, whatever the message ends with."""
    assert str(StateBaseError("No")) == "No"
    assert str(StateBaseError("No", hint="Try again.")) == "No. Try again."
    assert str(StateBaseError("No!", hint="Try again.")) == "No! Try again."
    assert str(StateBaseError("")) == ""


def test_refusals_are_value_errors() -> None:
    """Wrong arguments raise a ValueError, as Python programmers expect."""
    assert issubclass(ConfigurationError, ValueError)
    assert issubclass(InvalidRequestError, ValueError)
    assert not issubclass(APIConnectionError, ValueError)


def test_fields_that_nothing_set_have_their_defaults() -> None:
    """Every error can be asked everything."""
    error = APIResponseValidationError("no")

    assert (error.status_code, error.code, error.param, error.request_id, error.body) == (None,) * 5
    assert (error.headers, error.attempts, error.retry_after, error.path) == ({}, (), None, None)
    assert error.outcome == "not_sent"
    assert error.headers is not APIResponseValidationError("no").headers
