"""Measure a step of a LangGraph graph with StateBaseSaver beside one with SqliteSaver, both with full durability.

    make integrations NAMES=langgraph    # creates the environment
    .venv-integrations/langgraph-newest/bin/python -m benchmarks.integrations

Rounds of the savers alternate. A step is a task that does nothing: its checkpoint and its writes are stored.
"""

from __future__ import annotations

import argparse
import operator
import os
import random
import sqlite3
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, Dict, List, Tuple, TypedDict

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph

from statebase import StateBase
from statebase.integrations.langgraph import StateBaseSaver
from statebase.local import Engine
from statebase.server import serve_in_thread

STEPS = 20


class State(TypedDict):
    """The state of the graph."""

    count: Annotated[int, operator.add]
    content: str


def graph_of(saver: Any) -> Any:
    """Return a graph whose only node runs STEPS times."""
    builder = StateGraph(State)
    builder.add_node("step", lambda _: {"count": 1})
    builder.add_edge(START, "step")
    builder.add_conditional_edges("step", lambda state: "step" if state["count"] % STEPS else END)
    return builder.compile(checkpointer=saver)


def sqlite_saver(stack: ExitStack, path: Path) -> SqliteSaver:
    """Return LangGraph's own saver, on a file with the durability of a file of StateBase."""
    connection = sqlite3.connect(path, check_same_thread=False)
    stack.callback(connection.close)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    saver = SqliteSaver(connection)
    saver.setup()
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    return saver


def savers(stack: ExitStack, directory: Path) -> Dict[str, Tuple[Any, Path]]:
    """Return the savers to compare, and their files."""
    local = stack.enter_context(StateBase.local(directory / "local.db"))
    engine = Engine.open(str(directory / "served.db"))
    stack.callback(engine.close)
    server = stack.enter_context(serve_in_thread(engine))
    served = stack.enter_context(StateBase("sb_bench", base_url=server.url))
    return {
        "SqliteSaver": (sqlite_saver(stack, directory / "sqlite.db"), directory / "sqlite.db"),
        "StateBaseSaver, file": (StateBaseSaver(local), directory / "local.db"),
        "StateBaseSaver, served": (StateBaseSaver(served), directory / "served.db"),
    }


def content_of(size: int) -> str:
    """Return text, which can be compressed as text can."""
    words = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text("utf-8").split()
    choice = random.Random(1)
    return " ".join(choice.choice(words) for _ in range(size))[:size]


def measured(saver: Any, size: int, durability: Any, thread: str) -> Tuple[float, float]:
    """Run the graph on a new thread, and return the milliseconds of wall and processor time that a step takes."""
    graph = graph_of(saver)
    config: Any = {"configurable": {"thread_id": thread}, "recursion_limit": 100}
    given = {"count": 0, "content": content_of(size)}
    wall, processor = time.perf_counter(), time.process_time()
    graph.invoke(given, config, durability=durability)
    return (time.perf_counter() - wall) / STEPS * 1e3, (time.process_time() - processor) / STEPS * 1e3


def table(size: int, durability: Any, rounds: int) -> List[str]:
    """Run the graph with each saver in turn, and return the lines of a table."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIRECTORY"))))
        compared = savers(stack, directory)
        times: Dict[str, List[Tuple[float, float]]] = {name: [] for name in compared}
        for number in range(rounds + 1):
            for name, (saver, _) in compared.items():
                took = measured(saver, size, durability, f"thread-{number}")
                if number:
                    times[name].append(took)
        files = {
            name: sum(one.stat().st_size for one in directory.glob(f"{path.name}*"))
            for name, (_, path) in compared.items()
        }
    medians = {name: [statistics.median(column) for column in zip(*values)] for name, values in times.items()}
    base = medians["SqliteSaver"]
    lines = ["", f"A state of {size:,} bytes, durability={durability!r}, median of {rounds} runs of {STEPS} steps:", ""]
    lines += ["| saver | wall ms a step | ratio | CPU ms a step | ratio | file MB |", "|---|---|---|---|---|---|"]
    for name, (wall, processor) in medians.items():
        lines.append(
            f"| {name} | {wall:.2f} | {wall / base[0]:.2f} | {processor:.2f} | {processor / base[1]:.2f} "
            f"| {files[name] / 1e6:.1f} |"
        )
    return lines


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.integrations", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="Default: 15")
    options = parser.parse_args()
    for size in (1_000, 100_000):
        for durability in ("sync", "async"):
            print("\n".join(table(size, durability, options.rounds)), flush=True)


if __name__ == "__main__":
    main()
