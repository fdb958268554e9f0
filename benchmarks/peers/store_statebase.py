"""The embedded engine of this SDK, called through its client."""

from __future__ import annotations

import tempfile
from typing import Any, List, Sequence

from benchmarks.bodies import TURN_INPUT, TURN_OUTPUT
from statebase import StateBase


class _Vectors:
    """An embedder of texts that say which vector they stand for."""

    id = "benchmark"

    def __init__(self, count: int) -> None:
        self._count = count

    def embed(self, texts: Sequence[str], kind: str) -> List[Any]:
        from benchmarks.peers.vectors import documents, query

        # The engine also asks for sentences of its own, to learn how far apart texts are in this space.
        return [documents(self._count)[int(text)] if text.isdigit() else query(text) for text in texts]


class Sync:
    """A client; the address is `:memory:`, the durability of a store in a file, or how many memories to search."""

    def __init__(self, address: str) -> None:
        self._count = int(address) if address.isdigit() else 0
        if self._count:
            self._client = StateBase.local(embedder=_Vectors(self._count))
            return
        self._directory = tempfile.TemporaryDirectory()
        if address == ":memory:":
            self._client = StateBase.local()
        else:
            durability: Any = address
            self._client = StateBase.local(f"{self._directory.name}/store.db", durability=durability)
        self._session_id = self._client.sessions.create("support-bot", initial_state={"step": 0}).id
        self._read_id = self._client.sessions.create("support-bot", initial_state={"step": 0}).id
        for _ in range(20):
            self._client.sessions.add_turn(self._read_id, TURN_INPUT, TURN_OUTPUT)
        self._step = 0

    def create_session(self) -> Any:
        return self._client.sessions.create("support-bot")

    def add_turn(self) -> Any:
        return self._client.sessions.add_turn(self._session_id, TURN_INPUT, TURN_OUTPUT)

    def get_session(self) -> Any:
        return self._client.sessions.get(self._read_id)

    def get_state(self) -> Any:
        return self._client.state.get_state(self._read_id)

    def update_state(self) -> Any:
        self._step += 1
        return self._client.state.update_state(self._session_id, {"step": self._step})

    def list_turns(self) -> Any:
        return self._client.sessions.list_turns(self._read_id, 20)

    def list_traces(self) -> Any:
        return self._client.traces.list(limit=50)

    def get_context(self) -> Any:
        return self._client.sessions.get_context(self._read_id, turn_limit=20)

    def fill(self) -> None:
        from benchmarks.peers.vectors import MEMORIES_A_SESSION

        for number in range(self._count):
            if number % MEMORIES_A_SESSION == 0:
                self._session_id = self._client.sessions.create("support-bot").id
            self._client.memory.add(str(number), session_id=self._session_id)

    def search(self) -> Any:
        found = self._client.memory.search("query", top_k=10, threshold=0.0)
        assert len(found) == 10
        return found

    def search_session(self) -> Any:
        return self._client.memory.search("query", self._session_id, top_k=10, threshold=0.0)
