"""A store on PostgreSQL: how it is opened, what its errors say, and what happens when connections are lost."""

from __future__ import annotations

import os
import threading
import time
import traceback
from pathlib import Path
from typing import Any, Callable, Dict, List
from urllib.parse import parse_qs, urlsplit

import pytest

from statebase import StateBase
from statebase.local import Caller, Engine, EngineError
from statebase.local.storage.location import read_location
from statebase.local.storage.store import Store
from statebase.models import APIKeyCreateRequest, MemoryCreateRequest, SessionCreateRequest, TurnCreateRequest
from statebase.testing import FrozenClock
from tests.postgres_fixtures import PostgresServer

MARKER = "s3cret%40marker"
TURN = TurnCreateRequest.model_validate(
    {"input": {"type": "text", "content": "hi"}, "output": {"type": "text", "content": "hello"}}
)


@pytest.fixture
def engine(postgres_url: str) -> Any:
    engine = Engine.open(f"{postgres_url}&application_name={schema_of(postgres_url)}", durability="normal")
    yield engine
    engine.close()


@pytest.fixture
def session_id(engine: Engine) -> str:
    return engine.create_session(SessionCreateRequest(agent_id="a")).id


def schema_of(url: str) -> str:
    return parse_qs(urlsplit(url).query)["options"][0].partition("=")[2].partition(",")[0]


class TestOpening:
    def test_engines_of_one_url_are_one(self, postgres_url: str):
        first, second = Engine.open(postgres_url), Engine.open(postgres_url)

        assert first is second
        first.close()
        assert second.create_session(SessionCreateRequest(agent_id="a")).id
        second.close()

    def test_client_opens_it_by_either_scheme(self, postgres_url: str):
        with StateBase.local(postgres_url.replace("postgresql://", "postgres://")) as client:
            assert client.sessions.create("a").id

    def test_content_is_there_when_it_is_opened_again(self, postgres_url: str):
        with StateBase.local(postgres_url) as client:
            session_id = client.sessions.create("a", initial_state={"n": 1}).id
        with StateBase.local(postgres_url) as client:
            assert client.sessions.get(session_id).state == {"n": 1}

    def test_several_at_once_make_the_tables_once(self, new_postgres_url: Callable[[], str], postgres_server: Any):
        url = new_postgres_url()
        postgres_server.admin.execute(f"DROP SCHEMA {schema_of(url)} CASCADE; CREATE SCHEMA {schema_of(url)}")
        failures: List[BaseException] = []

        def open_store() -> None:
            try:
                Store(url, "normal").database.close()
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=open_store) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert failures == []

    def test_newer_schema_is_refused(self, postgres_url: str, postgres_server: PostgresServer):
        Engine.open(postgres_url).close()
        schema = schema_of(postgres_url)
        postgres_server.admin.execute(f"UPDATE {schema}.statebase_schema SET version = 99")

        with pytest.raises(EngineError, match=r"was written by a newer statebase \(schema 99, this one knows \d+\)"):
            Engine.open(postgres_url)

        postgres_server.admin.execute(f"DROP SCHEMA {schema} CASCADE")

    def test_tables_of_another_application_are_left_alone(self, postgres_url: str, postgres_server: PostgresServer):
        schema = schema_of(postgres_url)
        postgres_server.admin.execute(f"DROP SCHEMA {schema} CASCADE; CREATE SCHEMA {schema}")
        postgres_server.admin.execute(f"CREATE TABLE {schema}.sessions (id text)")

        with pytest.raises(EngineError, match="holds tables of another application"):
            Engine.open(postgres_url)

        postgres_server.admin.execute(f"DROP SCHEMA {schema} CASCADE")

    def test_schema_that_is_not_there(self, postgres_server: PostgresServer):
        with pytest.raises(EngineError, match="names no schema that exists"):
            Engine.open(postgres_server.url_of("no_such_schema").replace(",public", ""))

    def test_backup_is_the_database_s_own(self, engine: Engine, tmp_path: Path):
        with pytest.raises(EngineError, match="pg_dump"):
            engine.backup(tmp_path / "copy.db")


