"""The fixtures; pytest loads this module automatically if the package is installed.

All fixtures of a test share one store and one clock. httpx and the models are imported when a fixture is first used.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Iterator

import pytest

if TYPE_CHECKING:
    from ..async_client import AsyncStateBase
    from ..client import StateBase
    from ..local.engine import Engine
    from .clock import FrozenClock
    from .faults import Faults


@pytest.fixture
def statebase_clock() -> FrozenClock:
    """The frozen clock of the clients and of the store: `statebase_clock.advance(hours=25)`."""
    from .clock import FrozenClock

    return FrozenClock()


@pytest.fixture
def statebase_faults(statebase_clock: FrozenClock) -> Iterator[Faults]:
    """Fault injection: `faults.drop_after_commit()`. A fault that is never triggered fails the test."""
    from .faults import Faults

    faults = Faults(statebase_clock)
    yield faults
    faults.assert_all_struck()


@pytest.fixture
def faults(statebase_faults: Faults) -> Faults:
    """Alias of `statebase_faults`."""
    return statebase_faults


@pytest.fixture
def statebase_engine(statebase_clock: FrozenClock) -> Iterator[Engine]:
    """The store of the test: empty, in memory. Override it for another embedder or default TTL."""
    from ..local.engine import Engine

    engine = Engine.open(clock=statebase_clock)
    yield engine
    engine.close()


@pytest.fixture
def statebase_client(statebase_engine: Engine, statebase_faults: Faults) -> Iterator[StateBase]:
    """A `StateBase` on the store of the test."""
    from .clients import local_client

    with local_client(faults=statebase_faults, engine=statebase_engine) as client:
        yield client


@pytest.fixture
def async_statebase_client(statebase_engine: Engine, statebase_faults: Faults) -> AsyncStateBase:
    """An `AsyncStateBase` on the store of the test, for any event loop."""
    from .clients import async_local_client

    # Closing it would need an event loop; closing the store is enough.
    return async_local_client(faults=statebase_faults, engine=statebase_engine)


@pytest.fixture
def statebase_server(statebase_engine: Engine) -> Iterator[str]:
    """The URL of a server on the store of the test; it accepts any API key."""
    if find_spec("hypercorn") is None:
        pytest.fail('statebase_server needs a web server: pip install "statebase[server]"', pytrace=False)
    from ..server import serve_in_thread

    with serve_in_thread(statebase_engine) as server:
        yield server.url
