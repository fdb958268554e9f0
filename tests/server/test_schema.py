"""Whatever Schemathesis makes of the OpenAPI document, the application does what the document says.

No failure of the server, no answer that breaks its schema, no request accepted that breaks its own, none refused that
keeps it. The requests are the same in each run.
"""

from __future__ import annotations

import atexit
from typing import Any, Dict, Iterable

import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    negative_data_rejection,
    positive_data_acceptance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from statebase import StateBase
from statebase.local import Engine, LocalTransport
from statebase.server import create_app

API_KEY = "sb_schema"
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    positive_data_acceptance,
    allow_header_conformance,
]
# A request may keep its schema and still ask for what is not there, or is there already, or is too large.
POSSIBLE = ["2XX", "400", "404", "409", "413"]

engine = Engine.open()
atexit.register(engine.close)
schema = schemathesis.openapi.from_asgi("/openapi.json", create_app(engine, api_key=API_KEY))
schema.config.generation.deterministic = True
schema.config.generation.with_security_parameters = False
schema.config.checks.positive_data_acceptance.expected_statuses = POSSIBLE


def make(names: Iterable[str]) -> Dict[str, str]:
    """Create a session and everything that belongs to it; return the IDs by the names of the parameters that take them."""
    with StateBase(API_KEY, "http://localhost", transport=LocalTransport(engine, api_key=API_KEY)) as client:
        session = client.sessions.create("bot", initial_state={"step": 0}).id
        makers = {
            "session_id": lambda: session,
            "turn_id": lambda: client.sessions.add_turn(session, "in", "out").id,
            "memory_id": lambda: client.memory.add("Likes tea", session_id=session).id,
            "entity_id": lambda: client.entities.create(session, "order", "A-1", {}).id,
            "trace_id": lambda: client.traces.list_for_session(session)[0].id,
            "key_id": lambda: client.dashboard.create_key("key").id,
        }
        return {name: makers[name]() for name in names}


def with_integers(body: Any) -> Any:
    """Return a body whose whole numbers are written as such.

    To JSON Schema 1.0 is a whole number; the engine reads strictly.
    """
    if isinstance(body, dict):
        return {key: with_integers(value) for key, value in body.items()}
    if isinstance(body, list):
        return [with_integers(item) for item in body]
    return int(body) if isinstance(body, float) and body.is_integer() else body


@schema.parametrize()
@settings(
    max_examples=8,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_requests_are_answered_as_the_document_says(case: schemathesis.Case) -> None:
    """Requests that keep the document, and such that break it, about things that are there."""
    case.path_parameters = make(case.path_parameters)
    case.body = with_integers(case.body)
    if isinstance(case.body, dict) and isinstance(case.body.get("session_id"), str):
        case.body.update(make(["session_id"]))

    case.call_and_validate(headers={"X-API-Key": API_KEY}, checks=CHECKS)
