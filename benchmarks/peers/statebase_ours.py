"""This SDK."""

from __future__ import annotations

from typing import Any

import httpx

from benchmarks.bodies import SESSION_ID, TURN_INPUT, TURN_OUTPUT
from statebase import AsyncStateBase, StateBase
from statebase._call.response import Reply, decode
from statebase._generated.operations import GET_CONTEXT

EMBEDDED = ":memory:"
_HEADERS = httpx.Headers()


class Sync:
    """A client of a server, or of the embedded engine."""

    def __init__(self, address: str) -> None:
        local = address == EMBEDDED
        self._client = StateBase.local() if local else StateBase("sb_key", address, timeout=None)
        self._session_id = SESSION_ID

    def make_session(self) -> str:
        self._session_id = self._client.sessions.create("support-bot").id
        return self._session_id

    def get(self) -> Any:
        return self._client.sessions.get(self._session_id)

    def add_turn(self) -> Any:
        return self._client.sessions.add_turn(self._session_id, TURN_INPUT, TURN_OUTPUT)

    def add_turn_to_engine(self) -> Any:
        """Add a turn where sessions are real: in one made for it."""
        if self._session_id == SESSION_ID:
            self.make_session()
        return self.add_turn()

    def get_of_engine(self) -> Any:
        """Get a session where sessions are real: one made for it."""
        if self._session_id == SESSION_ID:
            self.make_session()
        return self.get()

    def get_context(self) -> Any:
        return self._client.sessions.get_context(SESSION_ID, "parcel", 20, 50)

    def three_calls(self) -> Any:
        """Fetch apart what a context holds."""
        return (
            self._client.state.get_state(SESSION_ID),
            self._client.memory.search("parcel", SESSION_ID, top_k=20),
            self._client.sessions.list_turns(SESSION_ID, 50),
        )

    def close(self) -> None:
        self._client.close()


class Async:
    def __init__(self, address: str, **options: Any) -> None:
        self._client = AsyncStateBase("sb_key", address, timeout=None, **options)

    async def get(self) -> Any:
        return await self._client.sessions.get(SESSION_ID)

    async def add_turn(self) -> Any:
        return await self._client.sessions.add_turn(SESSION_ID, TURN_INPUT, TURN_OUTPUT)

    async def close(self) -> None:
        await self._client.close()


def read(content: bytes) -> Any:
    """Read a context packet the way a call does."""
    return decode(GET_CONTEXT, Reply(200, _HEADERS, content))
