"""pgbouncer in transaction mode stands between engine and PostgreSQL: each transaction may get another connection.

The tests run where pgbouncer is installed, or where `STATEBASE_TEST_PGBOUNCER` is the path of its program.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List, Sequence, Union
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from statebase import StateBase
from statebase.local import Engine
from statebase.models import APIKeyCreateRequest

PROGRAM = os.environ.get("STATEBASE_TEST_PGBOUNCER") or shutil.which("pgbouncer")
CONNECTIONS = 3
"""Fewer than the threads that use them."""

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed")


@pytest.fixture
def bouncer_url(postgres_url: str) -> Iterator[str]:
    """The URL of an empty store behind pgbouncer."""
    parts = urlsplit(postgres_url)
    query = parse_qs(parts.query)
    search_path = query["options"][0].partition("=")[2]
    host = unquote(query.get("host", [parts.hostname or ""])[0])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    directory = Path(tempfile.mkdtemp(prefix="statebase-pgbouncer-"))
    directory.chmod(0o755)
    (directory / "users.txt").write_text(f'"{parts.username}" "{parts.password or ""}"\n')
    (directory / "pgbouncer.ini").write_text(
        f"""
[databases]
store = host={host} port={parts.port or 5432} dbname=postgres connect_query='SET search_path TO {search_path}'
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {directory}/users.txt
pool_mode = transaction
default_pool_size = {CONNECTIONS}
server_round_robin = 1
server_reset_query = DISCARD ALL
server_reset_query_always = 1
"""
    )
    import pwd  # not on Windows

    # It does not run as root. The socket of the server of the tests is in a directory of that server's user.
    owner = pwd.getpwuid(Path(host).stat().st_uid).pw_name if host.startswith("/") else "nobody"
    user = ["-u", owner] if os.getuid() == 0 else []
    process = subprocess.Popen([str(PROGRAM), *user, str(directory / "pgbouncer.ini")], stderr=subprocess.DEVNULL)
    try:
        _wait_for(port, process)
        yield f"postgresql://{parts.username}@127.0.0.1:{port}/store"
    finally:
        process.terminate()
        process.wait(20)
        shutil.rmtree(directory)


def embed(texts: Sequence[str]) -> List[List[float]]:
    """Return vectors that differ from text to text."""
    return [[byte - 127.5 for byte in hashlib.sha256(text.encode()).digest()[:16]] for text in texts]


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            assert process.poll() is None and time.monotonic() < end, "pgbouncer does not run"


def test_everything_works_in_a_transaction_of_any_connection(bouncer_url: str) -> None:
    """Writes, searches by meaning and words, contexts, the dashboard, keys, clean-up, and repetitions."""
    with StateBase.local(bouncer_url, embedder=embed) as client:
        session = client.sessions.create("a", user_id="ada", metadata={"channel": "web"})
        for number in range(20):
            client.sessions.add_turn(session.id, "hi", "hello")
            client.state.update_state(session.id, {"n": number})
            client.memory.add(f"memory {number}", "fact", session.id)
        client.entities.create(session.id, "order", "1", {})
        fork = client.sessions.fork(session.id)
        client.state.rollback(session.id, 3)
        key = {"Idempotency-Key": "key-1"}
        again = [client.sessions.create("b", extra_headers=key).id for _ in range(2)]

        assert client.state.get_state(session.id).state == {"n": 2}
        assert len(client.memory.search("memory 7", session.id).data) > 0
        assert client.memory.search("memory 7").data[0].content == "memory 7"
        assert len(client.state.get_context(session.id, "memory 3").memories) > 0
        assert [found.id for found in client.sessions.list(metadata={"channel": "web"}).data] == [session.id]
        assert again[0] == again[1]
        stats = client.dashboard.stats().stats
        assert (stats.total_sessions, stats.total_turns, stats.total_memories) == (3, 20, 20)
        client.sessions.delete(fork.id)
    engine = Engine.open(bouncer_url, embedder=embed)
    engine.create_api_key(APIKeyCreateRequest(name="k", owner_id=None))
    assert engine.tidy() is False
    assert engine.purge() == 0
    engine.close()


def test_more_threads_than_connections(bouncer_url: str) -> None:
    """Turn numbers without gaps; no transaction meets the lock of another that is over."""
    engine = Engine.open(bouncer_url)
    numbers: List[Union[int, BaseException]] = []
    with StateBase.local(bouncer_url) as client:
        session_id = client.sessions.create("a").id

        def run(thread: int) -> None:
            try:
                for number in range(10):
                    headers: Dict[str, Any] = {"Idempotency-Key": f"{thread}-{number}"}
                    numbers.append(
                        client.sessions.add_turn(session_id, "hi", "hello", extra_headers=headers).turn_number
                    )
                    engine.tidy()
            except BaseException as error:
                numbers.append(error)

        threads = [threading.Thread(target=run, args=(thread,)) for thread in range(8)]
        for each in threads:
            each.start()
        for each in threads:
            each.join(60)

        assert sorted(numbers) == list(range(1, 81))  # type: ignore[type-var]
    engine.close()
