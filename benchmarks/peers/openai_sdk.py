"""openai, calling the same routes by its documented way to call any: `client.get(path, cast_to=Model)`."""

from __future__ import annotations

from typing import Any, Dict, Optional

from openai import AsyncOpenAI, BaseModel, OpenAI

from benchmarks.bodies import SESSION_ID, TURN_INPUT, TURN_OUTPUT

_SESSION = f"/sessions/{SESSION_ID}"
_TURN = {"input": TURN_INPUT, "output": TURN_OUTPUT}


class Session(BaseModel):
    id: str
    agent_id: str
    user_id: Optional[str] = None
    created_at: str
    updated_at: str
    metadata: Optional[Dict[str, Any]] = None
    state: Dict[str, Any]
    memory_count: int
    turn_count: int
    ttl_expires_at: Optional[str] = None


class Turn(BaseModel):
    id: str
    session_id: str
    created_at: str
    turn_number: int
    input: Dict[str, Any]
    output: Dict[str, Any]
    metadata: Optional[Dict[str, Any]] = None
    reasoning: Optional[str] = None


class Sync:
    def __init__(self, address: str) -> None:
        self._client = OpenAI(api_key="sb_key", base_url=f"{address}/v1", timeout=None)

    def get(self) -> Session:
        return self._client.get(_SESSION, cast_to=Session)

    def add_turn(self) -> Turn:
        return self._client.post(f"{_SESSION}/turns", cast_to=Turn, body=_TURN)

    def close(self) -> None:
        self._client.close()


class Async:
    def __init__(self, address: str) -> None:
        self._client = AsyncOpenAI(api_key="sb_key", base_url=f"{address}/v1", timeout=None)

    async def get(self) -> Session:
        return await self._client.get(_SESSION, cast_to=Session)

    async def add_turn(self) -> Turn:
        return await self._client.post(f"{_SESSION}/turns", cast_to=Turn, body=_TURN)

    async def close(self) -> None:
        await self._client.close()
