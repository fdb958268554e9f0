"""aiohttp with its defaults, answers read and not parsed; async only."""

from __future__ import annotations

from typing import Optional

import aiohttp

from benchmarks.bodies import SESSION_ID, TURN_INPUT, TURN_OUTPUT

_HEADERS = {"X-API-Key": "sb_key"}
_TURN = {"input": TURN_INPUT, "output": TURN_OUTPUT}


class Async:
    def __init__(self, address: str) -> None:
        self._client: Optional[aiohttp.ClientSession] = None
        self._session = f"{address}/v1/sessions/{SESSION_ID}"

    async def get(self) -> bytes:
        async with self._open().get(self._session, headers=_HEADERS) as response:
            return await response.read()

    async def add_turn(self) -> bytes:
        async with self._open().post(f"{self._session}/turns", json=_TURN, headers=_HEADERS) as response:
            return await response.read()

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._client is None:
            self._client = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None))
        return self._client
