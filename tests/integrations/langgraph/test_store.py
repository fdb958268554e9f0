"""StateBaseStore gives what LangGraph's store in memory gives, finds items by meaning, and lets them expire."""

from __future__ import annotations

import asyncio
import random
import threading
from datetime import datetime, timedelta, timezone
from typing import Any, Callable, List, Tuple

import pytest
from langgraph.store.base import GetOp, InvalidNamespaceError, ListNamespacesOp, MatchCondition, PutOp, SearchOp
from langgraph.store.memory import InMemoryStore

from statebase import ConfigurationError, InvalidRequestError
from statebase.integrations.langgraph import StateBaseStore
from statebase.testing import Faults, async_local_client, local_client
from tests.integrations.conftest import Service

LABELS = ["users", "ada", "bob", "notes", "Ünï code/\U0001f600"]
KEYS = ["a", "b", "key with space", "k" * 300, "Ünï\0"]
FILTERS: List[Any] = [
    None,
    {"kind": 1},
    {"number": {"$gte": 4, "$lt": 8}},
    {"kind": {"$ne": 1}},
    {"nested": {"deep": [1, {"x": True}]}},
    {"nested": {"deep": {"$eq": [1, {"x": True}]}}, "kind": 0},
]


class Memory(InMemoryStore):
    """LangGraph's store in memory, which lists namespaces without items otherwise."""

    def _handle_list_namespaces(self, op: Any) -> Any:
        for namespace in [namespace for namespace, items in self._data.items() if not items]:
            del self._data[namespace]
        return super()._handle_list_namespaces(op)


def value(number: int) -> Any:
    return {
        "number": number % 10,
        "kind": number % 3,
        "nested": {"deep": [1, {"x": number % 2 == 0}]},
        "nul": "\0\ud800",
    }


def shown(op: Any, result: Any) -> Any:
    """Return a result without times and without an order, which the store in memory has by insertion."""
    if isinstance(op, GetOp):
        return result and (result.namespace, result.key, result.value)
    if isinstance(op, SearchOp):
        return sorted((item.namespace, item.key, str(item.value)) for item in result)
    return result


def random_op(choice: random.Random, step: int) -> Any:
    namespace = tuple(choice.choices(LABELS, k=choice.randrange(1, 4)))
    action = choice.random()
    if action < 0.45:
        return PutOp(namespace, choice.choice(KEYS), value(step))
    if action < 0.55:
        return PutOp(namespace, choice.choice(KEYS), None)
    if action < 0.75:
        return GetOp(namespace, choice.choice(KEYS))
    if action < 0.9:
        return SearchOp(namespace[: choice.randrange(3)], choice.choice(FILTERS), limit=1_000)
    condition = MatchCondition(
        choice.choice(["prefix", "suffix"]), choice.choice([("users",), ("*", "ada"), namespace])
    )
    depth, offset = choice.choice([None, 1, 2]), choice.choice([0, 1])
    return ListNamespacesOp(choice.choice([None, (condition,)]), depth, limit=choice.choice([2, 100]), offset=offset)


@pytest.mark.parametrize("kind", ["sync", "async", "sync from async"])
def test_random_operations_have_the_results_of_the_store_in_memory(service: Service, kind: str) -> None:
    choice = random.Random(kind)
    memory = Memory()

    async def main() -> None:
        client: Any = service.asynchronous() if kind == "async" else service.sync()
        store = StateBaseStore(client, index=False)
        for step in range(60):
            ops = [random_op(choice, step * 10 + number) for number in range(choice.choice([1, 1, 4]))]
            got = store.batch(ops) if kind == "sync" else await store.abatch(ops)
            assert list(map(shown, ops, got)) == list(map(shown, ops, memory.batch(ops)))
        if kind == "async":
            await client.close()

    asyncio.run(main())


