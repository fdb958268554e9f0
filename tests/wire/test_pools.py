"""A pool reuses connections, limits their number, and gives no request a connection that it should not have."""

from __future__ import annotations

import json
import os
import threading
from typing import Any, Callable, List

import httpx
import pytest

from statebase._wire.pool import SyncPool
from tests.wire.conftest import POOLS


@pytest.fixture(params=POOLS)
def flavour(request: pytest.FixtureRequest) -> str:
    """Which of the pools the test uses."""
    return str(request.param)


def spin_until(condition: Callable[[], bool]) -> None:
    while not condition():
        os.sched_yield()


def test_connection_is_used_again(server: Any, make_caller: Callable[..., Any]) -> None:
    """A second request goes over the connection of the first."""
    caller = make_caller(server.url)

    answers = [caller.get(id=number) for number in range(3)]

    assert [answer["id"] for answer in answers] == ["0", "1", "2"]
    assert {answer["connection"] for answer in answers} == {1}


def test_connection_used_last_is_used_first(server: Any, make_caller: Callable[..., Any], flavour: str) -> None:
    """The connections that are not needed stay idle, so that they can expire."""
    if flavour == "aiohttp":
        pytest.skip("aiohttp chooses its connections itself")
    caller = make_caller(server.url)
    exchanges = []
    for number in range(3):
        exchanges.append(caller.start("/hold", id=number))
        server.wait_until(lambda number=number: server.held == number + 1)
    connections = {}
    for number in (0, 2, 1):
        server.let_go(number)
        connections[number] = json.loads(exchanges[number].result().content)["connection"]

    answer = caller.get()

    assert answer["connection"] == connections[1]
    assert sorted(connections.values()) == [1, 2, 3]


def test_connection_idle_for_too_long_is_not_used(server: Any, make_caller: Callable[..., Any]) -> None:
    """An expired connection is closed; the next request opens another."""
    caller = make_caller(server.url, keepalive_expiry=0.0)
    caller.get()

    answer = caller.get()

    assert answer["connection"] == 2
    server.wait_until(lambda: server.open == 0)


def test_connection_that_the_server_closed_is_not_used(server: Any, make_caller: Callable[..., Any]) -> None:
    """If the server closes an idle connection, the next request opens another and does not fail."""
    caller = make_caller(server.url)
    caller.get()
    server.hang_up()

    answer = caller.get()

    assert answer["connection"] == 2


def test_all_connections_that_the_server_closed_are_passed_over(server: Any, make_caller: Callable[..., Any]) -> None:
    """So it is if the server closes several: none of them fails a request."""
    caller = make_caller(server.url)
    exchanges = [caller.start("/hold") for _ in range(5)]
    server.wait_until(lambda: server.held == 5)
    server.let_all_go()
    for exchange in exchanges:
        exchange.result()
    server.hang_up()

    answers = [caller.get() for _ in range(3)]

    assert [answer["connection"] for answer in answers] == [6, 6, 6]


def test_server_may_refuse_keep_alive(server: Any, make_caller: Callable[..., Any]) -> None:
    """After `Connection: close`, the next request opens a connection."""
    caller = make_caller(server.url)
    caller.get("/last")

    answer = caller.get()

    assert answer["connection"] == 2


def test_reply_that_is_too_large_costs_its_connection(server: Any, make_caller: Callable[..., Any]) -> None:
    """The rest of a reply that was not received never reaches the next request."""
    caller = make_caller(server.url, max_connections=1)
    reply = caller.exchange("/stall", id="large", max_response_bytes=1)
    server.let_all_go()

    answer = caller.get(id="next")

    assert (reply.is_too_large, reply.content) == (True, b"")
    assert answer == {"id": "next", "connection": 2}
    assert caller.pool.active == 0


def test_reply_that_cannot_be_decompressed_costs_its_connection(
    server: Any, make_caller: Callable[..., Any], flavour: str
) -> None:
    """The error of the body frees the place of the request."""
    caller = make_caller(server.url, max_connections=1)
    with pytest.raises(httpx.DecodingError):
        caller.get("/garbled")

    answer = caller.get(id="next")

    # aiohttp keeps its connection if all of the reply has arrived by then.
    assert answer["id"] == "next"
    assert answer["connection"] in ((1, 2) if flavour == "aiohttp" else (2,))
    assert caller.pool.active == 0
    server.wait_until(lambda: server.open == 1)


def test_no_connection_in_time_is_a_pool_timeout(server: Any, make_caller: Callable[..., Any]) -> None:
    """A request beyond the limit waits as long as `pool` says; the error states the limit."""
    caller = make_caller(server.url, max_connections=2)
    held = [caller.start("/hold") for _ in range(2)]
    server.wait_until(lambda: server.held == 2)

    with pytest.raises(httpx.PoolTimeout, match=r"within 0\.01 s: 2 requests are in progress, which is the limit"):
        caller.get(pool_timeout=0.01)
    for timeout in (0, -1):
        with pytest.raises(httpx.PoolTimeout):
            caller.get(pool_timeout=timeout)

    assert (caller.pool.active, caller.pool.waiting) == (2, 0)
    server.let_all_go()
    for exchange in held:
        exchange.result()
    assert caller.get(pool_timeout=0)["connection"] in (1, 2)
    assert server.opened == 2


