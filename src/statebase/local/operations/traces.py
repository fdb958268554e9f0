"""Traces: get and list."""

from __future__ import annotations

from typing import Any, Optional, Sequence

from ..._generated.models import (
    SessionTraceListResponse,
    TraceContext,
    TraceListItem,
    TraceListResponse,
    TraceResponse,
)
from ..._generated.queries import ListSessionTracesQuery, ListTracesQuery
from .. import jsontext
from ..caller import LOCAL, Caller
from ..clock import to_datetime, to_microseconds
from ..errors import not_found, unknown_cursor
from ..storage.tables.traces import TraceRow
from .core import OperationGroup
from .response import Outcome, Response, fitting, operation


class TraceOperations(OperationGroup):
    """The operations on traces."""

    @operation
    def get_trace(self, trace_id: str, context: Caller = LOCAL) -> Outcome[TraceResponse]:
        """Return a trace with its details."""
        with self._core.read(snapshot=False):
            trace = self._store.traces.find(trace_id)
        if trace is None:
            raise not_found("trace", trace_id)
        return Response(
            TraceResponse(
                **_fields(trace),
                actor_id=trace.actor_id,
                details=jsontext.decode(trace.details),
                context=TraceContext(request_id=trace.request_id, api_key_id=trace.actor_id),
                ip_address=None,
            )
        )

    @operation
    def list_traces(self, query: ListTracesQuery, context: Caller = LOCAL) -> Outcome[TraceListResponse]:
        """Return a page of all traces that match the filters, newest first."""
        with self._core.read():
            traces = self._store.traces.page(
                query.limit + 1,
                from_us=None if query.start_time is None else to_microseconds(query.start_time),
                before_us=None if query.end_time is None else to_microseconds(query.end_time),
                session_id=query.session_id,
                action=query.action,
                resource_type=query.resource_type,
                resource_id=query.resource_id,
            )
        page = [list_item(trace) for trace in traces[: query.limit]]
        return Response(TraceListResponse(data=page, has_more=len(traces) > query.limit))

    @operation
    def list_session_traces(
        self, session_id: str, query: ListSessionTracesQuery, context: Caller = LOCAL
    ) -> Outcome[SessionTraceListResponse]:
        """Return a page of the traces of a session, which may have been deleted; newest first."""
        with self._core.read():
            self._check_session(session_id)
            before_seq: Optional[int] = None
            if query.starting_after is not None:
                seen = self._store.traces.find(query.starting_after)
                if seen is None or seen.session_id != session_id:
                    raise unknown_cursor(query.starting_after)
                before_seq = seen.seq
            traces = self._store.traces.page(
                query.limit + 1, before_seq=before_seq, session_id=session_id, action=query.action
            )
        shown: Sequence[TraceRow] = traces[: query.limit]
        if "trace-details" in context.extensions:
            shown = fitting(shown, lambda trace: len(trace.details))
            page = [list_item(trace, details=jsontext.decode(trace.details)) for trace in shown]
        else:
            page = [list_item(trace) for trace in shown]
        return Response(SessionTraceListResponse(data=page, has_more=len(traces) > len(shown)))

    def _check_session(self, session_id: str) -> None:
        """Check that the session exists or was deleted: traces are kept. If it expired or never existed: 404."""
        session = self._store.sessions.find(session_id)
        if session is not None:
            self._core.session(session_id, self._core.now_us())
            return
        newest = self._store.traces.page(1, session_id=session_id)
        if not newest or newest[0].action == "session.expired":
            raise not_found("session", session_id)


def list_item(trace: TraceRow, **more: Any) -> TraceListItem:
    """Return a trace in the format of lists, with more fields."""
    return TraceListItem.model_validate({**_fields(trace), **more})


def _fields(trace: TraceRow) -> dict[str, Any]:
    return {
        "id": trace.id,
        "session_id": trace.session_id,
        "action": trace.action,
        "resource_type": trace.resource_type,
        "resource_id": trace.resource_id,
        "actor": trace.actor,
        "timestamp": to_datetime(trace.time_us),
    }
