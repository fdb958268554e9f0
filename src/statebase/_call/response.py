"""Parses a response: to a model, or to the error of its status. No I/O."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from datetime import datetime, timezone
from functools import cache
from typing import TYPE_CHECKING, Any, Mapping, Optional, TypeVar, cast

import pydantic
import pydantic_core

from .._base.errors import APIResponseValidationError, ResponseTooLargeError
from .._base.exchange import Reply
from .._base.headers import number
from .._base.lazy import http_errors, httpx, importing
from .._base.model import Model
from .._base.operation import Operation

if TYPE_CHECKING:
    from .._base.http_errors import APIStatusError

T = TypeVar("T")

_MOST_FIELDS = 5
_LONGEST_NAME = 100
_LONGEST_MESSAGE = 2000
_PLAIN_NAME = re.compile(r"[^\W\d]\w*").fullmatch
_JSON_TYPES: dict[type, str] = {
    dict: "object",
    list: "array",
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    type(None): "null",
}


def decode(operation: Operation[T], reply: Reply) -> T:
    """Parse a successful response.

    Raises:
        APIResponseValidationError: It does not match the schema of the operation.
    """
    if operation.status == 204:
        if reply.content and reply.is_success:  # for example the page of a login portal: the service did nothing
            raise invalid_response_error(reply, f"has a body, but the API sends none ({_looks_like(reply)})")
        return cast("T", None)
    try:
        value: T = _validator(cast(Any, operation.result))(reply.content)
    except pydantic.ValidationError as error:
        raise _validation_error(reply, error) from None
    if isinstance(value, Model):
        value.__received__(reply)
    return value


@cache
def _validator(result: Any) -> Any:
    with importing:
        read = getattr(result, "model_validate_json", None)
        if read is None:  # other types than models need an adapter, whose module takes a millisecond to import
            adapter: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(result)
            read = adapter.validate_json
        with suppress(pydantic.ValidationError):
            read(b"[null]")  # pydantic builds the validator at the first use, and imports modules for it

    def validate(content: bytes) -> Any:
        return read(content, strict=True)

    return validate


def _validation_error(reply: Reply, error: pydantic.ValidationError) -> APIResponseValidationError:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        path, what = None, f"is not the JSON that the API returns ({first['msg']}; {_looks_like(reply)})"
    else:
        path = json_path(first["loc"])
        what = f"does not fit its model at {wrong_fields(error)}"
    return invalid_response_error(reply, what, path=path)


def wrong_fields(error: pydantic.ValidationError) -> str:
    """Return the first five wrong fields: JSON path, reason, type received; and the number of further ones."""
    errors = error.errors(include_url=False, include_context=False)
    named = [f"{json_path(field['loc'])}: {field['msg']}{_got(field)}" for field in errors[:_MOST_FIELDS]]
    more = len(errors) - len(named)
    return "; ".join(named) + (f"; and {more} more" if more else "")


def _got(field: pydantic_core.ErrorDetails) -> str:
    # The input of a missing field is the object around it.
    return "" if field["type"] == "missing" else f", got {_json_type(field['input'])}"


def _json_type(value: object) -> str:
    return _JSON_TYPES.get(type(value), type(value).__name__)


def invalid_response_error(reply: Reply, what: str, *, path: Optional[str] = None) -> APIResponseValidationError:
    """Return the error for a response that does not match the API; `what` completes "The response ..."."""
    return APIResponseValidationError(
        f"The response {what}. Check base_url, and that statebase is as new as the service.",
        path=path,
        **_facts(reply, body_of(reply)),
    )


def too_large_error(reply: Reply, limit: Optional[int]) -> ResponseTooLargeError:
    """Return the error for a response that is larger than `max_response_bytes`."""
    return ResponseTooLargeError(
        f"The response ({reply.status_code}) is larger than max_response_bytes={limit}, decompressed: ask for less "
        "at a time, or raise max_response_bytes.",
        **_facts(reply, None),
    )


def _looks_like(reply: Reply) -> str:
    """Describe a body without its content, which may be user content; the error has it as `body`."""
    kind = reply.headers.get("content-type", "without a content type")
    return f"{kind[:_LONGEST_NAME]}, {len(reply.content)} bytes"


def json_path(location: tuple[int | str, ...]) -> str:
    """Return a location in JSON as a path: `$.data[0].id`."""
    return "$" + "".join(map(_json_step, location))


def _json_step(part: int | str) -> str:
    if isinstance(part, str):
        name = part if len(part) <= _LONGEST_NAME else part[:_LONGEST_NAME] + "..."
        return f".{name}" if _PLAIN_NAME(name) else f"[{json.dumps(name)}]"
    return f"[{part}]"


def status_error(operation: Operation[Any], url: str, reply: Reply, now: datetime) -> APIStatusError:
    """Return the error for a response with a status of 400 or more."""
    body = body_of(reply)
    detail = _error_detail(body)
    code, param = _text(detail.get("code")), _text(detail.get("param"))
    reason = _text(detail.get("message")) or _validation_reasons(body) or _phrase(reply, body)
    parts = [f"{reply.status_code}{' ' + _printable(code) if code else ''}: {_printable(reason)}"]
    if reply.request_id:
        parts.append(f"(request {_printable(reply.request_id)})")
    kind, details = http_errors.status_error_class(reply.status_code), _facts(reply, body)
    if reply.status_code == 409 and code == "state_conflict":
        kind = http_errors.StateConflictError
        details.update(
            expected_version=_version(detail.get("expected_version")),
            current_version=_version(detail.get("current_version")),
            state=detail["state"] if isinstance(detail.get("state"), dict) else None,
        )
    return kind(
        " ".join(parts),
        code=code,
        param=param,
        method=operation.method,
        url=url,
        retry_after=retry_after(reply, now),
        **details,
    )


def _version(value: object) -> Optional[int]:
    return value if type(value) is int else None


def _facts(reply: Reply, body: Any) -> dict[str, Any]:
    return {
        "status_code": reply.status_code,
        "request_id": reply.request_id,
        "headers": dict(reply.headers),
        "body": body,
    }


def body_of(reply: Reply) -> Any:
    """Return the body parsed as JSON, or its text if it is not JSON, or None if it is empty."""
    if not reply.content:
        return None
    try:
        return pydantic_core.from_json(reply.content)
    except ValueError:
        return reply.content.decode("utf-8", "replace")


def _error_detail(body: Any) -> Mapping[str, Any]:
    return _mapping(_mapping(body).get("error"))


def _mapping(value: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}


def _validation_reasons(body: Any) -> Optional[str]:
    """Return the reasons in FastAPI's `detail`: a string, or a list with a field and a reason in each item."""
    detail = _mapping(body).get("detail")
    items = _list(detail)
    return _text(detail if items is None else "; ".join(map(_validation_reason, items))) or None


