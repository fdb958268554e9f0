"""A store is a file: made where there is none, shared within a process, refused where it is not ours."""

from __future__ import annotations

import sqlite3
import stat
import sys
from pathlib import Path
from typing import Any, Callable

import pytest

from statebase._generated.models import SessionCreateRequest, StateReplaceRequest
from statebase.local import Engine, EngineError
from statebase.local.storage.sqlite.connection import _set_wal as set_wal
from statebase.local.storage.sqlite.database import Database
from statebase.local.storage.sqlite.schema import APPLICATION_ID, MIGRATIONS, migrate, refuse_foreign
from statebase.local.storage.store import Store

SESSION = SessionCreateRequest(agent_id="agent", initial_state={"a": 1})


def count(path: Path, table: str) -> int:
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
    finally:
        connection.close()


class TestOpen:
    def test_what_was_written_is_there_after_reopening(self, open_engine: Callable[..., Engine], store_path: Path):
        engine = open_engine(store_path)
        session = engine.create_session(SESSION)
        engine.close()

        assert open_engine(str(store_path)).get_session(session.id).model_dump() == session.model_dump()

    def test_memory_is_private(self, open_engine: Callable[..., Engine]):
        first, second = open_engine(), open_engine()
        session = first.create_session(SESSION)

        with pytest.raises(EngineError, match="There is no session"):
            second.get_session(session.id)

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
    def test_file_is_for_its_owner_only(self, open_engine: Callable[..., Engine], store_path: Path):
        open_engine(store_path).create_session(SESSION)

        modes = {stat.S_IMODE(path.stat().st_mode) for path in store_path.parent.iterdir()}

        assert modes == {0o600}

    def test_directory_that_is_not_there(self, open_engine: Callable[..., Engine], tmp_path: Path):
        with pytest.raises(EngineError, match="directory that exists"):
            open_engine(tmp_path / "nowhere" / "store.db")

    @pytest.mark.parametrize("seconds", [0, 2_592_001])
    def test_default_lifetime_out_of_range(self, open_engine: Callable[..., Engine], seconds: int):
        with pytest.raises(EngineError, match="default_ttl_seconds"):
            open_engine(default_ttl_seconds=seconds)

    @pytest.mark.parametrize("path", [5, b"x", "", None])
    def test_path_that_is_none_is_refused(self, path: Any):
        with pytest.raises(EngineError, match="path must be a non-empty file path"):
            Engine.open(path)

    @pytest.mark.parametrize("seconds", [True, 1.5, "60", None])
    def test_default_lifetime_of_another_type_is_refused(self, seconds: Any):
        with pytest.raises(EngineError, match="default_ttl_seconds must be an integer"):
            Engine.open(default_ttl_seconds=seconds)

    @pytest.mark.parametrize("durability", ["FULL", "off", "", None])
    def test_durability_that_is_none_is_refused(self, open_engine: Callable[..., Engine], durability: Any):
        """It would silently have been the weaker one."""
        with pytest.raises(EngineError, match="durability must be 'full' or 'normal'"):
            open_engine(durability=durability)

    @pytest.mark.parametrize(("durability", "level"), [("full", 2), ("normal", 1)])
    def test_durability_decides_when_the_disk_is_waited_for(self, store_path: Path, durability: str, level: int):
        database = Database(str(store_path), durability)

        with database.write():
            synchronous = database.execute("PRAGMA synchronous").fetchone()[0]
            journal = database.execute("PRAGMA journal_mode").fetchone()[0]

        database.close()
        assert (synchronous, journal) == (level, "wal")


class TestWriteAheadLog:
    def test_only_a_busy_file_is_worth_waiting_for(self, tmp_path: Path):
        path = tmp_path / "read-only.db"
        path.touch()
        connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
        tried: list[str] = []
        connection.set_trace_callback(tried.append)

        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            set_wal(connection)

        connection.close()
        assert len(tried) == 2


