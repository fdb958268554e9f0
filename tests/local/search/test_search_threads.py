"""Threads search at the same time, while others add, change and remove; an exception anywhere spoils nothing."""

from __future__ import annotations

import sys
import threading
from types import FrameType
from typing import Any, Callable, List, Optional

import pytest

pytestmark = pytest.mark.slow

MODULES = ("search.py", "vector_space.py", "vector_cache.py", "vector_table.py", "keywords.py", "calibration.py")


def test_threads_find_what_stays_whatever_else_changes(memories: Any):
    """Each of them always finds the unchanged memories, and never one twice."""
    kept = [f"kept {number}" for number in range(20)]
    for content in kept:
        memories.add(content)
    stop = threading.Event()
    failures: List[Any] = []

    def search() -> None:
        try:
            while not stop.is_set():
                for content in kept[::7]:
                    found = memories.search(content, top_k=50)
                    assert found[0] == (content, 1.0)
                    assert len({text for text, _ in found}) == len(found)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=search) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(60):
        memory = memories.add(f"text {number}")
        memories.update(memory, content=f"new text {number}", type="event")
        if number % 2:
            memories.operations.delete_memory(memory)
    stop.set()
    for thread in threads:
        thread.join()

    assert failures == []
    assert set(memories.found("q", top_k=50)) == {*kept, *(f"new text {number}" for number in range(0, 60, 2))}


class Struck(Exception):
    pass


class Tracer:
    """Raises an exception at the n-th line that the search runs."""

    def __init__(self, line: int) -> None:
        self.line = line

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Optional[Any]:
        if not frame.f_code.co_filename.endswith(MODULES):
            return None
        if event == "line":
            self.line -= 1
            if self.line == 0:
                raise Struck
        return self


@pytest.mark.parametrize("when", ["at the first search", "after changes", "after another embedder"])
def test_exception_at_any_line_leaves_search_in_order(
    open_memories: Callable[..., Any], make_toy: Any, store_path: Any, when: str
):
    line = 0
    done = False
    while not done:
        line += 3 if line > 200 else 1
        toy = make_toy()
        path = store_path.with_name(f"{line}.db")
        memories = open_memories(path, toy)
        contents = [f"text {number}" for number in range(6)]
        ids = [memories.add(content, tags=[f"tag {number % 2}"]) for number, content in enumerate(contents)]
        if when == "after another embedder":
            memories.store.database.close()
            memories = open_memories(path, make_toy("other", seed="other"))
        if when == "after changes":
            memories.search("q")
            memories.update(ids[0], content="changed", tags=["tag 1", "new tag"])
            memories.operations.delete_memory(ids[1])
            contents[:2] = ["changed"]
            memories.add("added", tags=["new tag"])
            contents.append("added")
        before = sys.gettrace()
        sys.settrace(Tracer(line))
        try:
            memories.search("q")
            done = True
        except Struck:
            pass
        finally:
            sys.settrace(before)

        searched: List[Any] = []
        thread = threading.Thread(target=lambda: searched.append(set(memories.found("q"))))  # noqa: B023
        thread.start()
        thread.join(30)
        assert searched == [set(contents)]
        assert set(memories.found("q")) == set(contents)
        for content in contents:
            assert memories.search(content, top_k=1) == [(content, 1.0)]
        if when == "after changes":
            assert set(memories.found("q", tags="new tag")) == {"changed", "added"}
        memories.store.database.close()
