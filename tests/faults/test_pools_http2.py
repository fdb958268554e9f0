"""With HTTP/2, requests share a connection; a server that does not speak it gets several."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, Callable, List

import httpx
import pytest

from statebase._wire.async_pool import AsyncPool
from statebase._wire.pool import SyncPool


async def fetch(pool: AsyncPool, request: httpx.Request) -> Any:
    response = await pool.handle_async_request(request)
    await response.aread()
    await response.aclose()
    return response


def test_requests_share_a_connection(http2_server: Any, ca_file: str, request_to: Callable[..., Any]) -> None:
    """Requests that are under way at the same time go over one connection, and each gets its own answer."""

    async def main() -> List[Any]:
        pool = AsyncPool(tls=True, verify=ca_file, http2=True)
        responses = await asyncio.gather(
            *(fetch(pool, request_to(http2_server.url, id=number)) for number in range(300))
        )
        assert pool.active == 0
        await pool.aclose()
        return list(responses)

    responses = asyncio.run(main())

    assert {response.extensions["http_version"] for response in responses} == {b"HTTP/2"}
    assert [response.json() for response in responses] == [
        {"id": str(number), "connection": 1} for number in range(300)
    ]


def test_threads_share_a_connection(http2_server: Any, ca_file: str, request_to: Callable[..., Any]) -> None:
    """Threads share it too."""
    answers: List[Any] = []

    def work(thread: int) -> None:
        response = pool.handle_request(request_to(http2_server.url, id=thread))
        response.read()
        response.close()
        answers.append((thread, response.json()))

    with SyncPool(tls=True, verify=ca_file, http2=True) as pool:
        threads = [threading.Thread(target=work, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert sorted(answers) == [(number, {"id": str(number), "connection": 1}) for number in range(20)]


def test_requests_under_way_are_bounded(http2_server: Any, ca_file: str, request_to: Callable[..., Any]) -> None:
    """A request beyond the limit waits as long as `pool` says."""

    async def main() -> None:
        pool = AsyncPool(tls=True, verify=ca_file, http2=True, max_connections=2)
        held = [asyncio.ensure_future(fetch(pool, request_to(f"{http2_server.url}/hold"))) for _ in range(2)]
        await asyncio.get_running_loop().run_in_executor(None, http2_server.wait_until, lambda: http2_server.held == 2)
        with pytest.raises(httpx.PoolTimeout, match="2 requests are under way"):
            await fetch(pool, request_to(http2_server.url, pool_timeout=0))
        http2_server.gate.set()
        for task in held:
            task.cancel()
        await asyncio.gather(*held, return_exceptions=True)
        assert pool.active == 0
        await pool.aclose()

    asyncio.run(main())


def test_cancelled_request_costs_its_connection(
    http2_server: Any, ca_file: str, request_to: Callable[..., Any]
) -> None:
    """Data of a cancelled request would fill the window of the connection, so the next request uses another."""

    async def main() -> Any:
        pool = AsyncPool(tls=True, verify=ca_file, http2=True)
        held = asyncio.ensure_future(fetch(pool, request_to(f"{http2_server.url}/hold")))
        await asyncio.get_running_loop().run_in_executor(None, http2_server.wait_until, lambda: http2_server.held == 1)
        held.cancel()
        await asyncio.gather(held, return_exceptions=True)
        answer = (await fetch(pool, request_to(http2_server.url, id="next"))).json()
        await pool.aclose()
        return answer

    assert asyncio.run(main()) == {"id": "next", "connection": 2}


def test_response_that_was_not_read_costs_its_connection(
    http2_server: Any, ca_file: str, make_caller: Callable[..., Any]
) -> None:
    """The same goes for a response that was closed early; others finish over the old connection in peace."""
    caller = make_caller(tls=True, verify=ca_file, http2=True)
    other = caller.start(http2_server.url, id="other")
    caller.drop(caller.start(http2_server.url))

    assert caller.get(http2_server.url, id="next") == {"id": "next", "connection": 2}
    assert caller.finish(other) == {"id": "other", "connection": 1}
    http2_server.wait_until(lambda: http2_server.open == 1)


def test_connection_is_renewed_before_the_server_hangs_up(
    http2_server: Any, ca_file: str, make_caller: Callable[..., Any]
) -> None:
    """After 900 requests, a new connection takes over: many servers end one after 1000, in the middle of others."""
    caller = make_caller(tls=True, verify=ca_file, http2=True)

    connections = [caller.get(http2_server.url)["connection"] for _ in range(901)]

    assert connections == [1] * 900 + [2]
    http2_server.wait_until(lambda: http2_server.open == 1)


def test_server_without_http2_gets_several_connections(
    tls_server: Any, ca_file: str, make_caller: Callable[..., Any]
) -> None:
    """If a server does not agree to HTTP/2, requests do not queue behind each other."""
    caller = make_caller(tls=True, verify=ca_file, http2=True)
    responses = [caller.start(tls_server.url, id=number) for number in range(3)]

    answers = [caller.finish(response) for response in responses]

    assert [answer["id"] for answer in answers] == ["0", "1", "2"]
    assert {answer["connection"] for answer in answers} == {1, 2, 3}


def test_plain_http_is_never_multiplexed(server: Any, make_caller: Callable[..., Any]) -> None:
    """For http origins the option changes nothing."""
    caller = make_caller(tls=False, http2=True)

    assert [caller.get(server.url)["connection"] for _ in range(2)] == [1, 1]
