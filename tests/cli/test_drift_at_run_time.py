"""The API that a server describes is compared with the one of this SDK, by what a call sends and reads."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any, Callable, List

import pytest

from statebase.cli.doctor.drift import differences
from tests.server.small_service import DOCUMENT_FILE

OURS = json.loads(DOCUMENT_FILE.read_text("utf-8"))
SERVED = Path(__file__).parents[2] / "openapi" / "statebase-v1.json"


def schema(document: Any, name: str) -> Any:
    return document["components"]["schemas"][name]


def without(mapping: Any, key: str) -> None:
    del mapping[key]


CASES: List[Any] = [
    (lambda d: d["paths"].pop("/v1/traces"), True, "The server lacks GET /v1/traces."),
    (lambda d: d["paths"]["/v1/traces"].update(put={}), False, "The server also has PUT /v1/traces."),
    (
        lambda d: d["paths"]["/v1/sessions"]["get"]["parameters"].pop(0),
        True,
        "GET /v1/sessions: the server lacks the parameter agent_id.",
    ),
    (
        lambda d: d["paths"]["/v1/sessions"]["get"]["parameters"].append({"name": "colour", "in": "query"}),
        False,
        "GET /v1/sessions: the server also takes the parameter colour.",
    ),
    (
        lambda d: d["paths"]["/v1/sessions"]["get"]["parameters"].append(
            {"name": "colour", "in": "query", "required": True}
        ),
        True,
        "GET /v1/sessions: the server requires the parameter colour.",
    ),
    (
        lambda d: d["paths"]["/v1/sessions"]["get"]["parameters"][1].update(schema={"type": "string"}),
        True,
        "GET /v1/sessions, parameter limit: the server has type string, the SDK expects integer.",
    ),
    (
        lambda d: without(schema(d, "SessionCreateRequest")["properties"], "ttl_seconds"),
        True,
        "SessionCreateRequest: the server lacks ttl_seconds.",
    ),
    (
        lambda d: schema(d, "SessionCreateRequest")["required"].append("user_id"),
        True,
        "SessionCreateRequest: the server requires user_id.",
    ),
    (
        lambda d: schema(d, "SessionCreateRequest")["properties"].update(colour={"type": "string"}),
        False,
        "SessionCreateRequest: the server also has colour.",
    ),
    (
        lambda d: schema(d, "TurnResponse")["required"].remove("turn_number"),
        True,
        "TurnResponse: the server may leave out turn_number.",
    ),
    (
        lambda d: schema(d, "TurnResponse")["properties"].update(turn_number={"type": "string"}),
        True,
        "TurnResponse.turn_number: the server has type string, the SDK expects integer.",
    ),
    (
        lambda d: schema(d, "SessionListItem")["properties"].update(
            id={"anyOf": [{"type": "string"}, {"type": "null"}]}
        ),
        True,
        "SessionListItem.id: the server has type null or string, the SDK expects string.",
    ),
    (
        lambda d: schema(d, "SessionListItem")["properties"].update(id={"type": ["string", "null"]}),
        True,
        "SessionListItem.id: the server has type null or string, the SDK expects string.",
    ),
    (
        lambda d: schema(d, "TurnInput")["required"].append("language"),
        False,
        None,  # a requirement of a property that is nowhere described says nothing
    ),
]


@pytest.mark.parametrize(("change", "matters", "text"), CASES)
def test_differences(change: Callable[[Any], Any], matters: bool, text: Any) -> None:
    """Each kind of difference is told in one sentence, once, wherever the schema is used."""
    theirs = copy.deepcopy(OURS)
    change(theirs)

    assert differences(OURS, theirs) == ([] if text is None else [(matters, text)])


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["paths"].update({"/v1/traces/{id}": d["paths"].pop("/v1/traces/{trace_id}")}),
        lambda d: schema(d, "SessionListItem")["properties"].update(user_id={"type": "string"}),
        lambda d: schema(d, "HealthStatus")["properties"].update(uptime_seconds={"type": "integer"}),
        lambda d: schema(d, "TurnResponse")["properties"].update(turn_number={}),
        lambda d: schema(d, "TurnResponse")["properties"]["id"].update(format="uuid", description="Other words."),
        lambda d: schema(d, "TurnResponse")["properties"]["turn_number"].update({"$ref": "#/components/absent"}),
        lambda d: d.update(info={"version": "2.0"}, servers=[]),
    ],
)
def test_what_does_no_harm_is_not_told(change: Callable[[Any], Any]) -> None:
    """Names of path parameters, words, answers that promise more than is needed, schemas that say nothing."""
    theirs = copy.deepcopy(OURS)
    change(theirs)

    assert differences(OURS, theirs) == []


def test_document_of_the_service() -> None:
    """Of the document that the SDK was made from, only what the overlay adds is missing; nothing is beside."""
    found = differences(OURS, json.loads(SERVED.read_text("utf-8")))

    assert (True, "The server lacks POST /v1/sessions/{session_id}/fork.") in found
    assert all("lacks" in difference.text for difference in found)
    assert len(found) < 25


@pytest.mark.parametrize("document", [{}, {"paths": []}, {"paths": {"/": 5}}, {"paths": {"/health": {"get": []}}}])
def test_documents_that_make_no_sense(document: Any) -> None:
    """Anything that is JSON can be compared."""
    assert differences(OURS, document)[0].matters


def test_references_in_circles() -> None:
    """A document whose references never end is passed over."""
    theirs = copy.deepcopy(OURS)
    theirs["components"]["schemas"]["TurnResponse"] = {"$ref": "#/components/schemas/TurnResponse"}
    theirs["components"]["schemas"]["TurnInput"] = {"anyOf": [{"$ref": "#/components/schemas/TurnInput"}] * 3}

    assert differences(OURS, theirs) == []


def test_schemas_of_themselves() -> None:
    """A schema that holds itself, in both documents, is compared once."""
    ours = copy.deepcopy(OURS)
    ours["components"]["schemas"]["TurnInput"]["properties"]["of"] = {"$ref": "#/components/schemas/TurnInput"}
    theirs = copy.deepcopy(ours)
    del theirs["components"]["schemas"]["TurnInput"]["properties"]["type"]

    assert [difference.text for difference in differences(ours, theirs)] == ["TurnInput: the server lacks type."]
