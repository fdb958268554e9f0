"""Queries are not kept: they may contain text of users."""

from __future__ import annotations

import contextlib
import gc
from typing import Any, List

import httpx

SAID = "confided-in-the-agent"


def addresses_with(text: str) -> List[httpx.URL]:
    gc.collect()
    return [each for each in gc.get_objects() if isinstance(each, httpx.URL) and text in str(each)]


def test_address_with_a_query_is_forgotten(serve: Any) -> None:
    """After a call, no address in memory has its query; that of a path alone is kept for the next call."""
    client = serve(lambda _: httpx.Response(404))

    for _ in range(2):
        with contextlib.suppress(httpx.HTTPStatusError):
            client.sessions.get("sess_kept", extra_query={"said": SAID})
        with contextlib.suppress(httpx.HTTPStatusError):
            client.sessions.get("sess_kept")

    assert addresses_with(SAID) == []
    assert len(addresses_with("sess_kept")) == 1
