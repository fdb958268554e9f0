"""An operation of the API, as described by the OpenAPI document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Generic, Literal, NamedTuple, Optional, TypeVar

T = TypeVar("T")


Retry = Literal["safe", "keyed", "idempotent"]
"""The reason a request can be retried: it only reads, it has an idempotency key, or repeating it changes nothing."""


class Cursor(NamedTuple):
    """The way to request the next page of a list."""

    parameter: str
    """The query parameter for the position: `starting_after`, or `end_time` if the list has no cursor."""
    field: str = "id"
    """The field of the last item whose value is sent."""


@dataclass(frozen=True, eq=False)
class Operation(Generic[T]):
    """One operation of the API."""

    id: str
    """The name of the operation: `create_turn`."""
    method: str
    """The HTTP method, in upper case."""
    path: str
    """The route, with its parameters in braces: `/v1/sessions/{session_id}/turns`."""
    status: int
    """The HTTP status of a successful response."""
    load_result: Callable[[], type[T]]
    """Returns `result`, and imports its module."""
    retry: Retry
    """The reason a failed request can be retried."""
    is_open: bool = False
    """Whether it needs no API key (`security: []` in the document)."""
    load_body: Optional[Callable[[], type[Any]]] = None
    """Returns `body`, and imports its module; None if the operation takes no body."""
    page: Optional[Cursor] = None
    """The way to request the next page; None if the response is not a page of a list."""
    methods: tuple[str, ...] = ()
    """The methods of the clients that call it: `sessions.add_turn`."""

    @property
    def result(self) -> type[T]:
        """The type of a successful response: a model, a typing construct, or `type(None)` for an empty one."""
        return self.load_result()

    @property
    def body(self) -> Optional[type[Any]]:
        """The model of the JSON body; None if the operation takes no body."""
        return None if self.load_body is None else self.load_body()

    @property
    def carries_key(self) -> bool:
        """Whether requests carry an idempotency key: all writes, except DELETE, which needs none."""
        return self.retry != "safe" and self.method != "DELETE"
