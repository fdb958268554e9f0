"""A pool reuses connections, bounds their number, and gives none to a request that should not have it."""

from __future__ import annotations

import gc
import os
import threading
from typing import Any, Callable, List

import httpx
import pytest

from statebase._wire.pool import SyncPool


def test_connection_is_used_again(server: Any, make_caller: Callable[..., Any]) -> None:
    """A second request goes over the connection of the first."""
    caller = make_caller(tls=False)

    answers = [caller.get(server.url, id=number) for number in range(3)]

    assert [answer["id"] for answer in answers] == ["0", "1", "2"]
    assert {answer["connection"] for answer in answers} == {1}


def test_connection_used_last_goes_out_first(server: Any, make_caller: Callable[..., Any]) -> None:
    """The stack is last in, first out, so that what is not needed grows old."""
    caller = make_caller(tls=False)
    responses = [caller.start(server.url) for _ in range(3)]
    for index in (0, 2, 1):
        caller.finish(responses[index])

    answer = caller.get(server.url)

    assert answer["connection"] == 2


def test_connection_idle_for_too_long_is_not_used(server: Any, make_caller: Callable[..., Any]) -> None:
    """A connection is closed when its time is over; the next request opens another."""
    caller = make_caller(tls=False, keepalive_expiry=0.0)
    caller.get(server.url)

    answer = caller.get(server.url)

    assert answer["connection"] == 2
    server.wait_until(lambda: server.open == 0)


def test_connection_that_the_server_closed_is_not_used(server: Any, make_caller: Callable[..., Any]) -> None:
    """A connection that died while it was idle costs a new one, not an error."""
    caller = make_caller(tls=False)
    caller.get(server.url)
    server.hang_up()

    answer = caller.get(server.url)

    assert answer["connection"] == 2


def test_server_may_refuse_keep_alive(server: Any, make_caller: Callable[..., Any]) -> None:
    """After `Connection: close`, the next request opens a connection."""
    caller = make_caller(tls=False)
    caller.get(f"{server.url}/last")

    answer = caller.get(server.url)

    assert answer["connection"] == 2


def test_response_that_was_not_read_costs_its_connection(server: Any, make_caller: Callable[..., Any]) -> None:
    """The rest of a response that was closed early never reaches the next request."""
    caller = make_caller(tls=False, max_connections=1)
    caller.drop(caller.start(f"{server.url}/stall", id="early"))
    server.gate.set()

    answer = caller.get(server.url, id="next")

    assert answer == {"id": "next", "connection": 2}
    assert caller.pool.active == 0


def test_response_closed_twice_frees_one_slot(server: Any, make_caller: Callable[..., Any]) -> None:
    """Closing is idempotent."""
    caller = make_caller(tls=False)
    kept, closed = caller.start(server.url), caller.start(server.url)
    caller.finish(closed)
    caller.drop(closed)

    assert caller.pool.active == 1
    caller.finish(kept)


def test_abandoned_response_frees_its_slot(server: Any, make_caller: Callable[..., Any]) -> None:
    """A response that was never closed releases its slot when it is collected; its connection is closed."""
    caller = make_caller(tls=False, max_connections=1)
    caller.start(f"{server.url}/stall", id="abandoned")
    gc.collect()

    answer = caller.get(server.url, id="next")

    assert answer == {"id": "next", "connection": 2}
    assert caller.pool.active == 0
    server.gate.set()
    server.wait_until(lambda: server.open == 1)


def test_no_slot_in_time_is_a_pool_timeout(server: Any, make_caller: Callable[..., Any]) -> None:
    """A request that would exceed the limit waits as long as `pool` says; the error states the limit."""
    caller = make_caller(tls=False, max_connections=2)
    responses = [caller.start(server.url) for _ in range(2)]

    with pytest.raises(httpx.PoolTimeout, match=r"within 0\.01 s: 2 requests are under way, which is the limit"):
        caller.get(server.url, pool_timeout=0.01)
    for timeout in (0, -1):
        with pytest.raises(httpx.PoolTimeout):
            caller.get(server.url, pool_timeout=timeout)

    for response in responses:
        caller.finish(response)
    assert caller.get(server.url, pool_timeout=0)["connection"] == 2
    assert server.opened == 2


def test_failed_request_frees_its_slot(server: Any, make_caller: Callable[..., Any]) -> None:
    """Neither a refused connection nor a broken one keeps a slot."""
    caller = make_caller(tls=False, max_connections=1)
    broken = caller.start(f"{server.url}/stall")
    server.hang_up()

    with pytest.raises(httpx.RemoteProtocolError):
        caller.finish(broken)
    server.close()
    with pytest.raises(httpx.ConnectError):
        caller.get(server.url)

    assert caller.pool.active == 0


