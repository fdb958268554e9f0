"""The embedded engine as an ASGI application: requests of a server go to the engine's front door."""

from __future__ import annotations

import functools
import logging
from pathlib import Path
from typing import Any, Awaitable, Callable, Mapping, MutableMapping, Optional
from urllib.parse import quote, urlsplit

import anyio

from .._base.exchange import Reply
from .._base.loopback import is_loopback
from ..local.engine import Engine
from ..local.errors import EngineError, invalid_request
from ..local.http.door import FrontDoor
from ..local.http.head import Head, by_name, text_of
from ..local.http.read import check_size
from ..local.http.reply import refusal, reply
from ..local.identifiers import new_id
from .limits import Limits, Load

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

Values = Mapping[bytes, bytes]
"""The values of headers by name."""

logger = logging.getLogger("statebase.server")

_LONGEST_TARGET = 65_536
"""Of path and query together, in bytes; no client of httpx sends more."""
_PRINTABLE = bytes(range(0x21, 0x7F))
"""What may stand in a path or a query."""

_DOCUMENT_PATH = b"/openapi.json"
_DOCUMENT_FILE = Path(__file__).parents[1] / "_generated" / "openapi.json"


def create_app(
    engine: Engine, *, api_key: Optional[str] = None, rate_limit: Optional[int] = None, limits: Optional[Limits] = None
) -> Application:
    """Make an ASGI application of an engine, which stays open when the application ends.

    Beside the operations of the API it answers `HEAD`, `OPTIONS` and `GET /openapi.json`.

    Args:
        engine: The engine.
        api_key: The key that requests have to show in `X-API-Key`, if it is not one of the dashboard's. If None,
            any key or none is accepted, and only requests to names of this machine (`localhost`) with JSON bodies are
            answered, so that no web page in a browser can get at the store.
        rate_limit: Requests a minute that come in. Default: no limit.
        limits: What clients may hold up, and for how long. Default: `Limits()`.

    Raises:
        ValueError: `api_key` is empty, or not printable ASCII text.

    Example:
        >>> from statebase.local import Engine
        >>> from statebase.server import create_app
        >>> engine = Engine.open()
        >>> app = create_app(engine, api_key="sb_secret")  # then, for instance: uvicorn module:app
        >>> engine.close()  # when the server has stopped
    """
    door = FrontDoor(engine, api_key=api_key, rate_limit=rate_limit)
    return _App(door, limits or Limits(), open_to_all=api_key is None)


class _App:
    def __init__(self, door: FrontDoor, limits: Limits, *, open_to_all: bool) -> None:
        self._door = door
        self._limits = limits
        self._load = Load(limits)
        self._open_to_all = open_to_all

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            values = by_name(scope["headers"])
            body = _Body(receive, self._limits, self._load, may_come=_may_have_body(scope, values))
            body.enter()
            try:
                await self._serve(scope, values, body, send)
            finally:
                body.leave()
        elif scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close"})

    async def _serve(self, scope: Scope, values: Values, body: _Body, send: Send) -> None:
        try:
            answer = await self._answer(scope, values, body)
        except EngineError as error:
            answer = refusal(error, text_of(values, b"x-request-id"))
            if isinstance(error, _Untrusted):
                answer = _with_header(answer, b"Connection", b"close")
        except _Disconnected:
            return
        except Exception:
            request_id = new_id("req_")
            logger.exception("Request %s (%s %s) failed", request_id, scope["method"], scope["path"])
            message = f"Internal error in the engine: see the log for request {request_id}."
            answer = refusal(EngineError(500, "internal_error", message), request_id)
        # A client that does not read the answer does not keep it in memory without limit.
        with anyio.move_on_after(self._limits.answer_seconds):
            await self._send(scope, answer, body, send)

    async def _send(self, scope: Scope, answer: Reply, body: _Body, send: Send) -> None:
        await send(
            {
                "type": "http.response.start",
                "status": answer.status_code,
                "headers": [(name.lower(), value) for name, value in answer.raw_headers],
            }
        )
        content = b"" if scope["method"] == "HEAD" else answer.content
        if body.is_complete:
            await send({"type": "http.response.body", "body": content, "more_body": False})
            return
        # A refusal is sent before the rest of the body has come, and the rest is read nevertheless: a client that
        # writes first and listens afterwards would find the connection reset, and the answer lost.
        # What goes on without an end is cut off: the server closes a connection whose request was not read.
        await send({"type": "http.response.body", "body": content, "more_body": True})
        body.leave()  # answered: a client without a key does not take the place of another while the rest comes
        await body.drain()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _answer(self, scope: Scope, values: Values, body: _Body) -> Reply:
        """Answer a request.

        Raises:
            EngineError: The request does not get as far as the front door.
            _Disconnected: The client does not wait for an answer any more.
        """
        self._load.check()
        if b"content-length" in values and b"transfer-encoding" in values:
            # One of the two was made up on the way, to smuggle a second request past a proxy (RFC 9112 6.3).
            raise _Untrusted("The request has both Content-Length and Transfer-Encoding: send one of them.")
        if self._open_to_all:
            _check_names(scope, values)
            _check_content_type(values)
        method: str = scope["method"]
        # Some servers leave out the raw path, and some leave the query in it.
        path: bytes = (scope.get("raw_path") or quote(scope["path"]).encode()).partition(b"?")[0]
        if path == _DOCUMENT_PATH:
            answer = _document(method)
        else:
            check_size(_declared_size(values))
            query: bytes = scope.get("query_string", b"")
            _check_target(path, query)
            head = Head("GET" if method == "HEAD" else method, path.decode(), query.decode(), values)
            admitted = await self._door.admit_async(head)
            content = b"" if isinstance(admitted, Reply) else await body.read()
            answer = await self._door.respond_async(admitted, content)
        return answer if answer.status_code != 405 else _with_allowed(method, answer)


