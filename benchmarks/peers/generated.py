"""The client that openapi-python-client makes of our document, as it comes."""

from __future__ import annotations

from typing import Any

import httpx
from generated_client.api.sessions import get_session_v1_sessions_session_id_get as get_session
from generated_client.api.turns import create_turn_v1_sessions_session_id_turns_post as create_turn
from generated_client.client import AuthenticatedClient
from generated_client.models.turn_create_request import TurnCreateRequest
from generated_client.models.turn_input import TurnInput
from generated_client.models.turn_output import TurnOutput

from benchmarks.bodies import SESSION_ID, TURN_INPUT, TURN_OUTPUT


def _client(address: str) -> AuthenticatedClient:
    return AuthenticatedClient(
        base_url=address, token="sb_key", prefix="", auth_header_name="X-API-Key", timeout=httpx.Timeout(None)
    )


def _turn() -> TurnCreateRequest:
    return TurnCreateRequest(input_=TurnInput.from_dict(TURN_INPUT), output=TurnOutput.from_dict(TURN_OUTPUT))


class Sync:
    def __init__(self, address: str) -> None:
        self._client = _client(address)

    def get(self) -> Any:
        return get_session.sync(SESSION_ID, client=self._client)

    def add_turn(self) -> Any:
        return create_turn.sync(SESSION_ID, client=self._client, body=_turn())

    def close(self) -> None:
        self._client.get_httpx_client().close()


class Async:
    def __init__(self, address: str) -> None:
        self._client = _client(address)

    async def get(self) -> Any:
        return await get_session.asyncio(SESSION_ID, client=self._client)

    async def add_turn(self) -> Any:
        return await create_turn.asyncio(SESSION_ID, client=self._client, body=_turn())

    async def close(self) -> None:
        await self._client.get_async_httpx_client().aclose()
