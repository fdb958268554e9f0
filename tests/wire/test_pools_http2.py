"""With HTTP/2, requests share a connection; a server that does not speak it gets several."""

from __future__ import annotations

import json
from typing import Any, Callable

import httpx
import pytest

REQUESTS = 50
NOT_FAIR = "httpcore's lock is not fair: a thread that waits for its own reply may keep another's from it"


def answer_of(exchange: Any) -> Any:
    return json.loads(exchange.result().content)


def test_requests_share_a_connection(http2_server: Any, ca_file: str, make_caller: Callable[..., Any]) -> None:
    """Requests in progress at the same time go over one connection, and each gets its own reply."""
    caller = make_caller(http2_server.url, verify=ca_file, http2=True)

    exchanges = [caller.start("/hold", id=number) for number in range(REQUESTS)]
    http2_server.wait_until(lambda: http2_server.held == REQUESTS)
    http2_server.let_all_go()

    answers = [answer_of(exchange) for exchange in exchanges]
    assert answers == [{"id": str(number), "connection": 1} for number in range(REQUESTS)]
    assert caller.pool.active == 0


def test_replies_come_in_any_order(
    http2_server: Any, ca_file: str, make_caller: Callable[..., Any], flavour: str
) -> None:
    """A reply does not wait for those to earlier requests."""
    if flavour == "sync":
        pytest.skip(NOT_FAIR)
    caller = make_caller(http2_server.url, verify=ca_file, http2=True)
    exchanges = {}
    for id in ("first", "second", "third"):
        exchanges[id] = caller.start("/hold", id=id)
    http2_server.wait_until(lambda: http2_server.held == 3)

    for id in ("third", "first", "second"):
        http2_server.let_go(id)
        assert answer_of(exchanges[id]) == {"id": id, "connection": 1}


def test_requests_under_way_are_limited(http2_server: Any, ca_file: str, make_caller: Callable[..., Any]) -> None:
    """A request beyond the limit waits as long as `pool` says."""
    caller = make_caller(http2_server.url, verify=ca_file, http2=True, max_connections=2)
    held = [caller.start("/hold") for _ in range(2)]
    http2_server.wait_until(lambda: http2_server.held == 2)

    with pytest.raises(httpx.PoolTimeout, match="2 requests are in progress"):
        caller.get(pool_timeout=0)

    http2_server.let_all_go()
    for exchange in held:
        exchange.result()
    assert caller.pool.active == 0


def test_reply_that_is_too_large_costs_its_connection(
    http2_server: Any, ca_file: str, make_caller: Callable[..., Any]
) -> None:
    """The rest of the reply would fill the window of the connection, so the next request uses another."""
    caller = make_caller(http2_server.url, verify=ca_file, http2=True)
    assert caller.exchange(max_response_bytes=1).is_too_large

    assert caller.get(id="next") == {"id": "next", "connection": 2}
    http2_server.wait_until(lambda: http2_server.open == 1)


def test_other_requests_finish_over_a_connection_that_is_replaced(
    http2_server: Any, ca_file: str, make_caller: Callable[..., Any], flavour: str
) -> None:
    """A request in progress when another fails gets its reply; then the connection is closed."""
    if flavour == "sync":
        pytest.skip(NOT_FAIR)
    caller = make_caller(http2_server.url, verify=ca_file, http2=True)
    other = caller.start("/hold", id="other")
    http2_server.wait_until(lambda: http2_server.held == 1)
    assert caller.exchange(max_response_bytes=1).is_too_large

    assert caller.get(id="next") == {"id": "next", "connection": 2}
    http2_server.let_all_go()
    assert answer_of(other) == {"id": "other", "connection": 1}
    http2_server.wait_until(lambda: http2_server.open == 1)


def test_connection_is_replaced_before_the_server_closes_it(
    http2_server: Any, ca_file: str, make_caller: Callable[..., Any]
) -> None:
    """After 900 requests, a new connection is used: many servers close one after 1000, while others are in progress."""
    caller = make_caller(http2_server.url, verify=ca_file, http2=True)

    connections = [caller.get()["connection"] for _ in range(901)]

    assert connections == [1] * 900 + [2]
    http2_server.wait_until(lambda: http2_server.open == 1)


def test_idle_connection_that_the_server_closed_is_not_used(
    http2_server: Any, ca_file: str, make_caller: Callable[..., Any]
) -> None:
    """If the server closes the idle connection, the next request opens another and does not fail."""
    caller = make_caller(http2_server.url, verify=ca_file, http2=True)
    caller.get()
    http2_server.hang_up()

    assert caller.get(id="next") == {"id": "next", "connection": 2}


def test_idle_connection_on_which_the_server_said_goodbye_is_not_used(
    http2_server: Any, ca_file: str, make_caller: Callable[..., Any]
) -> None:
    """After GOAWAY, which arrives while the connection is idle, the next request opens another and does not fail."""
    caller = make_caller(http2_server.url, verify=ca_file, http2=True)
    caller.get("/last")

    assert caller.get(id="next") == {"id": "next", "connection": 2}
    assert caller.get(id="third") == {"id": "third", "connection": 2}


@pytest.mark.parametrize("body_bytes", [10, 300_000])
def test_idle_connection_is_used_again_after_large_bodies(
    http2_server: Any, ca_file: str, make_caller: Callable[..., Any], body_bytes: int
) -> None:
    """The server may grant a larger window when its reply is complete: the connection does not look closed by that."""
    caller = make_caller(http2_server.url, verify=ca_file, http2=True)

    answers = [caller.get(content=bytes(body_bytes)) for _ in range(5)]

    assert {answer["connection"] for answer in answers} == {1}


def test_server_without_http2_gets_several_connections(
    tls_server: Any, ca_file: str, make_caller: Callable[..., Any]
) -> None:
    """If a server does not agree to HTTP/2, requests do not wait for each other, from the first on."""
    caller = make_caller(tls_server.url, verify=ca_file, http2=True)
    exchanges = [caller.start("/hold", id=number) for number in range(5)]
    tls_server.wait_until(lambda: tls_server.held == 5)
    tls_server.let_all_go()

    answers = [answer_of(exchange) for exchange in exchanges]

    assert [answer["id"] for answer in answers] == [str(number) for number in range(5)]
    assert {answer["connection"] for answer in answers} == {1, 2, 3, 4, 5}
    assert caller.pool.active == 0
    assert caller.get()["connection"] in (1, 2, 3, 4, 5)


def test_plain_http_is_never_multiplexed(server: Any, make_caller: Callable[..., Any]) -> None:
    """For http services the option changes nothing."""
    caller = make_caller(server.url, http2=True)
    exchanges = [caller.start("/hold") for _ in range(2)]
    server.wait_until(lambda: server.held == 2)
    server.let_all_go()

    assert sorted(answer_of(exchange)["connection"] for exchange in exchanges) == [1, 2]
    assert caller.get()["connection"] in (1, 2)
