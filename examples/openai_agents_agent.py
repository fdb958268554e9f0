"""A support agent on the OpenAI Agents SDK: it remembers the conversation, and it can look up orders.

    pip install "statebase[openai-agents,local]"
    OPENAI_API_KEY=... python examples/openai_agents_agent.py --store agents.db "Where is order A-1043?"
    OPENAI_API_KEY=... python examples/openai_agents_agent.py --store agents.db "And when did I ask?"

`OPENAI_BASE_URL` names another server of the API of OpenAI.
"""

from __future__ import annotations

import argparse

from agents import Agent, Runner, function_tool

from statebase import StateBase
from statebase.integrations.openai_agents import StateBaseSession

ORDERS = {"A-1043": "sent yesterday, arrives tomorrow"}


@function_tool
def look_up_order(number: str) -> str:
    """Look up an order by its number."""
    return ORDERS.get(number, "no such order")


def main() -> None:
    """Answer one message of a customer, in the conversation so far."""
    parser = argparse.ArgumentParser(description="A support agent on the OpenAI Agents SDK.")
    parser.add_argument("message")
    parser.add_argument("--store", default="agents.db", help="file of the engine. Default: agents.db")
    parser.add_argument("--user", default="ada", help="the customer. Default: ada")
    options = parser.parse_args()
    agent = Agent("Support", instructions="You help customers of a pottery.", model="gpt-4o", tools=[look_up_order])
    with StateBase.local(options.store) as client:
        session = StateBaseSession(client, "support", user_id=options.user)
        print(Runner.run_sync(agent, options.message, session=session).final_output)


if __name__ == "__main__":
    main()
