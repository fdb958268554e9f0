"""Builds responses: their headers, and the bodies of errors."""

from __future__ import annotations

from typing import List, Optional, Tuple

import pydantic_core

from ..._base.exchange import Reply
from ..errors import EngineError
from .head import request_id

Headers = List[Tuple[bytes, bytes]]

_TYPES = {401: "authentication_error", 429: "rate_limit_error"}
_INVALID_TYPE = "invalid_request_error"
_SERVER_TYPE = "api_error"
_JSON = (b"Content-Type", b"application/json")


def reply(status: int, headers: Headers, body: bytes) -> Reply:
    """Return a response. If it has a body, the body is JSON.

    Args:
        status: The HTTP status.
        headers: The headers; those of the body are added.
        body: The body.
    """
    if body:
        headers.append(_JSON)
        headers.append((b"Content-Length", b"%d" % len(body)))
    return Reply(status, headers, body)


def error_reply(error: EngineError, headers: Headers) -> Reply:
    """Return the response for an error."""
    if error.retry_after is not None:
        headers.append((b"Retry-After", b"%d" % error.retry_after))
    return reply(error.status, headers, error_body(error))


def refusal(error: EngineError, given_id: Optional[str]) -> Reply:
    """Return the response to a request that the server refuses before the front door.

    Args:
        error: The reason.
        given_id: The `X-Request-ID` of the request; None if it has none.
    """
    return error_reply(error, [(b"X-Request-ID", request_id(given_id).encode())])


def error_body(error: EngineError) -> bytes:
    """Return the body of an error response."""
    kind = _SERVER_TYPE if error.status >= 500 else _TYPES.get(error.status, _INVALID_TYPE)
    detail: dict[str, object] = {
        "code": error.code,
        "message": error.message,
        "type": kind,
        "param": error.param,
    }
    if error.retry_after is not None:
        detail["retry_after"] = error.retry_after
    if error.details is not None:
        detail.update(error.details)
    return pydantic_core.to_json({"error": detail})
