"""Models have typed attributes, read as mappings, keep what they do not know, and can be copied."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
from datetime import datetime, timezone
from typing import Any

import pytest

from statebase import models
from statebase._base.model import Model

SESSION = {
    "id": "sess_1",
    "agent_id": "agent",
    "created_at": "2026-01-02T03:04:05.000006Z",
    "updated_at": "2026-01-02T03:04:05.000006Z",
    "state": {"plan": "gold"},
    "memory_count": 0,
    "turn_count": 0,
    "mood": "good",
}


@pytest.fixture
def session() -> models.SessionResponse:
    return models.SessionResponse.model_validate(SESSION)


def test_fields_read_as_attributes_and_keys(session: models.SessionResponse) -> None:
    """Known and unknown fields alike, as the mappings of 0.4 were read."""
    assert session.agent_id == session["agent_id"] == "agent"
    assert session["mood"] == session.mood == "good"  # type: ignore[attr-defined]
    assert session["state"]["plan"] == "gold"
    assert session.get("agent_id") == "agent"
    assert session.get("nothing") is None
    assert session.get("nothing", 5) == 5
    assert session.get("user_id", "default") is None
    assert "agent_id" in session
    assert "mood" in session
    assert "nothing" not in session
    with pytest.raises(KeyError, match="nothing"):
        session["nothing"]
    with pytest.raises(KeyError):
        session["model_dump"]


def test_model_makes_a_dict(session: models.SessionResponse) -> None:
    """dict() and ** work, with all fields."""
    assert dict(session)["mood"] == "good"
    assert {**session} == dict(session)
    assert set(session.keys()) == set(SESSION) | {"user_id", "metadata", "ttl_expires_at", "object"}


@pytest.mark.parametrize("duplicate", [lambda model: pickle.loads(pickle.dumps(model)), copy.copy, copy.deepcopy])
def test_copies_are_equal(session: models.SessionResponse, duplicate: Any) -> None:
    """With unknown fields."""
    assert duplicate(session) == session
    assert duplicate(session)["mood"] == "good"


def test_times_are_written_as_the_service_does(session: models.SessionResponse) -> None:
    """JSON of a model is what the service would send; in Python, the time stays one."""
    assert json.loads(session.model_dump_json(exclude_unset=True)) == SESSION
    assert session.model_dump()["created_at"] == datetime(2026, 1, 2, 3, 4, 5, 6, timezone.utc)


@pytest.mark.parametrize(
    "model",
    [value for value in vars(models).values() if inspect.isclass(value) and issubclass(value, Model)],
    ids=lambda model: model.__name__,
)
def test_every_model_can_be_built(model: Any) -> None:
    """Schemas are built when first used: all of them can be, and say what they are."""
    assert model.model_rebuild(force=True) in (True, None)
    assert inspect.getdoc(model)
    assert model.model_json_schema()


def test_names_of_models_hide_no_field() -> None:
    """No field is named like a method that a mapping has, so that both can be reached."""
    taken = {"get", "keys"}
    for value in vars(models).values():
        if inspect.isclass(value) and issubclass(value, Model):
            assert not taken & set(value.model_fields), value
