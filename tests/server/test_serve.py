"""`statebase serve` is a process that says where it listens, keeps what it was given, and stops when it is told."""

from __future__ import annotations

import os
import signal
import sqlite3
import ssl
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Callable

import httpx
import pytest

from statebase import APIConnectionError, AuthenticationError, StateBase

pytestmark = pytest.mark.slow

Serve = Callable[..., Any]
on_posix = pytest.mark.skipif(os.name != "posix", reason="Windows ends processes without asking them")


def test_port_zero_is_a_port_that_is_free(serve: Serve) -> None:
    """The start line has the real port, and clients find the server there."""
    serving = serve()

    with StateBase("any", serving.url) as client:
        assert client.health().status == "healthy"
    assert httpx.URL(serving.url).port not in (None, 0)


def test_start_line_as_json(serve: Serve, tmp_path: Path) -> None:
    """A program that starts the server learns all that it needs to use it."""
    start = serve("--path", "store.db", "--api-key", "sb_secret").start

    assert start == {
        "base_url": start["base_url"],
        "path": str((tmp_path / "store.db").resolve()),
        "needs_api_key": True,
        "ca_file": None,
        "pid": start["pid"],
    }


def test_start_lines_for_people(tmp_path: Path) -> None:
    """They say where it listens, which keys it takes, and what to type to point a client at it."""
    command = [sys.executable, "-m", "statebase", "serve", "--port", "0"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, encoding="utf-8") as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(6)]
        process.terminate()

    url = lines[3].strip().rpartition("=")[2].strip("' ")
    assert url.startswith("http://127.0.0.1:")
    assert url in lines[0]
    assert "in memory" in lines[0]
    assert "any key, from this machine only" in lines[1]
    assert "STATEBASE_API_KEY" in lines[4]
    assert "\033" not in "".join(lines)


def test_store_outlives_the_server(serve: Serve) -> None:
    """The content of a file is there when the next server opens it."""
    first = serve("--path", "store.db")
    with StateBase("any", first.url) as client:
        session = client.sessions.create("bot", initial_state={"step": 1})
    first.stop()
    second = serve("--path", "store.db")

    with StateBase("any", second.url) as client:
        assert client.sessions.get(session.id).state == {"step": 1}


@pytest.mark.parametrize("given", ["argument", "environment"])
def test_key_is_asked_for(serve: Serve, given: str) -> None:
    """With a key, by argument or by environment, clients must send it."""
    serving = serve("--api-key", "sb_secret") if given == "argument" else serve(STATEBASE_SERVE_API_KEY="sb_secret")

    with StateBase("sb_secret", serving.url) as client, StateBase("sb_wrong", serving.url) as stranger:
        assert len(client.sessions.list()) == 0
        with pytest.raises(AuthenticationError):
            stranger.sessions.list()


def test_key_does_not_show(serve: Serve) -> None:
    """A key from the environment is in no output of the server."""
    serving = serve("--access-log", STATEBASE_SERVE_API_KEY="sb_secret")
    with StateBase("sb_secret", serving.url) as client:
        client.sessions.list()
    serving.stop()

    assert "sb_secret" not in str(serving.start) + serving.stderr


def test_rate_limit(serve: Serve) -> None:
    """The answers say how many requests a minute come in."""
    serving = serve("--rate-limit", "7")

    answer = httpx.get(f"{serving.url}/v1/sessions", trust_env=False)

    assert answer.headers["X-RateLimit-Limit"] == "7"


def test_requests_are_logged_where_asked(serve: Serve) -> None:
    """Each request is a line on stderr; without the option there is none."""
    logging, quiet = serve("--access-log"), serve()
    for serving in (logging, quiet):
        httpx.get(f"{serving.url}/v1/sessions/sess_none", trust_env=False)
        serving.stop()

    assert '"GET /v1/sessions/sess_none 1.1" 404' in logging.stderr
    assert len(logging.stderr.splitlines()) == 1
    assert quiet.stderr == ""


def test_tls_with_a_certificate_for_the_occasion(serve: Serve) -> None:
    """Clients that trust the file of the start line speak HTTP/2 over TLS; the file goes with the server."""
    serving = serve("--tls")
    ca_file = Path(serving.start["ca_file"])
    trust = ssl.create_default_context(cafile=str(ca_file))

    with httpx.Client(verify=trust, http2=True, base_url=serving.url, trust_env=False) as client:
        assert client.get("/health/live").http_version == "HTTP/2"
    with StateBase("any", serving.url, http2=True, verify=str(ca_file)) as ours:
        assert ours.sessions.create("bot").turn_count == 0
    with StateBase("any", serving.url, max_retries=0) as distrustful, pytest.raises(APIConnectionError):
        distrustful.health()
    serving.stop()
    assert not ca_file.exists()


@on_posix
def test_tls_with_an_authority_that_stays(serve: Serve, tmp_path: Path) -> None:
    """A client that trusts the CA in a directory also trusts the next server; the keys are private."""
    first = serve("--tls", "authority")
    trust = ssl.create_default_context(cafile=first.start["ca_file"])
    first.stop()
    second = serve("--tls", "authority")

    with httpx.Client(verify=trust, base_url=second.url, trust_env=False) as client:
        assert client.get("/health/live").status_code == 200
    files = sorted((tmp_path / "authority").iterdir())
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in files}
    assert [file for file, mode in modes.items() if mode & 0o077] == ["ca.pem"]


@on_posix
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_signals_stop_it(serve: Serve, name: str) -> None:
    """Ctrl-C and SIGTERM end it without a word, with exit code 0, though a client keeps its connection."""
    serving = serve("--path", "store.db")
    with StateBase("any", serving.url) as client:
        client.health()

        assert serving.stop(getattr(signal, name)) == 0
    assert serving.stderr == ""


@on_posix
def test_stop_keeps_what_was_answered(serve: Serve, tmp_path: Path) -> None:
    """A server that is stopped in the middle of writes has all that it answered, and nothing by halves."""
    serving = serve("--path", "store.db")
    answered = []
    many = threading.Event()

    def write() -> None:
        with StateBase("any", serving.url, max_retries=0) as client:
            session = client.sessions.create("bot")
            with pytest.raises(APIConnectionError):
                while True:
                    answered.append((session.id, client.sessions.add_turn(session.id, "in", "out").turn_number))
                    if len(answered) >= 50:
                        many.set()

    writers = [threading.Thread(target=write) for _ in range(3)]
    for writer in writers:
        writer.start()
    many.wait(30)
    assert serving.stop() == 0
    for writer in writers:
        writer.join()

    with StateBase.local(tmp_path / "store.db") as client:
        stored = {
            (session.id, number)
            for session in client.sessions.list(limit=100)
            for number in range(1, session.turn_count + 1)
        }
    with sqlite3.connect(tmp_path / "store.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()
    assert len(answered) >= 50
    assert stored >= set(answered)
