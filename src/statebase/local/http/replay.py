"""Which requests take effect once, however often they arrive, and which repetitions are answered before they run."""

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
    """Return what identifies a request and its repetitions; None for one without an idempotency key.

    Every POST takes a key, one that only reads included: it gets its first response again, as the contract has it. So
    does PUT: to repeat it leaves the same content, but would add a version and a trace.

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
    secret = "\n".join((principal.actor, principal.key_id or "", operation.method, head.path, key)).encode()
    return IdempotentRequest(
        key=hashlib.sha256(secret).digest(),
        secret=secret,
        content=hashlib.sha256(content).digest(),
        status=operation.status,
    )


def is_looked_up_first(operation: Operation[Any], content: bytes) -> bool:
    """Return whether a repetition is looked for before the operation runs.

    Every write looks for one in its transaction: only that is safe, and mostly enough. Before that, a look saves a
    repetition the work that an operation does before its transaction, if that is a lot.
    """
    return is_slow(operation, content)
