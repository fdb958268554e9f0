"""A limit on the requests of a minute, for each key: headers that count down, then 429 until the minute is over."""

from __future__ import annotations

from typing import Any, Callable

import httpx
import pytest

from statebase.local import Engine


@pytest.fixture
def limited(engine: Engine, make_http: Any) -> Callable[..., httpx.Client]:
    def make(limit: int, **options: Any) -> httpx.Client:
        return make_http(engine, rate_limit=limit, **options)

    return make


def test_headers_count_down(limited: Any):
    http = limited(3)

    headers = [http.get("/v1/sessions").headers for _ in range(2)]

    assert [header["X-RateLimit-Remaining"] for header in headers] == ["2", "1"]
    assert headers[0]["X-RateLimit-Limit"] == "3"
    assert headers[0]["X-RateLimit-Reset"] == "1767323100"


def test_one_too_many_is_429(limited: Any, engine_clock: Any, error_of: Any):
    http = limited(2)
    engine_clock.advance(seconds=0.5)
    for _ in range(2):
        http.get("/v1/sessions")

    response = http.get("/v1/sessions")

    assert error_of(response)[:2] == (429, "rate_limit_exceeded")
    assert response.headers["Retry-After"] == "55"
    assert response.json()["error"]["retry_after"] == 55
    assert response.headers["X-RateLimit-Remaining"] == "0"


def test_request_beyond_the_limit_changes_nothing(limited: Any, http: httpx.Client):
    limited(1).get("/v1/sessions")
    visitor = limited(1)
    visitor.get("/v1/sessions")

    response = visitor.post("/v1/sessions", json={"agent_id": "a"}, headers={"Idempotency-Key": "k"})

    assert response.status_code == 429
    assert http.get("/v1/sessions").json()["data"] == []


def test_next_minute_starts_anew(limited: Any, engine_clock: Any):
    http = limited(1)
    http.get("/v1/sessions")
    assert http.get("/v1/sessions").status_code == 429

    engine_clock.advance(seconds=55)

    assert http.get("/v1/sessions").status_code == 200


def test_keys_of_the_dashboard_have_limits_of_their_own(limited: Any, http: httpx.Client):
    keys = [
        http.post("/v1/dashboard/keys", json={"name": "n", "rate_limit": limit}).json()["full_key"] for limit in (1, 2)
    ]
    visitor = limited(3)

    statuses = [
        [visitor.get("/v1/sessions", headers={"X-API-Key": key} if key else {}).status_code for _ in range(4)]
        for key in (*keys, None)
    ]

    assert statuses == [[200, 429, 429, 429], [200, 200, 429, 429], [200, 200, 200, 429]]


def test_error_answers_have_the_headers_too(limited: Any):
    response = limited(3).get("/v1/sessions/sess_000000000000")

    assert (response.status_code, response.headers["X-RateLimit-Remaining"]) == (404, "2")


def test_wrong_key_uses_nothing_up(limited: Any):
    http = limited(1, api_key="sb_secret")

    http.get("/v1/sessions", headers={"X-API-Key": "wrong"})

    assert http.get("/v1/sessions", headers={"X-API-Key": "sb_secret"}).status_code == 200


def test_probes_have_no_limit(limited: Any):
    http = limited(1)

    responses = [http.get("/health/live") for _ in range(3)]

    assert [response.status_code for response in responses] == [200] * 3
    assert "X-RateLimit-Limit" not in responses[0].headers


def test_without_a_limit_there_are_no_headers(http: httpx.Client):
    assert "X-RateLimit-Limit" not in http.get("/v1/sessions").headers
