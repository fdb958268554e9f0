"""Values that JSON cannot represent are refused: the error has the path and the reason, but no content."""

from __future__ import annotations

from typing import Any

import pytest

from statebase._generated import models
from statebase.local import Engine, EngineError


def nested(levels: int) -> Any:
    value: Any = "secret"
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "location", "message"),
    [
        ({"rows": [1, {"v": float("nan")}]}, ("rows", 1, "v"), "finite number"),
        ({"a": "secret", "b": float("-inf")}, ("b",), "finite number"),
        ({"a": ["secret \ud800"]}, ("a", 0), "lone surrogate"),
        ({"secret \udfff": 1}, (), "lone surrogate"),
        ({"a": nested(195)}, (), "190 levels"),
    ],
    ids=["nan", "infinity", "surrogate", "surrogate in a key", "depth"],
)
def test_error_says_where_and_never_what(engine: Engine, value: Any, location: Any, message: str):
    session = engine.create_session(models.SessionCreateRequest(agent_id="agent"))

    for call in (
        lambda: engine.replace_state(
            session.id, models.StateReplaceRequest.model_construct(state=value, reasoning=None)
        ),
        lambda: engine.update_state(
            session.id, models.StatePartialUpdateRequest.model_construct(state=value, reasoning=None)
        ),
    ):
        with pytest.raises(EngineError) as error:
            call()

        assert error.value.status == 422
        assert tuple(error.value.location or ()) == ("state", *location)
        assert message in error.value.message
        assert "secret" not in error.value.message

    assert engine.get_state(session.id).version == 0
