"""The options of one call besides its parameters, and the mark of an argument that was left out."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, Literal, Mapping, Optional, TypedDict, Union

if TYPE_CHECKING:
    import httpx

    from .hooks import EventHooks


JSONObject = Mapping[str, Any]
"""A JSON object."""


HttpBackend = Literal["httpcore", "aiohttp"]
"""The library that sends requests: httpx's own, or aiohttp (asynchronous clients only)."""


class NotGiven(enum.Enum):
    """The type of `NOT_GIVEN`: an enum, so that copies and pickles of it stay identical to it."""

    NOT_GIVEN = ...  # which has no JSON: inside of a body it is refused, not stored as a word

    def __repr__(self) -> str:
        return "NOT_GIVEN"

    def __bool__(self) -> bool:
        return False


NOT_GIVEN = NotGiven.NOT_GIVEN
"""Marks an argument that was left out; `None` is null."""


class RequestOptions(TypedDict, total=False):
    """The keyword options of every method of the clients, besides its own parameters."""

    timeout: Union[float, httpx.Timeout, None]
    """Seconds that connecting, sending and each wait for data may take. None: no limit. Default: the client's."""

    extra_headers: Mapping[str, str]
    """Headers to send besides the SDK's own; one of the same name replaces the SDK's."""

    extra_query: Mapping[str, object]
    """Query parameters to send besides those of the method."""

    extra_body: Mapping[str, object]
    """Top-level keys to send in the JSON body besides those of the method."""

    max_retries: int
    """Retries after a failed attempt, 0 for none. Default: the client's."""

    deadline: Optional[float]
    """Seconds that the whole call may take, attempts and waits together; None for no limit."""

    max_response_bytes: Optional[int]
    """The largest response to accept, in bytes, decompressed. None: no limit. Default: the client's."""


class WriteOptions(RequestOptions, total=False):
    """The options of a method whose request carries an idempotency key: POST, PATCH and PUT."""

    idempotency_key: Optional[str]
    """Retries carry one key, so the service applies the write once. None: a new key for each call. Kept 24 hours."""


class ClientOptions(TypedDict, total=False):
    """The options that `with_options` changes."""

    timeout: Union[float, httpx.Timeout, None]
    """As for the client."""
    max_retries: int
    """As for the client."""
    deadline: Optional[float]
    """As for the client."""
    max_response_bytes: Optional[int]
    """As for the client."""
    default_headers: Mapping[str, str]
    """As for the client; takes the place of the client's."""
    event_hooks: Optional[EventHooks]
    """As for the client; takes the place of the client's."""
