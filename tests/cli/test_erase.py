"""`statebase erase` erases a user and reports it; a store with expired sessions only is noticed when it is opened."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from statebase import StateBase
from statebase.testing import FrozenClock


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A store with a session of two users each."""
    with StateBase.local(tmp_path / "agents.db") as client:
        for user in ("ada", "bob"):
            session = client.sessions.create("bot", user)
            client.sessions.add_turn(session.id, "hi", "hello")
    return "agents.db"


def users(tmp_path: Path) -> Any:
    with StateBase.local(tmp_path / "agents.db") as client:
        return [item.user_id for item in client.sessions.list()]


def test_dry_run_and_erasure(call: Any, store: str, tmp_path: Path) -> None:
    """The first changes nothing."""
    counts = (
        "1 live session, 0 expired sessions, 1 turn, 0 memories, 0 entities, 1 trace redacted, 2 stored responses.\n"
    )

    assert call("erase", "--user", "ada", "--path", store, "--dry-run").stdout == f"Would erase: {counts}"
    assert users(tmp_path) == ["bob", "ada"]
    assert call("erase", "--user", "ada", "--path", store).stdout == f"Erased: {counts}"
    assert users(tmp_path) == ["bob"]


def test_report_as_json(call: Any, store: str) -> None:
    """One object, with the fields of the report."""
    report = json.loads(call("erase", "--user", "ada", "--path", store, "--json").stdout)

    assert (report["live_sessions"], report["remaining"], report["dry_run"]) == (1, [], False)


@pytest.mark.parametrize("arguments", [("--path", "agents.db"), ("--user", "", "--path", "agents.db"), ("--user", "a")])
def test_user_and_store_are_required(call: Any, store: str, tmp_path: Path, arguments: Any) -> None:
    """Nothing is erased."""
    assert call("erase", *arguments).returncode == 2
    assert users(tmp_path) == ["bob", "ada"]


def test_store_with_expired_sessions_only_is_noticed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Once, when it is opened; not one that is empty, or has a session that lives."""
    clock, path = FrozenClock(), tmp_path / "agents.db"
    caplog.set_level(logging.WARNING, "statebase.local")
    with StateBase.local(path, clock=clock) as client:
        client.sessions.create("bot")
    clock.advance(hours=23)
    StateBase.local(path, clock=clock).close()
    assert caplog.messages == []
    clock.advance(hours=1)

    with StateBase.local(path, clock=clock), StateBase.local(path, clock=clock):
        pass

    assert [message.partition(":")[0] for message in caplog.messages] == [
        f"All sessions in the store {path} have expired"
    ]
