"""An agent's loop on asyncio: three customers at once, one client, and a booking that fails and is undone.

Run it with `python examples/async_agent_loop.py`. No server, no key, no network: the model is a script, and the engine
runs inside this process. With `AsyncStateBase()` in place of `AsyncStateBase.local()` the same loop uses the service.
"""

from __future__ import annotations

import asyncio
from typing import Any, Dict, List, Mapping, NamedTuple

from statebase import AsyncStateBase


class Reply(NamedTuple):
    """The reply of the model, and its change of the state."""

    text: str
    changes: Dict[str, Any]


class BookingError(Exception):
    """The restaurant could not do what the state says."""


SCRIPT = {
    "A table for two, please.": Reply("For when?", {"guests": 2}),
    "Tonight at eight.": Reply("Booked: {guests} guests at {time}.", {"time": "20:00"}),
    "A table for six at seven.": Reply("Booked: {guests} guests at {time}.", {"guests": 6, "time": "19:00"}),
    "A table for forty at nine.": Reply("Booked: {guests} guests at {time}.", {"guests": 40, "time": "21:00"}),
    "Then for four.": Reply("Booked: {guests} guests at {time}.", {"guests": 4, "time": "21:00"}),
}


async def model(messages: List[Dict[str, str]]) -> Reply:
    """Answer the last message. Put the call of your model here; `messages` are what chat models take."""
    await asyncio.sleep(0)
    return SCRIPT[messages[-1]["content"]]


async def book(state: Mapping[str, Any]) -> None:
    """Carry out what the state says."""
    await asyncio.sleep(0)
    if state["guests"] > 12:
        raise BookingError(f"There are no {state['guests']} seats")


async def answer(client: AsyncStateBase, session_id: str, said: str) -> str:
    """Run one turn: read the context, ask the model, record the result."""
    context = await client.state.get_context(session_id, query=said)
    reply = await model([*context.to_messages(), {"role": "user", "content": said}])

    updated = await client.state.update_state(session_id, reply.changes, reasoning=said)
    try:
        await book(updated.state)
        text = reply.text.format_map(updated.state)
    except BookingError as error:
        restored = await client.state.rollback(
            session_id, updated.version - 1, reason=str(error), expected_version=updated.version
        )
        text = f"{error}, so nothing was booked."
        print(f"{'':>10}(version {restored.new_version} of the state restores {restored.restored_from_version})")

    await client.sessions.add_turn(session_id, said, text)
    return text


async def converse(client: AsyncStateBase, name: str, session_id: str, sayings: List[str]) -> None:
    """Lead one conversation; the others go on while this one waits."""
    for said in sayings:
        print(f"{name:>5}: {said}")
        print(f"{'to ' + name:>8}: {await answer(client, session_id, said)}")


async def main() -> None:
    """Serve three customers at once with one client."""
    customers = {
        "Ada": ["A table for two, please.", "Tonight at eight."],
        "Bob": ["A table for six at seven."],
        "Eve": ["A table for forty at nine.", "Then for four."],
    }
    async with AsyncStateBase.local() as client:
        sessions = {name: await client.sessions.create("host", user_id=name) for name in customers}
        await asyncio.gather(
            *(converse(client, name, sessions[name].id, sayings) for name, sayings in customers.items())
        )

        print("\nWhat is known in the end:")
        for name, session in sessions.items():
            end = await client.sessions.get(session.id)
            print(f"{name:>5}: {end.turn_count} turns, state {end.state}")


if __name__ == "__main__":
    asyncio.run(main())
