"""The embedded engine as an ASGI application: requests of a server go to the engine's front door."""

from __future__ import annotations

import functools
import logging
from pathlib import Path
from typing import Any, Awaitable, Callable, MutableMapping, Optional
from urllib.parse import quote

import anyio

from .._base.exchange import Reply
from ..local.engine import Engine
from ..local.errors import EngineError
from ..local.http.door import FrontDoor
from ..local.http.head import Head, by_name, text_of
from ..local.http.read import check_size
from ..local.http.reply import refusal, reply
from ..local.identifiers import new_id
from .body import Body, Disconnected, Message, Receive, may_have_body
from .checks import Untrusted, Values, check_content_type, check_framing, check_names, check_target, declared_size
from .limits import Limits, Load

Scope = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

logger = logging.getLogger("statebase.server")

_TIDY_SECONDS = 10.0
"""Seconds between two looks for something to clean up."""
_TIDY_PAUSE_SECONDS = 0.05
"""Seconds between two pieces of it, for requests."""
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
    return make_app(FrontDoor(engine, api_key=api_key, rate_limit=rate_limit), limits, open_to_all=api_key is None)


def make_app(door: FrontDoor, limits: Optional[Limits] = None, *, open_to_all: bool) -> Application:
    """Make an ASGI application of a front door.

    Args:
        door: The front door of an engine.
        limits: What clients may hold up, and for how long. Default: `Limits()`.
        open_to_all: Whether the front door accepts any key or none; see `create_app`.
    """
    return _App(door, limits or Limits(), open_to_all=open_to_all)


class _App:
    def __init__(self, door: FrontDoor, limits: Limits, *, open_to_all: bool) -> None:
        self._door = door
        self._limits = limits
        self._load = Load(limits)
        self._open_to_all = open_to_all

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            values = by_name(scope["headers"])
            body = Body(receive, self._limits, self._load, may_come=may_have_body(scope, values))
            body.enter()
            try:
                await self._serve(scope, values, body, send)
            finally:
                body.leave()
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close"})

    async def _live(self, receive: Receive, send: Send) -> None:
        """Clean up in the store while the server runs, so that requests need not."""
        async with anyio.create_task_group() as group:
            while True:
                message = await receive()
                if message["type"] == "lifespan.shutdown":
                    break
                group.start_soon(self._tidy)
                await send({"type": f"{message['type']}.complete"})
            group.cancel_scope.cancel()
        await send({"type": f"{message['type']}.complete"})

    async def _tidy(self) -> None:
        has_more = False
        while True:
            await anyio.sleep(_TIDY_PAUSE_SECONDS if has_more else _TIDY_SECONDS)
            has_more = await anyio.to_thread.run_sync(self._door.tidy)

    async def _serve(self, scope: Scope, values: Values, body: Body, send: Send) -> None:
        try:
            answer = await self._answer(scope, values, body)
        except EngineError as error:
            answer = refusal(error, text_of(values, b"x-request-id"))
            if isinstance(error, Untrusted):
                answer = _with_header(answer, b"Connection", b"close")
        except Disconnected:
            return
        except Exception:
            request_id = new_id("req_")
            logger.exception("Request %s (%s %s) failed", request_id, scope["method"], scope["path"])
            message = f"Internal error in the engine: see the log for request {request_id}."
            answer = refusal(EngineError(500, "internal_error", message), request_id)
        # A client that does not read the answer does not keep it in memory without limit.
        with anyio.move_on_after(self._limits.answer_seconds):
            await self._send(scope, answer, body, send)

    async def _send(self, scope: Scope, answer: Reply, body: Body, send: Send) -> None:
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

    async def _answer(self, scope: Scope, values: Values, body: Body) -> Reply:
        """Answer a request.

        Raises:
            EngineError: The request does not get as far as the front door.
            Disconnected: The client does not wait for an answer any more.
        """
        self._load.check()
        check_framing(values)
        if self._open_to_all:
            check_names(scope, values)
            check_content_type(values)
        method: str = scope["method"]
        # Some servers leave out the raw path, and some leave the query in it.
        path: bytes = (scope.get("raw_path") or quote(scope["path"]).encode()).partition(b"?")[0]
        if path == _DOCUMENT_PATH:
            answer = _document(method)
        else:
            check_size(declared_size(values))
            query: bytes = scope.get("query_string", b"")
            check_target(path, query)
            head = Head("GET" if method == "HEAD" else method, path.decode(), query.decode(), values)
            admitted = await self._door.admit_async(head)
            content = b"" if isinstance(admitted, Reply) else await body.read()
            answer = await self._door.respond_async(admitted, content)
        return answer if answer.status_code != 405 else _with_allowed(method, answer)


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
