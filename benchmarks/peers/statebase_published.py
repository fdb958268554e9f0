"""statebase 0.4.1, the version before this SDK."""

from __future__ import annotations

from typing import Any

from benchmarks.bodies import SESSION_ID, TURN_INPUT, TURN_OUTPUT
from statebase import AsyncStateBase, StateBase


class Sync:
    def __init__(self, address: str) -> None:
        self._client = StateBase("sb_key", address, timeout=None)

    def get(self) -> Any:
        return self._client.sessions.get(SESSION_ID)

    def add_turn(self) -> Any:
        return self._client.sessions.add_turn(SESSION_ID, TURN_INPUT, TURN_OUTPUT)

    def close(self) -> None:
        self._client.close()


class Async:
    def __init__(self, address: str) -> None:
        self._client = AsyncStateBase("sb_key", address, timeout=None)

    async def get(self) -> Any:
        return await self._client.sessions.get(SESSION_ID)

    async def add_turn(self) -> Any:
        return await self._client.sessions.add_turn(SESSION_ID, TURN_INPUT, TURN_OUTPUT)

    async def close(self) -> None:
        await self._client.close()
