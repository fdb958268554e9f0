"""Going on without the service: a call that returns something else if the service is unavailable.

One generator of steps runs the call for both clients. The replies that `on_unavailable="last"` falls back to are kept
in memory, by session and credentials.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime
from typing import Any, Callable, NamedTuple, Optional

from .._base.clock import Clock
from .._base.errors import StateBaseError
from .._base.exchange import Reply
from .._base.locks import FrameLock
from .call import Call
from .log_lines import logger
from .outcome import is_unavailable
from .raw_response import APIResponse
from .steps import Steps

LONGEST_LIST = 1000
LARGEST_TOTAL_BYTES = 32 * 1024 * 1024


class Fallback(NamedTuple):
    """The result of a call for which the service is unavailable."""

    argument: str
    """The argument that asks for it, for error messages."""
    keeps_last: bool
    """Whether the newest reply is kept, and is the result."""
    empty: Callable[[], Any]
    """Returns the result if there is no reply."""
    mark: Callable[[Any, str, Optional[float]], Any]
    """Takes the result, the reason, and the age of the reply in seconds; returns the result of the method."""


class _Kept(NamedTuple):
    reply: Reply
    received_at: datetime


class KeptReplies:
    """The newest reply for each path and caller; at most 1,000, and 32 MiB. The oldest are removed."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int], _Kept] = OrderedDict()
        self._lock = FrameLock()

    def keep(self, call: Call, reply: Reply, now: datetime) -> None:
        """Keep a reply instead of the one before it."""
        with self._lock.held():
            self._kept.pop(call.reply_key, None)
            self._kept[call.reply_key] = _Kept(reply, now)
            total = sum(len(kept.reply.content) for kept in self._kept.values())
            while len(self._kept) > LONGEST_LIST or total > LARGEST_TOTAL_BYTES:
                total -= len(self._kept.popitem(last=False)[1].reply.content)

    def find(self, call: Call) -> Optional[_Kept]:
        """Return the reply of a call with the same path and caller."""
        return self._kept.get(call.reply_key)

    def forget(self, call: Call) -> None:
        """Remove the reply of a call: what it is about may no longer exist."""
        self._kept.pop(call.reply_key, None)

    def answered(self, call: Call) -> None:
        """After a deletion, remove the replies that may contain the deleted object: those of a session, else all."""
        if call.operation.method != "DELETE" or not self._kept:
            return
        path = call.reply_key[0]
        with self._lock.held():
            for key in [*self._kept]:
                if "/sessions/" not in path or key[0].startswith(f"{path}/"):
                    self._kept.pop(key, None)


def exchange_or_fall_back(
    call: Call,
    fallback: Fallback,
    exchange: Callable[[Call], Any],
    read: Callable[[Reply], Any],
    kept: KeptReplies,
    clock: Clock,
) -> Steps[Any]:
    """Send a call; if the service is unavailable, return the result of the fallback instead.

    Args:
        call: The call.
        fallback: The result if the service is unavailable.
        exchange: Sends a call, with either client.
        read: Parses a reply to the call.
        kept: The newest replies.
        clock: The clock of the client.
    """
    call.fails_fast = True
    try:
        reply: Reply = yield exchange(call)
        result = APIResponse(call, reply, read).parse()
    except StateBaseError as error:
        if not is_unavailable(error):
            kept.forget(call)
            raise
        reason = error.message
    else:
        if fallback.keeps_last:
            kept.keep(call, reply, clock.now())
        return result
    last = kept.find(call) if fallback.keeps_last else None
    age = None if last is None else max(0.0, (clock.now() - last.received_at).total_seconds())
    source = "an empty result" if age is None else f"the response of {age:.0f} seconds ago"
    logger.warning("%s returns %s: %s", call.operation.methods[0], source, reason)
    return fallback.mark(fallback.empty() if last is None else read(last.reply), reason, age)
