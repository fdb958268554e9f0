"""The embedded engine behind a port: what `statebase serve` runs, for programs and tests that want it in-process.

`create_app` makes an ASGI application of an engine, for any server. `serve_in_thread` runs one with hypercorn, which
`pip install "statebase[server]"` brings, while a `with` block lasts.
"""

from __future__ import annotations

from .app import create_app
from .limits import Limits
from .listening import RunningServer, serve_in_thread

__all__ = ["Limits", "RunningServer", "create_app", "serve_in_thread"]
