"""The services on which integrations are tested; those of a framework only where it is installed: make integrations."""

from __future__ import annotations

from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Iterator, List

import httpx
import pytest

from statebase import AsyncStateBase, StateBase
from statebase.local import Engine, LocalTransport
from statebase.server import serve_in_thread
from tests.namespaces.plain_service import PlainService

_FRAMEWORKS = {
    "agent_framework": "agent_framework",
    "google_adk": "google.adk",
    "langchain": "langchain_tests",
    "langgraph": "langgraph.checkpoint",
    "openai_agents": "agents",
}


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


collect_ignore = [directory for directory, module in _FRAMEWORKS.items() if not _is_there(module)]


class Service:
    """A service, and clients of both kinds for it.

    Args:
        kind: `local`, `file`, `served`, `postgres` (served from PostgreSQL) or `plain` (knows no extension).
        location: The store.
    """

    def __init__(self, kind: str, location: str) -> None:
        self.kind = kind
        self.engine = Engine.open(location)
        self._stack = ExitStack()
        self.clients: List[Any] = []
        self.options: Any
        if kind in ("served", "postgres"):
            self.options = {"base_url": self._stack.enter_context(serve_in_thread(self.engine)).url}
        elif kind == "plain":
            self.options = {"transport": httpx.MockTransport(PlainService(self.engine))}
        else:
            self.options = {"transport": LocalTransport(self.engine), "base_url": "http://localhost"}

    def sync(self, **options: Any) -> StateBase:
        """Return a new synchronous client."""
        return self._stack.enter_context(StateBase("sb_test", **{**self.options, **options}))

    def asynchronous(self, **options: Any) -> AsyncStateBase:
        """Return a new asynchronous client; who uses it closes it on its event loop."""
        return AsyncStateBase("sb_test", **{**self.options, **options})

    def close(self) -> None:
        """Close the synchronous clients, the server and the store."""
        self._stack.close()
        self.engine.close()


@pytest.fixture(params=["local", "file", "served", "postgres", "plain"])
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    """A service of each kind."""
    location = ":memory:"
    if request.param == "file":
        location = str(tmp_path / "agents.db")
    if request.param == "postgres":
        location = request.getfixturevalue("postgres_url")
    service = Service(request.param, location)
    yield service
    service.close()
