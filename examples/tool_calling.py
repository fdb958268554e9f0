"""An agent that calls a tool: each call is recorded, and what a bad result did to the state is undone.

Run it with `python examples/tool_calling.py`. No server, no key, no network: model and tool are scripts.
"""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Union

from statebase import StateBase


class ToolCall(NamedTuple):
    """A tool that the model wants to be called."""

    id: str
    name: str
    arguments: Dict[str, Any]


def find_flight(to: str, day: str) -> Dict[str, Any]:
    """Look up a flight. This one has a mistake for Fridays: it gives the price in cents."""
    prices = {"friday": 28900, "saturday": 315}
    return {"to": to, "day": day, "price": prices[day]}


TOOLS = {"find_flight": find_flight}

SCRIPT: Iterator[Union[ToolCall, str]] = iter(
    [
        ToolCall("call_1", "find_flight", {"to": "Oslo", "day": "friday"}),
        ToolCall("call_2", "find_flight", {"to": "Oslo", "day": "saturday"}),
        "There is a flight to Oslo on Saturday for 315 euros.",
    ]
)


def model(messages: List[Dict[str, str]]) -> Union[ToolCall, str]:
    """Choose the next step: a tool to call, or the answer. Put the call of your model here."""
    return next(SCRIPT)


def problem_of(state: Mapping[str, Any]) -> Optional[str]:
    """Return what is wrong with the state; None if nothing is."""
    price, budget = state["flight"]["price"], state["budget"]
    return f"The price {price} is above the budget of {budget}" if price > budget else None


def call_tool(client: StateBase, session_id: str, call: ToolCall) -> None:
    """Call a tool, record it, and keep its result in the state unless that makes the state wrong."""
    result = TOOLS[call.name](**call.arguments)
    turn = client.sessions.add_tool_call(session_id, call.name, call.arguments, result, tool_call_id=call.id)
    print(f"{turn.turn_number}. {turn.input.content}\n   Result: {turn.output.content}")

    updated = client.state.update_state(session_id, {"flight": result}, reasoning=f"Result of {call.id}")
    problem = problem_of(updated.state)
    if problem is None:
        print(f"   Kept: version {updated.version}")
    else:
        # the call stays in the conversation, where the model sees what it tried; the state forgets the result
        restored = client.state.rollback(
            session_id, updated.version - 1, reason=problem, expected_version=updated.version
        )
        print(f"   Undone: {problem}; version {restored.new_version} is {restored.state}")


def answer(client: StateBase, session_id: str, question: str) -> str:
    """Run the model with its tools until it replies, and record the reply."""
    while True:
        context = client.state.get_context(session_id, query=question)
        step = model([*context.to_messages(), {"role": "user", "content": question}])
        if isinstance(step, str):
            turn = client.sessions.add_turn(session_id, question, step)
            print(f"{turn.turn_number}. {question} -> {step}")
            return step
        call_tool(client, session_id, step)


def main() -> None:
    """Look for a flight within a budget."""
    with StateBase.local() as client:
        session = client.sessions.create("travel-agent", initial_state={"budget": 400, "flight": None})
        answer(client, session.id, "How do I get to Oslo this weekend?")

        print("\nThe state, version by version:")
        for version in reversed(client.state.get_state_history(session.id).data):
            print(f"   {version.version}: {version.state}")


if __name__ == "__main__":
    main()
