"""Replies: their headers, and what an error says."""

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
    """Make a reply; its body is JSON, if it has one.

    Args:
        status: The status.
        headers: Its headers, to which those of the body are added.
        body: The body.
    """
    if body:
        headers.append(_JSON)
        headers.append((b"Content-Length", b"%d" % len(body)))
    return Reply(status, headers, body)


def error_reply(error: EngineError, headers: Headers) -> Reply:
    """Make the reply that tells of an error."""
    if error.retry_after is not None:
        headers.append((b"Retry-After", b"%d" % error.retry_after))
    return reply(error.status, headers, error_body(error))


def refusal(error: EngineError, given_id: Optional[str]) -> Reply:
    """Make the reply to a request that does not get as far as the front door.

    Args:
        error: Why.
        given_id: The `X-Request-ID` that it came with, if it did.
    """
    return error_reply(error, [(b"X-Request-ID", request_id(given_id).encode())])


def error_body(error: EngineError) -> bytes:
    """Write an error as the body of a reply."""
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
