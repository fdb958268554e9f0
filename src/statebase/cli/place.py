"""Where the commands find sessions: in a store, or at a service."""

from __future__ import annotations

import contextlib
from datetime import datetime
from pathlib import Path
from typing import Callable, Generator, Optional

from .._client import StateBase
from .._settings import DEFAULT_MAX_RETRIES


@contextlib.contextmanager
def open_client(
    path: Optional[str],
    url: Optional[str],
    *,
    make: bool = False,
    max_retries: int = DEFAULT_MAX_RETRIES,
    clock: Optional[Callable[[], datetime]] = None,
) -> Generator[StateBase, None, None]:
    """Make a client of a store or a service; it is closed in the end.

    Args:
        path: The store; None for the service.
        url: The service; None for the one of the environment.
        make: Whether to make a store that is not there.
        max_retries: How often a request to the service may be repeated.
        clock: What time it is for the store.

    Raises:
        OSError: There is no such store.
        EngineError: The store cannot be opened.
        ConfigurationError: The address or the key cannot work.
    """
    if path is None:
        with StateBase(base_url=url, max_retries=max_retries) as client:
            yield client
        return
    if not make:
        check_is_there(path)
    with StateBase.local(path, clock=clock) as client:
        yield client


def check_is_there(path: str) -> None:
    """Raise an error for a store that does not exist: opening it would make it.

    Raises:
        OSError: There is no such file.
    """
    Path(path).stat()
