"""The embedded engine as a server: what `statebase serve` runs, also for programs and tests, in their process.

`create_app` returns an ASGI application for an engine, for any ASGI server. `serve_in_thread` runs it with hypercorn
during a `with` block; that requires `pip install "statebase[server]"`.
"""

from __future__ import annotations

from .app import create_app
from .limits import Limits
from .listening import RunningServer, serve_in_thread

__all__ = ["Limits", "RunningServer", "create_app", "serve_in_thread"]
