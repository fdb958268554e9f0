"""What an operation returns: a value, and the same as the body of a reply."""

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


class States(NamedTuple):
    """The states that a response holds, in the order in which they stand in it."""

    session_seq: int
    texts: Sequence[tuple[int, str]]
    """Version and JSON text."""


class Response(Generic[T]):
    """What an operation returns.

    Args:
        value: The result.
        states: The states that it holds, which are not stored again with a stored response.
        is_secret: Whether it holds something that the store must not show.
        memory_ids: The memories that it holds, of whatever session.
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
        """The result as the body of a reply."""
        return encode(self._value)


class WrittenResponse(Response[M]):
    """The result of an operation that writes the body itself, of JSON text that the store has already.

    Args:
        model: What the body is read as where a value is asked for.
        body: The body, as JSON text.
        states: The states that it holds, which are not stored again with a stored response.
        memory_ids: The memories that it holds, of whatever session.
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
        """The result as the body of a reply."""
        return self._body


class StoredResponse(NamedTuple):
    """The response to a request with an idempotency key, as it is in the store."""

    status: int
    body: bytes
    is_replayed: bool = False
    """Whether it was given before: the request is a repetition, which had no effect."""


Outcome = Union[Response[T], StoredResponse]
"""What an operation returns to the front door; a stored response only to a request with an idempotency key."""


def operation(run: Callable[P, Outcome[T]]) -> Callable[P, T]:
    """Make a public operation, which returns a value, of a method that returns a response.

    The front door calls the method itself: `unwrapped` returns it.
    """

    @functools.wraps(run)
    def call(*arguments: P.args, **named: P.kwargs) -> T:
        outcome = run(*arguments, **named)
        assert isinstance(outcome, Response), "only the front door passes an idempotency key"
        return outcome.value

    return call


def unwrapped(method: Any) -> Callable[..., Outcome[Any]]:
    """Return the method behind an `operation`, which returns a response."""
    run: Callable[..., Outcome[Any]] = method.__wrapped__
    return run


def encode(result: Any) -> bytes:
    """Write what an operation returned as the body of a reply: the fields that it set, and nothing for None."""
    if result is None:
        return b""
    if isinstance(result, BaseModel):
        return result.model_dump_json(exclude_unset=True).encode()
    return pydantic_core.to_json(_plain(result))


def _plain(value: Any) -> Any:
    """Take the models out of a list or an object."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_unset=True)
    if jsontext.is_object(value):
        return {key: _plain(member) for key, member in value.items()}
    if jsontext.is_list(value):
        return [_plain(item) for item in value]
    return value
