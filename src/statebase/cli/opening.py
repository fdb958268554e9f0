"""Open what a command works on: a client for a store or a service, or the engine of a store."""

from __future__ import annotations

import contextlib
from datetime import datetime, timezone
from typing import Callable, Generator, Optional

from .._base.errors import ConfigurationError
from .._call.settings import DEFAULT_MAX_RETRIES
from ..client import StateBase
from ..local.engine import Engine
from .command import CommandError
from .environment import API_KEY, BASE_URL
from .files import check_store, naming_store
from .store import Store

_TRANSFER_RETRIES = 8
"""A transfer makes many requests and may exceed a rate limit: more retries let it wait for the next minute."""
_LONG_AGO = datetime(1980, 1, 1, tzinfo=timezone.utc)


@contextlib.contextmanager
def open_client(
    store: Optional[Store],
    url: Optional[str],
    *,
    create: bool = False,
    max_retries: int = DEFAULT_MAX_RETRIES,
    clock: Optional[Callable[[], datetime]] = None,
) -> Generator[StateBase, None, None]:
    """Open a client for a store or a service, and close it at the end.

    Args:
        store: The store; None for the service.
        url: The service; None for the one in the environment.
        create: Whether to create a file that does not exist.
        max_retries: Retries after a failed request to the service.
        clock: The clock of the store.

    Raises:
        CommandError: The store does not exist or cannot be opened; the address or the key is not valid.
    """
    if store is None:
        with contextlib.ExitStack() as stack:
            try:
                client = stack.enter_context(StateBase(base_url=url, max_retries=max_retries))
            except ConfigurationError as error:
                raise CommandError(option_error(error, url)) from error
            yield client
        return
    check_store(store, create=create, in_memory=create)
    with contextlib.ExitStack() as stack:
        with naming_store(store):
            client = stack.enter_context(StateBase.local(store.location, clock=clock))
        yield client


@contextlib.contextmanager
def open_for_transfer(
    store: Optional[Store], url: Optional[str], *, create: bool = False, ignore_expiry: bool = False
) -> Generator[StateBase, None, None]:
    """Open a client for many requests; it can return the expired sessions of a store.

    Raises:
        CommandError: The store does not exist or cannot be opened.
        StateBaseError: The service cannot be reached, or refuses the key.
    """
    # At this time no session has expired yet.
    clock = (lambda: _LONG_AGO) if ignore_expiry else None
    with open_client(store, url, create=create, max_retries=_TRANSFER_RETRIES, clock=clock) as client:
        if store is None:
            # A wrong address or key fails at once, not after all retries.
            client.with_options(max_retries=1).sessions.list(limit=1)
        yield client


@contextlib.contextmanager
def open_engine(store: Store) -> Generator[Engine, None, None]:
    """Open the engine on a store that exists, and close it at the end.

    Raises:
        CommandError: The store does not exist or cannot be opened.
        EngineError: The file or the database is not a store.
    """
    check_store(store)
    with naming_store(store):
        engine = Engine.open(store.location)
    try:
        yield engine
    finally:
        engine.close()


def option_error(error: ConfigurationError, url: Optional[str]) -> str:
    """Return the message of a client's option error with the names that the command line has for the options.

    Args:
        error: The error of the constructor.
        url: The value of --url; None if it was not passed.
    """
    message = str(error)
    if message.startswith("api_key is missing"):
        return f"{API_KEY} is not set: set it to the API key of the service."
    for option, name in (("api_key", API_KEY), ("base_url", BASE_URL if url is None else "--url")):
        if message.startswith(option):
            message = f"{name}{message[len(option) :]}"
    # The command line has no such option.
    return message.partition(", or pass allow_insecure_http")[0]
