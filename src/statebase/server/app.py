"""The embedded engine as an ASGI application: requests of a server become requests of httpx for `LocalTransport`."""

from __future__ import annotations

import functools
import logging
from pathlib import Path
from typing import Any, AsyncIterator, Awaitable, Callable, MutableMapping, Optional
from urllib.parse import quote, urlsplit

import anyio
import httpx

from .._base.loopback import is_loopback
from ..local.engine import Engine
from ..local.errors import EngineError, invalid_request
from ..local.http.read import check_size
from ..local.http.transport import LocalTransport, refusal
from ..local.identifiers import new_id
from .limits import Limits, Load

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

logger = logging.getLogger("statebase.server")

_DOCUMENT_PATH = b"/openapi.json"
_DOCUMENT_FILE = Path(__file__).parents[1] / "_generated" / "openapi.json"


def create_app(
    engine: Engine, *, api_key: Optional[str] = None, rate_limit: Optional[int] = None, limits: Optional[Limits] = None
) -> Application:
    """Make an ASGI application of an engine, which stays open when the application ends.

    Beside the operations of the API it answers `HEAD`, `OPTIONS` and `GET /openapi.json`.

    Args:
        engine: The engine.
        api_key: The key that requests have to show in `X-API-Key`, if it is not one of the dashboard's. Without it,
            any key or none will do, and only requests to names of this machine (`localhost`) with JSON bodies are
            answered, so that no web page in a browser can get at the store.
        rate_limit: Requests a minute that come in; no limit without it.
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
    transport = LocalTransport(engine, api_key=api_key, rate_limit=rate_limit)
    return _App(transport, limits or Limits(), open_to_all=api_key is None)


class _App:
    def __init__(self, transport: LocalTransport, limits: Limits, *, open_to_all: bool) -> None:
        self._transport = transport
        self._limits = limits
        self._load = Load(limits)
        self._open_to_all = open_to_all

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            body = _Body(receive, self._limits, self._load)
            body.enter()
            try:
                await self._serve(scope, body, send)
            finally:
                body.leave()
        elif scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close"})

    async def _serve(self, scope: Scope, body: _Body, send: Send) -> None:
        headers = httpx.Headers(scope["headers"])
        try:
            response = await self._answer(scope, headers, body)
        except EngineError as error:
            response = refusal(error, headers.get("x-request-id"))
            if isinstance(error, _Untrusted):
                response.headers["Connection"] = "close"
        except _Disconnected:
            return
        except Exception:
            request_id = new_id("req_")
            logger.exception("Request %s (%s %s) failed", request_id, scope["method"], scope["path"])
            message = f"Internal error in the engine: see the log for request {request_id}."
            response = refusal(EngineError(500, "internal_error", message), request_id)
        # One who does not read the answer does not keep it in memory for ever.
        with anyio.move_on_after(self._limits.answer_seconds):
            await self._send(scope, response, body, send)

    async def _send(self, scope: Scope, response: httpx.Response, body: _Body, send: Send) -> None:
        await send(
            {
                "type": "http.response.start",
                "status": response.status_code,
                "headers": [(name.lower(), value) for name, value in response.headers.raw],
            }
        )
        # A refusal is sent before the rest of the body has come, and the rest is read nevertheless: a client that
        # writes first and listens afterwards would find the connection reset, and the answer lost.
        # What goes on without an end is cut off: the server closes a connection whose request was not read.
        content = b"" if scope["method"] == "HEAD" else response.content
        await send({"type": "http.response.body", "body": content, "more_body": True})
        body.leave()  # answered: whoever has no key does not take the place of another while the rest comes
        await body.drain()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _answer(self, scope: Scope, headers: httpx.Headers, body: _Body) -> httpx.Response:
        """Answer a request.

        Raises:
            EngineError: The request does not get as far as the transport.
            _Disconnected: Nobody waits for an answer any more.
        """
        self._load.check()
        if "content-length" in headers and "transfer-encoding" in headers:
            # One of the two was made up on the way, to smuggle a second request past a proxy (RFC 9112 6.3).
            raise _Untrusted("The request has both Content-Length and Transfer-Encoding: send one of them.")
        if self._open_to_all:
            _check_names(scope, headers)
            _check_content_type(headers)
        method: str = scope["method"]
        # Some servers leave out the raw path, and some leave the query in it.
        path: bytes = (scope.get("raw_path") or quote(scope["path"]).encode()).partition(b"?")[0]
        if path == _DOCUMENT_PATH:
            response = _document(method)
        else:
            check_size(_declared_size(headers))
            url = _url(scope, path)
            request = httpx.Request("GET" if method == "HEAD" else method, url, headers=headers, stream=body)
            response = await self._transport.handle_async_request(request)
        allowed = response.headers.get("Allow")
        if allowed is None:
            return response
        allow = {"Allow": ", ".join(_with_head_and_options(allowed.split(", ")))}
        if method == "OPTIONS":
            return httpx.Response(204, headers={**allow, "X-Request-ID": response.headers.get("X-Request-ID", "")})
        response.headers.update(allow)
        return response


class _Untrusted(EngineError):
    """The request leaves open where it ends: nothing that comes after it on its connection can be trusted."""

    def __init__(self, message: str) -> None:
        super().__init__(400, "invalid_request", message)


class _Disconnected(Exception):
    """The client went away before it had sent all of its request."""


class _Body(httpx.AsyncByteStream):
    """The body of a request as it comes in; one that is too large, or takes too long, is not read to its end."""

    def __init__(self, receive: Receive, limits: Limits, load: Load) -> None:
        self._receive = receive
        self._limits = limits
        self._load = load
        self._more = True
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

    async def __aiter__(self) -> AsyncIterator[bytes]:
        end = anyio.current_time() + self._limits.body_seconds
        while self._more:
            part: Optional[bytes] = b""
            with anyio.move_on_after(end - anyio.current_time()) as late:
                part = await self._next()
            if late.cancelled_caught:
                self._more = False
                raise EngineError(408, "request_timeout", "The request body took too long to arrive: send it again.")
            if part is None:
                raise _Disconnected
            self.size += len(part)
            self._load.hold(len(part))
            check_size(self.size)
            yield part

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


def _declared_size(headers: httpx.Headers) -> int:
    declared = headers.get("content-length", "")
    # Python refuses to read numbers of thousands of digits; the first twenty are too many bytes as well.
    return int(declared[:20]) if declared.isdecimal() else 0


def _url(scope: Scope, path: bytes) -> httpx.URL:
    """Return the address of a request, its path and query just as they came.

    Raises:
        EngineError: 400, if httpx takes it for no address.
    """
    query: bytes = scope.get("query_string", b"")
    try:
        return httpx.URL("http://localhost", raw_path=path + b"?" + query if query else path)
    except (httpx.InvalidURL, UnicodeDecodeError) as error:
        message = f"The path or the query of the request is not valid ({error}): percent-encode what is not ASCII."
        raise invalid_request(message, None) from error


def _check_names(scope: Scope, headers: httpx.Headers) -> None:
    """Refuse a request that a web page made.

    A page from elsewhere can make a browser send requests to this machine: under the name of its own site (DNS
    rebinding), which `Host` shows, or from its own site, which `Origin` shows; another port is another site.

    Raises:
        EngineError: 403.
    """
    host = headers.get("host", "")
    if "host" in headers and not is_loopback(_host(f"//{host}")):
        raise _page_refused("Host")
    origin = headers.get("origin")
    if origin is not None and _site(origin) != _site(f"{scope.get('scheme', 'http')}://{host}"):
        raise _page_refused("Origin")


def _check_content_type(headers: httpx.Headers) -> None:
    """Refuse a body that a web page can make a browser send without asking first: any but JSON.

    Raises:
        EngineError: 415.
    """
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    # Over HTTP/2 a body needs neither header.
    if (has_body or content_type) and content_type != "application/json":
        message = "Content-Type must be application/json where the server asks for no API key."
        raise EngineError(415, "invalid_request", message, "Content-Type")


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


def _document(method: str) -> httpx.Response:
    """Answer a request for the OpenAPI document."""
    if method in ("GET", "HEAD"):
        return httpx.Response(200, headers={"Content-Type": "application/json"}, content=_document_text())
    message = f"{method} is not allowed at /openapi.json: use GET."
    response = refusal(EngineError(405, "invalid_request", message), None)
    response.headers["Allow"] = "GET"
    return response


@functools.lru_cache(maxsize=1)
def _document_text() -> bytes:
    return _DOCUMENT_FILE.read_bytes()


def _with_head_and_options(methods: list[str]) -> list[str]:
    return sorted({*methods, "OPTIONS", *(["HEAD"] if "GET" in methods else [])})
