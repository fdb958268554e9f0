"""A service that knows no extension of the API: an engine behind a door that removes what it would understand."""

from __future__ import annotations

from typing import Any, Callable, List, Optional

import httpx

from statebase.local import Engine, LocalTransport

HEADER = "X-StateBase-Extensions"
Answer = Callable[[httpx.Request], Optional[httpx.Response]]


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
        self.requests.append(request)
        response = None if self.instead is None else self.instead(request)
        if response is not None:
            return response
        if request.url.path == "/v1/users/erase":
            return httpx.Response(404, json={"detail": "Not Found"})
        request.headers.pop(HEADER, None)
        return self._transport.handle_request(request)

    def calls(self) -> List[Any]:
        """Return methods and paths of the requests so far, and forget them."""
        calls = [(request.method, request.url.path) for request in self.requests]
        self.requests.clear()
        return calls