def test_failed_request_frees_its_place(server: Any, make_caller: Callable[..., Any]) -> None:
    """Neither a refused connection nor a broken one counts towards the limit."""
    caller = make_caller(server.url, max_connections=1)
    broken = caller.start("/stall")
    server.wait_until(lambda: server.held == 1)
    server.hang_up()

    with pytest.raises(httpx.RemoteProtocolError):
        broken.result()
    server.close()
    with pytest.raises(httpx.ConnectError):
        caller.get()

    assert caller.pool.active == 0


def test_limit_must_be_positive(make_caller: Callable[..., Any]) -> None:
    """A pool without connections would wait without end."""
    with pytest.raises(ValueError, match="max_connections must be at least 1, got 0"):
        make_caller("http://127.0.0.1:1", max_connections=0)


def test_closed_pool_refuses(server: Any, make_caller: Callable[..., Any]) -> None:
    """A closed pool has closed its connections and sends nothing; closing it again has no effect."""
    caller = make_caller(server.url)
    caller.get()

    caller.close()
    caller.close()

    server.wait_until(lambda: server.open == 0)
    with pytest.raises(RuntimeError, match="Cannot send a request, as the client has been closed"):
        caller.get()


def test_pool_closed_before_use_refuses(make_caller: Callable[..., Any]) -> None:
    """A pool that was never used can be closed, too."""
    caller = make_caller("http://127.0.0.1:1")
    caller.close()

    with pytest.raises(RuntimeError, match="closed"):
        caller.get()


def test_request_under_way_outlives_close(server: Any, make_caller: Callable[..., Any]) -> None:
    """A request that was sent before the pool was closed gets its reply; then its connection is closed."""
    caller = make_caller(server.url)
    exchange = caller.start("/stall", id="late")
    server.wait_until(lambda: server.held == 1)

    caller.close()
    server.let_all_go()

    assert json.loads(exchange.result().content)["id"] == "late"
    server.wait_until(lambda: server.open == 0)
    assert caller.pool.active == 0


def test_unclosed_pool_is_reported(server: Any, make_caller: Callable[..., Any]) -> None:
    """A pool that is garbage with open connections warns, as a file does, and closes them."""
    caller = make_caller(server.url)
    caller.get()

    with pytest.warns(ResourceWarning, match=r"unclosed <(Sync|Async|Aiohttp)Pool: 0 of 100 active, 0 waiting>"):
        caller.forget()

    server.wait_until(lambda: server.open == 0)


def test_pool_shows_how_busy_it_is(server: Any, make_caller: Callable[..., Any]) -> None:
    """The repr has the number of requests, and no address or certificate."""
    caller = make_caller(server.url, max_connections=1)
    held = [caller.start("/hold") for _ in range(3)]
    server.wait_until(lambda: server.held == 1)
    spin_until(lambda: caller.pool.waiting == 2)

    assert repr(caller.pool) == f"<{type(caller.pool).__name__}: 1 of 1 active, 2 waiting>"
    server.let_all_go()
    for exchange in held:
        exchange.result()


def test_waiting_requests_are_refused_by_close(server: Any, make_caller: Callable[..., Any]) -> None:
    """Closing a pool ends the wait of those that have no connection yet."""
    caller = make_caller(server.url, max_connections=1)
    held = caller.start("/hold")
    server.wait_until(lambda: server.held == 1)
    waiting = [caller.start(pool_timeout=None) for _ in range(3)]
    spin_until(lambda: caller.pool.waiting == 3)

    caller.close()

    for exchange in waiting:
        with pytest.raises(RuntimeError, match="Cannot send a request, as the client has been closed"):
            exchange.result(10)
    server.let_all_go()
    held.result()
    assert (caller.pool.active, caller.pool.waiting) == (0, 0)


def test_requests_are_served_in_order(server: Any, make_caller: Callable[..., Any]) -> None:
    """The request that has waited longest gets the next connection."""
    caller = make_caller(server.url, max_connections=1)
    held = caller.start("/hold", id="held")
    server.wait_until(lambda: server.held == 1)
    waiting = []
    for number in range(8):
        waiting.append(caller.start(f"/{number}"))
        spin_until(lambda number=number: caller.pool.waiting == number + 1)
    server.let_all_go()

    for exchange in (held, *waiting):
        exchange.result()

    assert server.targets == ["/hold", *(f"/{number}" for number in range(8))]
    assert server.opened == 1


def test_failure_passes_the_place_on(server: Any, make_caller: Callable[..., Any]) -> None:
    """A request that waits for a connection gets one if the request before it fails."""
    caller = make_caller(server.url, max_connections=1)
    failing = caller.start("/cut", id="failing")
    server.wait_until(lambda: server.held == 1)
    waiting = caller.start(id="waiting")
    spin_until(lambda: caller.pool.waiting == 1)
    server.let_all_go()

    with pytest.raises(httpx.RemoteProtocolError):
        failing.result()

    assert json.loads(waiting.result().content) == {"id": "waiting", "connection": 2}


def test_threads_share_a_pool(server: Any, request_to: Callable[..., Any]) -> None:
    """Threads get their own replies, over no more connections than allowed, even if there are more threads."""
    mine: List[bool] = []

    def work(thread: int) -> None:
        for number in range(50):
            reply = pool.exchange(request_to(id=f"{thread}-{number}"))
            mine.append(json.loads(reply.content)["id"] == f"{thread}-{number}")

    pool = SyncPool(server.url, max_connections=4)
    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pool.close()

    assert mine == [True] * 800
    assert server.peak <= 4
