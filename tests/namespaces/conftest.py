"""The services on which a method of several calls is tested: engines, a server, and one that knows no extension."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, Iterator

import httpx
import pytest

from statebase.local import Engine, LocalTransport
from statebase.server import serve_in_thread
from statebase.testing import FrozenClock

from .plain_service import PlainService


class Service:
    """A service with clients.

    Args:
        kind: `sqlite`, `postgres`, `served` or `plain`.
        engine: The engine behind it.
        make: Makes a client.
    """

    def __init__(self, kind: str, engine: Engine, make: Any) -> None:
        self.kind = kind
        self.engine = engine
        self.is_plain = kind == "plain"
        self.plain = PlainService(engine)
        self.servers = ExitStack()
        self._url = ""
        self._make = make

    def client(self) -> Any:
        """Return a new client."""
        if self.is_plain:
            return self._make(transport=httpx.MockTransport(self.plain))
        if self.kind != "served":
            return self._make(transport=LocalTransport(self.engine), base_url="http://localhost")
        if not self._url:
            self._url = self.servers.enter_context(serve_in_thread(self.engine)).url
        return self._make(base_url=self._url)


@pytest.fixture(params=["sqlite", "postgres", "served", "plain"])
def service(request: pytest.FixtureRequest, make_client: Any, statebase_clock: FrozenClock) -> Iterator[Service]:
    """A service on the clock of the test, of each kind."""
    location = request.getfixturevalue("postgres_url") if request.param == "postgres" else ":memory:"
    engine = Engine.open(location, clock=statebase_clock)
    service = Service(request.param, engine, make_client)
    yield service
    service.servers.close()
    engine.close()


@pytest.fixture
def plain(make_client: Any, statebase_clock: FrozenClock) -> Iterator[Service]:
    """A service that knows no extension."""
    engine = Engine.open(clock=statebase_clock)
    yield Service("plain", engine, make_client)
    engine.close()
