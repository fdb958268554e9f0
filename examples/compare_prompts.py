"""Two prompts, compared on one conversation: forks at the same version, one for each prompt.

Run it with `python examples/compare_prompts.py`. No server, no key, no network: the model is a script.
"""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Tuple

from statebase import StateBase

QUESTION = "It broke again. What can you do for me?"
PROMPTS = {
    "strict": "You are a support agent. Repair what is broken.",
    "generous": "You are a support agent. A customer who writes twice gets the money back.",
}


class Reply(NamedTuple):
    """The reply of the model, and its change of the state."""

    text: str
    changes: Dict[str, Any]


def model(messages: List[Dict[str, str]]) -> Reply:
    """Answer the last message. Put the call of your model here."""
    prompt, conversation = messages[0]["content"], messages[1:]
    complaints = sum(message["role"] == "user" and "broke" in message["content"] for message in conversation)
    if "money back" in prompt and complaints > 1:
        return Reply("I am sorry. You get your money back.", {"status": "refunded", "refund": 89})
    return Reply("Please send it in, we will repair it.", {"status": "in repair"})


def long_conversation(client: StateBase) -> str:
    """Record a conversation of a dozen turns, each of which moves the state; this is what you have already."""
    session = client.sessions.create("support-bot", user_id="ada", initial_state={"status": "new", "refund": 0})
    exchanges: List[Tuple[str, str, str]] = [
        ("My kettle broke.", "I am sorry. Which one is it?", "broken"),
        *((f"Is there news? ({day})", "Not yet.", f"waiting, day {day}") for day in range(1, 10)),
        ("It is here and works, thank you.", "Glad to hear it.", "solved"),
        (QUESTION, "Please be patient.", "open"),
    ]
    for said, answered, status in exchanges:
        turn = client.sessions.add_turn(session.id, said, answered)
        client.state.update_state(session.id, {"status": status}, reasoning=f"Turn {turn.turn_number}")
    return session.id


def fork_before(client: StateBase, session_id: str, turn_number: int) -> str:
    """Create a session in the state that this one had before a turn.

    A fork takes the state of a version; the turns are copied here. The conversation above makes one version a turn.
    """
    fork = client.sessions.fork(session_id, version=turn_number - 1)
    turns = client.sessions.list_turns(session_id, order="asc").auto_paging_iter(max_items=turn_number - 1)
    for preview in turns:
        turn = client.sessions.get_turn(session_id, preview.id)
        client.sessions.add_turn(fork.id, turn.input, turn.output)
    return fork.id


def main() -> None:
    """Ask the last question of a long conversation again, under two prompts."""
    with StateBase.local() as client:
        original = long_conversation(client)
        session = client.sessions.get(original)
        print(f"The conversation: {session.turn_count} turns, state {session.state}")
        print(f"Its last question, asked again: {QUESTION}")

        for name, prompt in PROMPTS.items():
            fork = fork_before(client, original, session.turn_count)
            context = client.state.get_context(fork, query=QUESTION, turn_limit=50)
            before = context.state
            messages = [{"role": "system", "content": prompt}, *context.to_messages()]
            reply = model([*messages, {"role": "user", "content": QUESTION}])
            client.sessions.add_turn(fork, QUESTION, reply.text, metadata={"prompt": name})
            after = client.state.update_state(fork, reply.changes, reasoning=f"Prompt {name}").state

            print(f"\n{name}: {prompt}")
            print(f"   before: {before}, {len(context.recent_turns)} turns")
            print(f"   answer: {reply.text}")
            print(f"   after:  {after}")

        print(f"\nThe conversation is as it was: state {client.sessions.get(original).state}")


if __name__ == "__main__":
    main()