def test_items_are_found_by_meaning(service: Service) -> None:
    store = StateBaseStore(service.sync(), index=["text"])
    texts = {"food": "Ada does not eat meat", "city": "Ada lives in Graz", "pet": "Ada has a cat called Tom"}
    for key, text in texts.items():
        store.put(("users", "ada"), key, {"text": text, "kind": len(key)})
    store.put(("users", "bob"), "city", {"text": "Bob lives in Oslo"})
    store.put(("users", "ada"), "hidden", {"text": "Ada's home town is Graz, too"}, index=False)
    store.put(("users", "ada"), "other", {"title": "The town where Ada grew up", "text": "bread"}, index=["title"])

    found = store.search(("users", "ada"), query="in which city is her home?")

    assert found[0].key == "city"
    assert found[0].score is not None
    assert [item.score for item in found] == sorted((item.score for item in found), reverse=True)  # type: ignore[type-var]
    assert {item.key for item in found} <= {"food", "city", "pet", "other"}
    assert store.search(("users", "bob"), query="vegetarian")[0].value == {"text": "Bob lives in Oslo"}
    assert {item.namespace for item in store.search((), query="living in a city")} == {
        ("users", "ada"),
        ("users", "bob"),
    }
    assert [item.key for item in store.search(("users",), query="vegetarian", filter={"kind": 3})] == ["pet"]
    assert store.search(("nobody",), query="city") == []


def test_a_changed_or_deleted_item_is_not_found_by_its_old_text(service: Service) -> None:
    client = service.sync()
    store = StateBaseStore(client)
    store.put(("users", "ada"), "city", {"text": "Ada lives in Graz"})
    store.put(("users", "ada"), "city", {"text": "Ada lives in Vienna"})
    store.put(("users", "ada"), "pet", {"text": "Ada has a cat"})
    store.delete(("users", "ada"), "pet")

    found = store.search(("users",), query="Ada lives in Graz")

    assert [item.value for item in found] == [{"text": "Ada lives in Vienna"}]
    (session,) = client.sessions.list("langgraph-store").data
    assert client.sessions.get(session.id).memory_count == 1


def test_times_say_when_an_item_was_created_and_changed() -> None:
    moments = [datetime(2026, 1, day, tzinfo=timezone.utc) for day in range(1, 5)]
    with local_client() as client:
        store = StateBaseStore(client, now=iter(moments[:1] * 2 + moments[1:2] * 2 + moments[2:3] * 9).__next__)
        store.put(("a",), "first", {"x": 1})
        store.put(("a",), "first", {"x": 2})

        item = store.get(("a",), "first")

        assert item is not None
        assert (item.created_at, item.updated_at) == (moments[0], moments[1])


def test_items_expire_unless_they_are_used(service: Service) -> None:
    now = [datetime(2026, 1, 1, tzinfo=timezone.utc)]

    def later(minutes: float) -> None:
        now[0] += timedelta(minutes=minutes)

    store = StateBaseStore(service.sync(), default_ttl=10, now=lambda: now[0])
    store.put(("a",), "read", {"text": "a cat"})
    store.put(("a",), "found", {"text": "a dog"})
    store.put(("a",), "looked at", {"text": "a cow"})
    store.put(("a",), "left", {"text": "a fox"})
    store.put(("a",), "stays", {"text": "an owl"}, ttl=None)
    for _ in range(2):
        later(6)
        assert store.get(("a",), "read") is not None
        assert [item.key for item in store.search(("a",), filter={"text": "a dog"})] == ["found"]
        store.get(("a",), "looked at", refresh_ttl=False)

    assert {item.key for item in store.search(("a",))} == {"read", "found", "stays"}
    assert {item.key for item in store.search(("a",), query="fox")} == {"read", "found", "stays"}
    assert (store.get(("a",), "left"), store.get(("a",), "looked at")) == (None, None)
    later(11)
    assert store.list_namespaces() == [("a",)]
    store.delete(("a",), "stays")
    assert store.list_namespaces() == []


