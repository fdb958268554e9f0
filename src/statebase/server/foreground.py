"""Serves until a signal of the operating system stops the process."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import Any, Callable, Generator, Sequence

from .app import Application
from .listener import Listener
from .running import serve


def serve_until_signal(listener: Listener, app: Application, ready: Callable[[], None], signals: Sequence[str]) -> None:
    """Serve requests until a signal comes; running requests are finished.

    Args:
        listener: The listening socket; closed at the end.
        app: The ASGI application.
        ready: Called as soon as a signal stops the server in an orderly way.
        signals: The names of the signals that stop it; those that this system does not have are ignored.
    """
    asyncio.run(_serve_until_signal(listener, app, ready, signals))


async def _serve_until_signal(
    listener: Listener, app: Application, ready: Callable[[], None], signals: Sequence[str]
) -> None:
    stopped = asyncio.Event()
    with _set_by(stopped, signals):
        ready()
        await serve(listener, app, stopped.wait)


@contextlib.contextmanager
def _set_by(stopped: asyncio.Event, signals: Sequence[str]) -> Generator[None, None, None]:
    """Set an event when a signal comes; on Windows too, where event loops cannot handle signals."""
    loop = asyncio.get_running_loop()

    def stop(number: int, frame: Any) -> None:
        loop.call_soon_threadsafe(stopped.set)

    numbers = [getattr(signal, name) for name in signals if hasattr(signal, name)]
    before = [(number, signal.signal(number, stop)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
