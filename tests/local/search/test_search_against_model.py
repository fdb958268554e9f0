"""Whatever was added, changed and removed, here or by another process: a search finds what looking at all of it finds."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any, Callable, Dict, List

import numpy as np
import pytest

TAGS = ("red", "green", "blue", "a,b")
TYPES = ("fact", "event", "summary")


class Model:
    """The memories as they should be, searched by brute force."""

    def __init__(self, toy: Any) -> None:
        self.rows: Dict[str, Dict[str, Any]] = {}
        self._toy = toy

    def found(self, query: str, wanted: Dict[str, Any]) -> Dict[str, float]:
        """Return the memories to be found, with their cosines, highest first."""
        vector = self._vector(query)
        passing = [row["content"] for row in self.rows.values() if self._passes(row, wanted)]
        cosines = {content: float(vector @ self._stored(content)) for content in passing}
        return {content: cosines[content] for content in sorted(cosines, key=lambda content: -cosines[content])}

    def _vector(self, text: str) -> Any:
        vector = np.asarray(self._toy.embed([text], "query")[0])
        return vector / np.linalg.norm(vector)

    def _stored(self, text: str) -> Any:
        """Return the vector of a memory, which is stored with half the precision."""
        vector = self._vector(text).astype(np.float16).astype(np.float64)
        return vector / np.linalg.norm(vector)

    def _passes(self, row: Dict[str, Any], wanted: Dict[str, Any]) -> bool:
        if not row["embed"] or wanted.get("session_id", row["session_id"]) != row["session_id"]:
            return False
        if "types" in wanted and row["type"] not in wanted["types"].split(","):
            return False
        return "tags" not in wanted or bool(set(wanted["tags"].split(",")) & set(row["tags"]))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("writer", ["itself", "another process"])
def test_search_agrees_with_brute_force(
    open_memories: Callable[..., Any], toy: Any, store_path: Path, seed: int, writer: str
):
    """Under filters by session, type and tag, after every few changes."""
    chance = random.Random(seed)
    reader = open_memories(store_path, toy)
    memories = reader if writer == "itself" else open_memories(store_path, toy)
    model = Model(toy)
    sessions = [memories.new_session() for _ in range(3)]

    for step in range(150):
        _change(memories, model, sessions, chance, step)
        if chance.random() < 0.4:
            wanted = _filter(sessions, chance)
            top_k = chance.choice([1, 3, 50])
            # Of letters only: it shares no word with any memory.
            query = "query " + "".join("abcdefghij"[int(digit)] for digit in str(step))
            found = reader.found(query, top_k=top_k, **wanted)
            everything = model.found(query, wanted)
            # By their cosines: two that hardly differ may change places, for they are compared with fewer digits.
            expected = list(everything.values())[:top_k]
            assert [everything[content] for content in found] == pytest.approx(expected, abs=1e-5)
            assert len(set(found)) == len(found)


def _change(memories: Any, model: Model, sessions: List[str], chance: random.Random, step: int) -> None:
    action = chance.random()
    some = chance.choice(list(model.rows)) if model.rows else None
    tags = chance.sample(TAGS[:3], chance.randrange(3))
    if some is None or action < 0.5:
        row = {
            "session_id": chance.choice(sessions),
            "content": f"text {step}",
            "type": chance.choice(TYPES),
            "tags": tags,
            "embed": chance.random() < 0.9,
        }
        model.rows[memories.add(**row)] = row
    elif action < 0.7:
        del model.rows[some]
        memories.operations.delete_memory(some)
    else:
        changes = {"content": f"new text {step}", "type": chance.choice(TYPES), "tags": tags}
        changed = {name: changes[name] for name in chance.sample(sorted(changes), chance.randrange(1, 4))}
        model.rows[some].update(changed)
        memories.update(some, **changed)


def _filter(sessions: List[str], chance: random.Random) -> Dict[str, Any]:
    choices = {
        "session_id": chance.choice(sessions),
        "types": ",".join(chance.sample(TYPES, chance.randrange(1, 4))),
        "tags": ",".join(chance.sample(TAGS[:3], chance.randrange(1, 4))),
    }
    return {name: choices[name] for name in choices if chance.random() < 0.4}


def test_deleted_session_takes_its_memories_out_of_search(memories: Any):
    gone = memories.new_session()
    memories.add("there", session_id=gone)
    memories.add("here")
    assert set(memories.found("q")) == {"here", "there"}

    memories.operations.delete_session(gone)

    assert memories.found("q") == ["here"]


def test_context_searches_the_sessions_of_the_user(memories: Any):
    """And no others; thresholds do not apply."""
    from statebase._generated.models import ContextRequest

    first, second, other = (memories.new_session(user_id=user) for user in ("ada", "ada", "bob"))
    for session, content in ((first, "one"), (second, "two"), (other, "three")):
        memories.add(content, session_id=session)

    context = memories.operations.get_context(second, ContextRequest(query="anything"))

    assert {memory["content"] for memory in context.memories} == {"one", "two"}
