"""The responses of the canned servers, and the request bodies of the clients."""

from __future__ import annotations

import json
from typing import Any

SESSION_ID = "sess_0123456789ab"
CREATED = "2026-01-02T03:04:05.000006Z"
TURN_INPUT = {"type": "text", "content": "Where is my parcel? I ordered it ten days ago."}
TURN_OUTPUT = {"type": "text", "content": "It left the warehouse this morning and should arrive on Friday."}

SESSION: dict[str, Any] = {
    "id": SESSION_ID,
    "agent_id": "support-bot",
    "user_id": "user_42",
    "created_at": CREATED,
    "updated_at": CREATED,
    "metadata": {"channel": "web", "locale": "en-GB"},
    "state": {"plan": "basic", "step": 3, "open_tickets": ["T-1", "T-2"]},
    "memory_count": 4,
    "turn_count": 12,
    "ttl_expires_at": CREATED,
    "object": "session",
}
TURN: dict[str, Any] = {
    "id": "turn_0123456789ab",
    "session_id": SESSION_ID,
    "created_at": CREATED,
    "turn_number": 12,
    "input": TURN_INPUT,
    "output": TURN_OUTPUT,
    "metadata": None,
    "reasoning": None,
    "object": "turn",
}


def context_packet(memories: int = 20, turns: int = 50, characters: int = 230) -> dict[str, Any]:
    """Return a context of about 40 KB."""
    text = ('"Where is it?" It left the warehouse in Tromsø,\nand the courier says: by Friday. ' * 9)[:characters]
    return {
        "state": SESSION["state"],
        "memories": [
            {"id": f"mem_{n:012}", "content": f"{n} {text}", "type": "fact", "score": 0.9, "tags": ["parcel"]}
            | {"created_at": CREATED, "session_id": SESSION_ID}
            for n in range(memories)
        ],
        "recent_turns": [
            {"id": f"turn_{n:012}", "turn_number": n, "created_at": CREATED}
            | {"input": {"type": "text", "content": text}, "output": {"type": "text", "content": text}}
            for n in range(turns)
        ],
        "drift_warning": False,
        "average_relevance": 0.9,
    }


def _page(items: list[dict[str, Any]]) -> dict[str, Any]:
    return {"data": items, "has_more": False, "object": "list"}


def _turn_list(packet: dict[str, Any]) -> dict[str, Any]:
    return _page(
        [
            {"id": turn["id"], "turn_number": turn["turn_number"], "created_at": CREATED, "object": "turn"}
            | {"session_id": SESSION_ID}
            | {"input_preview": turn["input"]["content"][:100], "output_preview": turn["output"]["content"][:100]}
            for turn in packet["recent_turns"]
        ]
    )


_PACKET = context_packet()
PACKET = json.dumps(_PACKET, ensure_ascii=False).encode()
STATE = {
    "session_id": SESSION_ID,
    "version": 3,
    "state": SESSION["state"],
    "created_at": CREATED,
    "updated_at": CREATED,
}
FOUND = _page(_PACKET["memories"]) | {"query": "parcel"}

ANSWERS: dict[tuple[str, str], bytes] = {
    ("GET", f"/v1/sessions/{SESSION_ID}/state"): json.dumps(STATE).encode(),
    ("GET", f"/v1/sessions/{SESSION_ID}/turns"): json.dumps(_turn_list(_PACKET)).encode(),
    ("GET", "/v1/memories"): json.dumps(FOUND).encode(),
    ("POST", f"/v1/sessions/{SESSION_ID}/context"): PACKET,
}
_OTHERWISE = {"GET": json.dumps(SESSION).encode(), "POST": json.dumps(TURN).encode()}


def answer(method: str, target: str) -> tuple[int, bytes]:
    """Return the response of a canned server: a session to any other GET, a turn to any other POST."""
    body = ANSWERS.get((method, target.partition("?")[0]))
    if body is not None:
        return 200, body
    return (200 if method == "GET" else 201), _OTHERWISE[method]
