"""openai with its extra `openai[aiohttp]`; async only."""

from __future__ import annotations

from openai import AsyncOpenAI, DefaultAioHttpClient

from benchmarks.peers import openai_sdk


class Async(openai_sdk.Async):
    def __init__(self, address: str) -> None:
        self._client = AsyncOpenAI(
            api_key="sb_key", base_url=f"{address}/v1", timeout=None, http_client=DefaultAioHttpClient(timeout=None)
        )
