"""The response of an operation: a value, and the body of the HTTP response."""

from __future__ import annotations

import functools
from typing import Any, Callable, Generic, NamedTuple, Optional, Sequence, TypeVar, Union

import pydantic_core
from pydantic import BaseModel
from typing_extensions import ParamSpec

from .. import jsontext

P = ParamSpec("P")
T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)


_LARGEST_CONTENT = 4 * 1024 * 1024
"""The content of a page of whole items, in characters."""


def fitting(items: Sequence[T], size: Callable[[T], int]) -> Sequence[T]:
    """Return the first items, at least one, whose content is not too large for one response.

    Args:
        items: The items of a page.
        size: Returns the characters of an item.
    """
    total = 0
    for number, item in enumerate(items):
        total += size(item)
        if number > 0 and total > _LARGEST_CONTENT:
            return items[:number]
    return items


class States(NamedTuple):
    """The states in a response, in the order of their occurrence."""

    session_seq: int
    texts: Sequence[tuple[int, str]]
    """Version and JSON text."""


class Response(Generic[T]):
    """The response of an operation.

    Args:
        value: The result.
        states: The states in it, which are left out when the response is stored.
        is_secret: Whether it contains a secret, which must not be readable in the store.
        memory_ids: The ids of the memories in it, of any session.
    """

    def __init__(
        self,
        value: T,
        states: Optional[States] = None,
        *,
        is_secret: bool = False,
        memory_ids: Sequence[str] = (),
    ) -> None:
        self._value = value
        self.states = states
        self.is_secret = is_secret
        self.memory_ids = memory_ids

    @property
    def value(self) -> T:
        """The result."""
        return self._value

    @property
    def body(self) -> bytes:
        """The result as the body of an HTTP response."""
        return encode(self._value)


class WrittenResponse(Response[M]):
    """The response of an operation that writes the body itself, from JSON text in the store.

    Args:
        model: The model that the body is parsed as when the value is needed.
        body: The body, as JSON text.
        states: The states in it, which are left out when the response is stored.
        memory_ids: The ids of the memories in it, of any session.
    """

    def __init__(
        self, model: type[M], body: str, states: Optional[States] = None, *, memory_ids: Sequence[str] = ()
    ) -> None:
        self._model = model
        self._body = body.encode()
        self.states = states
        self.is_secret = False
        self.memory_ids = memory_ids

    @property
    def value(self) -> M:
        """The result."""
        return self._model.model_validate_json(self._body)

    @property
    def body(self) -> bytes:
        """The result as the body of an HTTP response."""
        return self._body


class StoredResponse(NamedTuple):
    """A stored response to a request with an idempotency key."""

    status: int
    body: bytes
    is_replayed: bool = False
    """Whether the request is a repetition, which changed nothing."""


Outcome = Union[Response[T], StoredResponse]
"""The result of an operation for the front door; a stored response only if the request has an idempotency key."""


def operation(run: Callable[P, Outcome[T]]) -> Callable[P, T]:
    """Decorate a method that returns a response, so that it returns the value of the response.

    The front door needs the whole response: it calls the original method, which `unwrapped` returns.
    """

    @functools.wraps(run)
    def call(*arguments: P.args, **named: P.kwargs) -> T:
        outcome = run(*arguments, **named)
        assert isinstance(outcome, Response), "only the front door passes an idempotency key"
        return outcome.value

    return call


def unwrapped(method: Any) -> Callable[..., Outcome[Any]]:
    """Return the original method of an `operation`, which returns a response."""
    run: Callable[..., Outcome[Any]] = method.__wrapped__
    return run


def encode(result: Any) -> bytes:
    """Return a result as the body of an HTTP response: the fields that were set; empty for None."""
    if result is None:
        return b""
    if isinstance(result, BaseModel):
        return result.model_dump_json(exclude_unset=True).encode()
    return pydantic_core.to_json(_plain(result))


def _plain(value: Any) -> Any:
    """Convert models in a list or an object to dictionaries."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_unset=True)
    if jsontext.is_object(value):
        return {key: _plain(member) for key, member in value.items()}
    if jsontext.is_list(value):
        return [_plain(item) for item in value]
    return value
