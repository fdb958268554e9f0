"""The options of one call, and `NOT_GIVEN`, the default of arguments that were left out."""

from __future__ import annotations

import enum
from typing import Any, Literal, Mapping, Optional, TypedDict, Union

from .._base.lazy import httpx
from .hooks import EventHooks

JSONObject = Mapping[str, Any]
"""A JSON object."""


HttpBackend = Literal["httpcore", "aiohttp"]
"""The library that sends requests: httpx's own, or aiohttp (asynchronous clients only)."""


class NotGiven(enum.Enum):
    """The type of `NOT_GIVEN`: an enum, so that copies and pickles of it are the same object."""

    NOT_GIVEN = ...  # this value cannot be written as JSON, so that it is refused within a body

    def __repr__(self) -> str:
        return "NOT_GIVEN"

    def __bool__(self) -> bool:
        return False


NOT_GIVEN = NotGiven.NOT_GIVEN
"""The value of an argument that was left out; it is not sent. `None` is sent as null."""


class RequestOptions(TypedDict, total=False):
    """The keyword options of every method, in addition to its own parameters."""

    timeout: Union[float, httpx.Timeout, None]
    """Seconds that connecting, sending and each wait for data may take. None: no limit. Default: the client's."""

    extra_headers: Mapping[str, str]
    """Additional headers. They replace headers of the SDK with the same name."""

    extra_query: Mapping[str, object]
    """Additional query parameters."""

    extra_body: Mapping[str, object]
    """Additional top-level keys of the JSON body."""

    max_retries: int
    """Retries after a failed attempt, 0 for none. Default: the client's."""

    deadline: Optional[float]
    """Seconds that the whole call may take, including retries and delays. None: no limit. Default: the client's."""

    max_response_bytes: Optional[int]
    """The largest response to accept, in bytes, decompressed. None: no limit. Default: the client's."""


class WriteOptions(RequestOptions, total=False):
    """The options of methods that send an idempotency key: POST, PATCH and PUT."""

    idempotency_key: Optional[str]
    """Retries carry one key, so the service applies the write once. None: a new key for each call.

    The service stores a key for 24 hours. Within them, the same key with another body raises a `ConflictError`; later,
    it is a new write.
    """


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
    """As for the client. Replaces all default headers of the client."""
    event_hooks: Optional[EventHooks]
    """As for the client. Replaces all event hooks of the client."""
