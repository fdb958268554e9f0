"""How a doctor talks to a service: requests that are made once, end in time, and say what the connection was like."""

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
"""How long connecting may take, and each wait for data."""
_REQUEST_SECONDS = 15.0
_MOST_BYTES = 8 * 1024 * 1024


class Tls(NamedTuple):
    """How a connection was encrypted."""

    protocol: str
    certificate: Mapping[str, Any]
    """As Python's `ssl` gives it."""


class Reply(NamedTuple):
    """An answer."""

    status: int
    headers: httpx.Headers
    body: bytes
    tls: Optional[Tls]
    asked_at: datetime
    answered_at: datetime

    def json(self) -> Any:
        """Return what the body says.

        Raises:
            ValueError: It is not JSON, or nested too deeply to be read.
        """
        try:
            return json.loads(self.body)
        except RecursionError as error:
            raise ValueError("the answer is nested too deeply") from error


class Wire:
    """Sends requests the way a client does: the same authorities, the same proxy.

    Args:
        base_url: The address of the service.
        proxy: The proxy to go through.
        clock: Tells the time.

    Raises:
        OSError: The certificates of the authorities cannot be read.
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
        """Ask for something once; redirects are not followed.

        Raises:
            httpx.HTTPError: No answer came.
            ssl.SSLError: The connection could not be encrypted.
            TimeoutError: The answer did not come to its end in time.
            ValueError: The answer is too large.
        """
        return within(_REQUEST_SECONDS, lambda: self._get(path, headers or {}))

    def _get(self, path: str, headers: Mapping[str, str]) -> Reply:
        asked_at = self._clock.now()
        agent = {"User-Agent": f"statebase-doctor/{__version__}"}
        with self._client.stream("GET", f"{self._base_url}{path}", headers={**agent, **headers}) as response:
            answered_at = self._clock.now()
            tls = _tls_of(response)  # as long as the connection is there
            body = bytearray()
            for part in response.iter_bytes():
                body += part
                if len(body) > _MOST_BYTES:
                    raise ValueError(f"the answer has more than {_MOST_BYTES:,} bytes")
            return Reply(response.status_code, response.headers, bytes(body), tls, asked_at, answered_at)


def certificate_failure(error: Optional[BaseException]) -> Optional[ssl.SSLError]:
    """Return what went wrong with TLS, where that is the cause of an error."""
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return error
        error = error.__cause__ or error.__context__
    return None


def _tls_of(response: httpx.Response) -> Optional[Tls]:
    stream: Any = response.extensions["network_stream"]
    connection: Any = stream.get_extra_info("ssl_object")
    return None if connection is None else Tls(connection.version(), connection.getpeercert() or {})
