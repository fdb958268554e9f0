"""The methods of several calls that write: what each needs, and how it is repeated."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, NamedTuple

from tests.faults.operation_cases import Ledger, difference, take_stock

MESSAGES: List[Any] = [
    message
    for number in range(3)
    for message in (
        {"role": "user", "content": f"question {number}"},
        {"role": "assistant", "content": f"answer {number}"},
    )
]
MANY: List[Any] = [(f"question {number}", f"answer {number}") for number in range(9)]


class MethodCase(NamedTuple):
    """How to call a method.

    `prepare` gets a client of the service without faults, and a name that no other test uses, and returns what `call`
    gets, together with a client and the options of the call.
    """

    prepare: Callable[[Any, str], Any]
    call: Callable[..., Any]
    is_keyed: bool = True
    """Whether the method takes an idempotency key, so that its repetition continues it."""
    is_repeated: bool = True
    """Whether a repetition without knowing the outcome has no second effect."""


def _name(client: Any, name: str) -> str:
    return name


def _session(client: Any, name: str) -> str:
    return str(client.sessions.create("agent", user_id=name, initial_state={"n": 0}, metadata={"a": 1}).id)


def _full_session(client: Any, name: str) -> str:
    session_id = _session(client, name)
    client.sessions.ingest(session_id, [("hi", "hello"), ("bye", "see you")])
    client.memory.add_many(["Likes tea", "Has a cat"], session_id)
    return session_id


def _user(client: Any, name: str) -> str:
    for _ in range(2):
        _full_session(client, name)
    return name


def _branches(client: Any, name: str) -> Any:
    session_id = _session(client, name)
    fork_id = client.sessions.fork(session_id).id
    client.state.update_state(fork_id, {"plan": "gold"})
    client.state.update_state(session_id, {"step": 2})
    return session_id, fork_id


def _has_cat(client: Any, name: str) -> str:
    client.memory.add("Has a cat", user_id=name)
    return name


METHODS: Dict[str, MethodCase] = {
    "get_or_create": MethodCase(
        _name,
        lambda client, name, **options: client.sessions.get_or_create("agent", key="chat", user_id=name, **options),
        is_keyed=False,
    ),
    "fork": MethodCase(
        _full_session,
        lambda client, session_id, **options: client.sessions.fork(
            session_id, with_turns=True, with_memories=True, keep_metadata=True, ttl_seconds=600, **options
        ),
    ),
    "erase_user": MethodCase(_user, lambda client, name, **options: client.erase_user(name, **options), is_keyed=False),
    "add_messages": MethodCase(
        _session, lambda client, session_id, **options: client.sessions.add_messages(session_id, MESSAGES, **options)
    ),
    "ingest": MethodCase(
        _session, lambda client, session_id, **options: client.sessions.ingest(session_id, MANY, **options)
    ),
    "memory.add of a user": MethodCase(
        _name, lambda client, name, **options: client.memory.add("Likes tea", user_id=name, **options)
    ),
    "memory.add with `unless_similar`": MethodCase(
        _has_cat,
        lambda client, name, **options: client.memory.add("Has a cat", user_id=name, unless_similar=1.0, **options),
    ),
    "memory.add_many": MethodCase(
        _name,
        lambda client, name, **options: client.memory.add_many(
            ["Likes tea", {"content": "Has a dog", "tags": ["pets"]}, "Lives in Bonn"], user_id=name, **options
        ),
    ),
    "state.modify": MethodCase(
        _session,
        lambda client, session_id, **options: client.state.increment(session_id, "n", **options),
        is_keyed=False,
        is_repeated=False,
    ),
    "state.merge": MethodCase(
        _branches,
        lambda client, ids, **options: client.state.merge(*ids, **options),
        is_keyed=False,
        is_repeated=False,
    ),
}


def stock(engine: Any) -> Ledger:
    """Count what methods change. Traces of a session that is updated twice with the same values do not matter."""
    counted = take_stock(engine)
    return {name: number for name, number in counted.items() if name not in ("traces", "keys", "active_keys")}


def changed(before: Ledger, engine: Any) -> Ledger:
    """Return what changed since."""
    return difference(before, stock(engine))
