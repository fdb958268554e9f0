"""Mistakes that a type checker tells of: each line says at its end what mypy and pyright report there, and nothing else."""

# Not strict: what follows from an unknown name is not of interest.
# pyright: standard

from __future__ import annotations

import httpx

from statebase import AsyncStateBase, NotFoundError, StateBase, models


def clients(http_client: httpx.AsyncClient) -> None:
    """Options of the wrong kind."""
    StateBase("sb_key", 5.0)  # mypy: arg-type; pyright: reportArgumentType
    StateBase(timeout="5")  # mypy: arg-type; pyright: reportArgumentType
    StateBase(retries=3)  # mypy: arg-type; pyright: reportArgumentType
    StateBase(http_client=http_client)  # mypy: arg-type; pyright: reportArgumentType
    StateBase(event_hooks={"request": [print]})  # mypy: arg-type; pyright: reportArgumentType
    StateBase.local(durability="most")  # mypy: arg-type; pyright: reportArgumentType
    StateBase().with_options(api_key="sb_other")  # mypy: call-arg; pyright: reportCallIssue


def methods(client: StateBase) -> None:
    """Arguments that are missing, misspelt, or of the wrong kind."""
    client.sessions.create()  # mypy: call-arg; pyright: reportCallIssue
    client.sessions.create(5)  # mypy: arg-type; pyright: reportArgumentType
    client.sessions.create("agent", ttl="60")  # mypy: call-arg; pyright: reportCallIssue
    client.sessions.create("agent", initial_state=[1])  # mypy: arg-type; pyright: reportArgumentType
    client.sessions.get(None)  # mypy: arg-type; pyright: reportArgumentType
    client.sessions.get("sess_1", idempotency_key="k")  # mypy: call-arg; pyright: reportCallIssue
    client.sessions.get("sess_1", time_out=5)  # mypy: call-arg; pyright: reportCallIssue
    client.sessions.list(limit="5")  # mypy: arg-type; pyright: reportArgumentType
    client.sessions.list(limit=None)  # mypy: arg-type; pyright: reportArgumentType
    client.sessions.list(metadata=["chat"])  # mypy: arg-type; pyright: reportArgumentType
    client.sessions.list(metadata={1: "chat"})  # mypy: dict-item; pyright: reportArgumentType
    client.sessions.add_turn("sess_1", 5, "hello")  # mypy: arg-type; pyright: reportArgumentType
    client.sessions.add_turn("sess_1", "hi")  # mypy: call-arg; pyright: reportCallIssue
    client.sessions.ingest("sess_1", [5])  # mypy: list-item; pyright: reportArgumentType
    client.state.rollback("sess_1", "last")  # mypy: arg-type; pyright: reportArgumentType
    client.memory.search("tea", threshold="high")  # mypy: arg-type; pyright: reportArgumentType
    client.memory.update("mem_1", tags="tea", metadata="text")  # mypy: arg-type; pyright: reportArgumentType
    client.memory.find("tea")  # mypy: attr-defined; pyright: reportAttributeAccessIssue
    print(client.turns)  # mypy: attr-defined; pyright: reportAttributeAccessIssue


def results(client: StateBase) -> None:
    """Answers that are taken for something else."""
    number: int = client.sessions.get("sess_1").agent_id  # mypy: assignment; pyright: reportAssignmentType
    length = len(client.sessions.get("sess_1").user_id)  # mypy: arg-type; pyright: reportArgumentType
    turn: models.TurnResponse = client.sessions.get("sess_1")  # mypy: assignment; pyright: reportAssignmentType
    deleted = client.sessions.delete("sess_1")  # mypy: func-returns-value
    print(number, length, turn, deleted)
    print(client.sessions.get("sess_1").nothing)  # mypy: attr-defined; pyright: reportAttributeAccessIssue


async def asynchronous(client: AsyncStateBase) -> None:
    """Forgotten awaits."""
    print(client.sessions.get("sess_1").id)  # mypy: attr-defined; pyright: reportAttributeAccessIssue
    for item in client.sessions.list():  # mypy: attr-defined; pyright: reportGeneralTypeIssues
        print(item)
    with client:  # mypy: attr-defined; pyright: reportGeneralTypeIssues
        pass


def errors(error: NotFoundError) -> None:
    """Attributes that an error does not have."""
    print(error.status)  # mypy: attr-defined; pyright: reportAttributeAccessIssue
    print(error.outcome == "perhaps")  # mypy: comparison-overlap
