"""A LangGraph agent with checkpoints and long-term memory in one file, which asks before it books, and goes on later.

Run it with `python examples/langgraph_agent.py`, after `pip install "statebase[local,langgraph]" langgraph`. No server,
no key, no network: the model is a script. With `StateBase()` in place of `StateBase.local(path)`, the same agent uses
the service.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, List

from langchain_core.messages import AIMessage, AnyMessage
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.store.base import BaseStore
from langgraph.types import Command, interrupt

from statebase import StateBase
from statebase.integrations.langgraph import StateBaseSaver, StateBaseStore

FACTS = ("users", "ada", "facts")
CALL = {"name": "book", "args": {"hotel": "Hotel Wiesler", "nights": 2}, "id": "call_1"}


def model(messages: List[AnyMessage], facts: List[str]) -> AIMessage:
    """Answer the last message. Put the call of your model here, such as `init_chat_model(...).invoke(...)`."""
    last = messages[-1]
    if last.type == "tool":
        return AIMessage(f"{last.content} I noted that it has {facts[0].split()[-1]} rooms.")
    return AIMessage("", tool_calls=[CALL])


def answer(state: MessagesState, *, store: BaseStore) -> Dict[str, Any]:
    """Find what is known of the user by its meaning, and ask the model."""
    found = store.search(FACTS, query=str(state["messages"][0].content), limit=1)
    return {"messages": [model(state["messages"], [item.value["text"] for item in found])]}


def book(state: MessagesState) -> Dict[str, Any]:
    """Book what the model asked for, if a person agrees."""
    last = state["messages"][-1]
    assert isinstance(last, AIMessage)
    (call,) = last.tool_calls
    agreed = interrupt(f"Book {call['args']['nights']} nights at {call['args']['hotel']}?")
    result = "Booked." if agreed == "yes" else "Not booked."
    return {"messages": [{"role": "tool", "content": result, "tool_call_id": call["id"]}]}


def after_answer(state: MessagesState) -> str:
    """Return the next node."""
    last = state["messages"][-1]
    return "book" if isinstance(last, AIMessage) and last.tool_calls else END


def agent(client: StateBase) -> Any:
    """Return the agent, whose threads and memories are in StateBase."""
    builder = StateGraph(MessagesState)
    builder.add_node("answer", answer)
    builder.add_node("book", book)
    builder.add_edge(START, "answer")
    builder.add_conditional_edges("answer", after_answer, ["book", END])
    builder.add_edge("book", "answer")
    return builder.compile(checkpointer=StateBaseSaver(client), store=StateBaseStore(client, index=["text"]))


def main(path: Path) -> None:
    """Stop where a person must agree, and go on with a new client, as another process would."""
    thread: Any = {"configurable": {"thread_id": "ada-1"}}
    with StateBase.local(path) as client:
        store = StateBaseStore(client, index=["text"])
        store.put(FACTS, "rooms", {"text": "Ada always wants rooms that are quiet"})
        store.put(FACTS, "food", {"text": "Ada does not eat meat"})
        said = {"messages": [{"role": "user", "content": "Find me a place to sleep in Graz, no noise please"}]}
        result = agent(client).invoke(said, thread)
        print("agent asks:", result["__interrupt__"][0].value)

    with StateBase.local(path) as client:
        result = agent(client).invoke(Command(resume="yes"), thread)
        print("agent:", result["messages"][-1].content)

        history = list(agent(client).get_state_history(thread))
        print("checkpoints:", len(history))
        before = next(snapshot for snapshot in history if snapshot.next == ("book",))
        agent(client).invoke(None, before.config)  # back to the question, which is asked again
        result = agent(client).invoke(Command(resume="no"), thread)
        print("agent, if the answer is no:", result["messages"][-1].content)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as directory:
            main(Path(directory) / "agent.db")
