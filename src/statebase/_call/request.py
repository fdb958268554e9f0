"""Writes the path, query and JSON body of a request. No I/O."""

from __future__ import annotations

import re
from datetime import datetime
from math import isfinite
from typing import AbstractSet as Set
from typing import Any, Collection, Iterable, Mapping, Optional, cast
from urllib.parse import quote, urlencode

from .._base.encoding import timestamp_text, to_json
from .._base.errors import InvalidRequestError
from .._base.operation import Operation
from .options import NOT_GIVEN

_PLAIN_ID = re.compile(r"[A-Za-z0-9_-]+").fullmatch
# Servers and proxies decode, split or normalise these characters, so that the request would reach another route.
_UNSAFE_IN_ID = re.compile(r"[/\\?#%\x00-\x1f\x7f]").search
_LONGEST_SHOWN = 80
_DEEPEST = 200
_AWAIT = "await the call that returns it"
_SURROGATE = "contains a lone surrogate, which cannot be encoded as UTF-8: remove it"


def build_path(operation: Operation[Any], values: Mapping[str, object]) -> str:
    """Insert the path parameters into the route of an operation.

    Raises:
        InvalidRequestError: A value is not a string, is empty, or would change the route.
    """
    return operation.path.format_map({name: _path_segment(operation, name, value) for name, value in values.items()})


def _path_segment(operation: Operation[Any], name: str, value: object) -> str:
    if not isinstance(value, str):
        raise not_an_id(name, value)
    if _PLAIN_ID(value):
        return str.__str__(value)
    if not value.strip() or value in (".", "..") or _UNSAFE_IN_ID(value):
        got = repr(str.__str__(value)) if len(value) <= _LONGEST_SHOWN else f"{len(value)} characters"
        raise InvalidRequestError(
            f"{name} must not be empty, '.' or '..', nor contain / \\ ? # % or control characters, got {got}",
            param=name,
        )
    return quote(_encodable(name, value), safe="")


def not_an_id(name: str, value: object) -> InvalidRequestError:
    """Return the error for an id that is not a string, such as a session instead of its id."""
    if hasattr(value, "__await__"):
        return InvalidRequestError(f"{name} must be a string, got {type_name(value)}: {_AWAIT}", param=name)
    pass_instead = f"pass {name.removesuffix('_id')}.id" if hasattr(value, "id") else "pass the id"
    return InvalidRequestError(f"{name} must be a string, got {type_name(value)}: {pass_instead}", param=name)


def type_name(value: object) -> str:
    return "None" if value is None else type(value).__name__


def build_query(values: Mapping[str, object], extra: Optional[Mapping[str, object]] = None) -> str:
    """Return the query string. None and `NOT_GIVEN` are left out; a sequence becomes one parameter per item."""
    pairs: list[tuple[str, str]] = []
    for name, value in ({**values, **extra} if extra else values).items():
        label = f"extra_query[{_shown_key(name)}]" if extra and name in extra else name
        if value is None or value is NOT_GIVEN:
            continue
        if (name.endswith("_id") or name == "starting_after") and _is_container(value):
            raise not_an_id(label, value)  # the service would take its text as an id, and repeat it in an error
        if isinstance(value, (list, tuple, Set)):
            items = cast("Collection[Any]", value)
            pairs.extend(
                (name, query_text(label, item))
                for item in (sorted(items, key=str) if isinstance(value, Set) else items)
            )
        else:
            pairs.append((name, query_text(label, value)))
    return urlencode(pairs) if pairs else ""


def _is_container(value: object) -> bool:
    return isinstance(value, (list, tuple, Set, Mapping))


def query_text(name: str, value: object) -> str:
    if isinstance(value, str):
        return _encodable(name, value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float) and isfinite(value):
        return float.__repr__(value)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise InvalidRequestError(
                f"{name} must have a time zone: pass an aware datetime, such as datetime.now(timezone.utc)", param=name
            )
        try:
            return timestamp_text(value)
        except OverflowError as error:  # on the first or last day of the calendar
            raise InvalidRequestError(
                f"{name} is {value.isoformat()}, beyond the years 1 to 9999 in UTC: pass a time in that range",
                param=name,
            ) from error
    if isinstance(value, Mapping):
        return _argument_json(name, cast(Any, value)).decode()
    if isinstance(value, float):
        raise InvalidRequestError(f"{name} must be a finite number, got {float.__repr__(value)}", param=name)
    if name.endswith("_id"):
        raise not_an_id(name, value)
    raise InvalidRequestError(
        f"{name} must be a string, a number, a bool, a datetime or a mapping, got {type_name(value)}", param=name
    )


