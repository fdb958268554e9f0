"""Idempotency: identifies repeated requests, and decides which are looked up before the operation runs."""

from __future__ import annotations

from typing import Any, Mapping, Optional

from ..._base.operation import Operation
from ..._generated.operations import WRITE_BATCH
from ..caller import IdempotentRequest
from ..errors import invalid_request
from .authenticate import Principal
from .head import Head
from .run import is_slow

_LONGEST_KEY = 255
_KEYED_METHODS = frozenset({"POST", "PATCH", "PUT"})
_NOT_COMPARED = frozenset({"expected-version"})
"""Extensions of the API that may differ in a repetition: a program that starts again may expect the version it made."""


def idempotent_request(
    operation: Operation[Any], head: Head, content: bytes, principal: Principal, extensions: Mapping[str, str]
) -> Optional[IdempotentRequest]:
    """Return the identity of a request and its repetitions; None if it has no idempotency key.

    Every POST accepts a key, even one that only reads: its first response is returned again, as the API defines. PUT
    accepts one too: repeating it would not change the content, but would add a version and a trace. The
    writes of a batch have keys of their own.

    Raises:
        EngineError: 400, if the key is too long.
    """
    key = head.idempotency_key
    if not key or operation.method not in _KEYED_METHODS or operation is WRITE_BATCH:
        return None
    if len(key) > _LONGEST_KEY:
        raise invalid_request(
            f"The Idempotency-Key has {len(key)} characters: send at most {_LONGEST_KEY}.", "Idempotency-Key"
        )
    content += "".join(
        f"{name}={value}\n" for name, value in sorted(extensions.items()) if name not in _NOT_COMPARED
    ).encode()
    return IdempotentRequest.of(
        principal.actor, principal.key_id, operation.method, head.path, key, content, operation.status
    )


def key_of_turn(head: Head, principal: Principal, extensions: Mapping[str, str]) -> Optional[bytes]:
    """Return the key under which the response to the POST of a turn is stored that a list of turns asks for.

    It is that of the same caller, session and idempotency key. None if the request asks for no single turn.
    """
    key = extensions.get("turn-key")
    if key is None:
        return None
    return IdempotentRequest.of(principal.actor, principal.key_id, "POST", head.path, key, b"", 201).key


def is_looked_up_first(operation: Operation[Any], content: bytes) -> bool:
    """Return whether the stored response is looked up before the operation runs.

    Every write looks it up in its transaction, which is necessary and usually sufficient. An earlier look-up saves the
    work that some operations do before their transaction.
    """
    return is_slow(operation, content)
