"""What came in: the query and the body."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Optional, Union
from urllib.parse import parse_qsl

import pydantic_core
from pydantic import BaseModel, ValidationError

from ..._base.model import Model
from .. import jsontext
from ..errors import EngineError, Location, invalid_request
from .head import Head

LARGEST_BODY = 10 * 1024 * 1024
"""In bytes."""
_LONGEST_VERSION = 18


Part = Literal["body", "query"]


class InvalidRequest(Exception):
    """A request that breaks its schema: 422, with all that is wrong."""

    def __init__(self, detail: list[dict[str, Any]]) -> None:
        super().__init__(detail)
        self.detail = detail

    def body(self) -> bytes:
        """Return the body of the answer."""
        return pydantic_core.to_json({"detail": self.detail})


def check_size(size: int) -> None:
    """Raise the error for a body that is too large.

    Args:
        size: Of the body, in bytes.

    Raises:
        EngineError: 413.
    """
    if size > LARGEST_BODY:
        message = f"The request body has {size:,} bytes: send at most {LARGEST_BODY:,}."
        raise EngineError(413, "payload_too_large", message)


def expected_version(head: Head) -> Optional[int]:
    """Return the version of a state that a change is meant for; None if the request names none.

    Raises:
        EngineError: 400, if the header is not a version.
    """
    text = head.expected_version
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_VERSION):
        name = "X-StateBase-Expected-Version"
        raise invalid_request(f"{name} must be the version of a state, a number from 0: send digits only.", name)
    return int(text)


def read_query(model: type[Model], query: str) -> Model:
    """Read a query string; of a parameter that comes twice the last one counts.

    Raises:
        InvalidRequest: It does not fit the model.
    """
    parameters = dict(parse_qsl(query, keep_blank_values=True))
    try:
        read = model.model_validate(parameters)
    except ValidationError as error:
        raise InvalidRequest(_detail(error, "query")) from error
    for name in model.model_fields:
        # pydantic takes a number for the seconds since 1970; the document does not.
        if isinstance(read[name], datetime) and _is_number(parameters[name]):
            raise _invalid("query", (name,), "Input should be a time such as 2026-01-02T03:04:05Z, not a number")
    return read


def read_body(model: type[BaseModel], content: bytes) -> BaseModel:
    """Read a JSON body, whatever content type it came as.

    Raises:
        InvalidRequest: It is not JSON, or does not fit the model.
    """
    try:
        body = model.model_validate_json(content, strict=True)
        if body.__pydantic_extra__:
            # What the operation takes is checked when it is stored; what it does not know has to be JSON as well.
            jsontext.encode(body.__pydantic_extra__)
    except ValidationError as error:
        raise InvalidRequest(_detail(error, "body")) from error
    except EngineError as error:
        raise invalid_body(error) from error
    return body


def invalid_body(error: EngineError) -> InvalidRequest:
    """Return as a broken schema what the engine found wrong with the body."""
    return _invalid("body", error.location or (), error.message)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _invalid(part: Part, location: Location, message: str) -> InvalidRequest:
    return InvalidRequest([{"loc": [part, *location], "msg": message, "type": "value_error"}])


def _detail(error: ValidationError, part: Part) -> list[dict[str, Union[str, list[Union[str, int]]]]]:
    return [
        {"loc": [part, *problem["loc"]], "msg": problem["msg"], "type": problem["type"]}
        for problem in error.errors(include_url=False, include_context=False, include_input=False)
    ]