def _encodable(name: str, value: str) -> str:
    if not _is_json(value):
        raise InvalidRequestError(f"{name} {_SURROGATE}", param=name)
    return str.__str__(value)  # for a member of a string enum, its value instead of its name


def build_body(values: Mapping[str, object], extra: Optional[Mapping[str, object]] = None) -> bytes:
    """Return the JSON body. `NOT_GIVEN` is left out, None is null; models and datetimes are allowed at any depth.

    Raises:
        InvalidRequestError: A value cannot be represented in JSON.
    """
    body = {name: value for name, value in values.items() if value is not NOT_GIVEN}
    if extra:
        body.update(extra)
    content = _json_or_none(body)
    if content is not None:
        return content
    for name, value in body.items():
        _argument_json(f"extra_body[{_shown_key(name)}]" if extra and name in extra else name, value)
    raise InvalidRequestError(f"extra_body has a key that {_SURROGATE}", param="extra_body")


def _argument_json(name: str, value: object) -> bytes:
    content = _json_or_none(value)
    if content is None:
        raise InvalidRequestError(_fault(name, value), param=name)
    return content


def _json_or_none(value: object) -> Optional[bytes]:
    """Return a value as JSON, or None if that is not possible. No error is chained, since it would show the value."""
    try:
        return to_json(value)
    except ValueError:
        return None


def _is_json(value: object) -> bool:
    return _json_or_none(value) is not None


def _fault(name: str, value: Any) -> str:
    """Return a message about the part of a value that JSON cannot represent: its path and type, not its content."""
    path, above = name, [id(value)]
    while True:
        parts: Iterable[tuple[Any, Any]]
        if isinstance(value, Mapping):
            mapping: Mapping[Any, Any] = cast(Any, value)
            for key in mapping:
                if not _is_json({key: None}):
                    what = _SURROGATE if isinstance(key, str) else f"is of type {type_name(key)}: use strings"
                    return f"{path} has a key that {what}"
            parts = cast("Iterable[tuple[Any, Any]]", mapping.items())
        elif isinstance(value, (list, tuple)):
            parts = cast("Iterable[tuple[Any, Any]]", enumerate(cast(Any, value)))
        else:
            return f"{path} {_leaf_fault(value)}"
        step, part = next(((step, part) for step, part in parts if not _is_json(part)), (None, cast(Any, value)))
        if part is value and step is None:  # each part is JSON by itself
            if isinstance(value, (dict, list, tuple)):
                return f"{name} is nested too deeply for JSON: pass a flatter value"
            return f"{path} {_leaf_fault(part)}"
        if id(part) in above:
            return f"{path}[{_shown_key(step)}] contains itself, which JSON cannot represent: remove the cycle"
        if len(above) >= _DEEPEST:
            return f"{name} is nested too deeply for JSON: pass a flatter value"
        path, value = f"{path}[{_shown_key(step)}]", part
        above.append(id(part))


def _shown_key(key: object) -> str:
    if not isinstance(key, (str, int, float, bool, type(None))):
        return f"<{type_name(key)}>"
    text = repr(str.__str__(key)) if isinstance(key, str) else repr(key)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def _leaf_fault(value: object) -> str:
    if isinstance(value, float):
        number = {"nan": "NaN", "inf": "Infinity"}.get(float.__repr__(value), "-Infinity")
        return f"is {number}, which JSON cannot represent: use None or a string"
    if isinstance(value, str):
        return _SURROGATE
    if isinstance(value, (bytes, bytearray)):
        return f"is {type_name(value)} that cannot be decoded as UTF-8: pass a string, such as base64"
    if hasattr(value, "__await__"):
        return f"is of type {type_name(value)}: {_AWAIT}"
    if value is NOT_GIVEN:
        return "is NOT_GIVEN: leave it out, or pass None for null"
    return (
        f"is of type {type_name(value)}, which JSON cannot represent: use dicts, lists, strings, numbers, bools, None"
    )
