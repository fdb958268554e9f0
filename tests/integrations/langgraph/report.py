"""The page with the results of the conformance suite, and with the number of requests that each method takes.

    .venv-integrations/langgraph-newest/bin/python -m tests.integrations.langgraph.report

`test_report.py` compares the page with the results.
"""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from pathlib import Path
from typing import Any, AsyncIterator, Callable, Dict, List

from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from statebase.integrations.langgraph import StateBaseSaver, StateBaseStore
from statebase.testing import Faults, async_local_client, local_client

from .checkpoints import checkpoint_id, config, put

PAGE = Path(__file__).resolve().parents[3] / "docs" / "integrations" / "langgraph-conformance.md"

_HEAD = """# Conformance of the LangGraph integration

Written by `python -m tests.integrations.langgraph.report` from its results, with langgraph-checkpoint {checkpoint} and
langgraph-checkpoint-conformance {suite}. `make integrations NAMES=langgraph` fails if this page and the results differ.

## The suite

Tests of `langgraph-checkpoint-conformance` that pass, of those that there are. The tests of the integration run all of
them with `StateBase.local()` in memory and in a file, with `statebase serve` on SQLite and on PostgreSQL, and with a
service that has none of the extensions of the embedded engine; each time with `AsyncStateBase`, with `StateBase` in
methods to await, and with the methods that are not awaited. The results are the same everywhere.

"""

_COSTS = """
## Requests

The number of requests of each method on `statebase serve` and `StateBase.local()`, if the thread or the namespace was
used before in this process. The first use takes one more.

"""


async def _results(name: str, saver: Callable[[], AsyncIterator[Any]]) -> Dict[str, Any]:
    return dict((await validate(checkpointer_test(name=name)(saver))).results)


async def _statebase() -> AsyncIterator[Any]:
    async with async_local_client() as client:
        yield StateBaseSaver(client)


async def _memory() -> AsyncIterator[Any]:
    yield InMemorySaver()


async def _sqlite() -> AsyncIterator[Any]:
    async with AsyncSqliteSaver.from_conn_string(":memory:") as saver:
        yield saver


def suite() -> List[str]:
    """Run the suite with three savers, and return the lines of a table."""
    savers = {"StateBaseSaver": _statebase, "InMemorySaver": _memory, "AsyncSqliteSaver": _sqlite}
    results = {name: asyncio.run(_results(name, saver)) for name, saver in savers.items()}
    lines = [f"| Capability | {' | '.join(results)} |", "|---|" + "---|" * len(results)]
    totals = dict.fromkeys(results, 0)
    whole = 0
    for capability, ours in results["StateBaseSaver"].items():
        count = ours.tests_passed + ours.tests_failed
        whole += count
        cells: List[str] = []
        for name, of in results.items():
            totals[name] += of[capability].tests_passed
            cells.append(f"{of[capability].tests_passed} of {count}" if of[capability].detected else "not implemented")
        lines.append(f"| {capability} | {' | '.join(cells)} |")
    cells = [f"{total} of {whole}" for total in totals.values()]
    return [*lines, f"| all | {' | '.join(cells)} |"]


def costs() -> Dict[str, int]:
    """Return the number of requests of each method."""
    faults = Faults()
    counted: Dict[str, int] = {}
    with local_client(faults=faults) as client:
        saver, store = StateBaseSaver(client), StateBaseStore(client)

        def count(what: str, function: Callable[[], Any]) -> None:
            faults.requests.clear()
            function()
            counted[what] = len(faults.requests)

        for number in range(1, 200):
            put(saver, number, number, run_id=f"run-{number}")
        store.put(("users", "ada"), "first", {"text": "Ada has a cat"})

        count("`put`", lambda: put(saver, 200, 200))
        newest = config(checkpoint_id=checkpoint_id(200))
        count(
            "`put_writes`, any number of writes of a task", lambda: saver.put_writes(newest, [("a", 1)] * 9, "task-1")
        )
        count("`get_tuple` of the newest checkpoint", lambda: saver.get_tuple(config()))
        count(
            "`get_tuple` of one of the newest 50 records",
            lambda: saver.get_tuple(config(checkpoint_id=checkpoint_id(170))),
        )
        count("`get_tuple` of the 150th before", lambda: saver.get_tuple(config(checkpoint_id=checkpoint_id(50))))
        count("`list`, the newest 10", lambda: list(saver.list(config(), limit=10)))
        count("`list`, all of 200", lambda: list(saver.list(config())))
        count("`copy_thread`, 200 checkpoints", lambda: saver.copy_thread("thread-1", "thread-2"))
        count("`delete_for_runs`, two threads with 200 checkpoints each", lambda: saver.delete_for_runs(["run-7"]))
        count("`prune`, 200 checkpoints", lambda: saver.prune(["thread-1"]))
        count("`delete_thread`", lambda: saver.delete_thread("thread-1"))
        count("store: `get`", lambda: store.get(("users", "ada"), "first"))
        count("store: `put` of a new item", lambda: store.put(("users", "ada"), "second", {"text": "Ada has a dog"}))
        count("store: `put` with another text", lambda: store.put(("users", "ada"), "first", {"text": "Ada has a cow"}))
        count("store: `put` with `index=False`", lambda: store.put(("users", "ada"), "third", {"x": 1}, index=False))
        count("store: `delete`", lambda: store.delete(("users", "ada"), "first"))
        count("store: `search` with a query, in one namespace", lambda: store.search(("users",), query="pets"))
        count("store: `search` without a query, in one namespace", lambda: store.search(("users",)))
        count("store: `list_namespaces`, of one", lambda: store.list_namespaces())
    return counted


def text() -> str:
    """Return the page."""
    head = _HEAD.format(checkpoint=version("langgraph-checkpoint"), suite=version("langgraph-checkpoint-conformance"))
    rows = ["| Method | Requests |", "|---|---|", *(f"| {what} | {count} |" for what, count in costs().items())]
    return head + "\n".join(suite()) + "\n" + _COSTS + "\n".join(rows) + "\n"


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(text(), "utf-8")