@pytest.mark.parametrize(("tls", "url"), [(False, "https://127.0.0.1:1"), (True, "http://127.0.0.1:1")])
def test_other_scheme_is_refused(make_caller: Callable[..., Any], tls: bool, url: str) -> None:
    """A pool for https never sends in clear text, and one for http never uses TLS."""
    caller = make_caller(tls=tls)

    with pytest.raises(httpx.UnsupportedProtocol, match="only, not for"):
        caller.get(url)


def test_limit_has_to_be_positive(make_caller: Callable[..., Any]) -> None:
    """A pool without connections would wait without end."""
    with pytest.raises(ValueError, match="max_connections must be at least 1, got 0"):
        make_caller(tls=False, max_connections=0)


def test_closed_pool_refuses(server: Any, make_caller: Callable[..., Any]) -> None:
    """A closed pool has closed its connections and sends nothing; closing it again is fine."""
    caller = make_caller(tls=False)
    caller.get(server.url)

    caller.close()
    caller.close()

    server.wait_until(lambda: server.open == 0)
    with pytest.raises(RuntimeError, match="Cannot send a request, as the client has been closed"):
        caller.get(server.url)


def test_pool_closed_before_use_refuses(make_caller: Callable[..., Any]) -> None:
    """A pool that was never used may be closed, and is closed then."""
    caller = make_caller(tls=False)
    caller.close()

    with pytest.raises(RuntimeError, match="closed"):
        caller.get("http://127.0.0.1:1")


def test_response_under_way_outlives_close(server: Any, make_caller: Callable[..., Any]) -> None:
    """A response can be read after its pool was closed; its connection closes with it."""
    caller = make_caller(tls=False)
    response = caller.start(server.url, id="late")

    caller.close()

    assert caller.finish(response)["id"] == "late"
    server.wait_until(lambda: server.open == 0)


def test_unclosed_pool_is_reported(server: Any, make_caller: Callable[..., Any]) -> None:
    """A pool that is garbage with open connections warns, as a file does, and closes them."""
    caller = make_caller(tls=False)
    caller.get(server.url)

    with pytest.warns(ResourceWarning, match=r"unclosed <(Sync|Async)Pool for http: 0 of 100 active, 0 waiting>"):
        caller.pool = None
        gc.collect()

    caller.pool = SyncPool(tls=False)
    caller.settle()
    server.wait_until(lambda: server.open == 0)


def test_pool_serves_an_ordinary_client(server: Any) -> None:
    """A pool is a transport like others."""
    with httpx.Client(transport=SyncPool(tls=False), base_url=server.url) as client:
        answers = [client.get("/", headers={"X-Id": "mine"}).json() for _ in range(2)]

    assert answers == [{"id": "mine", "connection": 1}] * 2
    server.wait_until(lambda: server.open == 0)


def test_threads_share_a_pool(server: Any, request_to: Callable[..., httpx.Request]) -> None:
    """Threads get their own answers, over no more connections than allowed, also when there are more threads."""
    mine: List[bool] = []

    def work(thread: int) -> None:
        for number in range(50):
            response = pool.handle_request(request_to(server.url, id=f"{thread}-{number}"))
            response.read()
            response.close()
            mine.append(response.json()["id"] == f"{thread}-{number}")

    with SyncPool(tls=False, max_connections=4) as pool:
        threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert mine == [True] * 800
    assert server.peak <= 4


def test_threads_that_wait_are_refused_by_close(server: Any, request_to: Callable[..., httpx.Request]) -> None:
    """Closing a pool wakes who waits for a connection."""
    pool = SyncPool(tls=False, max_connections=1)
    held = pool.handle_request(request_to(server.url))
    errors: List[str] = []

    def wait() -> None:
        with pytest.raises(RuntimeError) as raised:
            pool.handle_request(request_to(server.url, pool_timeout=None))
        errors.append(str(raised.value))

    threads = [threading.Thread(target=wait, daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    spin_until(lambda: pool.waiting == 3)
    pool.close()
    for thread in threads:
        thread.join(10)
    held.close()

    assert errors == ["Cannot send a request, as the client has been closed."] * 3
    assert (pool.active, pool.waiting) == (0, 0)


def test_threads_are_served_in_order(server: Any, request_to: Callable[..., httpx.Request]) -> None:
    """The request that waited longest gets the next connection."""
    served: List[int] = []

    def wait(number: int) -> None:
        response = pool.handle_request(request_to(server.url))
        served.append(number)
        response.read()
        response.close()

    with SyncPool(tls=False, max_connections=1) as pool:
        held = pool.handle_request(request_to(server.url))
        threads = [threading.Thread(target=wait, args=(number,)) for number in range(8)]
        for number, thread in enumerate(threads):
            thread.start()
            spin_until(lambda number=number: pool.waiting == number + 1)  # type: ignore[misc]
        held.read()
        held.close()
        for thread in threads:
            thread.join()

    assert served == list(range(8))
    assert server.opened == 1


def spin_until(condition: Callable[[], bool]) -> None:
    while not condition():
        os.sched_yield()
