"""A clock of the user's must return aware datetimes."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from statebase import ConfigurationError, StateBase
from statebase._generated import models
from statebase.local import Engine


@pytest.mark.parametrize(
    ("told", "named"),
    [(datetime(2026, 1, 2), "a naive datetime"), (1767323045.0, "float"), (None, "NoneType")],
)
def test_what_is_no_aware_datetime_is_refused_by_name(store_path: Path, told: Any, named: str):
    with pytest.raises(TypeError, match=f"clock must return an aware datetime, got {named}: use datetime.now"):
        Engine.open(store_path, clock=lambda: told)

    assert not store_path.exists()


def test_clock_that_turns_naive_changes_nothing():
    times = [datetime(2026, 1, 2, tzinfo=timezone.utc)]
    engine = Engine.open(clock=lambda: times[-1])
    times.append(datetime(2026, 1, 2))

    with pytest.raises(TypeError, match="clock must return an aware datetime"):
        engine.create_session(models.SessionCreateRequest(agent_id="agent"))

    times.append(datetime(2026, 1, 3, tzinfo=timezone.utc))
    assert engine.get_dashboard_stats().stats.total_sessions == 0
    engine.close()


def test_any_time_zone_will_do():
    zone = timezone(timedelta(hours=5, minutes=30))
    engine = Engine.open(clock=lambda: datetime(2026, 1, 2, 5, 30, tzinfo=zone))

    session = engine.create_session(models.SessionCreateRequest(agent_id="agent"))

    assert session.created_at == datetime(2026, 1, 2, tzinfo=timezone.utc)
    engine.close()


def test_what_is_not_a_function_is_refused_by_type():
    with pytest.raises(ConfigurationError, match="clock must be a function that returns an aware datetime, got int"):
        StateBase.local(clock=5)  # type: ignore[arg-type]
