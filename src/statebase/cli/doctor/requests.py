"""Requests of the doctor: sent once, with a time limit, and with the details of the TLS connection."""

from __future__ import annotations

import json
import ssl
from datetime import datetime
from typing import Any, Mapping, NamedTuple, Optional

import httpx

from ..._base.clock import Clock
from ..._base.deadline import within
from ..._base.version import __version__

_STEP_SECONDS = 10.0
"""Limit for connecting, and for each wait for data."""
_REQUEST_SECONDS = 15.0
_MOST_BYTES = 8 * 1024 * 1024


class Tls(NamedTuple):
    """The TLS protocol and certificate of a connection."""

    protocol: str
    certificate: Mapping[str, Any]
    """As `ssl.SSLSocket.getpeercert` returns it."""


class Reply(NamedTuple):
    """A response, and when it was requested and received."""

    status: int
    headers: httpx.Headers
    body: bytes
    tls: Optional[Tls]
    asked_at: datetime
    answered_at: datetime

    def json(self) -> Any:
        """Return the body, parsed.

        Raises:
            ValueError: The body is not JSON, or is nested too deeply.
        """
        try:
            return json.loads(self.body)
        except RecursionError as error:
            raise ValueError("the response is nested too deeply") from error


class Wire:
    """Sends requests as a client does: with the same CA certificates and the same proxy.

    Args:
        base_url: The address of the service.
        proxy: The proxy to use; None for a direct connection.
        clock: The clock for the times of a reply.

    Raises:
        OSError: The CA certificates cannot be read.
    """

    def __init__(self, base_url: str, proxy: Optional[str], clock: Clock) -> None:
        is_proxy_tls = (proxy or "").startswith("https:")
        context = httpx.create_ssl_context() if base_url.startswith("https:") or is_proxy_tls else None
        transport = httpx.HTTPTransport(
            verify=context or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),  # that trusts no certificate, and is not used
            proxy=None if proxy is None else httpx.Proxy(proxy, ssl_context=context if is_proxy_tls else None),
        )
        self._base_url = base_url
        self._clock = clock
        self._client = httpx.Client(transport=transport, timeout=_STEP_SECONDS, trust_env=False)

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._client.close()

    def get(self, path: str, headers: Optional[Mapping[str, str]] = None) -> Reply:
        """Send a GET request once; redirects are not followed.

        Raises:
            httpx.HTTPError: There was no response.
            ssl.SSLError: The TLS handshake failed.
            TimeoutError: The response was not complete in time.
            ValueError: The response is too large.
        """
        return within(_REQUEST_SECONDS, lambda: self._get(path, headers or {}))

    def _get(self, path: str, headers: Mapping[str, str]) -> Reply:
        asked_at = self._clock.now()
        agent = {"User-Agent": f"statebase-doctor/{__version__}"}
        with self._client.stream("GET", f"{self._base_url}{path}", headers={**agent, **headers}) as response:
            answered_at = self._clock.now()
            tls = _tls_of(response)  # while the connection is open
            body = bytearray()
            for part in response.iter_bytes():
                body += part
                if len(body) > _MOST_BYTES:
                    raise ValueError(f"the response has more than {_MOST_BYTES:,} bytes")
            return Reply(response.status_code, response.headers, bytes(body), tls, asked_at, answered_at)


def certificate_failure(error: Optional[BaseException]) -> Optional[ssl.SSLError]:
    """Return the TLS error that caused an error; None if another error did."""
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return error
        error = error.__cause__ or error.__context__
    return None


def _tls_of(response: httpx.Response) -> Optional[Tls]:
    stream: Any = response.extensions["network_stream"]
    connection: Any = stream.get_extra_info("ssl_object")
    return None if connection is None else Tls(connection.version(), connection.getpeercert() or {})
