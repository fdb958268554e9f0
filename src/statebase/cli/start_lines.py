"""The start lines of `statebase serve`: where it listens, and how clients find it."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, NamedTuple, Optional

from .._base.version import __version__
from .environment import API_KEY, BASE_URL
from .store import Store
from .terminal import bold

if TYPE_CHECKING:
    from ..server.listener import Listener

_ANY_KEY = "any"


class Start(NamedTuple):
    """The settings of a server that has started."""

    listener: Listener
    store: Optional[Store]
    """None for a store in memory."""
    needs_key: bool
    workers: int

    @property
    def _ca_file(self) -> Optional[str]:
        certificate = self.listener.certificate
        return None if certificate is None else str(certificate.authority.resolve())

    def as_json(self) -> str:
        """Return the start line for programs; `database` and `workers` are in it only if they were passed."""
        store = self.store
        start: Dict[str, Any] = {
            "base_url": self.listener.url,
            "path": str(Path(store.location).resolve()) if store is not None and store.is_file else None,
            "needs_api_key": self.needs_key,
            "ca_file": self._ca_file,
            "pid": os.getpid(),
        }
        if store is not None and not store.is_file:
            start["database"] = store.shown
        if self.workers > 1:
            start["workers"] = self.workers
        return json.dumps(start)

    def as_text(self) -> str:
        """Return the start lines for people."""
        store = "in memory, lost when the server stops" if self.store is None else f"in {self.store.shown}"
        workers = f", with {self.workers} workers" if self.workers > 1 else ""
        key = (
            "Requests must send the API key that you set."
            if self.needs_key
            else "It accepts any key, from this machine only."
        )
        variables = {
            BASE_URL: self.listener.url,
            API_KEY: "(the key that you set)" if self.needs_key else _ANY_KEY,
        }
        if self._ca_file is not None:
            variables["SSL_CERT_FILE"] = self._ca_file
        settings = "\n".join(f"  {_setting(name, value)}" for name, value in variables.items())
        url = bold(self.listener.url, sys.stdout)
        return (
            f"StateBase {__version__} listens on {url}{workers}. The store is {store}.\n"
            f"{key} Ctrl-C stops it. To point clients at it:\n\n{settings}\n"
        )


def _setting(name: str, value: str) -> str:
    """Return the shell command that sets a variable."""
    if sys.platform == "win32":
        return f"$env:{name} = '{value}'"
    return f"export {name}={shlex.quote(value)}"
