"""A client is closed once, refuses to be used then, and views of it share its connections."""

from __future__ import annotations

import asyncio
from typing import Any, List

import httpx
import pytest

from statebase import AsyncStateBase, StateBase, StateBaseError


class Counting(httpx.MockTransport):
    """A transport that counts how many times it is closed."""

    def __init__(self) -> None:
        super().__init__(lambda request: httpx.Response(200, json={}))
        self.closed = 0

    def close(self) -> None:
        self.closed += 1

    async def aclose(self) -> None:
        self.closed += 1


def test_closing_twice_is_fine(make_client: Any) -> None:
    """The transport is closed once."""
    transport = Counting()
    client = make_client(transport=transport)
    client.info()

    client.close()
    client.close()

    assert transport.closed == 1


def test_client_that_was_never_used_closes_its_transport(make_client: Any) -> None:
    """A transport that was handed over is given back, used or not."""
    transport = Counting()

    make_client(transport=transport).close()

    assert transport.closed == 1


def test_block_closes(make_client: Any) -> None:
    """Leaving a with block closes, also by an exception."""
    transport = Counting()

    with pytest.raises(ZeroDivisionError), make_client(transport=transport) as client:
        client.info()
        raise ZeroDivisionError

    assert transport.closed == 1


def test_block_gives_the_client() -> None:
    """`with StateBase(...) as client` names the client itself."""
    made = StateBase("sb_test", transport=Counting())
    asynchronous = AsyncStateBase("sb_test", transport=Counting())

    async def enter() -> None:
        async with asynchronous as client:
            assert client is asynchronous

    with made as client:
        assert client is made
    asyncio.run(enter())


@pytest.mark.parametrize("used", [True, False])
def test_use_after_close_is_an_error(make_client: Any, used: bool) -> None:
    """Calls through the client, a namespace or a view of it say that it is closed."""
    transport = Counting()
    client = make_client(transport=transport)
    view = client.with_options(timeout=5)
    if used:
        client.info()
        view.info()
    client.close()

    for use in (client.info, client.sessions.list, view.info, client.with_options(timeout=3).info):
        with pytest.raises(StateBaseError, match="The client is closed: make a new one") as caught:
            use()
        assert caught.value.outcome == "not_sent"


def test_use_after_close_without_a_transport(make_client: Any) -> None:
    """A client of the network that was closed opens nothing any more."""
    client = make_client(base_url="http://127.0.0.1:9")
    client.close()

    with pytest.raises(StateBaseError, match="The client is closed"):
        client.info()


def test_closing_a_view_does_nothing(make_client: Any) -> None:
    """Views share the connection of their client, which closes it."""
    transport = Counting()
    client = make_client(transport=transport)

    with client.with_options(timeout=5) as view:
        view.info()
    client.with_options(timeout=5).with_options(max_retries=0).close()
    client.info()

    assert transport.closed == 0
    client.close()
    assert transport.closed == 1


def test_view_sends_through_the_connection_of_its_client() -> None:
    """Making a view opens nothing, whichever of the two is used first."""
    client = StateBase("sb_test", transport=Counting())
    view = client.with_options(timeout=5)

    assert view._api._connection is client._connection is client.with_options()._api._connection


def test_http_client_stays_open(
    flavour: str, make_client: Any, event_loop_for_clients: asyncio.AbstractEventLoop
) -> None:
    """An httpx client is the caller's: closing ours leaves it open, and ours refuses all the same."""
    kind: Any = httpx.Client if flavour == "sync" else httpx.AsyncClient
    http_client = kind(transport=httpx.MockTransport(lambda request: httpx.Response(200, json={})))
    client = make_client(http_client=http_client)
    client.info()

    client.close()

    assert not http_client.is_closed
    with pytest.raises(StateBaseError, match="The client is closed"):
        client.info()
    if flavour == "sync":
        http_client.close()
    else:
        event_loop_for_clients.run_until_complete(http_client.aclose())


def test_clients_are_independent(make_client: Any) -> None:
    """Closing one client leaves another open."""
    transports: List[Counting] = [Counting(), Counting()]
    first, second = (make_client(transport=transport) for transport in transports)

    first.close()

    assert second.info() == {}
    assert [transport.closed for transport in transports] == [1, 0]


def test_response_is_closed_whatever_comes(respond: Any) -> None:
    """Each answer gives its connection back, read or not."""
    closed = []

    class Body(httpx.SyncByteStream, httpx.AsyncByteStream):
        def __init__(self, fails: bool) -> None:
            self.fails = fails

        def __iter__(self) -> Any:
            if self.fails:
                raise httpx.ReadError("lost")
            yield b"{}"

        async def __aiter__(self) -> Any:
            for piece in self:
                yield piece

        def close(self) -> None:
            closed.append(True)

        async def aclose(self) -> None:
            closed.append(True)

    client, _ = respond(*(httpx.Response(200, stream=Body(fails)) for fails in (True, False)))

    assert client.info() == {}
    assert closed == [True, True]


def test_repr_tells_where_to() -> None:
    """A client in a shell shows its address."""
    assert repr(StateBase("sb_test", "eu")) == "StateBase(base_url='https://eu.api.statebase.org')"
    assert repr(AsyncStateBase("sb_test")) == "AsyncStateBase(base_url='https://api.statebase.org')"
