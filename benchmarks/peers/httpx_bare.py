"""httpx with its defaults: full addresses, answers not parsed."""

from __future__ import annotations

from typing import Any

import httpx

from benchmarks.bodies import SESSION_ID, TURN_INPUT, TURN_OUTPUT

_HEADERS = {"X-API-Key": "sb_key"}
_TURN = {"input": TURN_INPUT, "output": TURN_OUTPUT}


class Sync:
    def __init__(self, address: str) -> None:
        self._client = httpx.Client(timeout=None)
        self._session = f"{address}/v1/sessions/{SESSION_ID}"
        self._turns = f"{self._session}/turns"

    def get(self) -> httpx.Response:
        return self._client.request("GET", self._session, headers=_HEADERS)

    def add_turn(self) -> httpx.Response:
        return self._client.request("POST", self._turns, json=_TURN, headers=_HEADERS)

    def close(self) -> None:
        self._client.close()


class Async:
    def __init__(self, address: str, **options: Any) -> None:
        self._client = httpx.AsyncClient(timeout=None, **options)
        self._session = f"{address}/v1/sessions/{SESSION_ID}"
        self._turns = f"{self._session}/turns"

    async def get(self) -> httpx.Response:
        return await self._client.request("GET", self._session, headers=_HEADERS)

    async def add_turn(self) -> httpx.Response:
        return await self._client.request("POST", self._turns, json=_TURN, headers=_HEADERS)

    async def close(self) -> None:
        await self._client.aclose()