class TestErrors:
    """Each is one sentence that says what to do, and none shows the password."""

    @pytest.mark.parametrize(
        ("url", "message"),
        [
            (f"postgresql://user:{MARKER}@127.0.0.1:1/db", "nothing listens there"),
            (f"postgresql://user:{MARKER}@no-such-host.invalid/db", "the host name is not known"),
            (f"postgresql://user:{MARKER}@[::1/db", "not a valid PostgreSQL URL"),
            (f"postgresql://user:{MARKER}@localhost/db?no_such_option={MARKER}", "not a valid PostgreSQL URL"),
            (f"postgresql://user:{MARKER}%zz@localhost/db", "not a valid PostgreSQL URL"),
            ("postgresql://user:a@s3cret@127.0.0.1:1/db", "write %40 for @"),
            ("postgresql://user:a/s3cret@127.0.0.1:1/db", "write %40 for @"),
            ("postgresql://user:1/s3cret@127.0.0.1:1/db", "write %40 for @"),
            ("postgresql://user:s3cret/db", "not a valid PostgreSQL URL"),
        ],
    )
    def test_server_that_cannot_be_reached(self, url: str, message: str):
        with pytest.raises(EngineError) as caught:
            Engine.open(url)

        shown = "".join(traceback.format_exception(type(caught.value), caught.value, caught.value.__traceback__))
        assert message in caught.value.message
        assert "\n" not in caught.value.message
        assert "s3cret" not in shown + repr(caught.value)

    def test_database_and_user_that_are_not_there(self, postgres_server: PostgresServer):
        host = parse_qs(urlsplit(postgres_server.url).query).get("host", [""])[0]
        for user, database, message in (
            ("postgres", "no_such_db", "no such database"),
            ("no_such_user", "postgres", "no such user"),
        ):
            with pytest.raises(EngineError, match=message):
                Engine.open(f"postgresql://{user}@/{database}?host={host}")

    def test_name_has_no_password(self):
        location = read_location(f"postgresql://user:{MARKER}@host:5433/db?application_name=x")

        assert location.name == "postgresql://user@host:5433/db"
        assert "s3cret" not in repr(location)

    def test_other_options_are_refused_without_the_password(self, postgres_url: str):
        url = postgres_url.replace("postgres@", f"postgres:{MARKER}@")
        engine = Engine.open(url)

        with pytest.raises(EngineError, match="already open in this process with other options") as caught:
            Engine.open(url, default_ttl_seconds=5)

        assert "s3cret" not in str(caught.value)
        engine.close()

    def test_row_that_another_holds_is_a_503(self, engine: Engine, session_id: str, postgres_url: str):
        """As soon as the caller's time is up."""
        import psycopg

        with psycopg.connect(postgres_url) as other:
            other.execute("SELECT 1 FROM sessions FOR UPDATE")
            with pytest.raises(EngineError) as caught:
                engine.create_turn(session_id, TURN, Caller(deadline=time.monotonic() + 0.2))

        assert (caught.value.status, caught.value.retry_after) == (503, 1)
        assert engine.create_turn(session_id, TURN).turn_number == 1

    @pytest.mark.parametrize("snapshot", [True, False])
    def test_read_does_not_wait_without_limit(
        self, engine: Engine, postgres_url: str, monkeypatch: pytest.MonkeyPatch, snapshot: bool
    ):
        """Such as for a table that is being rebuilt: it is a 503, as for a write."""
        import psycopg

        settings = "statebase.local.storage.postgres.database._READ_SETTINGS"
        monkeypatch.setattr(settings, "SELECT set_config('lock_timeout', '50ms', true)")
        database = engine._core.store.database
        with psycopg.connect(postgres_url) as other:
            other.execute("LOCK TABLE meta")
            with pytest.raises(EngineError) as caught, database.read(snapshot=snapshot):
                database.execute("SELECT value FROM meta").fetchall()

        assert (caught.value.status, caught.value.retry_after) == (503, 1)

    def test_limit_of_a_read_is_of_one_transaction(self, engine: Engine):
        """It is ten seconds in each read, and stays behind in no connection."""
        database = engine._core.store.database
        for snapshot in (True, False):
            with database.read(snapshot=snapshot):
                assert database.execute("SHOW lock_timeout").fetchone() == ("10s",)
        with database.read(snapshot=False):
            database.execute("SELECT 1").fetchone()
            assert database.execute("SHOW lock_timeout").fetchone() == ("0",)

    def test_values_of_rows_are_in_no_error(self, engine: Engine):
        database = engine._core.store.database

        with pytest.raises(EngineError) as caught, database.write():
            for _ in range(2):
                database.execute("INSERT INTO meta VALUES (?, ?)", ("key", "s3cret"))

        shown = "".join(traceback.format_exception(type(caught.value), caught.value, caught.value.__traceback__))
        assert "UniqueViolation" in caught.value.message
        assert "s3cret" not in shown and "(key)" not in shown


