"""LangGraph: checkpoints of graphs, and a store of long-term memory, in StateBase.

from statebase.integrations.langgraph import StateBaseSaver

graph = builder.compile(checkpointer=StateBaseSaver(client))
"""

from __future__ import annotations

from ._requires import requires

requires("langgraph", "langgraph.checkpoint.base", "langgraph.store.base")

from ._langgraph.saver import StateBaseSaver  # noqa: E402
from ._langgraph.store import StateBaseStore  # noqa: E402

__all__ = ["StateBaseSaver", "StateBaseStore"]
