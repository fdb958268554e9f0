"""Extensions of the API in requests: naming them, and noticing which of them the service applied."""

from __future__ import annotations

from typing import Any, Mapping, Optional, Union

from .._base.errors import InvalidRequestError
from .._base.exchange import Reply
from .._base.extensions import HEADER, named_in, words
from .._base.limits import LONGEST_TTL_SECONDS
from .._call.options import NotGiven
from .._call.request import type_name

Version = int
"""The number of a version of a state, from 0."""
_LARGEST_VERSION = 10**18 - 1
"""The engine refuses larger ones."""


class Applied:
    """Notes from a response which extensions the service applied."""

    def __init__(self) -> None:
        self.names: frozenset[str] = frozenset()

    def check(self, result: Any, reply: Reply) -> None:
        """Look at a response; the `check` of a request."""
        self.names = frozenset(named_in(reply.headers.get(HEADER.lower())))


def named(**values: object) -> dict[str, Optional[str]]:
    """Return the header that names extensions; see `words`."""
    return {HEADER: words(**values)}


def version_extension(name: str, value: Union[int, NotGiven, None]) -> Optional[str]:
    """Return the text of the header that names an extension whose value is a version.

    Raises:
        InvalidRequestError: The version is not an integer, or is negative.
    """
    if value is None or isinstance(value, NotGiven):
        return None
    if type(value) is not int:
        raise InvalidRequestError(f"{name} must be an integer, got {type_name(value)}", param=name)
    if value < 0:
        raise InvalidRequestError(f"{name} must be at least 0, got {value}: pass the version of a state", param=name)
    if value > _LARGEST_VERSION:
        raise InvalidRequestError(f"{name} must be less than 10**18: pass the version of a state", param=name)
    return words(**{name: value})


def refuse_key(method: str, options: Mapping[str, object]) -> None:
    """Check the options of a method whose requests have idempotency keys of their own.

    Raises:
        TypeError: They contain an idempotency key.
    """
    if "idempotency_key" in options:
        raise TypeError(f"{method}() got an unexpected keyword argument 'idempotency_key'")


def check_flags(**flags: object) -> None:
    """Check arguments that must be True or False.

    Raises:
        InvalidRequestError: One is not; the message names it.
    """
    for name, value in flags.items():
        if not isinstance(value, bool):
            raise InvalidRequestError(f"{name} must be a bool, got {type_name(value)}", param=name)


def checked_ttl(value: object) -> Optional[int]:
    """Return a lifetime in seconds; None if it was left out or is None, which is the default lifetime.

    Raises:
        InvalidRequestError: It is not an integer from 1 to 2,592,000.
    """
    if value is None or isinstance(value, NotGiven):
        return None
    if type(value) is not int:
        raise InvalidRequestError(f"ttl_seconds must be an integer, got {type_name(value)}", param="ttl_seconds")
    if not 1 <= value <= LONGEST_TTL_SECONDS:
        message = f"ttl_seconds must be from 1 to {LONGEST_TTL_SECONDS:,}, got {value}"
        raise InvalidRequestError(message, param="ttl_seconds")
    return value
