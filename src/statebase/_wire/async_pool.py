"""The pool of the asynchronous client, in a module of its own because asyncio takes long to import."""

from __future__ import annotations

import contextlib
from typing import AsyncGenerator, AsyncIterable, Callable, Optional, Tuple, cast

import httpcore

from .._base.body import Body
from .._base.exchange import Reply, Request
from .async_sockets import AsyncBackend
from .connections import (
    HTTPCORE_ERRORS,
    CoreURL,
    as_httpx_error,
    connection_maker,
    core_request,
    result_of,
    result_of_refusal,
    unread,
)
from .loop_pool import LoopPool
from .pool_state import PooledConnection, PoolState


class AsyncPool(LoopPool):
    """A pool with connections of httpcore."""

    def _connection_maker(self) -> Callable[[], PooledConnection]:
        self._core_url = CoreURL(self._url)
        return connection_maker(
            "Async", AsyncBackend, self._url, verify=self._verify, http2=self._multiplexed, proxy=self._proxy
        )

    async def _send(
        self, state: PoolState, connection: PooledConnection, request: Request
    ) -> Tuple[Optional[Reply], bool]:
        prepared = core_request(self._core_url, request)
        with contextlib.suppress(*HTTPCORE_ERRORS):  # it is stale then
            for receive in unread(connection):
                await receive(prepared)
        if connection.is_stale:
            return None, False
        try:
            response: httpcore.Response = await connection.core.handle_async_request(prepared)
            body = Body(response.headers, request.max_response_bytes)
            stream = cast("AsyncGenerator[bytes, None]", cast("AsyncIterable[bytes]", response.stream).__aiter__())
            async for data in stream:
                if not body.add(data):
                    await stream.aclose()  # the garbage collector would end it in a task
                    break
            await response.aclose()
            return result_of(state, connection, response, body)
        except httpcore.ConnectionNotAvailable:  # it multiplexes, or was expected to
            return result_of_refusal(state, connection)
        except HTTPCORE_ERRORS as error:
            raise as_httpx_error(error) from error
