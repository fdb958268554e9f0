"""Many turns of one session: in batches where the service supports them, else one by one.

A write of a batch has the idempotency key, and the body, of the request that it replaces. So after a failure either way
may be used again: each turn is recorded once.
"""

from __future__ import annotations

from typing import Any, Dict, Iterable, Iterator, List, Mapping, NamedTuple

from .._base.encoding import to_json
from .._base.errors import APIResponseValidationError, InvalidRequestError
from .._base.lazy import http_errors
from .._call.options import NOT_GIVEN
from .._call.steps import Steps
from .._generated import models, operations

FEWEST = 8
"""The number of writes from which a batch is tried: a service that does not support it costs one request."""
_MOST = 100
_MOST_BYTES = 512 * 1024
_TURN_ARGUMENTS = ("input", "output", "metadata", "reasoning", "state_before", "state_after")
"""In the order of a request: the bodies are compared."""
_NO_SUCH_ROUTE = (404, 405, 501)
_REFUSED = frozenset({400, 409, 413, 415, 422, *_NO_SUCH_ROUTE})


class Write(NamedTuple):
    """A write to a session."""

    operation: str
    """`create_turn` or `replace_state`."""
    key: str
    """The idempotency key."""
    arguments: Mapping[str, Any]
    """The arguments of `add_turn` or `replace_state`."""

    def as_item(self) -> Dict[str, Any]:
        """Return it as an item of a batch."""
        body = {name: value for name, value in self.arguments.items() if value is not NOT_GIVEN}
        return {"operation": self.operation, "idempotency_key": self.key, "body": body}


def turn(key: str, arguments: Mapping[str, Any]) -> Write:
    """Return the write that records a turn.

    Args:
        key: The idempotency key.
        arguments: The arguments of `add_turn`; input and output as mappings.
    """
    return Write("create_turn", key, {name: arguments[name] for name in _TURN_ARGUMENTS if name in arguments})


def in_batches(writes: Iterable[Write]) -> Iterator[List[Write]]:
    """Divide writes into batches, by number and size."""
    batch: List[Write] = []
    size = 0
    for write in writes:
        length = _length(write)
        if batch and (len(batch) == _MOST or size + length > _MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(write)
        size += length
    if batch:
        yield batch


def _length(write: Write) -> int:
    try:
        return len(to_json(write.arguments))
    except ValueError:
        return 0  # the request with it raises the error


def write_batch(
    sessions: Any, session_id: str, batch: List[Write], options: Mapping[str, Any], *, include_results: bool
) -> Steps[Any]:
    """Send a batch as one request.

    Args:
        sessions: The namespace of either client.
        session_id: Id of the session.
        batch: The writes.
        options: The options of the request.
        include_results: Whether to return the responses to the writes.

    Returns:
        The responses to the writes, or an empty list if they were not requested; None if nothing was written, or the
        response cannot be read: then each write can be sent by itself, which also tells which one is wrong. Also None
        if the client has an outbox, which keeps each write.
    """
    lacks = sessions._client.lacks
    if len(batch) < FEWEST or operations.WRITE_BATCH.id in lacks or sessions._client.outbox is not None:
        return None
    items = [write.as_item() for write in batch]
    try:
        written = yield sessions.write_batch(session_id, items, include_results=include_results, **options)
    except (APIResponseValidationError, InvalidRequestError):
        return None
    except http_errors.APIStatusError as error:
        if error.status_code not in _REFUSED:
            raise
        if error.status_code in _NO_SUCH_ROUTE and error.code != "session_not_found":
            lacks.add(operations.WRITE_BATCH.id)
        return None
    return written.data if not include_results or len(written.data) == len(batch) else None


def record_turns(
    sessions: Any,
    session_id: str,
    turns: Iterable[Mapping[str, Any]],
    key: str,
    options: Mapping[str, Any],
    recorded: List[models.TurnResponse],
) -> Steps[None]:
    """Record turns in order, and add each to `recorded`.

    Args:
        sessions: The namespace of either client.
        session_id: Id of the session.
        turns: The arguments of `add_turn` for each turn.
        key: The idempotency key; that of a turn is `KEY-NUMBER`, from 0.
        options: The options of each request.
        recorded: A list to add the turns to, also if a later one fails.
    """
    others = {name: value for name, value in options.items() if name != "idempotency_key"}
    for batch in in_batches(turn(f"{key}-{number}", arguments) for number, arguments in enumerate(turns)):
        results = None
        if "extra_body" not in others:  # it belongs to each turn
            results = yield from write_batch(sessions, session_id, batch, others, include_results=True)
        if results is not None:
            recorded.extend(models.TurnResponse.model_validate(result) for result in results)
            continue
        for write in batch:
            recorded.append(
                (yield sessions.add_turn(session_id, **write.arguments, **others, idempotency_key=write.key))
            )
