"""A deadline holds for the whole call: its attempts, the waits between them, and an answer that drips."""

from __future__ import annotations

import asyncio
from typing import Any, AsyncIterator, Dict, Iterator, List

import httpx
import pytest

from statebase import APIConnectionError, APITimeoutError, RateLimitError, StateBaseError

PHASES = ("connect", "read", "write", "pool")


class Taking(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body of which each piece takes some seconds of a clock."""

    def __init__(self, clock: Any, seconds: float, pieces: List[bytes]) -> None:
        self._clock = clock
        self._seconds = seconds
        self._pieces = pieces
        self.read = 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self._clock.sleep(self._seconds)
            self.read += 1
            yield piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


class Never(httpx.AsyncByteStream):
    """A body that does not come."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""


def test_waits_count(serve: Any, clock: Any) -> None:
    """Another attempt is made only where time is left after the wait; otherwise the last error comes at once."""
    requests = []

    def handle(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(429, headers={"Retry-After": "4"})

    with pytest.raises(RateLimitError):
        serve(handle, deadline=10, max_retries=10).info()

    assert len(requests) == 3
    assert 8 <= sum(clock.waits) < 10


def test_attempts_count(serve: Any, clock: Any) -> None:
    """The time that attempts take is part of the whole."""
    requests = []

    def handle(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        clock.sleep(4)
        raise httpx.ReadTimeout("late")

    with pytest.raises(APITimeoutError, match="before the deadline") as caught:
        serve(handle, deadline=10, max_retries=10).info()

    assert len(requests) == 3
    assert [attempt.elapsed_seconds for attempt in caught.value.attempts] == pytest.approx([4, 4, 4])


def test_deadline_of_view_and_call(respond: Any) -> None:
    """The narrowest deadline holds; None lifts it."""
    client, requests = respond(*[200] * 4, timeout=100, deadline=50)

    client.sessions.get("sess_1")
    client.with_options(deadline=40).sessions.get("sess_1")
    client.sessions.get("sess_1", deadline=30)
    client.sessions.get("sess_1", deadline=None)

    assert [request.extensions["timeout"].get("read") for request in requests] == [50, 40, 30, 100]


def test_each_phase_gets_what_is_left(serve: Any, clock: Any) -> None:
    """A phase that begins later may take less: connecting, sending and receiving do not each take the whole time."""
    seen: List[Dict[str, Any]] = []

    def handle(request: httpx.Request) -> httpx.Response:
        timeouts = request.extensions["timeout"]
        for seconds in (4, 4, 0):
            seen.append({phase: timeouts.get(phase) for phase in PHASES})
            clock.sleep(seconds)
        return httpx.Response(200, json={})

    serve(handle, timeout=httpx.Timeout(7, connect=1), deadline=10).info()

    assert seen == [
        {"connect": 1, "read": 7, "write": 7, "pool": 7},
        {"connect": 1, "read": 6, "write": 6, "pool": 6},
        {"connect": 1, "read": 2, "write": 2, "pool": 2},
    ]


def test_phase_without_a_limit_has_the_deadline(serve: Any) -> None:
    """timeout=None with a deadline waits until the deadline, not without limit."""
    seen = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(dict(request.extensions["timeout"]))
        return httpx.Response(200, json={})

    serve(handle, timeout=None, deadline=10).info()

    assert seen == [dict.fromkeys(PHASES, 10)]


def test_phase_that_begins_too_late_fails_at_once(serve: Any, clock: Any) -> None:
    """With no time left the timeout is tiny, but not 0, which sockets take for something else."""
    seen = []

    def handle(request: httpx.Request) -> httpx.Response:
        clock.sleep(60)
        seen.append(request.extensions["timeout"].get("read"))
        raise httpx.ReadTimeout("late")

    with pytest.raises(APITimeoutError):
        serve(handle, deadline=10).info()

    assert seen == [0.001]


def test_timeout_before_the_deadline_is_told_as_such(serve: Any, clock: Any) -> None:
    """A deadline that has not passed is not the cause: the error is about the timeout."""

    def handle(request: httpx.Request) -> httpx.Response:
        clock.sleep(9.5)
        raise httpx.ReadTimeout("late")

    with pytest.raises(APITimeoutError, match="in time: raise timeout= if it needs longer"):
        serve(handle, deadline=10, max_retries=0).info()


@pytest.mark.parametrize("seconds", [2.5, 2.6, 3])
def test_dripping_answer_is_cut_off(flavour: str, respond: Any, clock: Any, seconds: float) -> None:
    """An answer that comes in pieces, each in time, ends at the deadline all the same."""
    if flavour == "async":
        pytest.skip("there, the event loop's own clock cuts it off: see the next test")
    body = Taking(clock, seconds, [b'{"a":', b" 1", b" ", b" ", b" ", b"}"])
    client, requests = respond(httpx.Response(200, stream=body), deadline=10)

    with pytest.raises(APITimeoutError, match="before the deadline") as caught:
        client.info()

    assert body.read == 4
    assert len(requests) == 1
    assert caught.value.attempts[0].elapsed_seconds == pytest.approx(4 * seconds)


def test_answer_that_never_ends_is_cut_off(flavour: str, respond: Any) -> None:
    """An async call is cut off wherever it is."""
    if flavour == "sync":
        pytest.skip("a sync call waits for the socket, whose timeout is what is left")
    client, requests = respond(httpx.Response(200, stream=Never()), deadline=0.02, max_retries=0)

    with pytest.raises(APITimeoutError):
        client.info()

    assert len(requests) == 1


def test_answer_in_time_is_read_whole(respond: Any, clock: Any) -> None:
    """A deadline that is kept changes nothing."""
    body = Taking(clock, 1, [b'{"a":', b" 1", b"}"])
    client, _ = respond(httpx.Response(200, stream=body), deadline=10)

    assert client.info() == {"a": 1}


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (httpx.ConnectTimeout("late"), "not_sent"),
        (httpx.PoolTimeout("busy"), "not_sent"),
        (httpx.ReadTimeout("late"), "unknown"),
    ],
)
def test_deadline_tells_whether_the_write_was_sent(serve: Any, clock: Any, error: Exception, outcome: str) -> None:
    """A deadline that ends connecting means not sent; one that ends later means unknown."""

    def handle(request: httpx.Request) -> httpx.Response:
        clock.sleep(10)
        raise error

    with pytest.raises(APITimeoutError, match="before the deadline") as caught:
        serve(handle, deadline=10).sessions.create("agent")

    assert caught.value.outcome == outcome
    assert caught.value.idempotency_key is not None


def test_lost_connection_at_the_deadline_is_no_timeout(serve: Any, clock: Any) -> None:
    """A connection that breaks is told as such, even if there is no time for another attempt."""

    def handle(request: httpx.Request) -> httpx.Response:
        clock.sleep(10)
        raise httpx.ReadError("reset")

    with pytest.raises(APIConnectionError, match="was lost") as caught:
        serve(handle, deadline=10).info()

    assert not isinstance(caught.value, APITimeoutError)


def test_without_a_deadline_a_slow_service_is_waited_for(serve: Any, clock: Any) -> None:
    """Only timeouts and retries bound a call without a deadline."""
    left: List[Any] = [429, 429, 200]

    def handle(request: httpx.Request) -> httpx.Response:
        clock.sleep(1000)
        return httpx.Response(left.pop(0), headers={"Retry-After": "60"}, json={})

    assert serve(handle).info() == {}


class Closing(Taking):
    """A body that tells when it is closed."""

    closed = False

    def close(self) -> None:
        self.closed = True

    async def aclose(self) -> None:
        self.closed = True


class ClosingNever(Closing):
    """One that does not come."""

    __aiter__ = Never.__aiter__


def test_connection_is_closed_when_the_answer_is_cut_off(flavour: str, respond: Any, clock: Any) -> None:
    """A call that was cut off releases its connection."""
    stream = (Closing if flavour == "sync" else ClosingNever)(clock, 60, [b"{", b"}"])
    client, _ = respond(httpx.Response(200, stream=stream), deadline=0.02, max_retries=0)

    with pytest.raises(StateBaseError):
        client.info()

    assert stream.closed
