"""Results of methods for which the service is unavailable."""

from __future__ import annotations

from typing import Literal, Optional, Union

from .._base.errors import InvalidRequestError
from .._call.fallback import Fallback
from .._call.options import NotGiven
from .._call.request import type_name
from .._results.context import ContextResponse

OnUnavailable = Literal["raise", "empty", "last"]
"""What to do if the service is unavailable."""


def _empty_context() -> ContextResponse:
    return ContextResponse(state={}, memories=[], recent_turns=[])


def context_fallback(on_unavailable: Union[OnUnavailable, NotGiven]) -> Optional[Fallback]:
    """Return the fallback of `get_context`; None to raise the error.

    Raises:
        InvalidRequestError: The argument is not one of the three values.
    """
    if on_unavailable == "raise" or isinstance(on_unavailable, NotGiven):
        return None
    if on_unavailable not in ("empty", "last"):
        value: object = on_unavailable
        got = "another string" if isinstance(value, str) else type_name(value)
        raise InvalidRequestError(
            f"on_unavailable must be 'raise', 'empty' or 'last', got {got}", param="on_unavailable"
        )
    return Fallback("on_unavailable", on_unavailable == "last", _empty_context, ContextResponse.__degraded__)
