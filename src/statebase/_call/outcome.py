"""The outcome of a failed attempt: whether it was sent, whether it can be retried, and the error message. No I/O."""

from __future__ import annotations

import signal
import ssl
from types import CodeType, FrameType, TracebackType
from typing import NamedTuple, Optional, cast

from .._base.errors import Outcome, Phase, StateBaseError
from .._base.lazy import http_errors, httpx
from .._base.operation import Retry
from .retry import RETRIED_STATUSES

_CREDENTIALS_WANTED = 407
_NOT_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE")

_MAY_HAVE_HAPPENED = "It may have been applied: "
_HINTS: dict[tuple[Retry, Outcome], str] = {
    ("keyed", "unknown"): _MAY_HAVE_HAPPENED
    + "repeat it with idempotency_key={key!r}, and the service applies it once.",
    ("idempotent", "unknown"): _MAY_HAVE_HAPPENED + "repeating it is safe.",
    ("keyed", "not_sent"): "Nothing was sent: repeating it is safe.",
    ("idempotent", "not_sent"): "Nothing was sent: repeating it is safe.",
}


# The packages whose exceptions are connection failures.
_HTTP_LIBRARIES = frozenset({"httpx", "httpcore", "h11", "h2", "hpack", "hyperframe", "socksio", "anyio", "trio"}) | {
    # behind transports of the caller
    *("aiohttp", "curl_cffi", "niquests", "pycurl", "requests", "urllib3", "urllib3_future"),
}
# The modules in which a built-in exception is a connection failure.
_NETWORK_MODULES = _HTTP_LIBRARIES | {"socket", "ssl", "selectors", "asyncio", "encodings", "gevent", "eventlet"}
_MODULE_OF_THE_SOCKETS = "statebase._wire.sockets"
_MODULES_OF_THE_POOLS = frozenset({"statebase._wire.pool_state", "statebase._wire.base_pool"})


class DeadlineExceeded(Exception):
    """The deadline of a call passed before the response was complete."""


class Wire(NamedTuple):
    """The properties of an exchange that decide what its errors mean."""

    is_engine: bool = False
    """Whether it is the embedded engine, where no connection can fail."""
    is_known: bool = True
    """Whether the classes of its errors say how far a request came: it is our pool or a transport of httpx."""
    is_callers: bool = False
    """Whether the caller passed the transport or the httpx client."""
    proxy: Optional[str] = None
    """Host and port of the proxy; None if there is none."""


_POOL = Wire()


def not_of_connection(error: Exception, wire: Wire) -> Optional[BaseException]:
    """Return the exception to raise unchanged if an attempt did not fail because of its connection, else None.

    Connection failures are the exceptions of HTTP libraries, built-in exceptions raised in their modules, and an
    `OSError` of the caller's transport. Every other exception belongs to the application: to a signal handler, a hook
    or an embedder. httpx mistakes a `TimeoutError` of a signal handler for one of the socket; then the handler's
    exception is returned.
    """
    if isinstance(error, DeadlineExceeded):
        return None
    if wire.is_engine or isinstance(error, StateBaseError):
        return error
    several: object = getattr(error, "exceptions", None)  # of an exception group
    if isinstance(several, tuple) and several:
        each_of = cast("tuple[BaseException, ...]", several)
        is_failure = all(isinstance(each, Exception) and not_of_connection(each, wire) is None for each in each_of)
        return None if is_failure else error
    raised = _raised_by_signal_handler(error)
    if raised is not None:
        return raised
    kinds = {kind.__module__.partition(".")[0] for kind in type(error).__mro__}
    if kinds & _HTTP_LIBRARIES or (isinstance(error, OSError) and wire.is_callers):
        return None
    of_python = type(error).__module__.partition(".")[0] in ("builtins", *_NETWORK_MODULES)
    return None if of_python and _was_raised_in_network_module(error) else error


