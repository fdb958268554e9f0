"""zep-cloud, with the calls of its own that come closest: it gets a user, and adds two messages to a thread.

Its asynchronous client takes httpx-aiohttp by itself, where that is installed.
"""

from __future__ import annotations

from typing import Any

from zep_cloud.client import AsyncZep, Zep
from zep_cloud.types import AddMessage

from benchmarks.bodies import SESSION_ID, TURN_INPUT, TURN_OUTPUT


def _messages() -> list[AddMessage]:
    return [
        AddMessage(role="user", content=TURN_INPUT["content"]),
        AddMessage(role="assistant", content=TURN_OUTPUT["content"]),
    ]


class Sync:
    def __init__(self, address: str) -> None:
        self._client = Zep(api_key="sb_key", base_url=address)

    def get(self) -> Any:
        return self._client.user.get(SESSION_ID)

    def add_turn(self) -> Any:
        return self._client.thread.add_messages(SESSION_ID, messages=_messages())

    def close(self) -> None:
        self._client.close()


class Async:
    def __init__(self, address: str) -> None:
        self._client = AsyncZep(api_key="sb_key", base_url=address)

    async def get(self) -> Any:
        return await self._client.user.get(SESSION_ID)

    async def add_turn(self) -> Any:
        return await self._client.thread.add_messages(SESSION_ID, messages=_messages())

    async def close(self) -> None:
        """Leave it to the process: the client has no public way."""
