"""Reads the query and the body of a request into models, and checks the size of the body."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Mapping, Optional, Union
from urllib.parse import parse_qsl

import pydantic_core
from pydantic import BaseModel, ValidationError

from ..._base.model import Model
from .. import jsontext
from ..errors import EngineError, Location, invalid_request

LARGEST_BODY = 10 * 1024 * 1024
"""The maximum size of a body, in bytes."""
_LONGEST_VERSION = 18
_NUL = "must not contain the character U+0000, which databases do not store"
_WRITTEN_NUL = b"\\u0000"
"""The only form of U+0000 in JSON."""
_SEARCHED = "query"
"""A parameter that is compared with nothing in the store, and may hold any text."""

Part = Literal["body", "query"]


class InvalidRequest(Exception):
    """A request does not match its schema: 422, with all its errors."""

    def __init__(self, detail: list[dict[str, Any]]) -> None:
        super().__init__(detail)
        self.detail = detail

    def body(self) -> bytes:
        """Return the body of the response."""
        return pydantic_core.to_json({"detail": self.detail})


def check_size(size: int) -> None:
    """Check the size of a body.

    Args:
        size: The size in bytes.

    Raises:
        EngineError: 413.
    """
    if size > LARGEST_BODY:
        message = f"The request body has {size:,} bytes: send at most {LARGEST_BODY:,}."
        raise EngineError(413, "payload_too_large", message)


def version_in(extensions: Mapping[str, str], name: str) -> Optional[int]:
    """Return the version that an extension of the API has as its value; None if the request does not name it.

    Raises:
        EngineError: 400, if the value is not a version.
    """
    text = extensions.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_VERSION):
        message = f"{name} must be the version of a state, a number from 0: send digits only."
        raise invalid_request(message, name.replace("-", "_"))
    return int(text)


def read_query(model: type[Model], query: str) -> Model:
    """Parse a query string. If a parameter is repeated, its last value is used.

    Raises:
        InvalidRequest: The query does not match the model.
    """
    parameters = dict(parse_qsl(query, keep_blank_values=True))
    try:
        read = model.model_validate(parameters)
    except ValidationError as error:
        raise InvalidRequest(_detail(error, "query")) from error
    for name, value in parameters.items():
        if "\0" in value and name != _SEARCHED:
            raise _invalid("query", (name,), _NUL)
    for name in model.model_fields:
        # pydantic accepts a number as seconds since 1970; the document does not.
        if isinstance(read[name], datetime) and _is_number(parameters[name]):
            raise _invalid("query", (name,), "Input should be a time such as 2026-01-02T03:04:05Z, not a number")
    return read


def read_body(model: type[BaseModel], content: bytes) -> BaseModel:
    """Parse a JSON body; its content type is ignored.

    Raises:
        InvalidRequest: The body is not JSON, or does not match the model.
    """
    try:
        body = model.model_validate_json(content, strict=True)
        if body.__pydantic_extra__:
            # The fields of the model are checked when they are stored; unknown fields must be valid JSON too.
            jsontext.encode(body.__pydantic_extra__)
        if _WRITTEN_NUL in content:
            place = jsontext.place_of_nul(pydantic_core.from_json(content))
            if place is not None:
                raise _invalid("body", place, _NUL)
    except ValidationError as error:
        raise InvalidRequest(_detail(error, "body")) from error
    except EngineError as error:
        raise invalid_body(error) from error
    return body


def invalid_body(error: EngineError) -> InvalidRequest:
    """Convert an error of the engine about the body to a 422."""
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