class TestConnections:
    def test_backends_that_were_terminated_are_replaced(
        self, engine: Engine, session_id: str, postgres_server: PostgresServer, postgres_url: str
    ):
        """Between two calls that costs no call anything."""
        barrier = threading.Barrier(4)

        def turn() -> None:
            barrier.wait()
            engine.create_turn(session_id, TURN)

        for _ in range(3):
            threads = [threading.Thread(target=turn) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            terminate(postgres_server, postgres_url)

        assert engine.create_turn(session_id, TURN).turn_number == 13

    def test_transaction_whose_backend_was_terminated(
        self, engine: Engine, session_id: str, postgres_server: PostgresServer, postgres_url: str
    ):
        """It is a 503 with Retry-After, and changes nothing."""
        database = engine._core.store.database

        with pytest.raises(EngineError) as caught, database.write():
            database.execute("UPDATE sessions SET turn_count = 7").rowcount  # noqa: B018
            terminate(postgres_server, postgres_url)

        assert (caught.value.status, caught.value.retry_after) == (503, 1)
        assert engine.create_turn(session_id, TURN).turn_number == 1

    def test_all_connections_in_use_is_a_503(self, engine: Engine, session_id: str, monkeypatch: pytest.MonkeyPatch):
        """After a wait, in which another may give one back."""
        monkeypatch.setattr("statebase.local.storage.postgres.database._BUSY_SECONDS", 0.3)
        database = engine._core.store.database
        from statebase.local.storage.postgres.pool import MOST

        ready, over = threading.Barrier(MOST + 1), threading.Event()

        def hold() -> None:
            with database.read():
                ready.wait()
                over.wait()

        threads = [threading.Thread(target=hold) for _ in range(MOST)]
        for thread in threads:
            thread.start()
        ready.wait()
        with pytest.raises(EngineError, match="connections to the database are in use") as caught:
            engine.get_session(session_id)
        over.set()
        for thread in threads:
            thread.join()

        assert (caught.value.status, caught.value.retry_after) == (503, 1)
        assert engine.get_session(session_id).id == session_id

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
    @pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
    def test_child_of_a_fork_has_connections_of_its_own(self, engine: Engine, session_id: str):
        """And the parent goes on with its own."""
        engine.create_turn(session_id, TURN)
        before = [slot.connection for slot in engine._core.store.database._pool._slots]

        child = os.fork()
        if child == 0:
            code = 1
            try:
                code = 0 if engine.create_turn(session_id, TURN).turn_number == 2 else 2
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)

        assert os.waitstatus_to_exitcode(status) == 0
        assert engine.create_turn(session_id, TURN).turn_number == 3
        assert [slot.connection for slot in engine._core.store.database._pool._slots] == before

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
    @pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
    def test_transaction_in_which_the_process_forks_stays_with_the_parent(self, engine: Engine, session_id: str):
        database = engine._core.store.database
        with database.write():
            assert database.execute("UPDATE sessions SET turn_count = 5").rowcount == 1
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    database.execute("UPDATE sessions SET turn_count = 6").fetchall()
                except EngineError as error:
                    code = 0 if error.status == 503 else 2
                finally:
                    os._exit(code)
            _, status = os.waitpid(child, 0)

        assert os.waitstatus_to_exitcode(status) == 0
        assert engine.get_session(session_id).turn_count == 5


class TestChores:
    def test_expired_responses_and_leftovers_go_away(self, engine: Engine, session_id: str, postgres_url: str):
        """After a write, by one process at a time."""
        core = engine._core
        engine.create_memory(MemoryCreateRequest(session_id=session_id, content="likes tea"))
        with core.store.database.write():  # as a deletion that was interrupted leaves it
            session = core.store.sessions.find(session_id)
            assert session is not None
            core.store.remove_session(session)

        core.chores.do(core.now_us())
        core.chores.do(core.now_us())

        assert rows(engine, "memories", "removals", "memory_terms") == {"memories": 0, "removals": 0, "memory_terms": 0}

    def test_purges_at_once_remove_each_session_once(self, postgres_url: str, engine_clock: FrozenClock):
        """With a clock that is frozen, so that all of their traces want the same number."""
        engine = Engine.open(postgres_url, durability="normal", clock=engine_clock)
        try:
            for _ in range(40):
                engine.create_session(SessionCreateRequest(agent_id="a", ttl_seconds=10))
            engine_clock.advance(seconds=20)
            removed: List[int] = []
            threads = [threading.Thread(target=lambda: removed.append(engine.purge())) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

            assert sum(removed) == 40
            assert len(removed) == 4
            assert rows(engine, "sessions", "removals") == {"sessions": 0, "removals": 0}
        finally:
            engine.close()

    def test_uses_of_keys_are_counted(self, engine: Engine):
        key = engine.create_api_key(APIKeyCreateRequest(name="n"))
        assert key.full_key is not None
        engine.identify(key.full_key)

        assert [listed.total_requests for listed in engine.list_api_keys()] == [1]


def rows(engine: Engine, *tables: str) -> Dict[str, int]:
    database = engine._core.store.database
    with database.read():
        return {table: database.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}


def terminate(server: PostgresServer, url: str) -> None:
    """Terminate the backends of a store, and wait until they are gone."""
    server.admin.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = %s", (schema_of(url),)
    )