def _raised_by_signal_handler(error: BaseException) -> Optional[BaseException]:
    codes = _codes_of_signal_handlers()
    cause: Optional[BaseException] = error
    seen: set[int] = set()
    frames = _frames(error)
    # httpcore drops causes and keeps contexts. An exception raised before this call shares no frame with it.
    while cause is not None and id(cause) not in seen and not frames.isdisjoint(own := _frames(cause)):
        seen.add(id(cause))
        if any(frame.f_code in codes for frame in own):
            return cause
        frames |= own
        cause = cause.__cause__ or cause.__context__
    return None


def _frames(error: BaseException) -> set[FrameType]:
    found: set[FrameType] = set()
    traceback = error.__traceback__
    while traceback is not None:
        found.add(traceback.tb_frame)
        traceback = traceback.tb_next
    return found


def _codes_of_signal_handlers() -> set[CodeType]:
    codes: set[CodeType] = set()
    for number in signal.valid_signals():
        handler: object = signal.getsignal(number)
        handler = getattr(handler, "func", handler)  # of functools.partial
        code = getattr(handler, "__code__", None) or getattr(getattr(handler, "__call__", None), "__code__", None)  # noqa: B004
        if isinstance(code, CodeType):
            codes.add(code)
    return codes


def _was_raised_in_network_module(error: BaseException) -> bool:
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    module = "" if traceback is None else str(traceback.tb_frame.f_globals.get("__name__", ""))
    return module.partition(".")[0] in _NETWORK_MODULES or module in _MODULES_OF_THE_POOLS


def phase_of(error: Exception, wire: Wire = _POOL, *, body_was_used: bool = False) -> Phase:
    """Return the phase in which an attempt failed. If it is uncertain, the request counts as sent.

    If the transport is not a known one, only httpx's own `ConnectError` proves that nothing was sent, and only if it
    was raised before the body of the request was read.
    """
    before_sending = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
    is_before = (
        isinstance(error, (*before_sending, httpx.UnsupportedProtocol))
        if wire.is_known
        else type(error) is httpx.ConnectError
    )
    if is_before and not body_was_used:
        return "connect"
    while_sending = (httpx.WriteError, httpx.WriteTimeout, httpx.LocalProtocolError)
    return "send" if isinstance(error, while_sending) else "receive"


def may_pass(error: Exception) -> bool:
    """Return whether the failure may be temporary, so that another attempt may succeed."""
    passing = (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError, httpx.ProxyError, OSError)
    return isinstance(error, passing) and not _is_certificate_failure(error)


def says_unavailable(error: Exception) -> bool:
    """Return whether the failure of an attempt says that the service is not available, and not that a pool is full."""
    return isinstance(error, DeadlineExceeded) or (may_pass(error) and not isinstance(error, httpx.PoolTimeout))


def is_unavailable(error: StateBaseError) -> bool:
    """Return whether a call failed because the service is unavailable, not because of the request or the options."""
    if isinstance(error, (http_errors.APITimeoutError, http_errors.CircuitOpenError)):
        return True
    if isinstance(error, http_errors.APIConnectionError):
        return isinstance(error.__cause__, Exception) and may_pass(error.__cause__)
    status = error.status_code or 0
    return isinstance(error, http_errors.APIStatusError) and (status in RETRIED_STATUSES or status >= 500)


def is_timeout(error: Exception) -> bool:
    """Return whether an error is a timeout."""
    return isinstance(error, (httpx.TimeoutException, DeadlineExceeded, TimeoutError))


