"""A service that knows no extension of the API: an engine behind a door that removes what it would understand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable, List, Optional

import httpx

from statebase._base.extensions import HEADER
from statebase._generated.operations import OPERATIONS
from statebase.local import Engine, LocalTransport
from statebase.local.http.route import Router

Answer = Callable[[httpx.Request], Optional[httpx.Response]]
_PUBLISHED = json.loads((Path(__file__).parents[2] / "openapi" / "statebase-v1.json").read_text())["paths"]
_ON_PAGES = {"fork_session"}
"""Operations that only the pages of the API describe."""
_OWN = {
    name: operation
    for name, operation in OPERATIONS.items()
    if operation.method.lower() in _PUBLISHED.get(operation.path, {}) or name in _ON_PAGES
}
EXTENSION_OPERATIONS = sorted(OPERATIONS.keys() - _OWN.keys())
"""The ids of operations that the published API lacks."""
_router, _own_router = Router(OPERATIONS), Router(_OWN)


class PlainService:
    """The function of a transport.

    Args:
        engine: The engine.
        instead: Returns the response to a request instead of the engine; None for that of the engine.
    """

    def __init__(self, engine: Engine, instead: Optional[Answer] = None) -> None:
        self._transport = LocalTransport(engine)
        self.instead = instead
        self.requests: List[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(httpx.Request(request.method, request.url, headers=request.headers))
        response = None if self.instead is None else self.instead(request)
        if response is None:
            response = _without_extensions(request)
        if response is not None:
            return response
        request.headers.pop(HEADER, None)
        return self._transport.handle_request(request)

    def calls(self) -> List[Any]:
        """Return methods and paths of the requests so far, and forget them."""
        calls = [(request.method, request.url.path) for request in self.requests]
        self.requests.clear()
        return calls


def _without_extensions(request: httpx.Request) -> Optional[httpx.Response]:
    """Return the response to a request for an operation that the published document lacks; None for others."""
    path = request.url.raw_path.decode().partition("?")[0]
    found = _router.find(path)
    operation = None if found is None else found.operations.get(request.method)
    if operation is None or operation.id in _OWN:
        return None
    own = _own_router.find(path)
    if own is None:
        return httpx.Response(404, json={"detail": "Not Found"})
    if request.method not in own.operations:
        return httpx.Response(405, headers={"Allow": ", ".join(own.operations)})
    error = {"code": "memory_not_found", "message": "There is no such memory.", "type": "not_found"}
    return httpx.Response(404, json={"error": error})
