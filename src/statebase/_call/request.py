"""From arguments to what goes over the wire. Everything here is pure."""

from __future__ import annotations

import re
from datetime import datetime
from math import isfinite
from typing import AbstractSet as Set
from typing import Any, Collection, Iterable, Mapping, Optional, Sequence, cast
from urllib.parse import quote, urlencode

from .._base.encoding import timestamp_text, to_json
from .._base.errors import InvalidRequestError
from .._base.headers import is_header_name, is_header_text
from .._base.operation import Operation
from .options import NOT_GIVEN

_PLAIN_ID = re.compile(r"[A-Za-z0-9_-]+").fullmatch
# Servers and proxies decode, split or normalise these, so that the request would reach another route.
_UNSAFE_IN_ID = re.compile(r"[/\\?#%\x00-\x1f\x7f]").search
_LONGEST_SHOWN = 80
_DEEPEST = 200
_SURROGATE = "contains a lone surrogate, which cannot be encoded as UTF-8: remove it"


def build_path(operation: Operation[Any], values: Mapping[str, object]) -> str:
    """Fill the parameters of an operation's route.

    Raises:
        InvalidRequestError: A value is not a string, is empty, or would lead to another route.
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
    """Return the error for something that was passed in place of an id, such as the session itself."""
    pass_instead = f"pass {name.removesuffix('_id')}.id" if hasattr(value, "id") else "pass the id"
    return InvalidRequestError(f"{name} must be a string, got {_type(value)}: {pass_instead}", param=name)


def _type(value: object) -> str:
    return "None" if value is None else type(value).__name__


def build_query(values: Mapping[str, object], extra: Optional[Mapping[str, object]] = None) -> str:
    """Write a query string; None and `NOT_GIVEN` are left out, a sequence repeats its name."""
    pairs: list[tuple[str, str]] = []
    for name, value in ({**values, **extra} if extra else values).items():
        label = f"extra_query[{_shown_key(name)}]" if extra and name in extra else name
        if value is None or value is NOT_GIVEN:
            continue
        if (name.endswith("_id") or name == "starting_after") and _is_container(value):
            raise not_an_id(label, value)  # the service would take its text for an id, and show it
        if isinstance(value, (list, tuple, Set)):
            items = cast("Collection[Any]", value)
            pairs.extend(
                (name, _query_text(label, item))
                for item in (sorted(items, key=str) if isinstance(value, Set) else items)
            )
        else:
            pairs.append((name, _query_text(label, value)))
    return urlencode(pairs) if pairs else ""


def _is_container(value: object) -> bool:
    return isinstance(value, (list, tuple, Set, Mapping))


def _query_text(name: str, value: object) -> str:
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
        except OverflowError as error:  # on the first or last day that there is
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
        f"{name} must be a string, a number, a bool, a datetime or a mapping, got {_type(value)}", param=name
    )


def _encodable(name: str, value: str) -> str:
    if not _is_json(value):
        raise InvalidRequestError(f"{name} {_SURROGATE}", param=name)
    return str.__str__(value)  # of a member of an enum, its text and not its name


def build_body(values: Mapping[str, object], extra: Optional[Mapping[str, object]] = None) -> bytes:
    """Write a JSON body: `NOT_GIVEN` is left out, None is null, models and datetimes may stand anywhere.

    Raises:
        InvalidRequestError: A value cannot be written as JSON.
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
    """Write JSON; None if a value cannot be. The error shows the value: it may not be the context of another."""
    try:
        return to_json(value)
    except ValueError:
        return None


def _is_json(value: object) -> bool:
    return _json_or_none(value) is not None


def _fault(name: str, value: Any) -> str:
    """Return which part of a value cannot be written as JSON, and why: its path and type, never its content."""
    path, above = name, [id(value)]
    while True:
        parts: Iterable[tuple[Any, Any]]
        if isinstance(value, Mapping):
            mapping: Mapping[Any, Any] = cast(Any, value)
            for key in mapping:
                if not _is_json({key: None}):
                    what = _SURROGATE if isinstance(key, str) else f"is of type {_type(key)}: use strings"
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
        return f"<{_type(key)}>"
    text = repr(str.__str__(key)) if isinstance(key, str) else repr(key)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def _leaf_fault(value: object) -> str:
    if isinstance(value, float):
        number = {"nan": "NaN", "inf": "Infinity"}.get(float.__repr__(value), "-Infinity")
        return f"is {number}, which JSON cannot represent: use None or a string"
    if isinstance(value, str):
        return _SURROGATE
    if isinstance(value, (bytes, bytearray)):
        return f"is {_type(value)} that cannot be decoded as UTF-8: pass a string, such as base64"
    if value is NOT_GIVEN:
        return "is NOT_GIVEN: leave it out, or pass None for null"
    return f"is of type {_type(value)}, which JSON cannot represent: use dicts, lists, strings, numbers, bools, None"


def header_text(name: str, value: object) -> str:
    """Check the value of a header.

    Raises:
        InvalidRequestError: It is not a string, holds what would end the header, or would be trimmed on the way.
    """
    if isinstance(value, (bool, int, float, datetime)):
        value = _query_text(name, value)
    if not isinstance(value, str) or not is_header_text(value):
        # What it holds may be a key, and errors are printed.
        got = "" if isinstance(value, str) else f", got {_type(value)}"
        raise InvalidRequestError(
            f"The header {name!r} must be printable ASCII text without a space at either end{got}", param=name
        )
    return value


Headers = Sequence["tuple[bytes, bytes]"]


def build_headers(base: Headers, more: Mapping[str, object]) -> list[tuple[bytes, bytes]]:
    """Add headers to those that every request carries; one of the same name takes the place of the first.

    Raises:
        InvalidRequestError: A name or a value cannot stand in a header.
    """
    for name in more:
        if not is_header_name(name):
            shown = repr(name) if type(name) is str else _type(name)
            raise InvalidRequestError(
                f"extra_headers has an invalid name, {shown}: use ASCII letters, digits and dashes"
            )
    added = {
        name.lower().encode(): header_text(name, value).encode()
        for name, value in more.items()
        if value is not None and value is not NOT_GIVEN
    }
    return [*(pair for pair in base if pair[0] not in added), *added.items()]