class _Untrusted(EngineError):
    """The request leaves open where it ends: nothing that comes after it on its connection can be trusted."""

    def __init__(self, message: str) -> None:
        super().__init__(400, "invalid_request", message)


class _Disconnected(Exception):
    """The client went away before it had sent all of its request."""


class _Body:
    """The body of a request as it comes in; one that is too large, or takes too long, is not read to its end."""

    def __init__(self, receive: Receive, limits: Limits, load: Load, *, may_come: bool) -> None:
        self._receive = receive
        self._limits = limits
        self._load = load
        self._more = may_come
        self._counts = False
        self.size = 0
        """What was read and counted, in bytes."""

    def enter(self) -> None:
        """Count the request as under way."""
        self._counts = True
        self._load.enter()

    def leave(self) -> None:
        """Count the request as answered; calling it again has no effect."""
        if self._counts:
            self._counts = False
            self._load.leave(self.size)

    @property
    def is_complete(self) -> bool:
        """Whether all of it has come."""
        return not self._more

    async def read(self) -> bytes:
        """Read all of it.

        Raises:
            EngineError: It is too large, takes too long, or there is no room for it.
            _Disconnected: The client went away.
        """
        parts: list[bytes] = []
        if self._more:
            with anyio.move_on_after(self._limits.body_seconds) as late:
                while self._more:
                    part = await self._next()
                    if part is None:
                        raise _Disconnected
                    self.size += len(part)
                    self._load.hold(len(part))
                    check_size(self.size)
                    parts.append(part)
            if late.cancelled_caught:
                self._more = False
                raise EngineError(408, "request_timeout", "The request body took too long to arrive: send it again.")
        return b"".join(parts)

    async def drain(self) -> None:
        """Read what is left of the body, within limits, and keep nothing of it."""
        size = 0
        with anyio.move_on_after(self._limits.drain_seconds):
            while self._more and size <= self._limits.drain_bytes:
                size += len(await self._next() or b"")

    async def _next(self) -> Optional[bytes]:
        """Return the next part; None if the client is gone."""
        message = await self._receive()
        gone = message["type"] == "http.disconnect"
        self._more = not gone and message.get("more_body", False)
        return None if gone else message.get("body", b"")


