"""Service information and health checks."""

from __future__ import annotations

from typing import Any

from ..._base.version import __version__
from ..._generated.models import HealthStatus
from ..caller import LOCAL, Caller
from ..clock import SECOND, to_datetime
from .core import OperationGroup
from .response import Outcome, Response, operation


class SystemOperations(OperationGroup):
    """The operations that need no session."""

    @operation
    def root(self, context: Caller = LOCAL) -> Outcome[dict[str, Any]]:
        """Return the name and the version of the service."""
        return Response({"name": "statebase", "version": __version__, "status": "running"})

    @operation
    def health_check(self, context: Caller = LOCAL) -> Outcome[HealthStatus]:
        """Return the health of the components. Raises an error if the store is not available."""
        with self._core.read(snapshot=False):
            now_us = self._core.now_us()
            self._core.store.size()
        embedder_id = self._core.search.embedder_id
        vectors = {"status": "healthy", "embedder": embedder_id}
        if embedder_id is None:
            vectors = {"status": "off", "search": "keyword search; install statebase[local] for semantic search"}
        return Response(
            HealthStatus(
                status="healthy",
                timestamp=to_datetime(now_us),
                version=__version__,
                uptime_seconds=max(0, now_us - self._core.started_us) / SECOND,
                services={"database": {"status": "healthy"}, "vectors": vectors},
            )
        )

    @operation
    def readiness_probe(self, context: Caller = LOCAL) -> Outcome[dict[str, Any]]:
        """Return that the engine is ready. Raises an error if it is not."""
        with self._core.read(snapshot=False):
            self._core.store.size()
        return Response({"status": "ready"})

    @operation
    def liveness_probe(self, context: Caller = LOCAL) -> Outcome[dict[str, Any]]:
        """Return that the process is running."""
        return Response({"status": "alive"})
