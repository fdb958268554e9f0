"""A client that speaks TLS to a server that does not says what to write instead."""

from __future__ import annotations

import asyncio

import pytest

from statebase import APIConnectionError, AsyncStateBase, StateBase
from statebase.local import Engine
from statebase.server import serve_in_thread

MESSAGE = r"does not speak TLS .*write http:// in base_url"


def test_https_to_an_http_server() -> None:
    """In both flavours; nothing was sent, which the error says as well."""

    async def ask(url: str) -> None:
        async with AsyncStateBase("sb_key", url, max_retries=0) as client:
            await client.sessions.create("agent")

    engine = Engine.open()
    with serve_in_thread(engine) as server:
        url = server.url.replace("http://", "https://")
        with (
            StateBase("sb_key", url, max_retries=0) as client,
            pytest.raises(APIConnectionError, match=MESSAGE) as caught,
        ):
            client.sessions.create("agent")
        with pytest.raises(APIConnectionError, match=MESSAGE):
            asyncio.run(ask(url))
    engine.close()

    assert caught.value.outcome == "not_sent"
