"""The embedded engine, on PostgreSQL too, the server over HTTP/1.1 and HTTP/2, and both clients: all answer alike.

With `STATEBASE_TEST_URL` and `STATEBASE_TEST_API_KEY` a live service must answer alike, too. There the texts of
messages, scores and fields that only the service has do not count.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Callable, List

import pytest

Scenario = Callable[[Any], None]
SCENARIOS: List[Scenario] = []


def scenario(function: Scenario) -> Scenario:
    """Add a scenario: what is done with a client, each answer of which is compared."""
    SCENARIOS.append(function)
    return function


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_answers_are_the_same(scenario: Scenario, recorder: Any, expected: Any, place: str) -> None:
    """Each answer and each error of a scenario equals that of an engine in this process."""
    wanted = expected(scenario)

    scenario(recorder)

    if place == "live":
        assert [pair for pair in zip(wanted, recorder.steps) if not fits(*pair)] == []
        assert len(recorder.steps) == len(wanted)
    elif place == "postgresql":
        assert [pair for pair in zip(wanted, recorder.steps) if not is_close(*pair)] == []
        assert len(recorder.steps) == len(wanted)
    else:
        assert recorder.steps == wanted


def is_close(wanted: Any, given: Any) -> bool:
    """Return whether two answers are equal but for the last digits of scores: pgvector keeps 16 bits of a number."""
    if isinstance(wanted, dict):
        return (
            isinstance(given, dict)
            and wanted.keys() == given.keys()
            and all(is_close(wanted[k], given[k]) for k in wanted)
        )
    if isinstance(wanted, list):
        return isinstance(given, list) and len(wanted) == len(given) and all(map(is_close, wanted, given))
    if isinstance(wanted, float):
        return isinstance(given, float) and abs(wanted - given) < 0.005
    return bool(wanted == given)


def fits(wanted: Any, given: Any) -> bool:
    """Return whether an answer contains the expected values; it may have more, and other texts and scores."""
    if isinstance(wanted, dict):
        free = {"message", "score", "average_relevance", "actor", "updated_by", "details", "embedding_id"}
        return isinstance(given, dict) and all(
            key in free or (key in given and fits(value, given[key])) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return isinstance(given, list) and len(wanted) == len(given) and all(map(fits, wanted, given))
    return bool(wanted == given)


@scenario
def sessions(client: Any) -> None:
    agent, user = client.name("agent"), client.name("user")
    first = client.sessions.create(agent)
    second = client.sessions.create(agent, user, {"channel": "web", "tags": [1, None]}, {"plan": "grüß dich"}, 3600)
    client.sessions.create(client.name("other"), user_id=user)
    client.sessions.get(second.id)
    client.sessions.list(agent)
    client.sessions.list(agent, 1)
    client.sessions.list(user_id=user)
    client.sessions.list(agent, metadata='{"channel": "web"}')
    client.sessions.list(agent, metadata='{"channel": "phone"}')
    client.sessions.list(agent, created_after=first.created_at)
    client.sessions.list(agent, created_before=second.created_at)
    client.sessions.list(agent, created_after=second.created_at + timedelta(days=1))
    client.sessions.update(second.id, metadata={"channel": "phone"})
    changed = client.sessions.update(second.id, ttl_seconds=60)
    client.note((changed.ttl_expires_at - changed.updated_at).total_seconds())
    client.sessions.update(second.id, metadata=None)
    client.sessions.get(second.id)
    client.sessions.delete(first.id)
    client.sessions.get(first.id)
    client.sessions.delete(first.id)
    client.sessions.list(agent)


@scenario
def states(client: Any) -> None:
    session = client.sessions.create(client.name("agent"), initial_state={"plan": "basic", "due": None})
    client.state.get_state(session.id)
    client.state.update_state(session.id, {"plan": "gold", "nested": {"a": [1, 2.5, True, None]}}, "Asked for it")
    client.state.update_state(session.id, {"plan": None})
    client.state.replace_state(session.id, {"only": "this"}, "Started over")
    client.state.replace_state(session.id, {"only": "this"})
    client.sessions.update_state(session.id, {})
    client.state.get_state(session.id)
    client.state.get_state_history(session.id)
    client.state.get_state_history(session.id, limit=2)
    client.state.get_state_history(session.id, since_version=3)
    client.state.get_state_history(session.id, since_version=99)
    client.sessions.get_history(session.id)
    client.sessions.get_history(session.id, limit=1, include_traces=False)
    client.sessions.get_history(session.id, include_state=False)
    client.sessions.get(session.id)


@scenario
def rollbacks(client: Any) -> None:
    session = client.sessions.create(client.name("agent"), initial_state={"step": 0})
    for step in (1, 2, 3):
        client.state.update_state(session.id, {"step": step})
    client.state.rollback(session.id, 1, "Too far")
    client.state.rollback(session.id, -1)
    client.state.rollback(session.id, -1)
    client.state.rollback(session.id, 3)
    client.state.rollback(session.id, -2)
    client.sessions.rollback(session.id, 0)
    client.state.rollback(session.id, 99)
    client.state.rollback(session.id, -99)
    client.state.get_state_history(session.id)


@scenario
def forks(client: Any) -> None:
    user = client.name("user")
    session = client.sessions.create(client.name("agent"), user, {"channel": "web"}, {"step": 0})
    client.state.update_state(session.id, {"step": 1})
    client.sessions.add_turn(session.id, "in", "out")
    client.memory.add("Likes tea", session_id=session.id)
    newest = client.sessions.fork(session.id)
    oldest = client.sessions.fork(session.id, 0)
    client.state.update_state(oldest.id, {"step": 5})
    client.sessions.fork(session.id, 99)
    for fork in (newest, oldest):
        client.sessions.get(fork.id)
        client.sessions.list_turns(fork.id)
        client.state.get_state_history(fork.id)
    client.state.get_state(session.id)
    client.state.rollback(newest.id, -1)


@scenario
def turns(client: Any) -> None:
    session = client.sessions.create(client.name("agent"), initial_state={"plan": "basic"})
    client.sessions.add_turn(session.id, "Where is my parcel?", "On its way.", {"tokens": 12}, "Looked it up.")
    client.sessions.add_tool_call(session.id, "track", {"parcel": "P-7"}, {"eta": "tomorrow"}, "call_1")
    client.sessions.add_turn(session.id, {"type": "audio", "content": "x" * 150, "seconds": 3}, "y" * 150)
    client.sessions.add_turn(session.id, "in", "out", state_before={"plan": "?"}, state_after={"plan": "gold"})
    client.sessions.add_turn(session.id, "in", "out", state_after={"plan": "gold"})
    client.sessions.ingest(session.id, [("a", "b"), ("c", "d")])
    page = client.sessions.list_turns(session.id)
    for turn in page:
        client.sessions.get_turn(session.id, turn.id)
    client.sessions.list_turns(session.id, order="asc", limit=2)
    client.sessions.list_turns(session.id, 2, page[1].id)
    client.sessions.list_turns(session.id, order="sideways")
    client.state.get_state_history(session.id)
    client.sessions.get(session.id)


@scenario
def memories(client: Any) -> None:
    session = client.sessions.create(client.name("agent"))
    tea = client.memory.add("Likes green tea", "preference", session.id, ["drink", "taste"], {"source": "chat"})
    client.memory.add("Lives in Lisbon", "fact", session.id)
    client.memory.add("Dislikes black coffee", "preference", session.id, ["drink"])
    hidden = client.memory.add("A secret about tea", "general", session.id, embed=False)
    client.memory.get(tea.id)
    client.memory.get(hidden.id)
    client.memory.search("green tea", session.id, threshold=0.0)
    client.memory.search("green tea", session.id)
    client.memory.search("green tea", session.id, threshold=0.0, top_k=1)
    client.memory.search("tea coffee", session.id, "preference", threshold=0.0)
    client.memory.search("tea coffee Lisbon", session.id, ["fact", "event"], threshold=0.0)
    client.memory.search("tea coffee", session.id, tags=["taste"], threshold=0.0)
    client.memory.search("tea", session.id, threshold=1.0)
    client.memory.update(tea.id, content="Likes white tea", metadata={"sure": True})
    client.memory.update(tea.id, tags=["drink"], type="fact")
    client.memory.get(tea.id)
    client.memory.search("white tea", session.id, threshold=0.0)
    client.memory.delete(tea.id)
    client.memory.delete(tea.id)
    client.memory.get(tea.id)
    client.memory.update(tea.id, content="Nothing")
    client.sessions.get(session.id)


@scenario
def contexts(client: Any) -> None:
    user = client.name("user")
    before = client.sessions.create(client.name("agent"), user)
    client.memory.add("Prefers e-mail over phone calls", "preference", before.id)
    session = client.sessions.create(client.name("agent"), user, initial_state={"plan": "basic"})
    client.memory.add("The parcel arrived broken", "event", session.id)
    for number in range(7):
        client.sessions.add_turn(session.id, f"question {number}", f"answer {number}")
    client.note(client.state.get_context(session.id).latency_ms is not None)
    client.state.get_context(session.id, "How to contact them by e-mail?")
    client.state.get_context(session.id, "How to contact them?", 1, 2)
    client.sessions.get_context(session.id, "xylophone", memory_limit=0, turn_limit=0)
    client.state.get_context(session.id, "   ")
    client.state.get_context(session.id, memory_limit=21)
    alone = client.sessions.create(client.name("agent"))
    client.state.get_context(alone.id, "How to contact them?")


@scenario
def traces(client: Any) -> None:
    session = client.sessions.create(client.name("agent"), client.name("user"), {"a": 1}, {"step": 0})
    client.sessions.update(session.id, metadata={"a": 2}, ttl_seconds=60)
    client.state.update_state(session.id, {"step": 1}, "Because")
    client.state.rollback(session.id, 0, "Too far")
    client.sessions.add_turn(session.id, "in", "out", reasoning="Thought", state_after={"step": 2})
    memory = client.memory.add("Likes green tea with honey", "preference", session.id)
    client.memory.update(memory.id, content="Likes white tea with honey")
    client.memory.delete(memory.id)
    entity = client.entities.create(session.id, "order", "A-1", {"status": "open"})
    client.entities.update(entity.id, {"status": "shipped"})
    client.entities.delete(entity.id)
    fork = client.sessions.fork(session.id)
    page = client.traces.list_for_session(session.id)
    for trace in page:
        client.traces.get(trace.id)
    client.traces.list_for_session(session.id, limit=3)
    client.traces.list_for_session(session.id, limit=3, starting_after=page[2].id)
    client.traces.list_for_session(session.id, action="state.updated")
    client.traces.list(session_id=session.id, limit=2)
    client.traces.list(session_id=session.id, action="memory.created")
    client.traces.list(session_id=session.id, resource_type="entity")
    client.traces.list(resource_id=memory.id)
    client.traces.list(session_id=session.id, start_time=page[4].timestamp, end_time=page[1].timestamp)
    client.traces.list(session_id=fork.id)
    client.sessions.delete(session.id)
    client.traces.list_for_session(session.id, limit=2)
    client.traces.list(session_id=session.id, limit=1)


@scenario
def entities(client: Any) -> None:
    session, other = (client.sessions.create(client.name("agent")) for _ in range(2))
    order = client.entities.create(session.id, "order", "A-1", {"status": "open", "items": [1]})
    client.entities.create(session.id, "order", "A-1", {})
    client.entities.create(other.id, "order", "A-1", {})
    client.entities.create(session.id, "customer", "A-1", {})
    client.entities.update(order.id, {"status": None, "weight": 2.5})
    client.entities.get(order.id)
    client.entities.list(session_id=session.id)
    client.entities.list(session_id=session.id, entity_type="order")
    client.entities.list(session_id=session.id, limit=1)
    client.entities.list(session_id=session.id, starting_after=order.id)
    client.entities.delete(order.id)
    client.entities.get(order.id)
    client.entities.update(order.id, {})
    client.entities.delete(order.id)
    client.sessions.delete(session.id)
    client.entities.list(session_id=session.id)


@scenario
def dashboard(client: Any) -> None:
    before = client.unrecorded.dashboard.stats()
    session = client.sessions.create(client.name("agent"))
    client.sessions.add_turn(session.id, "in", "out")
    client.memory.add("Likes tea", session_id=session.id)
    client.entities.create(session.id, "order", "A-1", {})
    after = client.unrecorded.dashboard.stats()
    for figure in ("total_sessions", "total_turns", "total_memories", "total_entities", "active_sessions_24h"):
        client.note([figure, after.stats[figure] - before.stats[figure]])
    client.note(sum(hour.count for hour in after.recent_activity) - sum(hour.count for hour in before.recent_activity))
    client.note([len(after.recent_activity), sorted(after.stats.keys())])


@scenario
def api_keys(client: Any) -> None:
    name = client.name("key")
    key = client.dashboard.create_key(name, rate_limit=50, expires_days=7)
    agent = client.name("agent")
    member = client.with_key(key.full_key)
    session = member.sessions.create(agent)
    member.sessions.list(agent)
    client.traces.get(client.traces.list(session_id=session.id)[0].id)
    client.note([item for item in client.unrecorded.dashboard.list_keys() if item.id == key.id])
    client.dashboard.revoke_key(key.id)
    member.sessions.list(agent)
    client.dashboard.revoke_key("key_000000000000")
    client.dashboard.create_key(name, expires_days=0)


@scenario
def errors(client: Any) -> None:
    session = client.sessions.create(client.name("agent"))
    client.with_key("sb_wrong").sessions.get(session.id)
    client.sessions.get("sess_000000000000")
    client.sessions.get_turn(session.id, "turn_000000000000")
    client.sessions.add_turn("sess_000000000000", "in", "out")
    client.state.get_state("sess_000000000000")
    client.state.update_state("sess_000000000000", {})
    client.memory.get("mem_000000000000")
    client.memory.add("text", session_id="sess_000000000000")
    client.traces.get("trace_000000000000")
    client.traces.list_for_session("sess_000000000000")
    client.entities.get("ent_000000000000")
    client.entities.create("sess_000000000000", "order", "A-1", {})
    client.sessions.get("grüße und ein Leerzeichen")
    client.sessions.create("agent", ttl_seconds=0)
    client.sessions.create("agent", ttl_seconds=2_592_001)
    client.sessions.create(5)
    client.sessions.create("agent", extra_body={"metadata": []})
    client.sessions.list(metadata="[]")
    client.sessions.list(metadata="{")
    client.sessions.list(starting_after="sess_000000000000")
    client.sessions.list(created_after="yesterday")
    client.sessions.list_turns(session.id, starting_after="turn_000000000000")
    client.entities.list(starting_after="ent_000000000000")
    client.traces.list_for_session(session.id, starting_after="trace_000000000000")
    client.memory.add("x" * 10_001, session_id=session.id)
    client.memory.add("", session_id=session.id)
    client.memory.search("tea", top_k=51)
    client.memory.search("tea", threshold=1.5)
    client.state.rollback(session.id, True)
    client.state.rollback(session.id, "3")
    client.state.update_state(session.id, {"depth": nested(200)})
    client.sessions.create("agent", metadata={"text": "x" * (10 * 1024 * 1024)})
    client.sessions.get(session.id, extra_query={"unknown": "x"})


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@scenario
def pages(client: Any) -> None:
    agent = client.name("agent")
    made = [client.sessions.create(agent) for _ in range(5)]
    for limit in (1, 2, 5, 100):
        first = client.sessions.list(agent, limit)
        client.note([session.id for session in first.auto_paging_iter()])
        client.note([session.id for session in first.auto_paging_iter(max_items=3)])
        client.note([first.get("first_id"), first.get("last_id")])
    client.sessions.list(agent, 2, made[2].id)
    client.sessions.list(agent, 2, made[0].id)
    client.note(client.sessions.list(agent, 3).next_page())
    for number in range(4):
        client.sessions.add_turn(made[0].id, str(number), str(number))
    for order in ("asc", "desc"):
        page = client.sessions.list_turns(made[0].id, 3, order=order)
        client.note([turn.input_preview for turn in page.auto_paging_iter()])
    client.note([trace.action for trace in client.traces.list(session_id=made[0].id, limit=2).auto_paging_iter()])
    trail = client.traces.list_for_session(made[0].id, limit=2)
    client.note([trace.action for trace in trail.auto_paging_iter()])
    for limit in (0, 101, -1, "many"):
        client.sessions.list(agent, limit)
    client.traces.list(limit=1001)


@scenario
def idempotency(client: Any) -> None:
    agent, key = client.name("agent"), client.name("key")
    first = client.sessions.create(agent, initial_state={"text": "x" * 500}, idempotency_key=key)
    client.sessions.create(agent, initial_state={"text": "x" * 500}, idempotency_key=key)
    client.sessions.create(agent, initial_state={"text": "y"}, idempotency_key=key)
    client.sessions.list(agent)
    for _ in range(2):
        client.sessions.add_turn(first.id, "in", "out", state_after={"step": 1}, idempotency_key=key)
        client.sessions.update(first.id, metadata={"a": 1}, idempotency_key=key)
        client.state.update_state(first.id, {"step": 2}, idempotency_key=key)
        client.state.rollback(first.id, 0, idempotency_key=key)
        client.sessions.fork(first.id, 1, idempotency_key=key)
        client.memory.add("Likes tea", session_id=first.id, idempotency_key=key)
        client.entities.create(first.id, "order", "A-1", {}, idempotency_key=key)
        client.dashboard.create_key(key, idempotency_key=key)
    client.sessions.add_turn(first.id, "other", "out", idempotency_key=key)
    client.memory.add("", session_id=first.id, idempotency_key=f"{key}-invalid")
    client.memory.add("", session_id=first.id, idempotency_key=f"{key}-invalid")
    client.memory.add("Likes coffee", session_id=first.id, idempotency_key=f"{key}-invalid")
    client.sessions.get(first.id)
    client.state.get_state_history(first.id)


@scenario
def system(client: Any) -> None:
    client.live()
    client.ready()
    client.info()
    health = client.unrecorded.health()
    client.note([health.status, health.version, sorted(health.services), health.uptime_seconds >= 0])
