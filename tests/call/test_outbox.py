"""The outbox: turns and memories are kept until the service has answered, and are applied once."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import sqlite3
import stat
import sys
import threading
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

import httpx
import pytest

from statebase import (
    AuthenticationError,
    CircuitOpenError,
    ConfigurationError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    OutboxError,
    OutboxReport,
    QueuedMemory,
    QueuedTurn,
    StateBase,
    StateBaseError,
)
from statebase._call import outbox_file
from statebase.local import Engine
from statebase.server import serve_in_thread
from tests.conftest import SESSION

LOST = httpx.ReadError("reset")
REFUSED = httpx.ConnectError("refused")


def contents_of(body: Any) -> List[str]:
    """Return the input of a turn, or the contents of memories."""
    if "memories" in body:
        return [memory["content"] for memory in body["memories"]]
    return [body["content"] if "content" in body else body["input"]["content"]]


class Service:
    """A scripted service that applies each key once, as the contract says."""

    def __init__(self) -> None:
        self.failures: List[Any] = []
        """The failures of the next requests: an exception before anything, a status, or "lost": applied, no answer."""
        self.is_away = False
        self.applied: Dict[str, Any] = {}
        """The bodies by key, in order."""
        self.requests: List[httpx.Request] = []
        self.hook: Optional[Callable[[httpx.Request], None]] = None

    @property
    def contents(self) -> List[str]:
        """The inputs of turns and the contents of memories, in the order in which they were applied."""
        return [content for body in self.applied.values() for content in contents_of(body)]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.hook is not None:
            self.hook(request)
        failure = REFUSED if self.is_away else self.failures.pop(0) if self.failures else None
        if isinstance(failure, Exception):
            raise failure
        if isinstance(failure, int):
            return httpx.Response(failure)
        if request.method == "GET":
            return httpx.Response(200, json=SESSION)
        body = self.applied.setdefault(request.headers["idempotency-key"], json.loads(request.content))
        if body != json.loads(request.content):
            return httpx.Response(409)
        if failure == "lost":
            raise LOST
        number = [*self.applied].index(request.headers["idempotency-key"]) + 1
        known = {"id": f"x_{number}", "session_id": "sess_1", "created_at": "2026-01-02T03:04:05Z"}
        if "memories" in body:
            stored = {**known, "expires_at": None, "embedding_id": None, "vector_available": True, "is_new": True}
            return httpx.Response(201, json={"data": [stored] * len(body["memories"])})
        if "content" in body:
            return httpx.Response(200, json={**known, **body, "vector_available": True})
        return httpx.Response(200, json={**known, **body, "turn_number": number})


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


@pytest.fixture
def client(make_client: Any, service: Service, path: Path) -> Any:
    return make_client(transport=httpx.MockTransport(service), outbox=path, max_retries=0)


def queued(client: Any) -> List[Any]:
    """Return what waits: the session and the content."""
    return [content for item in client.outbox.pending() for content in contents_of(item.body)]


def test_service_that_answers(client: Any, service: Service):
    """The results are as without an outbox, and nothing is left."""
    turn = client.sessions.add_turn("sess_1", "a", "b")
    memory = client.memory.add("tea", session_id="sess_1")
    call = client.sessions.add_tool_call("sess_1", "search", {"q": 1}, {"found": 2})

    assert (turn.id, memory.id, call.output["output"]) == ("x_1", "x_2", {"found": 2})
    assert not isinstance(turn, QueuedTurn)
    assert client.outbox.pending() == client.outbox.failed() == []


def test_write_is_kept_before_it_is_sent(client: Any, service: Service, path: Path):
    seen: List[Any] = []

    def look(request: httpx.Request) -> None:
        with contextlib.closing(sqlite3.connect(path)) as database:
            seen.append(database.execute("SELECT key, body, tried_at IS NOT NULL FROM items").fetchall())

    service.hook = look
    client.sessions.add_turn("sess_1", "a", "b", idempotency_key="key")

    assert seen == [[("key", service.requests[0].content, 1)]]


@pytest.mark.parametrize("failure", [REFUSED, LOST, "lost", 500, 503, 429, 408], ids=str)
def test_unavailable(client: Any, service: Service, failure: Any):
    """The call goes on, and the write is applied once when the service is back."""
    service.failures = [failure]

    turn = client.sessions.add_turn("sess_1", "a", "b")

    assert isinstance(turn, QueuedTurn)
    assert turn.session_id == "sess_1"
    assert turn.reason
    assert [item.idempotency_key for item in client.outbox.pending()] == [turn.idempotency_key]
    assert client.outbox.flush() == OutboxReport(1, 0, 0)
    assert client.outbox.pending() == client.outbox.failed() == []
    assert list(service.applied) == [turn.idempotency_key]


def test_queued_result(client: Any, service: Service):
    """It has what is known; the rest is an error that says so, and no wrong value."""
    service.is_away = True
    turn, memory = client.sessions.add_turn("sess_1", "a", "b"), client.memory.add("tea", session_id="sess_1")

    assert isinstance(memory, QueuedMemory)
    assert repr(turn) == "QueuedTurn(session_id='sess_1')"
    assert dict(turn) == {"session_id": "sess_1"}
    for name in ("id", "turn_number", "metadata"):
        with pytest.raises(AttributeError, match=f"A QueuedTurn has no {name} yet"):
            getattr(turn, name)
    with pytest.raises(AttributeError, match="nothing"):
        turn.nothing  # noqa: B018
    copy = pickle.loads(pickle.dumps(turn))
    assert (copy, copy.reason) == (turn, turn.reason)


@pytest.mark.parametrize(("status", "error"), [(404, NotFoundError), (401, AuthenticationError)])
def test_rejected_write_is_raised_and_not_kept(client: Any, service: Service, status: int, error: Any):
    service.failures = [status]

    with pytest.raises(error):
        client.sessions.add_turn("sess_1", "a", "b")

    assert client.outbox.pending() == client.outbox.failed() == []


def test_hanging_service_costs_its_deadline_once(client: Any, service: Service):
    service.is_away = True
    for text in "abc":
        client.sessions.add_turn("sess_1", text, "b")

    assert len(service.requests) == 1
    assert queued(client) == ["a", "b", "c"]


def test_order_in_a_session(client: Any, service: Service, clock: Any):
    """A call sends first what waits for its session."""
    service.is_away = True
    client.sessions.add_turn("sess_1", "1", "")
    client.memory.add("2", session_id="sess_1")
    client.sessions.add_turn("sess_2", "other", "")
    service.is_away = False
    clock.advance(seconds=60)

    turn = client.sessions.add_turn("sess_1", "3", "")

    assert turn.turn_number == 3
    assert service.contents[:3] == ["1", "2", "3"]


def test_long_queue_of_a_session(client: Any, service: Service, clock: Any):
    """One call sends ten of them; then the own write waits, too."""
    service.is_away = True
    for number in range(15):
        client.sessions.add_turn("sess_1", str(number), "")
    service.is_away = False
    clock.advance(seconds=60)
    connection = (client.target if hasattr(client, "target") else client)._connection
    connection.outbox.not_before = float("inf")  # nothing in the background

    turn = client.sessions.add_turn("sess_1", "15", "")

    assert isinstance(turn, QueuedTurn)
    assert turn.reason == "Earlier writes of the session wait in the outbox, and are sent first."
    assert len(service.applied) == 10
    assert client.outbox.flush() == OutboxReport(6, 0, 0)
    assert service.contents == [str(number) for number in range(16)]


def test_sent_in_the_background(
    make_client: Any, service: Service, path: Path, flavour: str, clock: Any, event_loop_for_clients: Any
):
    """After the next call that succeeds, whatever it is."""
    client = make_client(transport=httpx.MockTransport(service), outbox=path, max_retries=0)
    service.is_away = True
    for number in range(30):
        client.sessions.add_turn(f"sess_{number % 3}", str(number), "")
    service.is_away = False
    clock.advance(seconds=60)

    client.sessions.get("sess_1")

    if flavour == "sync":
        client._connection.outbox.thread.join(20)
    else:
        (task,) = client.target._connection.outbox.tasks
        event_loop_for_clients.run_until_complete(task)
    assert service.contents == [str(number) for number in range(30)]
    assert client.outbox.pending() == []


def test_next_process_sends_in_the_background(make_client: Any, service: Service, path: Path, flavour: str):
    """A process that ended left something."""
    service.is_away = True
    make_client(transport=httpx.MockTransport(service), outbox=path, max_retries=0).sessions.add_turn("s", "a", "b")
    service.is_away = False
    client = make_client(transport=httpx.MockTransport(service), outbox=path)

    client.sessions.get("sess_1")

    queue = (client if flavour == "sync" else client.target)._connection.outbox
    assert queue.tasks or queue.thread.ident
    client.close()
    assert not queue.tasks


def test_flush_of_an_unavailable_service(client: Any, service: Service):
    service.is_away = True
    client.sessions.add_turn("sess_1", "a", "b")
    client.sessions.add_turn("sess_2", "a", "b")

    report = client.outbox.flush()

    assert (report.sent, report.failed, report.pending) == (0, 0, 2)
    assert "refused" in report.reason


@pytest.mark.parametrize("status", [400, 404, 409, 413, 422])
def test_rejected_later(client: Any, service: Service, status: int):
    """The others are sent; the failed one can be read, retried and discarded."""
    service.failures = [REFUSED]
    for text in "abc":
        client.sessions.add_turn("sess_1", text, "")
    service.failures = [status]

    assert client.outbox.flush() == OutboxReport(2, 1, 0)
    (item,) = client.outbox.failed()
    assert (item.session_id, item.operation, item.body["input"]["content"]) == ("sess_1", "create_turn", "a")
    assert item.error.startswith(str(status))
    assert service.contents == ["b", "c"]

    client.outbox.retry(item)
    assert (client.outbox.failed(), queued(client)) == ([], ["a"])
    service.failures = [status]
    client.outbox.flush()
    client.outbox.discard(client.outbox.failed()[0])
    assert client.outbox.failed() == client.outbox.pending() == []


@pytest.mark.parametrize("status", [401, 403])
def test_refused_client_loses_nothing(client: Any, service: Service, status: int):
    """A key that was revoked is about the client: all writes wait for another key."""
    service.failures = [REFUSED]
    client.sessions.add_turn("sess_1", "a", "")
    service.failures = [status]

    assert client.outbox.flush().pending == 1
    assert client.outbox.failed() == []


def test_key_that_the_service_has_forgotten(client: Any, service: Service, clock: Any):
    """It may have been applied: sent again after 24 hours, it could be applied twice."""
    service.failures = ["lost"]
    client.sessions.add_turn("sess_1", "a", "")
    clock.advance(hours=24)

    assert client.outbox.flush() == OutboxReport(0, 1, 0)
    assert len(service.requests) == 1
    assert "could be applied twice" in client.outbox.failed()[0].error


@pytest.mark.parametrize("flushes", [0, 2])
def test_write_that_was_never_sent_has_no_limit(client: Any, service: Service, clock: Any, flushes: int):
    """Refused connections prove that nothing was applied."""
    service.is_away = True
    client.sessions.add_turn("sess_1", "a", "")
    for _ in range(flushes):
        clock.advance(hours=1)
        client.outbox.flush()
    client.sessions.add_turn("sess_1", "b", "")
    service.is_away = False
    clock.advance(hours=100)

    assert client.outbox.flush() == OutboxReport(2, 0, 0)


def test_repeated_key(client: Any, service: Service, clock: Any):
    """The same call again is the same write; another one is refused: by the service, once it is there."""
    service.failures = [LOST]
    for _ in range(2):
        client.sessions.add_turn("sess_1", "a", "b", idempotency_key="key")
    with pytest.raises(InvalidRequestError) as raised:
        client.sessions.add_turn("sess_1", "other", "b", idempotency_key="key")

    assert raised.value.param == "idempotency_key"
    assert queued(client) == ["a"]
    clock.advance(seconds=60)
    with pytest.raises(ConflictError):
        client.sessions.add_turn("sess_1", "other", "b", idempotency_key="key")
    assert queued(client) == []
    assert service.contents == ["a"]


def test_ingest(client: Any, service: Service, clock: Any):
    """A history of which each turn waits; repeated with its key, it adds nothing twice."""
    service.is_away = True
    turns = client.sessions.ingest("sess_1", [("a", ""), ("b", "")], idempotency_key="key")
    assert all(isinstance(turn, QueuedTurn) for turn in turns)
    service.is_away = False
    clock.advance(seconds=60)

    turns = client.sessions.ingest("sess_1", [("a", ""), ("b", ""), ("c", "")], idempotency_key="key")

    assert [turn.turn_number for turn in turns] == [1, 2, 3]
    assert service.contents == ["a", "b", "c"]


def test_memories_of_users(client: Any, service: Service, clock: Any):
    """With expiry or unless_similar too, and many at once; those of one user are sent in order."""
    service.is_away = True
    first = client.memory.add("a", user_id="ada", expires_in=60, unless_similar=0.9)
    many = client.memory.add_many(["b", "c"], user_id="ada")
    other = client.memory.add("d", session_id="sess_1", expires_in=60)

    assert [type(each) for each in (first, *many, other)] == [QueuedMemory] * 4
    assert other.session_id == "sess_1"
    with pytest.raises(AttributeError, match="^A QueuedMemory has no session_id yet: it is in the outbox"):
        _ = first.session_id
    assert [(item.session_id, item.operation) for item in client.outbox.pending()] == [
        ("", "create_memories"),
        ("", "create_memories"),
        ("sess_1", "create_memories"),
    ]
    assert client.outbox.pending()[0].body["user_id"] == "ada"
    service.is_away = False
    clock.advance(seconds=60)
    client._connection.outbox.not_before = float("inf")

    assert client.memory.add("e", user_id="ada").content == "e"
    assert service.contents == ["a", "b", "c", "e"]
    assert client.outbox.flush().sent == 1
    assert service.contents == ["a", "b", "c", "e", "d"]


@pytest.mark.parametrize("failure", [404, 405, 501])
def test_service_without_memories_of_users(client: Any, service: Service, failure: int):
    """Found out when it is sent: it fails with the reason, and holds up nothing else."""
    service.is_away = True
    client.memory.add("a", user_id="ada")
    client.sessions.add_turn("sess_1", "b", "b")
    service.is_away = False
    service.failures = [failure]

    assert client.outbox.flush() == OutboxReport(sent=1, failed=1, pending=0)

    (item,) = client.outbox.failed()
    assert item.error is not None
    assert item.error.startswith("The service stores memories only for a session")


def test_turns_are_not_sent_in_batches(client: Any, service: Service):
    """A batch could not be kept: each turn is, and write_batch is refused."""
    service.is_away = True
    turns = client.sessions.ingest("sess_1", [(str(number), "") for number in range(9)])
    messages = [{"role": "user", "content": "9"}, {"role": "assistant", "content": ""}]
    added = client.sessions.add_messages("sess_1", messages)

    assert all(isinstance(turn, QueuedTurn) for turn in (*turns, *added))
    with pytest.raises(InvalidRequestError, match=r"^write_batch\(\) cannot be used with an outbox"):
        client.sessions.write_batch("sess_1", [])
    service.is_away = False
    assert client.outbox.flush().sent == 10
    assert service.contents == [str(number) for number in range(10)]


def test_raw_response(client: Any, service: Service):
    """Without a response, the error is raised, and says that the write is kept."""
    assert client.with_raw_response.sessions.add_turn("sess_1", "a", "b").status_code == 200
    service.is_away = True

    with pytest.raises(StateBaseError) as raised:
        client.with_raw_response.sessions.add_turn("sess_1", "b", "b")

    assert raised.value.hint == "It is in the outbox, and is sent later: do not repeat it."
    assert queued(client) == ["b"]


def test_secrets_are_not_stored(make_client: Any, service: Service, path: Path):
    """Neither the API key nor other headers; what is sent later has those of its client."""
    service.is_away = True
    first = make_client(
        "sb_secret", transport=httpx.MockTransport(service), outbox=path, default_headers={"X-Token": "hidden"}
    )
    first.with_options(max_retries=0).sessions.add_turn("sess_1", "a", "b")
    with pytest.raises(InvalidRequestError) as raised:
        first.sessions.add_turn("sess_1", "a", "b", extra_headers={"X-Token": "hidden"})
    assert raised.value.param == "extra_headers"
    content = path.read_bytes()
    assert b"secret" not in content
    assert b"hidden" not in content
    service.is_away = False

    other = make_client("sb_other", transport=httpx.MockTransport(service), outbox=path)
    other.outbox.flush()

    assert service.requests[-1].headers["x-api-key"] == "sb_other"
    assert "x-token" not in service.requests[-1].headers


def test_other_service(make_client: Any, service: Service, path: Path):
    """Two services may share a file; each gets its own writes."""
    service.is_away = True
    us = make_client(transport=httpx.MockTransport(service), outbox=path, max_retries=0)
    us.sessions.add_turn("sess_1", "a", "b", idempotency_key="key")
    service.is_away = False
    eu = make_client(transport=httpx.MockTransport(service), outbox=path, base_url="eu")

    assert eu.outbox.flush() == OutboxReport(0, 0, 0)
    eu.sessions.add_turn("sess_1", "b", "b", idempotency_key="key")
    assert queued(us) == ["a"]


@pytest.mark.skipif(sys.platform == "win32", reason="modes of files")
def test_file_is_private(client: Any, path: Path):
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_client_without_outbox(make_client: Any, service: Service):
    client = make_client(transport=httpx.MockTransport(service), max_retries=0)

    with pytest.raises(ConfigurationError, match="has no outbox: create it with outbox="):
        client.outbox.pending()


@pytest.mark.parametrize("wrong", [1, True, b"outbox.db", "", ":memory:", "a\0b", ["outbox.db"]])
def test_wrong_path(make_client: Any, wrong: Any):
    with pytest.raises(ConfigurationError, match="outbox must be the path of a file, got"):
        make_client(outbox=wrong)


def test_path_that_cannot_be_used(make_client: Any, tmp_path: Path):
    (tmp_path / "text").write_text("not a database, but longer than a header " * 50)
    with contextlib.closing(sqlite3.connect(tmp_path / "other.db")) as other:
        other.execute("CREATE TABLE of_another_program (n)")
    for name, message in {
        "no/such/directory": "cannot be created: No such file or directory",
        "text": "it is damaged",
        "other.db": "is not the outbox of this version of statebase",
        ".": "cannot be used",
    }.items():
        with pytest.raises(ConfigurationError, match=message):
            make_client(outbox=tmp_path / name)


def test_wrong_arguments(client: Any):
    for limit in (0, -1, True, "1", 1.5, None, 10**7):
        with pytest.raises(InvalidRequestError, match="limit must be an integer from 1 to 1,000,000, got"):
            client.outbox.pending(limit)
    for item in (1, "1", None):
        with pytest.raises(InvalidRequestError, match="item must be an OutboxItem, got"):
            client.outbox.retry(item)


def test_limit_of_a_list(client: Any, service: Service):
    service.is_away = True
    for text in "abc":
        client.sessions.add_turn("sess_1", text, "")

    assert [item.body["input"]["content"] for item in client.outbox.pending(2)] == ["a", "b"]


def test_full_file(make_client: Any, service: Service, path: Path, monkeypatch: Any):
    """A write that cannot be kept is not sent either: it would not be safe. What waits can be sent."""
    monkeypatch.setattr(outbox_file, "LARGEST_FILE_BYTES", 100_000)
    client = make_client(transport=httpx.MockTransport(service), outbox=path, max_retries=0)
    service.is_away = True
    with pytest.raises(OutboxError, match="it has reached 0 MiB, or its disk is full") as raised:
        for number in range(1000):
            client.sessions.add_turn("sess_1", str(number) * 1000, "b")
    assert raised.value.outcome == "not_sent"
    service.is_away = False

    report = client.outbox.flush()

    assert report.sent == len(service.applied) > 10
    client.sessions.add_turn("sess_1", "x" * 1000, "b")


def test_file_that_is_removed(client: Any, service: Service, path: Path):
    """An empty file in its place would hide the loss."""
    path.unlink()

    with pytest.raises(OutboxError, match="cannot be used"):
        client.sessions.add_turn("sess_1", "a", "b")

    assert (service.requests, path.exists()) == ([], False)


def test_file_that_breaks_while_a_request_is_sent(client: Any, service: Service, path: Path):
    """The result of the request is what counts."""
    service.hook = lambda request: path.write_bytes(b"damaged" * 1000)

    assert client.sessions.add_turn("sess_1", "a", "b").turn_number == 1


def test_other_process_writes(make_client: Any, service: Service, path: Path, monkeypatch: Any):
    monkeypatch.setattr(outbox_file, "_BUSY_SECONDS", 0.01)
    client = make_client(transport=httpx.MockTransport(service), outbox=path, max_retries=0)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")

        with pytest.raises(OutboxError, match="other processes write to it"):
            client.sessions.add_turn("sess_1", "a", "b")


def test_deadline_of_a_call(client: Any, service: Service, clock: Any):
    """The writes that are sent before it take of its time; then it waits."""
    service.is_away = True
    for text in "ab":
        client.sessions.add_turn("sess_1", text, "")
    service.is_away = False
    clock.advance(seconds=60)
    service.hook = lambda request: clock.advance(seconds=2)

    turn = client.sessions.add_turn("sess_1", "c", "", deadline=1)

    assert isinstance(turn, QueuedTurn)
    assert service.contents == ["a"]
    service.hook = None
    client.outbox.flush()
    assert service.contents == ["a", "b", "c"]


def test_exception_of_a_hook_keeps_the_write(client: Any, service: Service):
    """And of a signal handler, and a cancellation: it may have been applied."""

    class Stop(BaseException):
        pass

    def stop(request: httpx.Request) -> None:
        service.hook = None
        raise Stop

    service.hook = stop
    with pytest.raises(Stop):
        client.sessions.add_turn("sess_1", "a", "b")

    assert queued(client) == ["a"]
    assert client.outbox.flush() == OutboxReport(1, 0, 0)


def test_threads(service: Service, path: Path, clock: Any):
    """Calls and flushes at once: each write is applied once, those of a session in order."""
    failures = iter([None, LOST, None, REFUSED, 503, None, "lost"] * 1000)
    service.hook = lambda request: service.failures.append(next(failures))
    lock = threading.Lock()

    def serve(request: httpx.Request) -> httpx.Response:
        with lock:
            return service(request)

    with StateBase("sb_test", transport=httpx.MockTransport(serve), outbox=path, max_retries=0) as client:
        client._settings.clock = clock

        def write(session_id: str) -> None:
            for number in range(12):
                client.sessions.add_turn(session_id, f"{session_id} {number:02}", "")
                clock.advance(seconds=30)
                if number % 5 == 0:
                    client.outbox.flush()

        threads = [threading.Thread(target=write, args=(f"sess_{number}",)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        service.hook = None
        service.failures.clear()
        client.outbox.flush()

        assert client.outbox.pending() == client.outbox.failed() == []
    for number in range(4):
        mine = [content for content in service.contents if content.startswith(f"sess_{number} ")]
        assert mine == [f"sess_{number} {index:02}" for index in range(12)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")
def test_fork(client: Any, service: Service, path: Path, flavour: str):
    """The child uses the file of its parent."""
    if flavour == "async":
        pytest.skip("an event loop does not survive a fork")
    service.is_away = True
    client.sessions.add_turn("sess_1", "a", "b")
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            client.sessions.add_turn("sess_1", "b", "b")
            os._exit(0)
        os._exit(1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert queued(client) == ["a", "b"]


def test_over_real_sockets(make_client: Any, path: Path):
    """A server that stops, and another one on its store."""
    with contextlib.closing(Engine.open()) as engine:
        with serve_in_thread(engine) as server:
            client = make_client(base_url=server.url, outbox=path, max_retries=0)
            session = client.sessions.create("agent")
            client.sessions.add_turn(session.id, "a", "")
            port = int(server.url.rpartition(":")[2])
        for text in "bc":
            assert isinstance(client.sessions.add_turn(session.id, text, ""), QueuedTurn)
        with serve_in_thread(engine, port=port):
            assert client.outbox.flush() == OutboxReport(2, 0, 0)
            turns = client.sessions.list_turns(session.id, order="asc").data

    assert [turn.input_preview for turn in turns] == ["a", "b", "c"]


def test_circuit_breaker_of_the_client(make_client: Any, service: Service, path: Path, clock: Any):
    """With it, a flush is refused as well."""
    client = make_client(transport=httpx.MockTransport(service), outbox=path, max_retries=0, circuit_breaker=True)
    service.is_away = True
    client.sessions.add_turn("sess_1", "a", "")
    with pytest.raises(CircuitOpenError):
        client.sessions.get("sess_1")

    assert "Not sent" in client.outbox.flush().reason
