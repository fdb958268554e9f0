"""A filter means the same to a search by meaning (masks of numpy), to one by words, and to the newest memories (SQL)."""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

import pytest

from statebase.local.memory_search import MemoryFilter
from statebase.local.search.keywords import KeywordSearch

# Content of each memory, with its session, its type and its tags; `ada` and `bob` are users, `-` has none.
MEMORIES: Dict[str, Tuple[str, str, List[str]]] = {
    "ada fact a": ("ada", "fact", ["a"]),
    "ada fact ab": ("ada", "fact", ["a", "b"]),
    "ada preference": ("ada", "preference", []),
    "ada two fact b": ("ada two", "fact", ["b"]),
    "bob fact a": ("bob", "fact", ["a"]),
    "bob general c": ("bob", "general", ["c"]),
    "anonymous fact a": ("-", "fact", ["a"]),
}
USERS = {"ada": "ada", "ada two": "ada", "bob": "bob", "-": None}

# What is asked for, and which memories pass.
CASES: List[Tuple[Dict[str, Any], List[str]]] = [
    ({}, list(MEMORIES)),
    ({"session": "ada"}, ["ada fact a", "ada fact ab", "ada preference"]),
    ({"user_id": "ada"}, ["ada fact a", "ada fact ab", "ada preference", "ada two fact b"]),
    ({"user_id": "eve"}, []),
    ({"types": ("fact",)}, ["ada fact a", "ada fact ab", "ada two fact b", "bob fact a", "anonymous fact a"]),
    ({"types": ("preference", "general")}, ["ada preference", "bob general c"]),
    ({"types": ("Fact",)}, []),
    ({"tags": ("a",)}, ["ada fact a", "ada fact ab", "bob fact a", "anonymous fact a"]),
    ({"tags": ("b", "c")}, ["ada fact ab", "ada two fact b", "bob general c"]),
    ({"tags": ("A",)}, []),
    ({"tags": ("",)}, []),
    ({"session": "ada", "types": ("fact",), "tags": ("b",)}, ["ada fact ab"]),
    ({"session": "ada", "user_id": "bob"}, []),
    ({"user_id": "ada", "tags": ("c",)}, []),
]


@pytest.fixture
def filled(memories: Any) -> Tuple[Any, Dict[str, str]]:
    """The memories in a store, one more that is not embedded and one in a deleted session; and the ids of the sessions."""
    sessions = {name: memories.new_session(user_id) for name, user_id in USERS.items()}
    for content, (session, kind, tags) in MEMORIES.items():
        memories.add(f"{content} note", sessions[session], type=kind, tags=tags)
    memories.add("hidden fact a note", sessions["ada"], type="fact", tags=["a"], embed=False)
    deleted = memories.new_session("ada")
    memories.add("deleted fact a note", deleted, type="fact", tags=["a"])
    memories.operations.delete_session(deleted)
    return memories, sessions


@pytest.mark.parametrize(("asked", "expected"), CASES, ids=[str(asked) for asked, _ in CASES])
def test_filters(filled: Tuple[Any, Dict[str, str]], asked: Dict[str, Any], expected: List[str]) -> None:
    """The two searches and the list of the newest memories return the same."""
    memories, sessions = filled
    store, given = memories.store, dict(asked)
    searches = {"meaning": memories.index, "words": KeywordSearch(store.words)}
    queries = {name: search.encode_query("note") for name, search in searches.items()}
    with store.database.read():
        if "session" in given:
            given["session_seq"] = store.sessions.seq_of(sessions[given.pop("session")])
        memory_filter = MemoryFilter(**given)

        found = {
            name: [match.seq for match in search.search(queries[name], memory_filter, limit=50, threshold=None)]
            for name, search in searches.items()
        }
        found["newest"] = [row.seq for row in store.memories.newest(memory_filter, 50)]
        contents = {row.seq: row.content for row in store.memories.newest(MemoryFilter(), 50)}

    for name, seqs in found.items():
        assert (name, sorted(contents[seq] for seq in seqs)) == (name, sorted(f"{each} note" for each in expected))
