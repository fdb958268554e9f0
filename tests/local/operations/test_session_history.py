"""The history of a session: its state versions and its traces, newest first."""

from __future__ import annotations

from typing import Any

import httpx
import pytest


@pytest.fixture
def busy_session(http: httpx.Client, session_id: str) -> str:
    for number in range(3):
        http.patch(f"/v1/sessions/{session_id}/state", json={"state": {"n": number}})
    return session_id


def test_both_are_given(http: httpx.Client, busy_session: str):
    history = http.get(f"/v1/sessions/{busy_session}/history").json()

    assert history["session_id"] == busy_session
    assert [version["version"] for version in history["versions"]] == [3, 2, 1, 0]
    assert [trace["action"] for trace in history["traces"]] == ["state.updated"] * 3 + ["session.created"]


@pytest.mark.parametrize(
    ("parameters", "versions", "traces"),
    [
        ({"limit": 2}, 2, 2),
        ({"include_state": "false"}, 0, 4),
        ({"include_traces": "false"}, 4, 0),
        ({"include_traces": "0", "include_state": "0"}, 0, 0),
    ],
)
def test_what_is_not_asked_for_is_an_empty_list(
    http: httpx.Client, busy_session: str, parameters: Any, versions: int, traces: int
):
    history = http.get(f"/v1/sessions/{busy_session}/history", params=parameters).json()

    assert (len(history["versions"]), len(history["traces"])) == (versions, traces)


@pytest.mark.parametrize("parameters", [{"limit": 0}, {"limit": 101}, {"include_state": "maybe"}])
def test_parameters_are_checked(http: httpx.Client, busy_session: str, parameters: Any):
    assert http.get(f"/v1/sessions/{busy_session}/history", params=parameters).status_code == 422
