"""Extensions of the API: a request names those that it wants, and a service that has them names those that it applied.

Another service ignores the header, and its response lacks it.
"""

from __future__ import annotations

from typing import Any, Optional

from .._base.errors import InvalidRequestError
from .._base.exchange import Reply
from .._base.limits import LONGEST_TTL_SECONDS
from .._call.options import NotGiven

HEADER = "X-StateBase-Extensions"


class Applied:
    """Notes from a response whether the service applied the extensions that the request named."""

    is_known = False
    """Whether the service applied them."""

    def check(self, result: Any, reply: Reply) -> None:
        """Look at a response; the `check` of a request."""
        self.is_known = HEADER.lower() in reply.headers


def named(*words: Optional[str]) -> dict[str, Optional[str]]:
    """Return the header that names extensions; words that are None are left out."""
    return {HEADER: ", ".join(word for word in words if word) or None}


def check_flags(**flags: object) -> None:
    """Check arguments that must be True or False.

    Raises:
        InvalidRequestError: One is not; the message names it.
    """
    for name, value in flags.items():
        if not isinstance(value, bool):
            raise InvalidRequestError(f"{name} must be a bool, got {type(value).__name__}", param=name)


def checked_ttl(value: object) -> Optional[int]:
    """Return a lifetime in seconds; None if it was left out or is None, which is the default lifetime.

    Raises:
        InvalidRequestError: It is not an integer from 1 to 2,592,000.
    """
    if value is None or isinstance(value, NotGiven):
        return None
    if type(value) is not int:
        raise InvalidRequestError(f"ttl_seconds must be an integer, got {type(value).__name__}", param="ttl_seconds")
    if not 1 <= value <= LONGEST_TTL_SECONDS:
        message = f"ttl_seconds must be from 1 to {LONGEST_TTL_SECONDS:,}, got {value}"
        raise InvalidRequestError(message, param="ttl_seconds")
    return value
