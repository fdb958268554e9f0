"""Converts arguments of methods to those of the API where the two differ: two names of one argument, lists of words.

The overlay names the functions; the generated methods call them with the name and the value of an argument.
"""

from __future__ import annotations

from typing import Any, Optional, Sequence, Union, cast

from .._base.errors import InvalidRequestError
from .._call.options import NOT_GIVEN, NotGiven
from .._call.request import type_name

Words = Union[str, Sequence[str]]
"""One word, several words joined by commas, or a sequence of words."""
OptionalId = Optional[str]
"""An id, or None, which code written for statebase 0.4 may pass."""


def joined(name: str, words: Union[Words, NotGiven, None]) -> Union[str, NotGiven, None]:
    """Join words by commas, the format of the service.

    Raises:
        InvalidRequestError: A word is not a string, or contains a comma.
    """
    if words is None or isinstance(words, (str, NotGiven)):
        return words
    for index, word in enumerate(cast("Sequence[object]", words)):
        if not isinstance(word, str):
            raise InvalidRequestError(f"{name}[{index}] must be a string, got {type_name(word)}", param=name)
        if "," in word:
            raise InvalidRequestError(f"{name}[{index}] must not contain a comma", param=name)
    return ",".join(words) or NOT_GIVEN


def either(name: str, value: Any, other_name: str, other: Any) -> Any:
    """Return the value of an argument that has two names.

    Raises:
        InvalidRequestError: Both were passed, with different values.
    """
    if other is NOT_GIVEN or other is None:
        return value
    if value is not NOT_GIVEN and value is not None and value != other:
        raise InvalidRequestError(f"{name} and {other_name} are the same option: pass only one of them", param=name)
    return other
