"""An operation of the API, as the document describes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, Literal, NamedTuple, Optional, TypeVar

T = TypeVar("T")


Retry = Literal["safe", "keyed", "idempotent"]
"""Why a request may be sent again: it only reads, it carries an idempotency key, or repeating it changes nothing."""


class Cursor(NamedTuple):
    """How a list of the API continues after the last item of a page."""

    parameter: str
    """The query parameter that says where: `starting_after`, or `end_time` where the list has no cursor."""
    field: str = "id"
    """The field of the last item that it takes."""


@dataclass(frozen=True, eq=False)
class Operation(Generic[T]):
    """One operation of the API, as the OpenAPI document describes it."""

    id: str
    """The name of the operation: `create_turn`."""
    method: str
    """The HTTP method in capitals."""
    path: str
    """The route, with its parameters in braces: `/v1/sessions/{session_id}/turns`."""
    status: int
    """The status of a successful answer."""
    result: type[T]
    """The type of a successful response: a model, a typing construct, or `type(None)` for an empty one."""
    retry: Retry
    """Why the request may be sent again after a failure."""
    is_open: bool = False
    """Whether it needs no API key, because the document says so (`security: []`)."""
    body: Optional[type[Any]] = None
    """The model that the request's JSON body has to fit; None where the operation takes no body."""
    page: Optional[Cursor] = None
    """How the returned list continues; None if the response is not a page."""
    methods: tuple[str, ...] = ()
    """Where the clients offer it: `sessions.add_turn`."""

    @property
    def carries_key(self) -> bool:
        """Whether requests carry an idempotency key: those that write, but for DELETE, which needs none."""
        return self.retry != "safe" and self.method != "DELETE"
