"""Graphs for the tests, which need no model."""

from __future__ import annotations

import operator
from typing import Annotated, Any, Dict, List, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import Send, interrupt

WIDTH = 60


class State(TypedDict):
    log: Annotated[List[str], operator.add]


class Item(TypedDict):
    number: int


def fan_out(_: State) -> List[Send]:
    return [Send("work", {"number": number}) for number in range(WIDTH)]


def work(item: Item) -> Dict[str, Any]:
    return {"log": [f"work {item['number']}"]}


def review_graph() -> Any:
    """A graph that asks a person twice."""
    builder = StateGraph(State)
    builder.add_node("read", lambda state: {"log": ["read"]})
    builder.add_node("ask", lambda state: {"log": [f"first {interrupt('first?')}", f"second {interrupt('second?')}"]})
    builder.add_edge(START, "read")
    builder.add_edge("read", "ask")
    return builder.compile()


def whole_graph(saver: Any) -> Any:
    """A graph with sixty tasks at once, then a graph in it that asks."""
    builder = StateGraph(State)
    builder.add_node("plan", lambda state: {"log": ["plan"]})
    builder.add_node("work", work)
    builder.add_node("gather", lambda state: {"log": [f"gather {len(state['log'])}"]})
    builder.add_node("review", review_graph())
    builder.add_node("end", lambda state: {"log": ["end"]})
    builder.add_edge(START, "plan")
    builder.add_conditional_edges("plan", fan_out, ["work"])
    builder.add_edge("work", "gather")
    builder.add_edge("gather", "review")
    builder.add_edge("review", "end")
    builder.add_edge("end", END)
    return builder.compile(checkpointer=saver)


def counter_graph(saver: Any, steps: int = 3) -> Any:
    """A graph that repeats one node."""
    builder = StateGraph(State)
    builder.add_node("step", lambda state: {"log": [f"step {len(state['log'])}"]})
    builder.add_edge(START, "step")
    builder.add_conditional_edges("step", lambda state: "step" if len(state["log"]) % (steps + 1) else END)
    return builder.compile(checkpointer=saver)


def shown(snapshot: Any) -> Any:
    """Return what a snapshot says, without ids and times."""
    return (
        snapshot.values,
        snapshot.next,
        {name: snapshot.metadata[name] for name in ("source", "step")},
        [
            (task.name, str(task.error), [one.value for one in task.interrupts], task.result is None)
            for task in snapshot.tasks
        ],
    )
