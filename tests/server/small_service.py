"""A service of a few answers, each of which a test can change, that is also a proxy."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Dict, List, Optional

import statebase

KEY = "sb_live_0123456789abcdefghijklmnop"
DOCUMENT_FILE = Path(statebase.__file__).parent / "_generated" / "openapi.json"


class SmallService:
    """Answers what `statebase doctor` asks.

    Args:
        context: How to encrypt; None to do without.
    """

    def __init__(self, context: Optional[ssl.SSLContext] = None) -> None:
        self.health: Any = {
            "status": "healthy",
            "timestamp": "2026-01-02T03:04:05Z",
            "version": "9.8.7",
            "uptime_seconds": 3725.0,
            "services": {"database": {"status": "healthy"}},
        }
        self.document: Any = json.loads(DOCUMENT_FILE.read_text("utf-8"))
        self.statuses: Dict[str, int] = {}
        self.clock_ahead = timedelta(0)
        self.proxy_credentials: Optional[str] = None
        self.hangs_up = False
        self.targets: List[str] = []
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.service = self
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        self.url = f"{'http' if context is None else 'https'}://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    service: SmallService

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that does not trust the certificate hangs up."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        service = self.server.service
        service.targets.append(self.path)
        self.close_connection = True
        if service.hangs_up:
            return
        if self._lacks_credentials():
            return
        route = "/" + self.path.partition("://")[2].partition("/")[2] if "://" in self.path else self.path
        route = route.partition("?")[0]
        answers = {"/health": service.health, "/openapi.json": service.document, "/v1/sessions": {"data": []}}
        accepted = route != "/v1/sessions" or self.headers["X-API-Key"] == KEY
        status = service.statuses.get(route, 200 if accepted else 401)
        body = answers.get(route, {})
        self._answer(status, body if isinstance(body, bytes) else json.dumps(body).encode())

    def do_CONNECT(self) -> None:
        self.server.service.targets.append(self.path)
        if self._lacks_credentials():
            return
        host, _, port = self.path.partition(":")
        with socket.create_connection((host, int(port))) as target:
            self.send_response(200)
            self.end_headers()
            back = threading.Thread(target=_pump, args=(target, self.connection), daemon=True)
            back.start()
            _pump(self.connection, target)
            back.join()
        self.close_connection = True

    def date_time_string(self, timestamp: Optional[float] = None) -> str:
        return format_datetime(datetime.now(timezone.utc) + self.server.service.clock_ahead, usegmt=True)

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing."""

    def _lacks_credentials(self) -> bool:
        asked_for = self.server.service.proxy_credentials
        if asked_for is None or self.headers["Proxy-Authorization"] == asked_for:
            return False
        self._answer(407, b"")
        return True

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        for part in iter(lambda: source.recv(65536), b""):
            target.sendall(part)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
