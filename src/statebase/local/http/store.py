"""The step that stores a response if the operation did not store it in its transaction."""

from __future__ import annotations

from typing import Any, Sequence

from ..._base.operation import Operation
from ..caller import Caller, IdempotentRequest
from ..engine import Engine
from .run import Result, stored_result


def store(
    engine: Engine,
    operation: Operation[Any],
    parameters: Sequence[str],
    request: IdempotentRequest,
    caller: Caller,
    result: Result,
) -> Result:
    """Store the result of a request that changed nothing: a read, or a failed write.

    Args:
        engine: The engine.
        operation: The operation.
        parameters: The values of the path parameters, in order.
        request: The identity of the request.
        caller: The caller.
        result: The result.

    Returns:
        The result to return: the earlier one, if the request is a repetition.

    Raises:
        EngineError: 409 or 404, if the idempotency key cannot be used for this request.
    """
    session_id = parameters[0] if "{session_id}" in operation.path else None
    return stored_result(
        engine.store_response(
            caller, request, result.status, result.body, session_id=session_id, memory_ids=result.memory_ids
        )
    )
