"""Clients for tests, with an engine in memory, a frozen clock and injected failures."""

from __future__ import annotations

from typing import Optional, TypeVar, Union

from ..async_client import AsyncStateBase
from ..client import StateBase
from ..local.engine import Engine
from ..local.http.transport import LocalTransport
from .clock import FrozenClock
from .faults import Faults
from .transport import FaultyTransport

Client = TypeVar("Client", bound=Union[StateBase, AsyncStateBase])

_ADDRESS = ("local", "http://localhost")


def local_client(
    *, clock: Optional[FrozenClock] = None, faults: Optional[Faults] = None, engine: Optional[Engine] = None
) -> StateBase:
    """Return a client of an empty store in memory, which is lost when the client is closed.

    Client and store use one clock. It moves only when the test advances it, and when the client waits before a retry,
    which takes no time.

    Args:
        clock: The clock. Default: the clock of `faults`, or a new one.
        faults: The faults to inject. Default: none.
        engine: The store, instead of a new one. It should use the same clock, and stays open.

    Raises:
        ValueError: `faults` uses another clock.

    Example:
        >>> from statebase.testing import local_client
        >>> with local_client() as client:
        ...     client.sessions.create("support-bot").created_at.isoformat()
        '2026-01-02T03:04:05+00:00'
    """
    faults = _faults_on(clock, faults)
    return _on_clock(StateBase(*_ADDRESS, transport=_transport(faults, engine)), faults.clock)


def async_local_client(
    *, clock: Optional[FrozenClock] = None, faults: Optional[Faults] = None, engine: Optional[Engine] = None
) -> AsyncStateBase:
    """Return an async client of an empty store in memory; see `local_client`.

    It can be created without an event loop.

    Example:
        >>> import asyncio
        >>> from statebase.testing import async_local_client
        >>> async def main():
        ...     async with async_local_client() as client:
        ...         return (await client.sessions.create("support-bot")).turn_count
        >>> asyncio.run(main())
        0
    """
    faults = _faults_on(clock, faults)
    return _on_clock(AsyncStateBase(*_ADDRESS, transport=_transport(faults, engine)), faults.clock)


def _faults_on(clock: Optional[FrozenClock], faults: Optional[Faults]) -> Faults:
    if faults is None:
        return Faults(clock)
    if clock is not None and clock is not faults.clock:
        raise ValueError("faults uses another clock than clock=: create it with Faults(clock)")
    return faults


def _transport(faults: Faults, engine: Optional[Engine]) -> FaultyTransport:
    if engine is not None:
        return FaultyTransport(LocalTransport(engine), faults)
    return FaultyTransport(LocalTransport(Engine.open(clock=faults.clock), close_engine=True), faults)


def _on_clock(client: Client, clock: FrozenClock) -> Client:
    client._settings.clock = clock  # pyright: ignore[reportPrivateUsage]  # a seam for tests, not an option for users
    return client
