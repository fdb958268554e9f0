"""A failed attempt is sent again as often as allowed, with the same key; counted on the wire."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Type
from unittest.mock import ANY

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from statebase import (
    APIConnectionError,
    APIResponseValidationError,
    APIStatusError,
    APITimeoutError,
    StateBase,
    StateBaseError,
)

RETRIED = {408, 429, 500, 502, 503, 504}
STATUSES = [400, 401, 403, 404, 405, 408, 409, 410, 413, 422, 425, 429, 500, 501, 502, 503, 504, 505, 507, 599]
PASSING: Dict[str, Exception] = {
    "refused": httpx.ConnectError("refused"),
    "connect timeout": httpx.ConnectTimeout("late"),
    "read timeout": httpx.ReadTimeout("late"),
    "write timeout": httpx.WriteTimeout("late"),
    "pool timeout": httpx.PoolTimeout("busy"),
    "read error": httpx.ReadError("reset"),
    "write error": httpx.WriteError("broken pipe"),
    "close error": httpx.CloseError("broken"),
    "remote protocol": httpx.RemoteProtocolError("disconnected"),
    "proxy": httpx.ProxyError("503"),
    "system": ConnectionResetError("reset"),
}
LASTING: Dict[str, Exception] = {
    "local protocol": httpx.LocalProtocolError("illegal header"),
    "unsupported": httpx.UnsupportedProtocol("ftp"),
    "decoding": httpx.DecodingError("no gzip"),
}
TIMEOUTS = ("connect timeout", "read timeout", "write timeout", "pool timeout")


@pytest.fixture
def attempts(serve: Any) -> Callable[..., List[httpx.Request]]:
    """Fail every attempt in the same way, and return the attempts that were sent."""

    def run(answer: Any, max_retries: int, use: Any = lambda client: client.sessions.get("sess_1")) -> Any:
        requests: List[httpx.Request] = []

        def handle(request: httpx.Request) -> httpx.Response:
            requests.append(request)
            if isinstance(answer, Exception):
                raise answer
            return httpx.Response(answer)

        with pytest.raises(StateBaseError) as caught:
            use(serve(handle, max_retries=max_retries))
        assert len(caught.value.attempts) == len(requests)
        return requests

    return run


@pytest.mark.parametrize("max_retries", [0, 1, 2, 5])
@pytest.mark.parametrize("status", STATUSES)
def test_status_is_retried_or_not(attempts: Any, status: int, max_retries: int) -> None:
    """Statuses that may pass are sent max_retries times more, others never."""
    assert len(attempts(status, max_retries)) == (max_retries + 1 if status in RETRIED else 1)


@pytest.mark.parametrize("max_retries", [0, 1, 2, 5])
@pytest.mark.parametrize("name", [*PASSING, *LASTING])
def test_lost_connection_is_retried_or_not(attempts: Any, name: str, max_retries: int) -> None:
    """Whatever broke on the network is tried again; what is wrong with the request is not."""
    error = {**PASSING, **LASTING}[name]

    assert len(attempts(error, max_retries)) == (max_retries + 1 if name in PASSING else 1)


@pytest.mark.parametrize("name", [*PASSING, *LASTING])
def test_lost_connection_has_its_error(respond: Any, name: str) -> None:
    """No error of httpx escapes: late is a timeout, the rest a lost connection, with the cause kept."""
    error = {**PASSING, **LASTING}[name]
    client, _ = respond(error, max_retries=0)
    kind: Type[StateBaseError] = APITimeoutError if name in TIMEOUTS else APIConnectionError

    with pytest.raises(StateBaseError) as caught:
        client.sessions.get("sess_1")

    assert type(caught.value) is kind
    assert caught.value.__cause__ is error
    assert "api.statebase.org" in str(caught.value)


def test_default_is_two_retries(respond: Any) -> None:
    """Without a word, three attempts are made."""
    client, requests = respond(503, 503, 503, 200)

    with pytest.raises(APIStatusError):
        client.sessions.get("sess_1")

    assert len(requests) == 3


@pytest.mark.parametrize("failures", [[503], [429, httpx.ReadError("lost")], [httpx.ConnectError("refused"), 500]])
def test_call_succeeds_once_the_service_does(respond: Any, failures: List[Any]) -> None:
    """After failures that passed, the caller gets the answer and nothing else."""
    client, requests = respond(*failures, 200)

    session = client.sessions.get("sess_1")

    assert session.id == "sess_1"
    assert len(requests) == len(failures) + 1


WRITES: Dict[str, Any] = {
    "POST": lambda client, **options: client.sessions.create("agent", metadata={"a": 1}, **options),
    "PATCH": lambda client, **options: client.sessions.update("sess_1", ttl_seconds=60, **options),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
@pytest.mark.parametrize("options", [{}, {"idempotency_key": "order-66"}], ids=["minted", "given"])
def test_attempts_of_a_write_are_the_same_request(attempts: Any, write: Any, options: Dict[str, Any]) -> None:
    """All attempts carry the same key and the same bytes, so that the service carries out one of them."""
    requests = attempts(503, 3, lambda client: write(client, **options))

    assert len({request.headers["idempotency-key"] for request in requests}) == 1
    assert len({request.read() for request in requests}) == 1
    assert len({str(request.url) for request in requests}) == 1
    assert requests[0].headers["idempotency-key"] == options.get("idempotency_key", ANY)


def test_two_calls_have_two_keys(respond: Any) -> None:
    """The key belongs to one call: the next one is another write."""
    client, requests = respond(*[httpx.Response(404)] * 2)

    for _ in range(2):
        with pytest.raises(APIStatusError):
            client.sessions.create("agent")

    assert len({request.headers["idempotency-key"] for request in requests}) == 2


@pytest.mark.parametrize("failure", [503, 500, httpx.ReadError("lost"), httpx.ReadTimeout("late")])
def test_delete_that_was_lost_has_succeeded(respond: Any, failure: Any) -> None:
    """A delete whose answer was lost finds nothing the second time: that is what was wanted."""
    client, requests = respond(failure, 404)

    assert client.sessions.delete("sess_1") is None
    assert len(requests) == 2


@pytest.mark.parametrize("failures", [[], [429], [httpx.ConnectError("refused")], [httpx.PoolTimeout("busy")]])
def test_delete_of_what_was_never_there_fails(respond: Any, failures: List[Any]) -> None:
    """If no earlier attempt can have deleted anything, a 404 is a 404."""
    client, _ = respond(*failures, 404)

    with pytest.raises(APIStatusError, match="404"):
        client.sessions.delete("sess_1")


def test_other_methods_do_not_take_a_404_for_success(respond: Any) -> None:
    """Only a delete is content with finding nothing."""
    client, _ = respond(503, 404)

    with pytest.raises(APIStatusError, match="404"):
        client.sessions.get("sess_1")


def test_unreadable_answer_is_not_retried(respond: Any) -> None:
    """A success that cannot be read has been carried out: it is not sent again."""
    client, requests = respond(httpx.Response(200, html="<html>"), 200)

    with pytest.raises(APIResponseValidationError):
        client.sessions.create("agent")

    assert len(requests) == 1


def test_certificate_that_is_not_trusted_is_not_retried(respond: Any) -> None:
    """It will not be trusted the next time; the message says what to pass."""
    import ssl

    error = httpx.ConnectError("certificate verify failed")
    error.__cause__ = ssl.SSLCertVerificationError("self-signed certificate")
    client, requests = respond(error)

    with pytest.raises(APIConnectionError, match=r"not trusted .*: pass verify="):
        client.sessions.get("sess_1")

    assert len(requests) == 1


def test_attempts_tell_what_happened(respond: Any, clock: Any) -> None:
    """Each attempt has its time, its phase and its result."""
    client, _ = respond(
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("late"),
        httpx.WriteError("broken"),
        httpx.Response(503, headers={"x-request-id": "req_1"}),
        max_retries=3,
    )

    with pytest.raises(StateBaseError) as caught:
        client.sessions.get("sess_1")

    attempts = caught.value.attempts
    assert [(one.phase, one.status_code, one.request_id, one.error) for one in attempts] == [
        ("connect", None, None, "ConnectError"),
        ("receive", None, None, "ReadTimeout"),
        ("send", None, None, "WriteError"),
        ("answer", 503, "req_1", None),
    ]
    waited = [(later.started_at - one.started_at).total_seconds() for one, later in zip(attempts, attempts[1:])]
    assert waited == pytest.approx(clock.waits, abs=1e-5)


def test_closing_during_a_wait_ends_the_call(respond: Any, clock: Any) -> None:
    """A client that was closed between two attempts sends no other; the error knows what the first may have done."""
    client, requests = respond(503, 200)
    closing = client.target if hasattr(client, "target") else client
    clock.sleep = lambda seconds: setattr(closing._connection, "closed", True)

    async def sleep_async(seconds: float) -> None:
        closing._connection.closed = True

    clock.sleep_async = sleep_async

    with pytest.raises(StateBaseError, match="The client is closed") as caught:
        client.sessions.create("agent")

    assert len(requests) == 1
    assert caught.value.outcome == "unknown"
    assert caught.value.idempotency_key == requests[0].headers["idempotency-key"]


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(max_retries=st.integers(0, 8), failures=st.lists(st.sampled_from([429, 503, *PASSING]), max_size=10))
def test_number_of_attempts(clock: Any, max_retries: int, failures: List[Any]) -> None:
    """There is one attempt more than failures, but never more than max_retries + 1."""
    requests: List[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        if len(requests) > len(failures):
            return httpx.Response(200, json={})
        failure = failures[len(requests) - 1]
        if failure in PASSING:
            raise PASSING[failure]
        return httpx.Response(failure)

    client = StateBase("sb_test", transport=httpx.MockTransport(handle), max_retries=max_retries)
    client._settings.clock = clock
    if len(failures) > max_retries:
        with pytest.raises(StateBaseError):
            client.info()
    else:
        client.info()

    assert len(requests) == min(len(failures), max_retries) + 1
