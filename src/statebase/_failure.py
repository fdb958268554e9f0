"""What a failure to get an answer means, in the field's words and in a reader's. Everything here is pure."""

from __future__ import annotations

import ssl

import httpx

from ._errors import Outcome, Phase
from ._types import Retry

_BEFORE_SENDING = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)
_WHILE_SENDING = (httpx.WriteError, httpx.WriteTimeout, httpx.LocalProtocolError)
_PASSING = (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError, httpx.ProxyError, OSError)

_MAY_HAVE_HAPPENED = "It may have been carried out: "
_HINTS: dict[tuple[Retry, Outcome], str] = {
    ("keyed", "unknown"): _MAY_HAVE_HAPPENED + "repeat it with idempotency_key={key!r} and it happens once.",
    ("idempotent", "unknown"): _MAY_HAVE_HAPPENED + "repeating it does no harm.",
    ("keyed", "not_sent"): "Nothing was sent: it can be repeated.",
    ("idempotent", "not_sent"): "Nothing was sent: it can be repeated.",
}


class DeadlineExceeded(Exception):
    """The deadline of a call passed while an answer was under way."""


def phase_of(error: Exception) -> Phase:
    """Say how far an attempt came that ended in `error`; what is not known counts as sent."""
    if isinstance(error, _BEFORE_SENDING):
        return "connect"
    return "send" if isinstance(error, _WHILE_SENDING) else "receive"


def may_pass(error: Exception) -> bool:
    """Say whether another attempt may do better."""
    return isinstance(error, _PASSING) and not _is_certificate_failure(error)


def is_timeout(error: Exception) -> bool:
    """Say whether something took too long, rather than broke."""
    return isinstance(error, (httpx.TimeoutException, DeadlineExceeded, TimeoutError))


def describe(error: Exception, peer: str) -> str:
    """Write a failure of the service at `peer` (host and port) as one sentence."""
    detail = " ".join(str(error).split())
    if isinstance(error, DeadlineExceeded):
        return f"No complete answer from {peer} before the deadline."
    if isinstance(error, httpx.PoolTimeout):
        return f"No connection to {peer} came free in time ({detail}): have fewer calls in flight, or raise timeout=."
    if isinstance(error, httpx.ConnectTimeout):
        return f"No connection to {peer} in time: is it up, and base_url right?"
    if is_timeout(error):
        return f"No complete answer from {peer} in time: raise timeout= if it needs longer."
    if _is_certificate_failure(error):
        return f"The certificate of {peer} is not trusted ({detail}): pass verify= with the authority that signed it."
    kind = type(error).__name__
    if phase_of(error) == "connect":
        return f"Cannot connect to {peer} ({kind}: {detail}): is it up, and base_url right?"
    return f"The connection to {peer} was lost ({kind}: {detail})."


def what_to_do(retry: Retry, outcome: Outcome, idempotency_key: object) -> str:
    """Say what the caller of a write can do next; empty where the error says it all."""
    return _HINTS.get((retry, outcome), "").format(key=idempotency_key)


def without_secrets(error: Exception) -> None:
    """Take the request, whose headers hold the API key, out of the httpx errors that a cause brings along."""
    seen: set[int] = set()
    left: list[object] = [error]
    while left:
        each = left.pop()
        if not isinstance(each, BaseException) or id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, httpx.HTTPError):
            each._request = None  # pyright: ignore[reportPrivateUsage]
        if isinstance(each, httpx.HTTPStatusError):  # of an event hook of the caller's httpx client
            for response in (each.response, *each.response.history):
                response._request = None  # pyright: ignore[reportPrivateUsage]
        together: object = getattr(each, "exceptions", None)  # of an exception group, which Python 3.9 has not
        left += (each.__cause__, each.__context__, *(together if isinstance(together, tuple) else ()))


def _is_certificate_failure(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False
