"""A store whose content makes no sense answers, and says where to look."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Callable

import httpx
import pytest

from statebase._generated.models import SessionCreateRequest
from statebase.local import Engine
from statebase.local.transport import LocalTransport

SESSION = SessionCreateRequest(agent_id="agent", initial_state={"a": 1})


def test_damage_answers_500_and_leaves_its_cause_in_the_log(
    open_engine: Callable[..., Engine], store_path: Path, caplog: pytest.LogCaptureFixture
):
    """The error says what to do; the request's id leads to the cause."""
    engine = open_engine(store_path)
    session_id = engine.create_session(SESSION).id
    connection = sqlite3.connect(store_path)
    connection.execute("UPDATE state_versions SET data = X'00'")
    connection.commit()
    connection.close()

    with httpx.Client(transport=LocalTransport(engine), base_url="http://local", headers={"X-API-Key": "k"}) as client:
        response = client.get(f"/v1/sessions/{session_id}/state/history")

    assert response.status_code == 500
    assert response.json()["error"]["code"] == "internal_error"
    assert "The store is damaged" in response.json()["error"]["message"]
    assert response.headers["X-Request-ID"] in caplog.text
    assert "Traceback" in caplog.text
