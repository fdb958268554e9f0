"""Batches: several writes to a session in one transaction."""

from __future__ import annotations

from typing import Any, NamedTuple, Union

from pydantic import ValidationError

from ..._generated.models import SessionBatchRequest, SessionBatchResponse, SessionWrite, StateReplaceRequest
from ..._generated.operations import CREATE_TURN, REPLACE_STATE
from .. import jsontext
from ..caller import LOCAL, Caller, IdempotentRequest
from ..errors import EngineError, invalid_value
from ..storage.tables.sessions import SessionRow
from ..storage.tables.states import StateRow
from . import stored_response
from .core import Change
from .response import Outcome, Response, WrittenResponse, operation
from .states import StateOperations
from .turns import TurnOperations, TurnTexts, texts_of

_LARGEST_RESULTS = 32 * 1024 * 1024
"""The maximum size of the responses to the writes, in bytes: each may contain the whole state twice."""
_OPERATIONS = {each.id: each for each in (CREATE_TURN, REPLACE_STATE)}


class _Write(NamedTuple):
    request: IdempotentRequest
    body: Union[TurnTexts, StateReplaceRequest]


class BatchOperations(StateOperations, TurnOperations):
    """The operation on several writes."""

    @operation
    def write_batch(
        self, session_id: str, body: SessionBatchRequest, context: Caller = LOCAL
    ) -> Outcome[SessionBatchResponse]:
        """Apply several writes, each as if it were requested alone, or none of them."""
        writes = [_read(session_id, index, write, context) for index, write in enumerate(body.writes)]
        keys = sorted({write.request.key for write in writes})
        results: list[bytes] = []
        size = 0
        with self._core.change(context) as change:
            for key in keys:  # before the session, as requests with one key lock
                self._store.answers.lock(key)
            is_known = len(keys) < len(writes) or self._store.answers.are_known(keys)
            session, current = self._core.session_and_state(session_id, change.now_us)
            turns = session.turn_count
            for index, write in enumerate(writes):
                try:
                    stored = stored_response.find(self._store, write.request, change.now_us) if is_known else None
                    if stored is not None:
                        result = stored.body
                    else:
                        turns += isinstance(write.body, TurnTexts)
                        result, current = self._apply(change, session, current, turns, write, context)
                except EngineError as error:
                    raise _at(index, error) from error
                if body.include_results:
                    size += len(result)
                    if size > _LARGEST_RESULTS:
                        raise _too_large()
                    results.append(result)
                change.now_us += 1  # what is listed by time keeps its order
            if turns > session.turn_count:
                self._store.sessions.count_turns(session, turns - session.turn_count, change.now_us)
        return WrittenResponse(SessionBatchResponse, f'{{"data":[{b",".join(results).decode()}]}}')

    def _apply(
        self, change: Change, session: SessionRow, current: StateRow, number: int, write: _Write, context: Caller
    ) -> tuple[bytes, StateRow]:
        """Apply a write and store its response.

        Returns:
            The response, and the newest state after the write.
        """
        response: Response[Any]
        if isinstance(write.body, TurnTexts):
            response = self._add(change, session, current, number, write.body, context)
            is_same = write.body.state_after is None
        else:
            response = self._replace(change, session, current, write.body, context)
            is_same = False
        result = response.body
        stored_response.put(
            self._store,
            write.request,
            change.now_us,
            write.request.status,
            result,
            states=response.states,
            session_id=session.id,
        )
        return result, current if is_same else self._store.states.newest(session.seq)


def _read(session_id: str, index: int, write: SessionWrite, context: Caller) -> _Write:
    """Read the body of a write, and identify the write as a request with that body.

    Raises:
        EngineError: 422, if the body is not one of the operation.
    """
    alone = _OPERATIONS[write.operation]
    content = jsontext.encode(write.body, "writes", index, "body").encode()
    assert alone.body is not None
    try:
        body = alone.body.model_validate(write.body, strict=True)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise invalid_value(problem["msg"], "writes", index, "body", *problem["loc"]) from None
    path = alone.path.format(session_id=session_id)
    request = IdempotentRequest.of(
        context.actor, context.actor_id, alone.method, path, write.idempotency_key, content, alone.status
    )
    return _Write(request, body if isinstance(body, StateReplaceRequest) else texts_of(body))


def _at(index: int, error: EngineError) -> EngineError:
    """Return the error of a write as that of its batch."""
    message = f"writes[{index}]: {error.message}"
    details = {**(error.details or {}), "index": index}
    return EngineError(error.status, error.code, message, error.param, error.retry_after, details=details)


def _too_large() -> EngineError:
    message = (
        f"The responses to the writes have over {_LARGEST_RESULTS:,} bytes: send fewer, or include_results: false."
    )
    return EngineError(413, "payload_too_large", message, "writes")