class TestShared:
    def test_openers_of_a_file_share_an_engine(self, open_engine: Callable[..., Engine], store_path: Path):
        """Until the last of them closes it; also under another name of the file."""
        first = open_engine(store_path)
        link = store_path.with_name("link.db")
        link.symlink_to(store_path)
        second = open_engine(link)
        session = first.create_session(SESSION)

        first.close()

        assert second is first
        assert second.get_session(session.id).id == session.id
        second.close()
        with pytest.raises(EngineError, match="closed"):
            second.get_session(session.id)
        assert open_engine(store_path) is not first

    def test_other_options_are_refused(self, open_engine: Callable[..., Engine], store_path: Path):
        open_engine(store_path, durability="normal")

        with pytest.raises(EngineError, match="open in this process with other options"):
            open_engine(store_path, durability="full")

    def test_closing_too_often_is_no_error(self, open_engine: Callable[..., Engine], store_path: Path):
        engine = open_engine(store_path)

        engine.close()
        engine.close()

        assert open_engine(store_path).create_session(SESSION).state == {"a": 1}

    def test_engine_that_could_not_be_opened_can_be_opened_later(
        self, open_engine: Callable[..., Engine], store_path: Path
    ):
        store_path.write_text("This is no database, and it is long enough to be taken for a broken one." * 100)
        with pytest.raises(EngineError):
            open_engine(store_path)
        store_path.unlink()

        assert open_engine(store_path).create_session(SESSION).state == {"a": 1}