def _validation_reason(item: Any) -> str:
    place, reason = _list(_mapping(item).get("loc")), _mapping(item).get("msg")
    if place is None or not isinstance(reason, str):
        return item if isinstance(item, str) else f"({_json_type(item)})"
    return f"{'.'.join(str(part) for part in place if isinstance(part, (int, str)))}: {reason}"


def _list(value: Any) -> Optional[list[Any]]:
    return cast(Any, value) if isinstance(value, list) else None


def _phrase(reply: Reply, body: Any) -> str:
    phrase = httpx.codes.get_reason_phrase(reply.status_code) or "an error"
    return phrase if body is None else f"{phrase} ({_looks_like(reply)})"


def _printable(text: str) -> str:
    """Return a text of the service for a message: cut to a length, without control characters."""
    shown = text if len(text) <= _LONGEST_MESSAGE else f"{text[:_LONGEST_MESSAGE]}..."
    return (
        shown if shown.isprintable() else "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in shown)
    )


def _text(value: object) -> Optional[str]:
    return " ".join(value.split()) if isinstance(value, str) else None


def retry_after(reply: Reply, now: datetime) -> Optional[float]:
    """Return the seconds that the service asked to wait; None if it did not say.

    Sources, in this order: the header `Retry-After` (seconds or a date, RFC 9110 10.2.3); `error.retry_after` in the
    body; for a 429, the end of the rate limit's window.
    """
    asked = reply.headers.get("retry-after")
    if asked is not None:
        seconds = number(asked)
        return seconds if seconds is not None else _seconds_until_date(asked, now)
    in_body = number(_error_detail(body_of(reply)).get("retry_after"))
    if in_body is not None:
        return in_body
    if reply.status_code == 429:
        reset = number(reply.headers.get("x-ratelimit-reset"))
        if reset is not None:
            return max(0.0, reset - now.timestamp())
    return None


def _seconds_until_date(text: str, now: datetime) -> Optional[float]:
    from email.utils import parsedate_to_datetime  # takes milliseconds to import

    try:
        date = parsedate_to_datetime(text)
        if date.tzinfo is None:  # "-0000" is UTC with an unknown offset
            date = date.replace(tzinfo=timezone.utc)
        return max(0.0, (date - now).total_seconds())
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
