"""Where the commands find sessions: in a store, or at a service."""

from __future__ import annotations

import contextlib
from datetime import datetime
from typing import Callable, Generator, Optional

from .._call.settings import DEFAULT_MAX_RETRIES
from ..client import StateBase
from .files import check_store, naming


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
        FileError: The store cannot be opened, or does not exist.
        ConfigurationError: The address or the key cannot work.
    """
    if path is None:
        with StateBase(base_url=url, max_retries=max_retries) as client:
            yield client
        return
    check_store(path, make=make, in_memory=make)
    with contextlib.ExitStack() as stack:
        with naming(path, "--path"):
            client = stack.enter_context(StateBase.local(path, clock=clock))
        yield client
