"""A support conversation, stored, searched and rolled back, on an engine inside this process.

Run it with `make demo`, or `python examples/quickstart.py`. No server, no key, no network.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from statebase import StateBase

COLOUR = sys.stdout.isatty() and "NO_COLOR" not in os.environ


def show(title: str, *lines: object) -> None:
    """Print a step of the story."""
    print(f"\n\033[1m{title}\033[0m" if COLOUR else f"\n{title}")
    for line in lines:
        print(f"   {line}")


def compact(value: Any) -> str:
    """Write JSON on one line."""
    return json.dumps(value, ensure_ascii=False)


def main() -> None:
    """Tell the story."""
    with StateBase.local() as client:
        session = client.sessions.create(
            "support-bot", user_id="ada", initial_state={"order": "A-1043", "status": "open", "refund": None}
        )
        show("1. A session begins", f"{session.id}, state version 0: {compact(session.state)}")

        exchanges = [
            ("Where is my order?", "It left our warehouse yesterday and arrives tomorrow."),
            ("Please write to me, I am in meetings all day.", "Of course, I will send an e-mail."),
            ("One cup arrived broken.", "I am sorry. I can refund the cup."),
        ]
        turns = [client.sessions.add_turn(session.id, said, answered) for said, answered in exchanges]
        show("2. Three turns are stored", *(f"{t.turn_number}. {t.input.content} -> {t.output.content}" for t in turns))

        client.memory.add("Prefers to be contacted by e-mail over phone calls", "preference", session.id)
        client.memory.add("Order A-1043: one of four cups arrived broken", "fact", session.id)
        found = client.memory.search("contacted by phone or e-mail?", session.id)
        show("3. Two memories are stored, one is asked for", *(f"{m.score:.2f}  {m.content}" for m in found))

        good = client.state.update_state(session.id, {"refund": 12.50}, reasoning="One cup of four")
        bad = client.state.update_state(session.id, {"refund": 1250.00, "status": "closed"}, reasoning="Misread amount")
        show(
            "4. The state changes twice, and the second change is wrong",
            f"version {good.version}: {compact(good.state)}",
            f"version {bad.version}: {compact(bad.state)}",
        )

        restored = client.state.rollback(session.id, -1, "The refund is a hundred times too high")
        show(
            "5. The last change is undone",
            f"version {restored.new_version} restores version {restored.restored_from_version}: "
            f"{compact(restored.state)}",
        )

        context = client.state.get_context(session.id, "How should I contact the customer?")
        show(f"6. What the agent should know now, in one round trip ({context.latency_ms} ms)")
        print("\n".join(f"   | {line}" for line in context.to_prompt().splitlines()))

        trail = client.traces.list_for_session(session.id)
        show("7. And every change left a trace, newest first", *(trace.action for trace in trail))


if __name__ == "__main__":
    main()
