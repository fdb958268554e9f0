"""Stored responses of requests with idempotency keys, which are returned again to repetitions.

States are left out of a stored response: they are already in the history, in a much smaller form. A response with a
secret is encrypted with the idempotency key, of which the store has only a digest.
"""

from __future__ import annotations

import hashlib
from typing import Optional, Sequence

import pydantic_core

from ..caller import IdempotentRequest
from ..clock import DAY
from ..errors import EngineError
from ..storage.store import Store
from ..storage.tables.answers import GONE, AnswerRow
from .response import States, StoredResponse

_STORED_US = DAY
_CREATED = 201
_WORTH_CUTTING = 256
"""The size in bytes from which states are left out of a stored response."""
_SEAL_ROUNDS = 50_000


def find(store: Store, request: IdempotentRequest, now_us: int) -> Optional[StoredResponse]:
    """Return the stored response to a request; None if the request is new. Call it within `read` or `write`.

    A response with memories that have been deleted since is not returned: the request is run again.

    Raises:
        EngineError: 409, if the key was used with a different body; 404, if the resource was deleted since.
    """
    row = store.answers.find(request.key, now_us)
    if row is None or store.answers.lacks_memories(request.key):
        return None
    if row.request != request.content:
        message = "The idempotency key was already used with a different body: use a new key for a new request."
        raise EngineError(409, "conflict", message, "Idempotency-Key")
    if _is_gone(store, row):
        message = "What was written with this idempotency key was deleted: use a new key for a new request."
        raise EngineError(404, "resource_not_found", message, "Idempotency-Key")
    body = _sealed(row.body, request) if row.sealed else row.body
    return StoredResponse(row.status, _whole(store, row, body), is_replayed=True)


def created_id(store: Store, key: bytes, now_us: int) -> Optional[str]:
    """Return the id of the object that a request created; None if it created none, or its response is gone.

    Args:
        store: The store. Call it within `read` or `write`.
        key: The key under which the response is stored.
        now_us: The current time in microseconds.
    """
    row = store.answers.find(key, now_us)
    if row is None or row.status != _CREATED or row.sealed:
        return None
    created: str = pydantic_core.from_json(_whole(store, row, row.body))["id"]
    return created


def _whole(store: Store, row: AnswerRow, body: bytes) -> bytes:
    if row.session_seq is None or row.cuts is None:
        return body
    return _put_back(store, body, row.session_seq, pydantic_core.from_json(row.cuts))


def _is_gone(store: Store, row: AnswerRow) -> bool:
    """Return whether the content of a response was deleted, or is being deleted."""
    if row.status == GONE and not row.body:
        return True
    if row.session_id is not None:
        return store.sessions.find(row.session_id) is None
    return row.session_seq is not None and not store.sessions.is_there(row.session_seq)


def put(
    store: Store,
    request: IdempotentRequest,
    now_us: int,
    status: int,
    body: bytes,
    *,
    states: Optional[States] = None,
    is_secret: bool = False,
    session_id: Optional[str] = None,
    resource_id: Optional[str] = None,
    memory_ids: Sequence[str] = (),
) -> None:
    """Store the response to a new request for a day. Call it within `write`.

    Args:
        store: The store.
        request: The identity of the request.
        now_us: The current time in microseconds.
        status: The HTTP status of the response.
        body: Its body.
        states: The states in it, in the order of their occurrence.
        is_secret: Whether it contains a secret, which must not be readable in the store.
        session_id: The session that it is about; deleting the session deletes the body.
        resource_id: The memory or entity that it is about; deleting it deletes the body.
        memory_ids: The ids of the memories in it; deleting one deletes the response.
    """
    kept, cuts = _cut(body, states) if states is not None else (body, [])
    if is_secret:
        kept = _sealed(kept, request)
    row = AnswerRow(
        request=request.content,
        status=status,
        body=kept,
        sealed=int(is_secret),
        session_seq=states.session_seq if states is not None and cuts else None,
        cuts=pydantic_core.to_json(cuts).decode() if cuts else None,
        session_id=session_id,
        resource_id=resource_id,
    )
    store.answers.put(request.key, now_us + _STORED_US, row)
    if memory_ids:
        store.answers.note_memories(request.key, memory_ids)


def _cut(body: bytes, states: States) -> tuple[bytes, list[tuple[int, int]]]:
    """Remove the states from a body. The cuts are their positions in the remaining text, and their versions."""
    kept = bytearray()
    cuts: list[tuple[int, int]] = []
    start = 0
    for version, text in states.texts:
        piece = text.encode()
        place = body.find(piece, start) if len(piece) >= _WORTH_CUTTING else -1
        if place >= 0:
            kept += body[start:place]
            cuts.append((len(kept), version))
            start = place + len(piece)
    kept += body[start:]
    return bytes(kept), cuts


def _put_back(store: Store, kept: bytes, session_seq: int, cuts: list[tuple[int, int]]) -> bytes:
    body = bytearray()
    start = 0
    for place, version in cuts:
        body += kept[start:place]
        body += (store.states.at(session_seq, version) or "").encode()
        start = place
    body += kept[start:]
    return bytes(body)


def _sealed(body: bytes, request: IdempotentRequest) -> bytes:
    """Encrypt or decrypt a body with a key stream derived from the idempotency key."""
    key = hashlib.pbkdf2_hmac("sha256", request.secret, request.key, _SEAL_ROUNDS)
    mask = hashlib.shake_256(key).digest(len(body))
    return bytes(byte ^ cover for byte, cover in zip(body, mask))
