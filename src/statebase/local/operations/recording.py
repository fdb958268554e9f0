"""The recording of a change: its trace, in the transaction that makes it."""

from __future__ import annotations

from typing import Any, Mapping

from .. import jsontext
from ..caller import Caller
from ..identifiers import new_id
from ..storage.store import Store
from ..storage.tables.traces import TraceRow


def record(
    store: Store,
    caller: Caller,
    now_us: int,
    action: str,
    session_id: str,
    resource_type: str,
    resource_id: str,
    details: Mapping[str, Any],
) -> str:
    """Record a trace and return its id.

    Args:
        store: The store.
        caller: Who makes the change.
        now_us: The time of the change.
        action: The action, such as `state.updated`.
        session_id: Id of the session.
        resource_type: The type of the changed resource.
        resource_id: Its id.
        details: Details of the change; keys with the value None are left out.
    """
    trace_id = new_id("trace_")
    given = {key: value for key, value in details.items() if value is not None}
    store.traces.insert(
        TraceRow(
            *store.traces.next_number(now_us),
            trace_id,
            session_id,
            action,
            resource_type,
            resource_id,
            caller.actor,
            caller.actor_id,
            caller.request_id,
            jsontext.encode(given),
        )
    )
    return trace_id