class TestSchema:
    def test_file_of_a_newer_version_is_refused_and_left_alone(
        self, open_engine: Callable[..., Engine], store_path: Path
    ):
        open_engine(store_path).close()
        connection = sqlite3.connect(store_path, isolation_level=None)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
        connection.close()
        before = store_path.read_bytes()

        with pytest.raises(EngineError, match="upgrade the package"):
            open_engine(store_path)

        assert store_path.read_bytes() == before

    def test_file_of_another_application_is_refused_and_left_alone(
        self, open_engine: Callable[..., Engine], store_path: Path
    ):
        connection = sqlite3.connect(store_path)
        connection.execute("CREATE TABLE sessions (id TEXT)")
        connection.commit()
        connection.close()
        before = store_path.read_bytes()

        with pytest.raises(EngineError, match="another application"):
            open_engine(store_path)

        assert store_path.read_bytes() == before

    def test_file_that_is_no_database_is_refused_and_left_alone(
        self, open_engine: Callable[..., Engine], store_path: Path
    ):
        store_path.write_text("Dear diary, " * 1000)

        with pytest.raises(EngineError, match="not a statebase store"):
            open_engine(store_path)

        assert store_path.read_text() == "Dear diary, " * 1000

    def test_empty_file_becomes_a_store(self, open_engine: Callable[..., Engine], store_path: Path):
        store_path.touch()

        open_engine(store_path).close()

        connection = sqlite3.connect(store_path)
        marks = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")]
        connection.close()
        assert marks == [APPLICATION_ID, len(MIGRATIONS)]

    def test_file_of_an_older_version_is_brought_up_to_date(
        self, open_engine: Callable[..., Engine], store_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        """One step after another, keeping what is there."""
        engine = open_engine(store_path)
        session = engine.create_session(SESSION)
        engine.close()
        steps = (
            *MIGRATIONS,
            ("ALTER TABLE sessions ADD COLUMN colour TEXT", "UPDATE sessions SET colour = 'red'"),
            ("ALTER TABLE sessions ADD COLUMN shade TEXT",),
        )
        monkeypatch.setattr("statebase.local.storage.sqlite.schema.MIGRATIONS", steps)

        engine = open_engine(store_path)

        assert engine.get_session(session.id).state == {"a": 1}
        engine.close()
        connection = sqlite3.connect(store_path)
        row = connection.execute("SELECT colour, shade FROM sessions").fetchone()
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        connection.close()
        assert (row, version) == (("red", None), len(steps))

    def test_step_that_fails_changes_nothing(
        self, open_engine: Callable[..., Engine], store_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        open_engine(store_path).close()
        with monkeypatch.context() as patched:
            broken = (*MIGRATIONS, ("ALTER TABLE sessions ADD COLUMN colour TEXT", "ALTER TABLE nothing ADD COLUMN a"))
            patched.setattr("statebase.local.storage.sqlite.schema.MIGRATIONS", broken)
            with pytest.raises(EngineError):
                open_engine(store_path)

        engine = open_engine(store_path)

        with pytest.raises(sqlite3.OperationalError, match="no such column"):
            count(store_path, "(SELECT colour FROM sessions)")
        assert engine.create_session(SESSION).state == {"a": 1}


class TestBackup:
    @pytest.mark.parametrize("in_memory", [True, False])
    def test_copy_holds_everything(
        self, open_engine: Callable[..., Engine], store_path: Path, tmp_path: Path, in_memory: bool
    ):
        engine = open_engine(":memory:" if in_memory else store_path)
        session = engine.create_session(SESSION)
        engine.replace_state(session.id, StateReplaceRequest(state={"b": 2}))

        engine.backup(tmp_path / "copy.db")

        copy = open_engine(tmp_path / "copy.db")
        assert copy.get_state(session.id).state == {"b": 2}
        assert sys.platform == "win32" or stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600
        assert sorted(path.name for path in tmp_path.iterdir() if "partial" in path.name) == []

    def test_backup_takes_the_place_of_an_older_one(
        self, open_engine: Callable[..., Engine], store_path: Path, tmp_path: Path
    ):
        engine = open_engine(store_path)
        engine.backup(tmp_path / "copy.db")
        engine.create_session(SESSION)

        engine.backup(tmp_path / "copy.db")

        assert count(tmp_path / "copy.db", "sessions") == 1

    def test_place_that_cannot_be_written_is_an_error_of_the_engine(
        self, open_engine: Callable[..., Engine], store_path: Path, tmp_path: Path
    ):
        (tmp_path / "folder").mkdir()
        engine = open_engine(store_path)

        with pytest.raises(EngineError, match=r"folder is a directory: pass the path of a file"):
            engine.backup(tmp_path / "folder")

        assert [path.name for path in tmp_path.iterdir() if "partial" in path.name] == []

    def test_store_in_use_is_no_place_for_a_backup(
        self, open_engine: Callable[..., Engine], store_path: Path, tmp_path: Path
    ):
        engine = open_engine(store_path)
        other = open_engine(tmp_path / "other.db")
        other.create_session(SESSION)

        for path in (store_path, tmp_path / "other.db"):
            with pytest.raises(EngineError, match="in use|the store itself"):
                engine.backup(path)

        assert [path.name for path in tmp_path.iterdir() if "partial" in path.name] == []

    def test_directory_that_is_not_there(self, engine: Engine, tmp_path: Path):
        with pytest.raises(EngineError):
            engine.backup(tmp_path / "nowhere" / "copy.db")


class TestFailure:
    def test_error_of_the_disk_changes_nothing_and_is_told(self, open_engine: Callable[..., Engine], store_path: Path):
        """The transaction is rolled back as a whole."""
        engine = open_engine(store_path)
        session = engine.create_session(SESSION)
        connection = sqlite3.connect(store_path)
        connection.execute(
            "CREATE TRIGGER broken BEFORE INSERT ON traces BEGIN SELECT RAISE(ABORT, 'the disk is on fire'); END"
        )
        connection.commit()
        connection.close()

        with pytest.raises(EngineError, match="the disk is on fire") as caught:
            engine.replace_state(session.id, StateReplaceRequest(state={"b": 2}))

        assert (caught.value.status, caught.value.code) == (500, "internal_error")
        assert engine.get_state(session.id).version == 0
        assert count(store_path, "state_versions") == 1

    def test_store_that_stays_busy_is_503(
        self, open_engine: Callable[..., Engine], make_http: Any, store_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        """Reading goes on; writing says when to come again, and works when the other is done."""
        monkeypatch.setattr("statebase.local.storage.sqlite.connection._BUSY_SECONDS", 0.01)
        http = make_http(open_engine(store_path))
        other = Store(str(store_path), "normal")
        with other.database.write():
            refused = http.post("/v1/sessions", json={"agent_id": "a"}, headers={"Idempotency-Key": "k"})
            read = http.get("/v1/sessions")
        other.database.close()
        taken = http.post("/v1/sessions", json={"agent_id": "a"}, headers={"Idempotency-Key": "k"})

        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
        assert refused.json()["error"]["code"] == "service_unavailable"
        assert refused.json()["error"]["retry_after"] == 1
        assert (read.status_code, taken.status_code) == (200, 201)


def test_writes_are_seen_by_other_connections(open_engine: Callable[..., Engine], store_path: Path):
    engine = open_engine(store_path)
    session = engine.create_session(SESSION)
    other = Store(str(store_path), "normal")

    with other.database.read():
        found = other.sessions.find(session.id)

    other.database.close()
    assert found is not None
    assert found.agent_id == "agent"


@pytest.mark.parametrize("statement", [0, 1, 2])
def test_store_that_another_process_makes_meanwhile(tmp_path: Path, statement: int):
    """An empty file that becomes a store between two statements of the check is not taken for another application's."""
    path = str(tmp_path / "new.db")
    ours, other = (sqlite3.connect(path, isolation_level=None) for _ in range(2))
    seen = []

    def make_store(sql: str) -> None:
        if len(seen) == statement:
            migrate(other, path)
        seen.append(sql)

    ours.set_trace_callback(make_store)
    refuse_foreign(ours, path)

    assert len(seen) == 3
    ours.close()
    other.close()
