"""OpenTelemetry: one client span per call, with its attempts as events. No body, no query, no id.

Enabled if `opentelemetry-api` is installed (the extra `statebase[otel]`) and the application has set a tracer provider.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext, suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any, ContextManager, Dict, Generator

from .._base.errors import StateBaseError
from .._base.version import __version__
from .call import Call

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

_NO_SPAN = nullcontext()


class Telemetry:
    """Creates the spans of one client."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._trace: Any = None
        with suppress(ImportError):
            self._trace = import_module("opentelemetry.trace")

    def span(self, call: Call) -> ContextManager[object]:
        """Create the span of a call, as a context manager."""
        trace = self._trace
        if trace is None or isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
            return _NO_SPAN
        return self._recorded(trace.get_tracer("statebase", __version__), call)

    @contextmanager
    def _recorded(self, tracer: Tracer, call: Call) -> Generator[None, None, None]:
        from opentelemetry.trace import SpanKind, Status, StatusCode

        operation = call.operation
        with tracer.start_as_current_span(
            f"{operation.method} {operation.path}",
            kind=SpanKind.CLIENT,
            attributes={
                "http.request.method": operation.method,
                "url.template": operation.path,
                "server.address": self._host,
                "statebase.operation": operation.id,
            },
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield
            except BaseException as error:
                span.set_status(Status(StatusCode.ERROR, type(error).__name__))
                span.set_attribute("error.type", type(error).__name__)
                if isinstance(error, StateBaseError):
                    span.set_attribute("statebase.outcome", error.outcome)
                raise
            finally:
                _add_attempts(span, call)


def _add_attempts(span: Span, call: Call) -> None:
    for number, attempt in enumerate(call.attempts, start=1):
        known: Dict[str, Any] = {
            "statebase.attempt": number,
            "statebase.phase": attempt.phase,
            "statebase.elapsed_seconds": attempt.elapsed_seconds,
            "http.response.status_code": attempt.status_code,
            "statebase.request_id": attempt.request_id,
            "error.type": attempt.error,
        }
        attributes = {name: value for name, value in known.items() if value is not None}
        span.add_event("attempt", attributes, timestamp=int(attempt.started_at.timestamp() * 1e9))
    if call.attempts:
        span.set_attribute("http.request.resend_count", len(call.attempts) - 1)
        status = call.attempts[-1].status_code
        if status is not None:
            span.set_attribute("http.response.status_code", status)
