"""The support backend as its users, its staff and its operators meet it: two workers, one store, one outbox.

python -m pytest examples/support_backend
"""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest
from fastapi.testclient import TestClient

sys.path.insert(0, str(Path(__file__).parent))

import agent
import app as backend

from statebase import StateBase

ADA = {"X-User": "ada"}
BO = {"X-User": "bo"}


class Store:
    """A `statebase serve` that can be stopped and started again on the same port."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._port = "0"
        self.url = ""

    def start(self) -> None:
        """Start the server."""
        command = [sys.executable, "-m", "statebase", "serve", "--path", str(self._path), "--port", self._port]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = next(line for line in self._process.stdout if "http://" in line)
        self.url = "http" + line.partition("http")[2].split()[0].rstrip(".,")
        self._port = self.url.rpartition(":")[2]

    def stop(self) -> None:
        """Kill the server."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Return a server that runs."""
    started = Store(tmp_path / "support.db")
    started.start()
    yield started
    started.stop()


@pytest.fixture
def workers(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[List[TestClient]]:
    """Return two workers of the backend."""
    monkeypatch.setenv("STATEBASE_BASE_URL", store.url)
    monkeypatch.setenv("STATEBASE_API_KEY", "sb_local")
    monkeypatch.setenv("OUTBOX", str(tmp_path / "outbox.db"))
    with ExitStack() as stack:
        yield [stack.enter_context(TestClient(backend.app)) for _ in range(2)]


def say(worker: TestClient, text: str, *, number: int, user: Dict[str, str] = ADA) -> Any:
    """Send a message, and return the answer."""
    answer = worker.post("/chats/1/messages", json={"id": f"m-{number}", "text": text}, headers=user)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_one_chat_over_both_workers(workers: List[TestClient]) -> None:
    """A message to one worker is known to the other, but not to the chat of another user with the same id."""
    say(workers[0], "hello", number=1)
    assert say(workers[1], "my parcel?", number=2)["text"] == "Before this you wrote 1 messages. You wrote: my parcel?"
    assert "0 messages" in say(workers[0], "hello", number=1, user=BO)["text"]
    shown = workers[0].get("/chats/1", headers=ADA).json()
    assert [message["content"] for message in shown["messages"]][::2] == ["hello", "my parcel?"]


def test_message_delivered_twice(workers: List[TestClient], monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that comes again, or to both workers at once, has one answer, whatever the model says by then."""
    first = say(workers[0], "hello", number=1)
    said: List[int] = []

    def other(messages: List[Dict[str, Any]]) -> agent.Decision:
        said.append(1)
        return agent.decide([*messages[:-1], {"role": "user", "content": f"{messages[-1]['content']} {len(said)}"}])

    monkeypatch.setattr(backend, "decide", other)
    assert say(workers[1], "hello", number=1) == first
    assert not said
    with ThreadPoolExecutor() as pool:
        answers = [each.result() for each in [pool.submit(say, worker, "again", number=2) for worker in workers * 3]]
    assert len({answer["text"] for answer in answers}) == 1
    assert len(workers[0].get("/chats/1", headers=ADA).json()["messages"]) == 4


def test_refund_is_decided_once(workers: List[TestClient]) -> None:
    """A refund is asked for, approved by one of many people, and recorded as one call of a tool."""
    say(workers[0], "I want a refund of 12.50", number=1)
    say(workers[1], "I want a refund of 12.50", number=1)
    with ThreadPoolExecutor() as pool:
        decisions = [
            pool.submit(worker.put, "/chats/1/refunds/m-1", json={"decision": "approved"}, headers=ADA)
            for worker in workers * 3
        ]
    assert sorted(each.result().status_code for each in decisions) == [200, 409, 409, 409, 409, 409]
    shown = workers[0].get("/chats/1", headers=ADA).json()
    assert shown["state"] == {"refunds": {"m-1": {"amount": 12.5, "status": "approved"}}}
    assert sum("tool_calls" in message for message in shown["messages"]) == 1
    assert workers[0].put("/chats/1/refunds/m-9", json={"decision": "approved"}, headers=ADA).status_code == 404


def test_store_away_and_back(workers: List[TestClient], store: Store) -> None:
    """While the store is away, users are answered from what is known, and nothing that is said is lost."""
    say(workers[0], "hello", number=0)
    say(workers[0], "my parcel?", number=1)
    store.stop()
    away = say(workers[0], "still there?", number=2)
    assert away == {"text": "Before this you wrote 1 messages. You wrote: still there?", "degraded": True}
    assert "cannot" in say(workers[0], "I want a refund of 5", number=3)["text"]
    assert workers[1].post("/chats/2/messages", json={"id": "m", "text": "hi"}, headers=ADA).status_code == 503
    store.start()
    with StateBase("sb_local", base_url=store.url, outbox=os.environ["OUTBOX"]) as client:
        client.outbox.flush()
    fresh = TestClient(backend.app)
    with fresh:  # the others wait some seconds before they ask the store again
        shown = fresh.get("/chats/1", headers=ADA).json()
        assert fresh.get("/health").json() == {"failed": []}
    assert [each["content"] for each in shown["messages"]][::2] == ["hello", "my parcel?", "still there?"]


def test_erase(workers: List[TestClient]) -> None:
    """Of a user who asks for it nothing is left, and the chats of others stay."""
    say(workers[0], "hello", number=1)
    say(workers[0], "hello", number=1, user=BO)
    report = workers[1].delete("/users/me", headers=ADA).json()
    assert (report["live_sessions"], report["turns"], report["remaining"]) == (1, 1, [])
    assert workers[0].get("/chats/1", headers=ADA).json()["messages"] == []
    assert len(workers[0].get("/chats/1", headers=BO).json()["messages"]) == 2
