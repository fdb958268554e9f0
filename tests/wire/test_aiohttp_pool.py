"""The pool on aiohttp: errors, certificates and proxies. `test_pools.py` tests what all pools have in common."""

from __future__ import annotations

import asyncio
import json
import ssl
import traceback
from typing import Any, Callable, Tuple

import httpx
import pytest

from statebase import AsyncStateBase, ConfigurationError, StateBase
from statebase._base.exchange import Request
from statebase._wire.aiohttp_pool import AiohttpPool


@pytest.fixture
def flavour() -> str:
    return "aiohttp"


async def fetch(pool: AiohttpPool, request: Request) -> Any:
    return json.loads((await pool.exchange_async(request)).content)


def test_error_does_not_hold_the_key(server: Any, request_to: Callable[..., Request]) -> None:
    """aiohttp's own errors have the request, whose headers hold the key: they are not the cause."""
    request = request_to()
    request.headers = [*request.headers, (b"x-api-key", b"sb_secret")]
    server.close()

    async def main() -> BaseException:
        pool = AiohttpPool(server.url)
        with pytest.raises(httpx.ConnectError) as caught:
            await pool.exchange_async(request)
        await pool.aclose()
        return caught.value

    error = asyncio.run(main())

    assert isinstance(error.__cause__, OSError)
    assert "sb_secret" not in "".join(traceback.format_exception(None, error, error.__traceback__))
    assert not any("aiohttp" in type(each).__module__ for each in (error, error.__cause__, error.__context__))


def test_certificate_is_checked(tls_server: Any, ca_file: str, make_caller: Callable[..., Any]) -> None:
    """A certificate of an unknown authority is refused before anything is sent."""
    trusting, wary = make_caller(tls_server.url, verify=ca_file), make_caller(tls_server.url)

    assert trusting.get(id="in")["id"] == "in"
    with pytest.raises(httpx.ConnectError) as caught:
        wary.get()
    assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)


def test_requests_go_through_the_proxy(
    server: Any, tls_server: Any, ca_file: str, make_caller: Callable[..., Any]
) -> None:
    """An http service is reached by forwarding, an https one through a tunnel, with the credentials of the proxy."""
    proxy = server.url.replace("://", "://user:secret@")
    forwarded, tunnelled = (
        make_caller("http://origin.invalid", proxy=proxy),
        make_caller(tls_server.url, verify=ca_file, proxy=proxy),
    )

    assert forwarded.get("/v1", id="a")["id"] == "a"
    assert tunnelled.get("/v1", id="b")["id"] == "b"
    assert server.targets == ["http://origin.invalid/v1", f"127.0.0.1:{tls_server.port}"]
    assert all(headers["proxy-authorization"].startswith("Basic ") for headers in server.headers)
    assert "proxy-authorization" not in tls_server.headers[0]


def test_pool_outlives_event_loops(server: Any, request_to: Callable[..., Request]) -> None:
    """A pool works in several `asyncio.run` in a row; each loop closes its own connections when it ends."""
    pool = AiohttpPool(server.url)
    answers = []
    for run in range(3):
        answers.append(asyncio.run(fetch(pool, request_to(id=run))))
        server.wait_until(lambda: server.open == 0)

    assert answers == [{"id": str(run), "connection": run + 1} for run in range(3)]


@pytest.mark.parametrize("target", ["/hold", "/stall"])
def test_cancelled_request_frees_its_place(server: Any, request_to: Callable[..., Request], target: str) -> None:
    """The connection of a cancelled request is closed, and the next request gets another."""

    async def main() -> Tuple[Any, int]:
        pool = AiohttpPool(server.url, max_connections=1)
        task = asyncio.ensure_future(fetch(pool, request_to(target)))
        await asyncio.get_running_loop().run_in_executor(None, server.wait_until, lambda: server.held == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        answer = await fetch(pool, request_to(id="next"))
        await pool.aclose()
        return answer, server.opened

    assert asyncio.run(main()) == ({"id": "next", "connection": 2}, 2)
    server.let_all_go()


@pytest.mark.parametrize(
    ("client", "options", "message"),
    [
        (StateBase, {}, "http_backend='aiohttp' is for AsyncStateBase only: leave it out, or use that client"),
        (AsyncStateBase, {"http2": True}, "http2=True cannot be combined with http_backend='aiohttp'"),
        (AsyncStateBase, {"proxy": "socks5://localhost:1"}, "http_backend='aiohttp' has no SOCKS proxies"),
        (AsyncStateBase, {"transport": httpx.MockTransport(lambda _: httpx.Response(200))}, "cannot be combined with"),
        (AsyncStateBase, {"http_backend": "curl"}, "http_backend must be 'httpcore' or 'aiohttp', got 'curl'"),
        (AsyncStateBase, {"http_backend": 1}, "http_backend must be 'httpcore' or 'aiohttp', got 1"),
    ],
)
def test_what_aiohttp_cannot_do_is_refused(client: Any, options: Any, message: str) -> None:
    """The constructor refuses it, with the name of the option."""
    with pytest.raises(ConfigurationError) as caught:
        client("sb_key", **{"http_backend": "aiohttp", **options})

    assert str(caught.value).startswith(message) or message in str(caught.value)


def test_deadline_is_checked_with_each_piece_of_a_reply(server: Any, request_to: Callable[..., Request]) -> None:
    """aiohttp uses one timeout for all waits, so a reply that stalls after the deadline would go on to its end."""

    class Passed(Exception):
        pass

    def check_deadline() -> None:
        raise Passed

    request = request_to()
    request.check_deadline = check_deadline

    async def main() -> None:
        pool = AiohttpPool(server.url)
        with pytest.raises(Passed):
            await pool.exchange_async(request)
        assert (pool.active, pool.waiting) == (0, 0)
        await pool.aclose()

    asyncio.run(main())
