"""Answers as bytes, and how those that may have to be given again are kept.

A kept answer is stored without the states that it repeats: they are in the history already, in a form that takes far
less room. One that holds a secret is sealed with the idempotency key, of which the store has only a digest.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, NamedTuple, Optional, Sequence

import pydantic_core
from pydantic import BaseModel

from .. import jsontext
from ..caller import Once
from ..clock import DAY
from ..errors import EngineError
from ..storage.store import Store
from ..storage.tables.answers import GONE, AnswerRow

_KEPT_US = DAY
_WORTH_CUTTING = 256
"""Shorter states, in bytes, stay in the answer."""
_SEAL_ROUNDS = 50_000


class KeptAnswer(NamedTuple):
    """An answer that was given before."""

    status: int
    body: bytes


class AlreadyAnswered(Exception):
    """The request was answered before; the operation is not carried out again."""

    def __init__(self, answer: KeptAnswer) -> None:
        super().__init__(answer)
        self.answer = answer


class States(NamedTuple):
    """The states that an answer holds, in the order in which they stand in it."""

    session_seq: int
    texts: Sequence[tuple[int, str]]
    """Version and JSON text."""


def encode(result: Any) -> bytes:
    """Write what an operation returned as the body of an answer: the fields that it set, and nothing for None."""
    if result is None:
        return b""
    if isinstance(result, BaseModel):
        return result.model_dump_json(exclude_unset=True).encode()
    return pydantic_core.to_json(_plain(result))


def recall(store: Store, once: Once, now_us: int) -> Optional[KeptAnswer]:
    """Return the answer that this request got before, None if it is new; within `read` or `write`.

    One that holds memories which were deleted since is not given again: the request reads anew.

    Raises:
        EngineError: 409, if the key came before with another body; 404, if what it wrote was deleted since.
    """
    row = store.answers.find(once.key, now_us)
    if row is None or store.answers.lacks_memories(once.key):
        return None
    if row.request != once.request:
        message = "The idempotency key was already used with a different body: use a new key for a new request."
        raise EngineError(409, "conflict", message, "Idempotency-Key")
    if _is_gone(store, row):
        message = "What was written with this idempotency key was deleted: use a new key for a new request."
        raise EngineError(404, "resource_not_found", message, "Idempotency-Key")
    body = _sealed(row.body, once) if row.sealed else row.body
    if row.session_seq is not None and row.cuts is not None:
        body = _put_back(store, body, row.session_seq, json.loads(row.cuts))
    return KeptAnswer(row.status, body)


def _is_gone(store: Store, row: AnswerRow) -> bool:
    """Return whether the content of an answer was deleted, or is about to be."""
    if row.status == GONE and not row.body:
        return True
    if row.session_id is not None:
        return store.sessions.find(row.session_id) is None
    return row.session_seq is not None and not store.sessions.is_there(row.session_seq)


def keep(
    store: Store,
    once: Once,
    now_us: int,
    status: int,
    body: bytes,
    *,
    states: Optional[States] = None,
    secret: bool = False,
    session_id: Optional[str] = None,
    resource_id: Optional[str] = None,
    memory_ids: Sequence[str] = (),
) -> None:
    """Keep the answer to a new request for a day; within `write`.

    Args:
        store: The store.
        once: The request.
        now_us: The time.
        status: The status of the answer.
        body: Its body.
        states: The states that it holds, in their own order of appearance.
        secret: Whether it holds something that the store must not show.
        session_id: The session that it tells of; when that is deleted, the body is.
        resource_id: The memory or the entity that it tells of; likewise.
        memory_ids: The memories that it holds; when one is deleted, the answer is.
    """
    kept, cuts = _cut(body, states) if states is not None else (body, [])
    if secret:
        kept = _sealed(kept, once)
    row = AnswerRow(
        request=once.request,
        status=status,
        body=kept,
        sealed=int(secret),
        session_seq=states.session_seq if states is not None and cuts else None,
        cuts=json.dumps(cuts) if cuts else None,
        session_id=session_id,
        resource_id=resource_id,
    )
    store.answers.put(once.key, now_us + _KEPT_US, row)
    if memory_ids:
        store.answers.note_memories(once.key, memory_ids)
    once.body = body


def _plain(value: Any) -> Any:
    """Take the models out of a list or an object."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_unset=True)
    if jsontext.is_object(value):
        return {key: _plain(member) for key, member in value.items()}
    if jsontext.is_list(value):
        return [_plain(item) for item in value]
    return value


def _cut(body: bytes, states: States) -> tuple[bytes, list[tuple[int, int]]]:
    """Take the states out of a body; the cuts say where (in what remains) and which version."""
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


def _sealed(body: bytes, once: Once) -> bytes:
    """Cover a body with a mask that follows from the idempotency key, or uncover it."""
    key = hashlib.pbkdf2_hmac("sha256", once.secret, once.key, _SEAL_ROUNDS)
    mask = hashlib.shake_256(key).digest(len(body))
    return bytes(byte ^ cover for byte, cover in zip(body, mask))
