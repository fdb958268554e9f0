"""What the engine says about itself."""

from __future__ import annotations

from typing import Any

from ..._base.version import __version__
from ..._generated.models import HealthStatus
from ..clock import SECOND, to_datetime
from .core import Core


class SystemOperations:
    """The operations that need no session."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._started_us = core.now_us()

    def root(self) -> dict[str, Any]:
        """Say what answers here."""
        return {"name": "statebase", "version": __version__, "status": "running"}

    def health(self) -> HealthStatus:
        """Say how the parts are doing; an error says that the store is not."""
        with self._core.read():
            now_us = self._core.now_us()
            self._core.store.size()
        embedder_id = self._core.search.embedder_id
        vectors = {"status": "healthy", "embedder": embedder_id}
        if embedder_id is None:
            vectors = {"status": "off", "search": "by words; install statebase[local] to search by meaning"}
        return HealthStatus(
            status="healthy",
            timestamp=to_datetime(now_us),
            version=__version__,
            uptime_seconds=max(0, now_us - self._started_us) / SECOND,
            services={"database": {"status": "healthy"}, "vectors": vectors},
        )

    def ready(self) -> dict[str, Any]:
        """Say that requests can be answered; an error says that they cannot."""
        with self._core.read():
            self._core.store.size()
        return {"status": "ready"}

    def live(self) -> dict[str, Any]:
        """Say that the process runs."""
        return {"status": "alive"}
