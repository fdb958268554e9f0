"""Servers that answer with canned bodies as fast as they can, each in a process of its own.

    python -m benchmarks.server [--delay MILLISECONDS] [--tls DIRECTORY]

Prints its port. Plain HTTP/1.1 is an asyncio protocol that does no more than it must; TLS, with HTTP/1.1 and HTTP/2, is
hypercorn's.
"""

from __future__ import annotations

import argparse
import asyncio
from http import HTTPStatus
from pathlib import Path
from typing import Any

from benchmarks.bodies import answer
from benchmarks.processes import pin

_LENGTH = b"content-length:"


class _Canned(asyncio.Protocol):
    def __init__(self, delay_seconds: float) -> None:
        self._delay_seconds = delay_seconds
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end]
            start = head.lower().find(_LENGTH)
            length = int(head[start + len(_LENGTH) :].split(b"\r\n", 1)[0]) if start >= 0 else 0
            if len(self._received) < end + 4 + length:
                return
            self._received = self._received[end + 4 + length :]
            self._answer(head)

    def _answer(self, head: bytes) -> None:
        method, target, _ = head.split(b" ", 2)
        status, body = answer(method.decode(), target.decode())
        reply = (
            b"HTTP/1.1 %d %s\r\ncontent-type: application/json\r\nx-request-id: req_1\r\ncontent-length: %d\r\n\r\n"
            % (
                status,
                HTTPStatus(status).phrase.encode(),
                len(body),
            )
        )
        if self._delay_seconds:
            asyncio.get_running_loop().call_later(self._delay_seconds, self._transport.write, reply + body)
        else:
            self._transport.write(reply + body)


async def _serve_plain(delay_seconds: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Canned(delay_seconds), "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def _serve_tls(delay_seconds: float, directory: Path) -> None:
    import trustme
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(str(directory / "authority.pem"))
    certificate.private_key_and_cert_chain_pem.write_to_path(str(directory / "server.pem"))

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        while (await receive()).get("more_body"):
            pass
        if delay_seconds:
            await asyncio.sleep(delay_seconds)
        status, body = answer(scope["method"], scope["path"])
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    config = Config()
    config.bind = ["127.0.0.1:0"]
    config.certfile = config.keyfile = str(directory / "server.pem")
    config.alpn_protocols = ["h2", "http/1.1"]
    config.keep_alive_max_requests = 10**9
    config.backlog = 2048
    config.loglevel = "ERROR"
    sockets = config.create_sockets()
    config.create_sockets = lambda: sockets  # type: ignore[method-assign]  # to know the port, it was bound already
    print(sockets.secure_sockets[0].getsockname()[1], flush=True)
    await serve(application, config)  # type: ignore[arg-type]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--delay", type=float, default=0.0, metavar="MILLISECONDS")
    parser.add_argument("--tls", type=Path, metavar="DIRECTORY")
    options = parser.parse_args()
    pin("server")
    delay_seconds = options.delay / 1000
    asyncio.run(_serve_tls(delay_seconds, options.tls) if options.tls else _serve_plain(delay_seconds))


if __name__ == "__main__":
    main()
