"""The vocabulary that every layer shares. It imports nothing of ours, so that every module may import it."""

from __future__ import annotations

import enum
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, Mapping, NamedTuple, Optional, TypedDict, TypeVar, Union

if TYPE_CHECKING:
    import httpx

    from .._call.hooks import EventHooks

T = TypeVar("T")
JSONObject = Mapping[str, Any]
"""What a JSON object is made from."""


def new_idempotency_key() -> str:
    """Make a key that no other write has."""
    return os.urandom(16).hex()


class NotGiven(enum.Enum):
    """The type of `NOT_GIVEN`: an enum, so that copies and pickles of it stay identical to it."""

    NOT_GIVEN = ...  # which has no JSON: inside of a body it is refused, not stored as a word

    def __repr__(self) -> str:
        return "NOT_GIVEN"

    def __bool__(self) -> bool:
        return False


NOT_GIVEN = NotGiven.NOT_GIVEN
"""Says that an argument was left out; `None` says null."""

Retry = Literal["safe", "keyed", "idempotent"]
"""Why a request may be sent again: it only reads, it carries an idempotency key, or repeating it changes nothing."""


class RequestOptions(TypedDict, total=False):
    """What every method of the clients takes by keyword besides its own parameters."""

    timeout: Union[float, httpx.Timeout, None]
    """Seconds that connecting, sending and each wait for data may take; None for ever. The client's own without it."""

    extra_headers: Mapping[str, str]
    """Headers to send besides the SDK's own; one of the same name replaces the SDK's."""

    extra_query: Mapping[str, object]
    """Query parameters to send besides those of the method."""

    extra_body: Mapping[str, object]
    """Top-level keys to send in the JSON body besides those of the method."""

    max_retries: int
    """How often a failed attempt may be repeated; 0 for never. The client's own without it."""

    deadline: Optional[float]
    """Seconds that the whole call may take, attempts and waits together; None for no limit."""

    max_response_bytes: Optional[int]
    """The largest response to accept, in bytes, decompressed; None for no limit. The client's own without it."""


class WriteOptions(RequestOptions, total=False):
    """The options of a method whose request carries an idempotency key: POST, PATCH and PUT."""

    idempotency_key: Optional[str]
    """Retries carry one key, so the service applies the write once. None: a new key for each call. Kept 24 hours."""


class ClientOptions(TypedDict, total=False):
    """The options that `with_options` changes."""

    timeout: Union[float, httpx.Timeout, None]
    """As for the client."""
    max_retries: int
    """As for the client."""
    deadline: Optional[float]
    """As for the client."""
    max_response_bytes: Optional[int]
    """As for the client."""
    default_headers: Mapping[str, str]
    """As for the client; takes the place of the client's."""
    event_hooks: Optional[EventHooks]
    """As for the client; takes the place of the client's."""


class Cursor(NamedTuple):
    """How one list of the API goes on after the last item of a page."""

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
    """What a successful answer is read as: a model, a typing construct, or `type(None)` for an empty one."""
    retry: Retry
    """Why the request may be sent again after a failure."""
    is_open: bool = False
    """Whether it needs no API key, because the document says so (`security: []`)."""
    body: Optional[type[Any]] = None
    """The model that the request's JSON body has to fit; None where the operation takes no body."""
    query: tuple[str, ...] = ()
    """The names of its query parameters, as on the wire."""
    headers: tuple[str, ...] = ()
    """The names of its header parameters, as on the wire, beside those that the SDK sends by itself."""
    page: Optional[Cursor] = None
    """How the list goes on that it answers with; None where the answer is no page."""
    methods: tuple[str, ...] = ()
    """Where the clients offer it: `sessions.add_turn`."""

    @property
    def carries_key(self) -> bool:
        """Whether requests carry an idempotency key: those that write, but for DELETE, which needs none."""
        return self.retry != "safe" and self.method != "DELETE"