def describe(error: Exception, peer: str, *, proxy: Optional[str] = None, phase: Optional[Phase] = None) -> str:
    """Return the error message of a failed attempt, one sentence.

    Args:
        error: The exception.
        peer: Host and port of the service.
        proxy: Host and port of the proxy; None if there is none.
        phase: The phase in which it failed. Default: derived from the exception.
    """
    phase = phase or phase_of(error)
    detail = " ".join(str(error).split())
    if isinstance(error, DeadlineExceeded):
        return f"No complete response from {peer} before the deadline."
    if isinstance(error, httpx.PoolTimeout):
        return f"No connection to {peer} became free in time ({detail}): send fewer calls at once, or raise timeout=."
    if isinstance(error, httpx.ConnectTimeout) and phase == "connect":
        if proxy is not None:
            return f"No connection to {peer} through the proxy {proxy} in time: check that both are running."
        return f"No connection to {peer} in time: check that it is running, and base_url."
    if is_timeout(error):
        return f"No complete response from {peer} in time: raise timeout= if it needs longer."
    if _is_certificate_failure(error):
        return f"The certificate of {peer} is not trusted ({detail}): pass verify= with the CA that signed it."
    kind = type(error).__name__
    if isinstance(error, httpx.ProxyError):
        name = "The proxy" if proxy is None else f"The proxy {proxy}"
        advice = "check the proxy, and the user and password in its URL"
        return f"{name} refused to connect to {peer} ({detail}): {advice}."
    if phase == "connect" and proxy is not None:
        if _cause(error, ssl.SSLError) is not None:
            return f"Cannot connect to {peer} through the proxy {proxy} ({kind}: {detail}): check that both use TLS."
        return f"Cannot connect to the proxy {proxy} ({kind}: {detail}): check that it is running, and its URL."
    tls = _cause(error, ssl.SSLError)
    if getattr(tls, "reason", None) in _NOT_TLS:
        return f"{peer} does not speak TLS ({kind}: {detail}): write http:// in base_url for an unencrypted connection."
    if phase == "connect":
        return f"Cannot connect to {peer} ({kind}: {detail}): check that it is running, and base_url."
    return f"The connection to {peer} was lost ({kind}: {detail})."


def what_to_do(retry: Retry, outcome: Outcome, idempotency_key: object, status_code: Optional[int] = None) -> str:
    """Return the hint of an error: what the caller can do next. Empty if there is no advice."""
    if status_code == _CREDENTIALS_WANTED:
        return "A proxy returned this: pass its user and password in its URL, http://user:password@host:port."
    return _HINTS.get((retry, outcome), "").format(key=idempotency_key)


def without_secrets(error: Exception) -> None:
    """Remove the request, whose headers contain the API key, from an httpx error and its causes and contexts."""
    seen: set[int] = set()
    left: list[object] = [error]
    while left:
        each = left.pop()
        if not isinstance(each, BaseException) or id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, httpx.HTTPError):
            each._request = None  # pyright: ignore[reportPrivateUsage]
        if isinstance(each, httpx.HTTPStatusError):  # raised by an event hook of the caller's httpx client
            for response in (each.response, *each.response.history):
                response._request = None  # pyright: ignore[reportPrivateUsage]
        together: object = getattr(each, "exceptions", None)  # of an exception group, which Python 3.9 does not have
        left += (each.__cause__, each.__context__, *(together if isinstance(together, tuple) else ()))


def without_library_frames(error: Exception) -> None:
    """Remove the frames of HTTP libraries from the traceback of a connection failure, and from those of its causes.

    Error trackers report the local variables of each frame, and in these frames they contain the request with the API
    key. Exceptions raised before this call share no frame with it, and are not changed.
    """
    seen: set[int] = set()
    frames = _frames(error)
    left: list[Optional[BaseException]] = [error]
    while left:
        each = left.pop()
        if each is None or id(each) in seen or frames.isdisjoint(own := _frames(each)):
            continue
        seen.add(id(each))
        frames |= own
        left += (each.__cause__, each.__context__)
        _cut_traceback(each)


def _cut_traceback(error: BaseException) -> None:
    last: Optional[TracebackType] = None
    traceback = error.__traceback__
    while traceback is not None:
        module = str(traceback.tb_frame.f_globals.get("__name__", ""))
        if module.partition(".")[0] in _HTTP_LIBRARIES or module == _MODULE_OF_THE_SOCKETS:
            if last is None:
                error.__traceback__ = None
            else:
                last.tb_next = None
            return
        last, traceback = traceback, traceback.tb_next


def _is_certificate_failure(error: BaseException) -> bool:
    return _cause(error, ssl.SSLCertVerificationError) is not None


def _cause(error: BaseException, kind: type[BaseException]) -> Optional[BaseException]:
    cause: Optional[BaseException] = error
    while cause is not None and not isinstance(cause, kind):
        cause = cause.__cause__ or cause.__context__
    return cause
