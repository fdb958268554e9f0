"""A listening socket and its address."""

from __future__ import annotations

import socket
from typing import NamedTuple, Optional

from .certificate import Certificate
from .sharing import Share


class Listener(NamedTuple):
    """A listening socket; connections wait in its backlog until the server runs."""

    socket: socket.socket
    host: str
    port: int
    certificate: Optional[Certificate]
    share: Optional[Share] = None
    """The connections of this process, if several accept connections from the socket."""

    @property
    def url(self) -> str:
        """The URL for clients on this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(self.host, self.host)
        scheme = "http" if self.certificate is None else "https"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.port}"
