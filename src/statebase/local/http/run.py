"""The step that runs an operation."""

from __future__ import annotations

import re
from typing import Any, NamedTuple, Sequence

from ..._base.operation import Operation
from ..._generated.operations import OPERATIONS
from ..._generated.queries import QUERIES
from ..caller import Caller
from ..engine import Engine
from ..errors import EngineError, not_found
from ..operations.response import StoredResponse, unwrapped
from .read import InvalidRequest, invalid_body, read_body, read_query
from .reply import error_body

_EMBEDDING = frozenset(
    {"create_memories", "create_memory", "get_context", "search_memories", "search_own_memories", "update_memory"}
)
"""Operations that embed a text before they read or write."""
_LONG = frozenset({"delete_session", "erase_user", "write_batch"})
"""Operations whose duration depends on the amount of data to delete or write."""
_LARGE = 64 * 1024
"""The size in bytes from which a body may contain a large state, which is encoded before the transaction."""
_METHODS = {operation_id: unwrapped(getattr(Engine, operation_id)) for operation_id in OPERATIONS}


class Result(NamedTuple):
    """The result of a request: a success, or an error about the request."""

    status: int
    body: bytes
    is_stored: bool = False
    """Whether it is stored for repetitions."""
    is_replayed: bool = False
    """Whether the request is a repetition."""
    memory_ids: Sequence[str] = ()
    """The ids of the memories in it."""


def run(
    engine: Engine, operation: Operation[Any], parameters: Sequence[str], query: str, content: bytes, caller: Caller
) -> Result:
    """Parse the query or body, and run an operation.

    Args:
        engine: The engine.
        operation: The operation.
        parameters: The values of the path parameters, in order.
        query: The query string as received.
        content: The body as received.
        caller: The caller.

    Raises:
        EngineError: The engine failed or is busy, or the state has another version; the response is not stored, so that
            the request can be sent again.
    """
    try:
        _refuse_nul(operation, parameters)
        arguments: list[Any] = list(parameters)
        if operation.body is not None:
            arguments.append(read_body(operation.body, content))
        elif operation.id in QUERIES:
            arguments.append(read_query(QUERIES[operation.id], query))
        outcome = _METHODS[operation.id](engine, *arguments, caller)
    except InvalidRequest as error:
        return Result(422, error.body())
    except EngineError as error:
        if error.location is not None:
            return Result(422, invalid_body(error).body())
        if error.status >= 500 or error.retry_after is not None or error.details is not None:
            raise
        return Result(error.status, error_body(error))
    if isinstance(outcome, StoredResponse):
        return stored_result(outcome)
    return Result(operation.status, outcome.body, memory_ids=outcome.memory_ids)


def _refuse_nul(operation: Operation[Any], parameters: Sequence[str]) -> None:
    """Raise the 404 for an id that no store can hold, since it contains the character U+0000."""
    for name, value in zip(re.findall(r"{(\w+)_id}", operation.path), parameters):
        if "\0" in value:
            raise not_found(name, value)


def is_slow(operation: Operation[Any], content: bytes) -> bool:
    """Return whether an operation may take milliseconds of CPU."""
    return operation.id in _EMBEDDING or operation.id in _LONG or len(content) >= _LARGE


def stored_result(response: StoredResponse) -> Result:
    """Convert a stored response to a result."""
    return Result(response.status, response.body, is_stored=True, is_replayed=response.is_replayed)
