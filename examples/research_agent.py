"""A research agent with a typed scratchpad: it checkpoints each step, works on branches, and merges what they found.

    python examples/research_agent.py                        # in memory
    python examples/research_agent.py --store research.db    # kill it and start it again: it goes on where it was

No server, no key, no network: the library and the model are scripts.

A step is a turn with the scratchpad after it, written in one transaction, so there is never a finding without its note.
The turn has an idempotency key: a step that was recorded just before the process was killed is not recorded twice.
"""

from __future__ import annotations

import argparse
from typing import Dict, List

from pydantic import BaseModel

from statebase import MergeConflict, MergeConflictError, StateBase

QUESTION = "Should the harbour ferry run on batteries?"
LIBRARY = {
    "Range of battery ferries": "Ferries of this size cross 30 km on one charge; the harbour route has 9 km.",
    "Price of batteries": "Batteries for one ferry cost 1.9 million, and last 10 years.",
    "Price of diesel": "The ferry burns diesel for 0.4 million a year.",
    "Winter operation": "In frost, range falls by a third.",
    "Grid at the pier": "The pier has no line for fast charging; one takes two years.",
}


class Scratchpad(BaseModel):
    """The scratchpad of the agent: the state of its session."""

    plan: List[str] = []
    notes: Dict[str, str] = {}
    answer: str = ""


def make_plan(question: str) -> List[str]:
    """Choose what to read. Put the call of your model here."""
    return list(LIBRARY)[:3]


def conclude(pad: Scratchpad) -> str:
    """Answer from the notes. Put the call of your model here."""
    return "not before the pier has a new line" if "Grid at the pier" in pad.notes else "yes: it pays after five years"


def read(client: StateBase, session_id: str, title: str) -> None:
    """Read a text unless it was read before, and record the step with the scratchpad after it."""
    pad = client.state.get_state(session_id, as_=Scratchpad).state
    if title in pad.notes:
        return
    pad.notes[title] = LIBRARY[title]
    turn = client.sessions.add_turn(
        session_id,
        f"Read: {title}",
        LIBRARY[title],
        state_after=pad.model_dump(),
        idempotency_key=f"{session_id} {title}",
    )
    print(f"{turn.turn_number}. {title}", flush=True)


def work_on_plan(client: StateBase, session_id: str) -> None:
    """Make a plan, and read what it names; a process that starts again goes on after the last step."""
    pad = client.state.get_state(session_id, as_=Scratchpad).state
    if pad.notes:
        print(f"Going on after {len(pad.notes)} steps")
    if not pad.plan:
        pad.plan = make_plan(QUESTION)
        client.state.update_state(session_id, pad, reasoning="the plan")
    for title in pad.plan:
        read(client, session_id, title)


def work_on_branch(client: StateBase, session_id: str, title: str) -> str:
    """Follow a lead on a branch with the conversation so far, and return its id; the session itself stays as it is."""
    key = f"{session_id} branch {title}"
    branch = client.sessions.fork(session_id, with_turns=True, with_memories=True, idempotency_key=key)
    read(client, branch.id, title)

    def answered(pad: Scratchpad) -> None:
        pad.answer = conclude(pad)

    client.state.modify(branch.id, answered, as_=Scratchpad, reasoning=f"after {title}")
    return branch.id


def both(conflict: MergeConflict) -> str:
    """Keep both answers."""
    return conflict.ours if conflict.theirs in conflict.ours else f"{conflict.ours}; but {conflict.theirs}"


def merge(client: StateBase, session_id: str, branch_id: str) -> None:
    """Take over what a branch found, and decide where it contradicts what was found before."""
    try:
        merged = client.state.merge(session_id, branch_id)
    except MergeConflictError as error:
        for conflict in error.conflicts:
            print(f"Conflict in {conflict.path}: {conflict.ours!r} and {conflict.theirs!r}")
        merged = client.state.merge(session_id, branch_id, resolve=both)
    print(merged.changes)


def main() -> None:
    """Answer the question."""
    parser = argparse.ArgumentParser(description="A research agent that checkpoints each step.")
    parser.add_argument("--store", default=":memory:", help="file of the engine. Default: in memory")
    options = parser.parse_args()
    with StateBase.local(options.store) as client:
        session = client.sessions.get_or_create("researcher", key=QUESTION, ttl_seconds=7 * 24 * 3600)
        work_on_plan(client, session.id)
        branches = [work_on_branch(client, session.id, title) for title in ("Winter operation", "Grid at the pier")]
        for branch_id in branches:
            merge(client, session.id, branch_id)
        print(f"\nThe answer: {client.state.get_state(session.id, as_=Scratchpad).state.answer}")
        print("\nHow it came about:")
        print(client.sessions.timeline(session.id))


if __name__ == "__main__":
    main()
