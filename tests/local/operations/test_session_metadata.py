"""Sessions are found by their metadata along an index, whose answers are those of a look at each session."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any, Callable, Dict, List

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statebase.local import Engine, jsontext
from statebase.local.storage.sqlite.schema import MIGRATIONS
from statebase.local.storage.tables.sessions import _label as label
from statebase.models import SessionCreateRequest

VALUES: List[Any] = [
    None,
    True,
    False,
    0,
    1,
    1.0,
    -0.0,
    1.5,
    2**60,
    float(2**60),
    1e300,
    "",
    "1",
    "x" * 300,
    [],
    [1],
    {},
    {"a": 1.0},
    {"a": 1},
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=4,
)


def found(http: httpx.Client, metadata: Any, **filters: Any) -> List[str]:
    answer = http.get("/v1/sessions", params={"metadata": json.dumps(metadata), "limit": 100, **filters})
    assert answer.status_code == 200
    return [session["id"] for session in answer.json()["data"]]


def test_every_kind_of_value_is_found(http: httpx.Client, new_session: Callable[..., str]):
    ids = [new_session(metadata={"key": value}) for value in VALUES]
    new_session(metadata={"other": 1})
    new_session()

    for value in VALUES:
        equal = [session for session, other in zip(ids, VALUES) if jsontext.same(value, other)]
        assert found(http, {"key": value}) == equal[::-1]


@given(JSON, JSON)
@settings(max_examples=300)
def test_equal_values_share_a_label(first: Any, second: Any):
    if jsontext.same(first, second):
        assert label(first) == label(second)


def test_filters_combine(http: httpx.Client, new_session: Callable[..., str]):
    wanted = new_session(agent_id="a", user_id="u", metadata={"channel": "web", "thread": 7})
    new_session(agent_id="b", user_id="u", metadata={"channel": "web", "thread": 7})
    new_session(agent_id="a", user_id="v", metadata={"channel": "web", "thread": 7})
    new_session(agent_id="a", user_id="u", metadata={"channel": "web", "thread": 8})

    assert found(http, {"channel": "web", "thread": 7}, agent_id="a", user_id="u") == [wanted]
    assert len(found(http, {"channel": "web", "thread": 7})) == 3
    assert len(found(http, {})) == 4


def test_metadata_that_changed_is_found_by_what_it_is(http: httpx.Client, new_session: Callable[..., str]):
    session = new_session(metadata={"thread": 1, "kept": True})

    http.patch(f"/v1/sessions/{session}", json={"metadata": {"thread": 2, "kept": True}})
    assert (found(http, {"thread": 1}), found(http, {"thread": 2}), found(http, {"kept": True})) == (
        [],
        [session],
        [session],
    )

    http.delete(f"/v1/sessions/{session}")
    assert found(http, {"thread": 2}) == []


def test_pages_go_on_along_the_index(http: httpx.Client, new_session: Callable[..., str]):
    ids = [new_session(metadata={"thread": number % 2}) for number in range(10)]

    first = http.get("/v1/sessions", params={"metadata": '{"thread": 1}', "limit": 2}).json()
    second = http.get(
        "/v1/sessions", params={"metadata": '{"thread": 1}', "limit": 10, "starting_after": first["last_id"]}
    ).json()

    assert [session["id"] for session in first["data"] + second["data"]] == ids[1::2][::-1]


def steps_of(engine: Engine, call: Callable[[], Any]) -> int:
    """Return about how much work SQLite does, in hundreds of instructions of its virtual machine."""
    steps = [0]
    database = engine._core.store.database

    def count() -> int:
        steps[0] += 1
        return 0

    with database.read():
        connection = database.acquired()
    connection.set_progress_handler(count, 100)
    try:
        call()
    finally:
        connection.set_progress_handler(None, 0)
    return steps[0]


@pytest.mark.parametrize(
    "filters",
    [
        {"metadata": '{"thread": 0}'},
        {"metadata": '{"thread": -1}'},
        {"metadata": '{"all": true, "thread": 1}'},
        {"created_after": "2030-01-01T00:00:00Z"},
        {"created_before": "2020-01-01T00:00:00Z"},
    ],
)
def test_cost_does_not_grow_with_the_store(
    open_engine: Callable[..., Engine], make_http: Any, store_path: Path, filters: Dict[str, str]
):
    """At 4,000 sessions a list takes SQLite as many steps as at 200."""
    engine = open_engine(store_path, durability="normal")
    http = make_http(engine)
    steps: List[int] = []
    made = 0
    for size in (200, 4000):
        for thread in range(made, size):
            engine.create_session(SessionCreateRequest(agent_id="a", metadata={"thread": thread, "all": True}))
        made = size
        http.get("/v1/sessions", params=filters)
        steps.append(steps_of(engine, lambda: http.get("/v1/sessions", params=filters)))

    assert steps[1] <= 2 * steps[0] + 60


def test_store_of_an_older_version_is_labelled_a_few_at_a_time(
    open_engine: Callable[..., Engine], make_http: Any, store_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Its lists are right from the beginning, and go along the index in the end."""
    connection = sqlite3.connect(store_path, isolation_level=None)
    for statement in MIGRATIONS[0]:
        connection.execute(statement)
    connection.execute("PRAGMA application_id = 0x53744264")
    connection.execute("PRAGMA user_version = 1")
    expires_us = 2**60
    for number in range(100):
        connection.execute(
            "INSERT INTO sessions (id, agent_id, metadata, created_us, updated_us, expires_us) VALUES (?, 'a', ?, 1, 1, ?)",
            (f"sess_{number:012}", json.dumps({"thread": number}), expires_us),
        )
    connection.close()
    engine = open_engine(store_path)
    http = make_http(engine)

    assert found(http, {"thread": 7}) == ["sess_000000000007"]
    writes = 0
    while _todo(store_path):
        engine.create_session(SessionCreateRequest(agent_id="b", metadata={"thread": 7}))
        writes += 1
        assert "sess_000000000007" in found(http, {"thread": 7})

    assert 3 < writes < 20
    assert len(found(http, {"thread": 7})) == writes + 1
    assert found(http, {"thread": 99}) == ["sess_000000000099"]


def _todo(path: Path) -> bool:
    connection = sqlite3.connect(path)
    try:
        return connection.execute("SELECT 1 FROM meta WHERE key = 'labels.todo'").fetchone() is not None
    finally:
        connection.close()