async def _live(receive: Receive, send: Send) -> None:
    """Take part in the life of the server; there is nothing to prepare and nothing to put away."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def _may_have_body(scope: Scope, values: Values) -> bool:
    """Return whether a body may follow the head; over HTTP/1 a header says so (RFC 9112 6.3)."""
    is_framed = b"content-length" in values or b"transfer-encoding" in values
    return is_framed or scope.get("http_version") not in ("1.0", "1.1")


def _declared_size(values: Values) -> int:
    declared = values.get(b"content-length", b"")
    # Python refuses to read numbers of thousands of digits; the first twenty are too many bytes as well.
    return int(declared[:20]) if declared.isdigit() else 0


def _check_target(path: bytes, query: bytes) -> None:
    """Refuse a path or a query that no client could mean.

    Raises:
        EngineError: 400.
    """
    if not path.startswith(b"/"):
        raise invalid_request("The path of the request does not begin with a slash.", None)
    if path.translate(None, _PRINTABLE) or query.translate(None, _PRINTABLE):
        message = "The path or the query has characters that are not printable ASCII: percent-encode them."
        raise invalid_request(message, None)
    if len(path) + len(query) >= _LONGEST_TARGET:
        raise invalid_request(f"Path and query are too long: send less than {_LONGEST_TARGET:,} bytes.", None)


def _check_names(scope: Scope, values: Values) -> None:
    """Refuse a request that a web page made.

    A page from elsewhere can make a browser send requests to this machine: under the name of its own site (DNS
    rebinding), which `Host` shows, or from its own site, which `Origin` shows; another port is another site.

    Raises:
        EngineError: 403.
    """
    host = text_of(values, b"host")
    if host is not None and not _is_this_machine(host):
        raise _page_refused("Host")
    origin = text_of(values, b"origin")
    if origin is not None and _site(origin) != _site(f"{scope.get('scheme', 'http')}://{host or ''}"):
        raise _page_refused("Origin")


def _check_content_type(values: Values) -> None:
    """Refuse a body that a web page can make a browser send without asking first: any but JSON.

    Raises:
        EngineError: 415.
    """
    has_body = values.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in values
    content_type = values.get(b"content-type", b"").partition(b";")[0].strip().lower()
    # Over HTTP/2 a body needs neither header.
    if (has_body or content_type) and content_type != b"application/json":
        message = "Content-Type must be application/json where the server asks for no API key."
        raise EngineError(415, "invalid_request", message, "Content-Type")


@functools.lru_cache(maxsize=64)
def _is_this_machine(host: str) -> bool:
    """Return whether the value of a `Host` header names this machine."""
    return is_loopback(_host(f"//{host}"))


def _page_refused(header: str) -> EngineError:
    message = (
        f"{header} must be this server's own address, because the server asks for no API key: call it as localhost and "
        "not from another web page, or set an API key for the server."
    )
    return EngineError(403, "permission_denied", message, header)


def _site(url: str) -> Optional[tuple[str, str, Optional[int]]]:
    """Return scheme, host and port of an address; None if it is none."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return None
    return (parts.scheme, parts.hostname, port) if parts.hostname else None


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _document(method: str) -> Reply:
    """Answer a request for the OpenAPI document."""
    if method in ("GET", "HEAD"):
        return reply(200, [], _document_text())
    message = f"{method} is not allowed at /openapi.json: use GET."
    return _with_header(refusal(EngineError(405, "invalid_request", message), None), b"Allow", b"GET")


@functools.lru_cache(maxsize=1)
def _document_text() -> bytes:
    return _DOCUMENT_FILE.read_bytes()


def _with_allowed(method: str, answer: Reply) -> Reply:
    """Return the answer to a method that the engine does not know, HEAD and OPTIONS among those that are allowed."""
    headers = dict(answer.raw_headers)
    methods = set(headers[b"Allow"].decode().split(", "))
    allowed = ", ".join(sorted({*methods, "OPTIONS", *(["HEAD"] if "GET" in methods else [])})).encode()
    if method == "OPTIONS":
        request_id = headers.get(b"X-Request-ID", b"")
        return Reply(204, [(b"Allow", allowed), (b"X-Request-ID", request_id)], b"")
    return Reply(answer.status_code, [*{**headers, b"Allow": allowed}.items()], answer.content)


def _with_header(answer: Reply, name: bytes, value: bytes) -> Reply:
    return Reply(answer.status_code, [*answer.raw_headers, (name, value)], answer.content)
