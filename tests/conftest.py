"""Fixtures that every test may use. A test that takes `flavour`, directly or through another fixture, runs twice."""

from __future__ import annotations

import asyncio
import inspect
import os
import sys
from importlib.util import find_spec
from typing import Any, Callable, Dict, Iterator, List, Union

import httpx
import hypothesis
import pytest

from statebase import AsyncOutbox, AsyncPage, AsyncStateBase, StateBase
from statebase._call.drivers import AsyncNamespace
from statebase.testing import FrozenClock
from tests.postgres_fixtures import new_postgres_url, postgres_server, postgres_url  # noqa: F401
from tests.service_fixtures import memory, serve, turn, way  # noqa: F401 # fixtures for several rooms

# A machine that is busy may take long over an example; what failed once is in the message, not in a directory. Where a
# change is judged, the examples are the same each time; at a desk they are new ones.
hypothesis.settings.register_profile("statebase", deadline=None, database=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("statebase")

# What these need is not there in each environment: schemathesis wants Python 3.11, openai and anthropic newer libraries
# than the oldest that statebase works with (make lowest). The lock has them all.
_NEEDS = {
    "schemathesis": ("server/test_published_schema.py", "server/test_schema.py"),
    "openai": ("results/test_context_budget.py", "namespaces/test_messages.py"),
}
collect_ignore = [path for module, paths in _NEEDS.items() if find_spec(module) is None for path in paths]


def pytest_configure(config: pytest.Config) -> None:
    """Ignore a warning of asyncio before Python 3.11, whose transports of TLS do not notice that they are closed."""
    if sys.version_info < (3, 11):
        config.addinivalue_line("filterwarnings", "ignore:unclosed transport <asyncio.sslproto:ResourceWarning")


class Blocking:
    """An async object that is used as its sync twin would be: what it returns is awaited on one event loop."""

    def __init__(self, target: Any, loop: asyncio.AbstractEventLoop) -> None:
        self.target = target
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        return self._wrap(getattr(self.target, name))

    def _wrap(self, value: Any) -> Any:
        if inspect.isawaitable(value):
            return self._wrap(self._loop.run_until_complete(_as_coroutine(value)))
        if inspect.isasyncgen(value):
            return self._iterate(value)
        of_raw_client = type(value).__name__.endswith("WithRawResponse")
        if of_raw_client or isinstance(value, (AsyncNamespace, AsyncOutbox, AsyncPage, AsyncStateBase)):
            return Blocking(value, self._loop)
        if inspect.ismethod(value):
            return lambda *args, **kwargs: self._wrap(value(*args, **kwargs))
        return value

    def _iterate(self, generator: Any) -> Iterator[Any]:
        while True:
            try:
                yield self._loop.run_until_complete(generator.__anext__())
            except StopAsyncIteration:
                return

    def __enter__(self) -> Blocking:
        self._loop.run_until_complete(self.target.__aenter__())
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self._loop.run_until_complete(self.target.__aexit__(*exc_info))

    def __len__(self) -> int:
        return len(self.target)

    def __getitem__(self, key: Any) -> Any:
        return self.target[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.target)

    def __contains__(self, item: object) -> bool:
        return item in self.target

    def __repr__(self) -> str:
        return repr(self.target)


async def _as_coroutine(awaitable: Any) -> Any:
    return await awaitable


@pytest.fixture(params=["sync", "async"])
def flavour(request: pytest.FixtureRequest) -> str:
    """Which of the two clients the test uses."""
    return str(request.param)


@pytest.fixture
def event_loop_for_clients() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


@pytest.fixture
def clock(statebase_clock: FrozenClock) -> FrozenClock:
    """The clock of the clients."""
    return statebase_clock


MakeClient = Callable[..., Any]


@pytest.fixture
def make_client(
    flavour: str, event_loop_for_clients: asyncio.AbstractEventLoop, clock: FrozenClock
) -> Iterator[MakeClient]:
    """Create a client of the flavour; it is closed after the test, and waits take no time."""
    made: List[Any] = []

    def make(api_key: str = "sb_test", **options: Any) -> Any:
        client: Any = StateBase(api_key, **options) if flavour == "sync" else AsyncStateBase(api_key, **options)
        client._settings.clock = clock
        made.append(client if flavour == "sync" else Blocking(client, event_loop_for_clients))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def local_client(
    flavour: str,
    statebase_client: StateBase,
    async_statebase_client: AsyncStateBase,
    event_loop_for_clients: asyncio.AbstractEventLoop,
) -> Any:
    """A client of the flavour on an embedded engine of its own."""
    return statebase_client if flavour == "sync" else Blocking(async_statebase_client, event_loop_for_clients)


Answer = Union[int, httpx.Response, Exception, Callable[[httpx.Request], httpx.Response]]

SESSION = {
    "id": "sess_1",
    "agent_id": "agent",
    "user_id": None,
    "created_at": "2026-01-02T03:04:05.000006Z",
    "updated_at": "2026-01-02T03:04:05.000006Z",
    "metadata": None,
    "state": {},
    "memory_count": 0,
    "turn_count": 0,
    "ttl_expires_at": None,
    "object": "session",
}


@pytest.fixture
def session_json() -> Dict[str, Any]:
    """The response of the service to a request for a session."""
    return dict(SESSION)


@pytest.fixture
def respond(make_client: MakeClient) -> Callable[..., Any]:
    """Create a client whose service returns the listed responses, one a request; returns the client and the requests.

    A number stands for an answer of this status: 200 with a session, others with nothing.
    """

    def script(*answers: Answer, **options: Any) -> Any:
        left = list(answers)
        requests: List[httpx.Request] = []

        def handle(request: httpx.Request) -> httpx.Response:
            requests.append(request)
            answer = left.pop(0)
            if isinstance(answer, Exception):
                raise answer
            if callable(answer):
                return answer(request)
            if isinstance(answer, int):
                return httpx.Response(answer, json=SESSION) if answer == 200 else httpx.Response(answer)
            return answer

        return make_client(transport=httpx.MockTransport(handle), **options), requests

    return script