def test_stores_of_users_and_agents_are_apart_and_a_user_is_erased(service: Service) -> None:
    client = service.sync()
    stores = [
        StateBaseStore(client),
        StateBaseStore(client, user_id="ada"),
        StateBaseStore(client, user_id="bob"),
        StateBaseStore(client, agent_id="other"),
    ]
    for number, store in enumerate(stores):
        store.put(("a",), "key", {"text": f"number {number}"})

    for number, store in enumerate(stores):
        expected = {"text": f"number {number}"}
        assert [item.value for item in store.search(())] == [expected]
        assert [item.value for item in store.search((), query="number")] == [expected]

    client.erase_user("ada")

    assert [len(store.search((), query="number")) for store in stores] == [1, 0, 1, 1]
    assert stores[1].get(("a",), "key") is None


def test_racing_writers_to_a_new_namespace_lose_nothing(service: Service) -> None:
    stores = [StateBaseStore(service.sync()) for _ in range(4)]

    def write(number: int) -> None:
        for step in range(3):
            stores[number].put(("users", "ada"), f"{number} {step}", {"text": f"note {number} {step}"})

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    expected = {f"{number} {step}" for number in range(4) for step in range(3)}
    assert {item.key for item in stores[0].search(("users",), limit=100)} == expected
    assert {item.key for item in stores[0].search(("users",), query="note", limit=50)} == expected


@pytest.mark.parametrize("fault", ["drop_after_commit", "rate_limit", "server_error"])
def test_faults_of_all_requests_change_nothing(service: Service, fault: str) -> None:
    faults = Faults()
    with local_client(faults=faults, engine=service.engine) as client:
        store = StateBaseStore(client, agent_id=fault)
        for number in range(3):
            for method in ("sessions.update_state", "memory.add_many", "sessions.get_state"):
                getattr(faults, fault)(on=method)
            store.put(("a",), f"key {number}", {"text": f"note {number}"})

        assert faults.pending == []
        (session,) = client.sessions.list(fault).data
        assert client.sessions.get(session.id).memory_count == 3
        assert client.sessions.get_state(session.id).version == 3
        assert len(store.search((), query="note")) == 3


def test_what_operations_cost() -> None:
    faults = Faults()
    with local_client(faults=faults) as client:
        store = StateBaseStore(client)

        def requests(function: Callable[[], Any]) -> List[str]:
            faults.requests.clear()
            function()
            return list(faults.requests)

        store.put(("a",), "key", {"text": "note"})
        assert requests(lambda: store.get(("a",), "key")) == ["sessions.get_state"]
        assert requests(lambda: store.put(("a",), "key", {"text": "note"})) == [
            "sessions.get_state",
            "sessions.update_state",
        ]
        assert requests(lambda: store.put(("a",), "key", {"text": "another"})) == [
            "sessions.get_state",
            "memory.add_many",
            "sessions.update_state",
            "memory.delete",
        ]
        assert requests(lambda: store.search((), query="note")) == ["memory.search", "sessions.get"]
        assert requests(lambda: store.search(())) == ["sessions.list", "sessions.get"]


Wrong = Tuple[Callable[[StateBaseStore], Any], type, str]


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (
            lambda store: store.put(("a",), "k", {"x": object()}),
            InvalidRequestError,
            "value must be a mapping that JSON",
        ),
        (
            lambda store: store.put(("a",), "k", {"x": float("nan")}),
            InvalidRequestError,
            "value must be a mapping that",
        ),
        (lambda store: store.put((), "k", {"x": 1}), InvalidNamespaceError, "Namespace cannot be empty"),
        (
            lambda store: (store.put(("a",), "k", {"x": 1}), store.search((), filter={"x": {"$in": [1]}})),
            InvalidRequestError,
            r"An operator of a filter must be \$eq, \$ne, \$gt, \$gte, \$lt or \$lte",
        ),
    ],
)
def test_wrong_arguments_are_named(function: Any, error: Any, message: str) -> None:
    with local_client() as client, pytest.raises(error, match=f"^{message}"):
        function(StateBaseStore(client, index=False))


def test_a_client_of_the_wrong_kind_is_named() -> None:
    with pytest.raises(ConfigurationError, match="^client must be a StateBase or an AsyncStateBase, got NoneType$"):
        StateBaseStore(None)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="^A method without await needs a StateBase client"):
        StateBaseStore(async_local_client()).get(("a",), "key")
