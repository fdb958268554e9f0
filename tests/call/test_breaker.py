"""The circuit breaker: after a call that the service did not answer, calls fail fast for some seconds."""

from __future__ import annotations

import pickle
import threading
from typing import Any, List

import httpx
import pytest

from statebase import APIConnectionError, CircuitOpenError, InternalServerError, NotFoundError, RateLimitError
from statebase._call.breaker import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, Breaker

LOST = httpx.ReadTimeout("no answer")


def fast(respond: Any, *answers: Any, **options: Any) -> Any:
    """Return a client with the circuit breaker, without retries."""
    return respond(*answers, circuit_breaker=True, max_retries=0, **options)


def test_hanging_service_costs_its_deadline_once(respond: Any):
    """The next call is refused without a request; the error is one that code for lost connections catches."""
    client, requests = fast(respond, LOST, 200)
    with pytest.raises(APIConnectionError):
        client.sessions.get("sess_1")

    with pytest.raises(CircuitOpenError) as raised:
        client.sessions.update("sess_1", metadata={})

    assert len(requests) == 1
    assert isinstance(raised.value, httpx.TransportError)
    assert raised.value.outcome == "not_sent"
    assert raised.value.retry_after == FIRST_PAUSE_SECONDS
    assert raised.value.attempts == ()
    assert str(raised.value) == (
        "Not sent: api.statebase.org did not answer an earlier call. The next one is sent in 5.0 seconds. Nothing was "
        "sent: repeating it is safe."
    )
    copy = pickle.loads(pickle.dumps(raised.value))
    assert (str(copy), copy.retry_after) == (str(raised.value), FIRST_PAUSE_SECONDS)


def test_calls_are_sent_by_default(respond: Any):
    """A program that waits for a service to start sees it at once."""
    client, requests = respond(LOST, 200, max_retries=0)
    with pytest.raises(APIConnectionError):
        client.sessions.get("sess_1")

    client.sessions.get("sess_1")

    assert len(requests) == 2


@pytest.mark.parametrize("failure", [httpx.ConnectError("refused"), 502, 503, 504], ids=str)
def test_failures_that_open(respond: Any, failure: Any):
    client, requests = fast(respond, failure)
    with pytest.raises((APIConnectionError, InternalServerError)):
        client.sessions.get("sess_1")

    with pytest.raises(CircuitOpenError):
        client.sessions.get("sess_1")

    assert len(requests) == 1


@pytest.mark.parametrize(
    "failure", [404, 429, 500, httpx.PoolTimeout("full"), httpx.UnsupportedProtocol("ftp")], ids=str
)
def test_failures_that_do_not_open(respond: Any, failure: Any):
    """A response of the service itself, or a failure on this side."""
    client, requests = fast(respond, failure, 200)
    with pytest.raises((APIConnectionError, NotFoundError, RateLimitError, InternalServerError)):
        client.sessions.get("sess_1")

    client.sessions.get("sess_1")

    assert len(requests) == 2


def test_attempt_that_is_retried_does_not_open(respond: Any):
    client, _ = respond(LOST, 503, 200, 200, circuit_breaker=True)

    client.sessions.get("sess_1")
    client.sessions.get("sess_1")


def test_trial_is_one_attempt_and_doubles_the_pause(respond: Any, clock: Any):
    client, requests = respond(LOST, LOST, LOST, LOST, 200, circuit_breaker=True)
    with pytest.raises(APIConnectionError):
        client.sessions.get("sess_1")
    assert len(requests) == 3

    clock.advance(seconds=FIRST_PAUSE_SECONDS)
    with pytest.raises(APIConnectionError) as raised:
        client.sessions.get("sess_1")
    assert (type(raised.value).__name__, len(requests)) == ("APITimeoutError", 4)
    clock.advance(seconds=2 * FIRST_PAUSE_SECONDS - 0.1)
    with pytest.raises(CircuitOpenError):
        client.sessions.get("sess_1")
    clock.advance(seconds=0.1)
    client.sessions.get("sess_1")
    assert len(requests) == 5


def test_response_to_a_call_that_does_not_fail_fast_closes(respond: Any):
    """A view shares the breaker of its client, as it shares its connections."""
    client, _ = fast(respond, LOST, 404, 200)
    patient = client.with_options(timeout=60)
    patient._settings.circuit_breaker = False
    with pytest.raises(APIConnectionError):
        client.sessions.get("sess_1")
    with pytest.raises(NotFoundError):
        patient.sessions.get("sess_1")

    client.sessions.get("sess_1")


def test_clients_do_not_share_breakers(respond: Any):
    broken, _ = fast(respond, LOST)
    other, _ = fast(respond, 200)
    with pytest.raises(APIConnectionError):
        broken.sessions.get("sess_1")

    other.sessions.get("sess_1")


def test_pause_has_an_upper_limit():
    breaker = Breaker()
    now = 0.0
    breaker.failed(now)
    for _ in range(20):
        now += LONGEST_PAUSE_SECONDS
        assert breaker.seconds_left(now) == 0
        breaker.failed(now)
        assert 0 < breaker.seconds_left(now) <= LONGEST_PAUSE_SECONDS

    assert breaker.seconds_left(now) == LONGEST_PAUSE_SECONDS


def test_trial_that_never_ends_delays_the_next_one():
    """The thread of a trial may be interrupted, and reports nothing."""
    breaker = Breaker()
    breaker.failed(0.0)

    assert breaker.seconds_left(FIRST_PAUSE_SECONDS) == 0
    assert breaker.seconds_left(FIRST_PAUSE_SECONDS) == 2 * FIRST_PAUSE_SECONDS
    assert breaker.seconds_left(3 * FIRST_PAUSE_SECONDS) == 0


def test_one_trial_of_many_threads():
    for _ in range(50):
        breaker = Breaker()
        breaker.failed(0.0)
        barrier = threading.Barrier(8)
        left: List[float] = []

        def enter(breaker: Breaker = breaker, barrier: Any = barrier, left: List[float] = left) -> None:
            barrier.wait()
            left.append(breaker.seconds_left(FIRST_PAUSE_SECONDS))

        threads = [threading.Thread(target=enter) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert left.count(0) == 1
