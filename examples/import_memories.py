"""Move memories from a JSON dump into StateBase; what was moved before is not moved again.

    python examples/import_memories.py                                  # memories.json, twice, to show it
    python examples/import_memories.py --dump DUMP.json --store agents.db

What makes it safe to repeat is a tag: each memory carries one that follows from its content, and is looked up by it
first. An idempotency key would do for a day: the service gives the first answer again for 24 hours and then forgets the
key, and the next run would store everything once more. The key is there for the other case, a run that starts before
the search finds what the last one stored. It has a price: a memory that you delete cannot be imported into the same
session again within the day. Run one import at a time: two that start together may make two sessions for a user.
Install statebase[local] for semantic search: a keyword search does not find a text that consists only of emoji.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path
from typing import List, Tuple

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from statebase import StateBase


class Memory(BaseModel):
    """A memory as the dump has it; fit this to yours."""

    user: str
    text: str = Field(min_length=1, max_length=10_000)
    kind: str = "fact"
    labels: List[str] = []
    created: str

    def mark(self) -> str:
        """Return the tag that identifies this memory; a new field in this class changes all tags."""
        return "import-" + hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:32]


def session_of(client: StateBase, user: str) -> str:
    """Find the session that holds a user's imported memories, or create it, for the thirty days that one may live."""
    metadata = {"holds": "imported memories", "user": user}
    for session in client.sessions.list(metadata=metadata, limit=1):
        return session.id
    month = 30 * 24 * 3600
    return client.sessions.create("importer", user_id=user, metadata=metadata, ttl_seconds=month).id


def import_memory(client: StateBase, session_id: str, memory: Memory) -> bool:
    """Store a memory unless it is there.

    Returns:
        Whether it was new.
    """
    mark = memory.mark()
    # with this tag there is one memory or none, whatever the score; also after its session has expired
    if client.memory.search(memory.text[:200], user_id=memory.user, tags=mark, threshold=0.0, top_k=1):
        return False
    client.memory.add(
        memory.text,
        memory.kind,
        session_id,
        tags=[*memory.labels, mark],
        metadata={"created": memory.created},  # the service's own created_at is the time of the import
        idempotency_key=f"{mark}-{session_id}",
    )
    return True


def import_all(client: StateBase, memories: List[Memory]) -> Tuple[int, int]:
    """Store what is not there yet.

    Returns:
        How many were new, and how many there were already.
    """
    sessions = {user: session_of(client, user) for user in sorted({memory.user for memory in memories})}
    new = sum(import_memory(client, sessions[memory.user], memory) for memory in memories)
    return new, len(memories) - new


def main() -> None:
    """Import a dump twice, and ask for what it holds."""
    parser = argparse.ArgumentParser(description="Move memories from a JSON dump into StateBase.")
    parser.add_argument("--dump", type=Path, default=Path(__file__).with_name("memories.json"))
    parser.add_argument("--store", default=":memory:", help="file of the engine. Default: in memory")
    options = parser.parse_args()
    try:
        memories = TypeAdapter(List[Memory]).validate_json(options.dump.read_bytes())
    except OSError as error:
        sys.exit(f"{options.dump} cannot be read: {error.strerror}")
    except ValidationError as error:
        first = error.errors()[0]
        sys.exit(f"{options.dump} is not a dump of memories: {first['msg']}, at {list(first['loc'])}")

    with StateBase.local(options.store) as client:
        for run in ("First run", "Second run"):
            new, present = import_all(client, memories)
            print(f"{run}: {new} new, {present} there already")
        for user in sorted({memory.user for memory in memories}):
            context = client.state.get_context(session_of(client, user), query="What do they like, and how?")
            print(f"\n{user}, best first:")
            for memory in context.memories:
                print(f"   {memory.score:.2f} {memory.content}")


if __name__ == "__main__":
    main()
