"""The health of the engine."""

from __future__ import annotations

from typing import Any

import httpx

from statebase._base.version import __version__


def test_health(http: httpx.Client, engine_clock: Any):
    engine_clock.advance(seconds=1.5)

    health = http.get("/health").json()

    assert (health["status"], health["version"], health["uptime_seconds"]) == ("healthy", __version__, 1.5)
    assert health["timestamp"] == "2026-01-02T03:04:06.500000Z"
    assert set(health["services"]) == {"database", "vectors"}
    assert health["services"]["database"]["status"] == "healthy"


def test_probes(http: httpx.Client):
    assert http.get("/health/ready").json() == {"status": "ready"}
    assert http.get("/health/live").json() == {"status": "alive"}
    assert http.get("/").json()["version"] == __version__


def test_closed_engine_lives_but_is_not_ready(engine: Any, http: httpx.Client, error_of: Any):
    engine.close()

    assert http.get("/health/live").status_code == 200
    for path in ("/health/ready", "/health", "/v1/sessions"):
        assert error_of(http.get(path))[:2] == (503, "service_unavailable")
