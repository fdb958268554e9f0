"""Idempotency: identifies repeated requests, and decides which are looked up before the operation runs."""

from __future__ import annotations

import hashlib
from typing import Any, Optional

from ..._base.operation import Operation
from ..caller import IdempotentRequest
from ..errors import invalid_request
from .authenticate import Principal
from .head import Head
from .run import is_slow

_LONGEST_KEY = 255
_KEYED_METHODS = frozenset({"POST", "PATCH", "PUT"})


def idempotent_request(
    operation: Operation[Any], head: Head, content: bytes, principal: Principal
) -> Optional[IdempotentRequest]:
    """Return the identity of a request and its repetitions; None if it has no idempotency key.

    Every POST accepts a key, even one that only reads: its first response is returned again, as the API defines. PUT
    accepts one too: repeating it would not change the content, but would add a version and a trace.

    Raises:
        EngineError: 400, if the key is too long.
    """
    key = head.idempotency_key
    if not key or operation.method not in _KEYED_METHODS:
        return None
    if len(key) > _LONGEST_KEY:
        raise invalid_request(
            f"The Idempotency-Key has {len(key)} characters: send at most {_LONGEST_KEY}.", "Idempotency-Key"
        )
    if head.extensions is not None:
        content += head.extensions.encode()
    secret = _secret(principal, operation.method, head.path, key)
    return IdempotentRequest(
        key=hashlib.sha256(secret).digest(),
        secret=secret,
        content=hashlib.sha256(content).digest(),
        status=operation.status,
    )


def key_of_turn(head: Head, principal: Principal) -> Optional[bytes]:
    """Return the key under which the response to the POST of a turn is stored that a list of turns asks for.

    It is that of the same caller, session and idempotency key. None if the request asks for no single turn.
    """
    if head.turn_key is None:
        return None
    return hashlib.sha256(_secret(principal, "POST", head.path, head.turn_key)).digest()


def _secret(principal: Principal, method: str, path: str, key: str) -> bytes:
    return "\n".join((principal.actor, principal.key_id or "", method, path, key)).encode()


def is_looked_up_first(operation: Operation[Any], content: bytes) -> bool:
    """Return whether the stored response is looked up before the operation runs.

    Every write looks it up in its transaction, which is necessary and usually sufficient. An earlier look-up saves the
    work that some operations do before their transaction.
    """
    return is_slow(operation, content)
