"""The rate limit of each API key."""

from __future__ import annotations

from typing import Optional

from ..clock import MINUTE, SECOND
from ..errors import EngineError
from .authenticate import Principal
from .counts import Counts
from .reply import Headers

_OWN_KEY = ""
"""The counter for requests with the server's own key, or without a key."""


class RateLimit:
    """Counts requests by key in fixed windows of a minute.

    Args:
        requests: The limit per minute for the server's own key, or without a key; keys of the dashboard have their own
            limits.
        counts: The counts of requests per minute.
    """

    def __init__(self, requests: int, counts: Counts) -> None:
        self._requests = requests
        self._counts = counts

    def take(self, principal: Principal, now_us: int) -> tuple[Headers, Optional[EngineError]]:
        """Count a request.

        Returns:
            The headers of the rate limit, and the error if the limit is exceeded.
        """
        window = now_us // MINUTE
        key = principal.key_id or _OWN_KEY
        limit = self._requests if principal.rate_limit is None else principal.rate_limit
        count = self._counts.add(window, key)
        end_us = (window + 1) * MINUTE
        headers = [
            (b"X-RateLimit-Limit", b"%d" % limit),
            (b"X-RateLimit-Remaining", b"%d" % max(0, limit - count)),
            (b"X-RateLimit-Reset", b"%d" % (end_us // SECOND)),
        ]
        if count <= limit:
            return headers, None
        seconds = -((now_us - end_us) // SECOND)
        message = f"The API key has reached its limit of {limit} requests a minute: wait {seconds} seconds."
        return headers, EngineError(429, "rate_limit_exceeded", message, retry_after=seconds)
