"""Which requests are answered once, however often they arrive."""

from __future__ import annotations

import hashlib
from typing import Any, Mapping, Optional

from ..._base.operation import Operation
from ..caller import Once
from ..errors import invalid_request
from .authenticate import Visitor

_LONGEST_KEY = 255


_KEYED_METHODS = frozenset({"POST", "PATCH", "PUT"})


def read_once(
    operation: Operation[Any], path: str, headers: Mapping[str, str], content: bytes, visitor: Visitor
) -> Optional[Once]:
    """Return what is needed to answer a request once; None for one without an idempotency key.

    Every POST takes a key, one that only reads included: it gets its first answer again, as the contract has it. So
    does PUT: to repeat it leaves the same content, but would add a version and a trace.

    Raises:
        EngineError: 400, if the key is too long.
    """
    key = headers.get("idempotency-key")
    if not key or operation.method not in _KEYED_METHODS:
        return None
    if len(key) > _LONGEST_KEY:
        raise invalid_request(
            f"The Idempotency-Key has {len(key)} characters: send at most {_LONGEST_KEY}.", "Idempotency-Key"
        )
    secret = "\n".join((visitor.actor, visitor.key_id or "", operation.method, path, key)).encode()
    return Once(
        key=hashlib.sha256(secret).digest(),
        secret=secret,
        request=hashlib.sha256(content).digest(),
        status=operation.status,
    )
