"""A project that uses statebase: the smallest agent that remembers, in both flavours."""

from __future__ import annotations

from statebase import AsyncStateBase, StateBase, StateBaseError


def answer(client: StateBase, session_id: str, question: str) -> str:
    """Answer a question, and remember both."""
    reply = f"You said: {question}"
    client.sessions.add_turn(session_id, question, reply)
    return reply


async def answer_async(client: AsyncStateBase, session_id: str, question: str) -> str:
    """Answer a question, and remember both."""
    reply = f"You said: {question}"
    await client.sessions.add_turn(session_id, question, reply)
    return reply


def answer_anyway(client: StateBase, session_id: str, question: str) -> str:
    """Answer a question, also where it cannot be remembered."""
    try:
        return answer(client, session_id, question)
    except StateBaseError:
        return "I will forget this."
