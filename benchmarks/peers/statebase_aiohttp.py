"""This SDK with the extra `statebase[aiohttp]`; async only."""

from __future__ import annotations

from typing import Any

from benchmarks.peers import statebase_ours


class Async(statebase_ours.Async):
    def __init__(self, address: str, **options: Any) -> None:
        super().__init__(address, http_backend="aiohttp", **options)
