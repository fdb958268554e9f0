"""Graphs run with StateBaseSaver as they do with LangGraph's saver in memory, also when they go on in other processes."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, List

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from statebase.integrations.langgraph import StateBaseSaver
from tests.integrations.conftest import Service

from .graphs import counter_graph, shown, whole_graph

ROOT = Path(__file__).resolve().parents[3]
DURABILITIES = pytest.mark.parametrize("durability", ["sync", "async", "exit"])


def config(thread: str = "thread-1") -> Any:
    return {"configurable": {"thread_id": thread}}


def story(saver: Any, durability: Any) -> List[Any]:
    """Run a graph with subgraphs, interrupts, time travel and many tasks, and return all that it shows."""
    seen: List[Any] = []
    graph = whole_graph(saver)
    for given in ({"log": ["in"]}, Command(resume="yes"), Command(resume="no")):
        seen.append(graph.invoke(given, config(), durability=durability)["log"])
        seen.append(shown(graph.get_state(config(), subgraphs=True)))
    history = list(graph.get_state_history(config()))
    seen.extend(map(shown, history))
    (before,) = [one for one in history if one.next == ("gather",)] or [None]
    if before is not None:
        fork = graph.update_state(before.config, {"log": ["changed"]}, as_node="work")
        seen.append(graph.invoke(None, fork, durability=durability)["log"])
        seen.append(graph.invoke(None, before.config, durability=durability)["log"])
        seen.extend(map(shown, graph.get_state_history(config())))
        seen.extend(map(shown, graph.get_state_history(config(), limit=2, filter={"source": "update"})))
    seen.append(graph.invoke({"log": ["again"]}, config("thread-2"), durability=durability)["log"])
    return seen


async def async_story(saver: Any, durability: Any) -> List[Any]:
    """The same with the methods to await."""
    seen: List[Any] = []
    graph = whole_graph(saver)
    for given in ({"log": ["in"]}, Command(resume="yes"), Command(resume="no")):
        seen.append((await graph.ainvoke(given, config(), durability=durability))["log"])
        seen.append(shown(await graph.aget_state(config(), subgraphs=True)))
    history = [one async for one in graph.aget_state_history(config())]
    seen.extend(map(shown, history))
    (before,) = [one for one in history if one.next == ("gather",)] or [None]
    if before is not None:
        fork = await graph.aupdate_state(before.config, {"log": ["changed"]}, as_node="work")
        seen.append((await graph.ainvoke(None, fork, durability=durability))["log"])
        seen.append((await graph.ainvoke(None, before.config, durability=durability))["log"])
        seen.extend([shown(one) async for one in graph.aget_state_history(config())])
        seen.extend(
            [shown(one) async for one in graph.aget_state_history(config(), limit=2, filter={"source": "update"})]
        )
    seen.append((await graph.ainvoke({"log": ["again"]}, config("thread-2"), durability=durability))["log"])
    return seen


@DURABILITIES
def test_a_graph_runs_as_with_the_saver_in_memory(service: Service, durability: str) -> None:
    assert story(StateBaseSaver(service.sync()), durability) == story(InMemorySaver(), durability)


@DURABILITIES
@pytest.mark.parametrize("client", ["async", "sync"])
def test_a_graph_that_is_awaited_runs_as_with_the_saver_in_memory(
    service: Service, durability: str, client: str
) -> None:
    async def main() -> List[Any]:
        if client == "sync":
            return await async_story(StateBaseSaver(service.sync()), durability)
        async with service.asynchronous() as asynchronous:
            return await async_story(StateBaseSaver(asynchronous), durability)

    assert asyncio.run(main()) == asyncio.run(async_story(InMemorySaver(), durability))


SCRIPT = """
import json, sys
from langgraph.types import Command
from statebase import StateBase
from statebase.integrations.langgraph import StateBaseSaver
from tests.integrations.langgraph.graphs import whole_graph
options, resume = json.loads(sys.argv[1]), sys.argv[2]
with StateBase.local(options["path"]) if "path" in options else StateBase("sb_test", **options) as client:
    given = {"log": ["in"]} if resume == "begin" else Command(resume=resume)
    result = whole_graph(StateBaseSaver(client)).invoke(given, {"configurable": {"thread_id": "thread-1"}})
    print(json.dumps([one.value for one in result.get("__interrupt__", [])] or result["log"][-4:]))
"""


@pytest.mark.parametrize("service", ["file", "served"], indirect=True)
def test_a_graph_that_was_interrupted_goes_on_in_other_processes(service: Service, tmp_path: Path) -> None:
    options = {"path": str(tmp_path / "agents.db")} if service.kind == "file" else service.options
    seen: List[Any] = []
    for resume in ("begin", "yes", "no"):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, json.dumps(options), resume],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), "."]))},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        seen.append(json.loads(done.stdout))

    assert seen == [["first?"], ["second?"], ["read", "first yes", "second no", "end"]]


def test_a_thread_that_others_have_written_to_goes_on(service: Service) -> None:
    """Two savers, as in two processes, take turns, so that each knows only half of what is stored."""
    graphs = [counter_graph(StateBaseSaver(service.sync())) for _ in range(2)]
    expected = counter_graph(InMemorySaver())

    for number in range(12):
        given = {"log": [f"in {number}"]}
        assert graphs[number % 2].invoke(given, config()) == expected.invoke(given, config())
    histories = [[shown(one) for one in graph.get_state_history(config())] for graph in (*graphs, expected)]
    assert histories[0] == histories[1] == histories[2]
