"""Convert names of the document to Python names."""

from __future__ import annotations

import keyword
import re

_FRAMEWORK_NAME = re.compile(r"\W")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def snake_case(text: str) -> str:
    """Convert a name to lower case with underscores.

    >>> snake_case("X-Page-Size"), snake_case("pageSize"), snake_case("top_k")
    ('x_page_size', 'page_size', 'top_k')
    """
    if re.fullmatch(r"[a-z][a-z0-9_]*", text):
        return text
    return re.sub(r"_([0-9])", r"\1", "_".join(_WORDS.findall(text)).lower())


def camel_case(text: str) -> str:
    """Convert a name to camel case; existing capitals are kept.

    >>> camel_case("list_sessions"), camel_case("APIKey")
    ('ListSessions', 'APIKey')
    """
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"[^A-Za-z0-9]+", text))


def operation_name(operation_id: str, method: str, path: str) -> str:
    """Remove the suffix that FastAPI derives from the route from an operationId.

    >>> operation_name("get_turn_v1_turns__turn_id__get", "get", "/v1/turns/{turn_id}")
    'get_turn'
    """
    return snake_case(operation_id.removesuffix(f"{_FRAMEWORK_NAME.sub('_', path)}_{method}"))


def argument_name(name: str) -> str:
    """Convert the wire name of a parameter to the name of a Python argument.

    >>> argument_name("X-Trace"), argument_name("from"), argument_name("type")
    ('x_trace', 'from_', 'type')
    """
    result = snake_case(name)
    return f"{result}_" if keyword.iskeyword(result) else result


def is_name(text: str) -> bool:
    """Return whether a string can be the public name of a function, a parameter or a module."""
    return re.fullmatch(r"[a-z][a-z0-9_]*", text) is not None and not keyword.iskeyword(text)
