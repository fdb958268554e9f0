"""Clients of a service that is down stop trying again after a while."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from statebase import APIStatusError


def test_budget_is_shared_by_views(respond: Any) -> None:
    """When the service is down, a client and its views together stop retrying after a hundred times."""
    client, requests = respond(*[503] * 400, max_retries=1)
    view = client.with_options(timeout=5)

    for use in [client, view] * 75:
        with pytest.raises(APIStatusError):
            use.sessions.get("sess_1")

    assert len(requests) == 150 + 100


def test_success_pays_for_retries(serve: Any) -> None:
    """Five answers of a service that is up again allow one retry more."""
    is_up = False
    requests = []

    def handle(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200 if is_up else 503, json={})

    client = serve(handle, max_retries=1)
    for _ in range(101):
        with pytest.raises(APIStatusError):
            client.info()

    is_up = True
    for _ in range(5):
        client.info()
    is_up = False
    requests.clear()
    for _ in range(2):
        with pytest.raises(APIStatusError):
            client.info()

    assert len(requests) == 3
