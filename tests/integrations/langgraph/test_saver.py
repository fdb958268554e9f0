"""StateBaseSaver beyond the conformance suite: order, limits, strange ids, racing writers, and what a step costs."""

from __future__ import annotations

import os
import random
import threading
from operator import methodcaller
from typing import Any, Callable, Dict, List, Tuple

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.types import Command

from statebase import AsyncStateBase, ConfigurationError, InvalidRequestError
from statebase.integrations.langgraph import StateBaseSaver
from statebase.testing import Faults, local_client
from tests.integrations.conftest import Service

from .checkpoints import checkpoint, checkpoint_id, config, put
from .graphs import WIDTH, counter_graph, shown, whole_graph


class Aes:
    """A cipher, as EncryptedSerializer takes it."""

    _key = AESGCM(b"0123456789abcdef")

    def encrypt(self, plaintext: bytes) -> Tuple[str, bytes]:
        nonce = os.urandom(12)
        return "aes", nonce + self._key.encrypt(nonce, plaintext, b"")

    def decrypt(self, ciphername: str, ciphertext: bytes) -> bytes:
        assert ciphername == "aes"
        return self._key.decrypt(ciphertext[:12], ciphertext[12:], b"")


SPECIAL = ["__error__", "__scheduled__", "__interrupt__", "__resume__"]


def tuples(saver: Any, *arguments: Any, **named: Any) -> List[Any]:
    return [comparable(item) for item in saver.list(*arguments, **named)]


def found_by(saver: Any, place: Any) -> Any:
    return comparable(saver.get_tuple(place))


def comparable(item: Any) -> Any:
    return item and (
        item.config["configurable"],
        {**item.checkpoint, "ts": ""},
        item.metadata,
        item.parent_config,
        sorted(item.pending_writes),
    )


@pytest.mark.parametrize("seed", range(3))
def test_random_operations_have_the_results_of_the_saver_in_memory(service: Service, seed: int) -> None:
    """Writes may come before their checkpoint, checkpoints and writes again; another saver reads as well."""
    choice = random.Random(seed)
    client = service.sync()
    saver, reader, memory = StateBaseSaver(client), StateBaseSaver(client), InMemorySaver()
    newest: Dict[Any, int] = {}

    def both(function: Any, *arguments: Any, reads: bool = False, **named: Any) -> None:
        one = reader if reads and choice.random() < 0.5 else saver
        assert function(one, *arguments, **named) == function(memory, *arguments, **named)

    for step in range(250):
        place = (choice.choice(["thread-1", "thread-2"]), choice.choice(["", "", "", "inner", "inner:task-1"]))
        number = newest.get(place, 0)
        action = choice.random()
        if action < 0.25:
            newest[place] = number + 1
            both(put, number + 1, step, thread=place[0], namespace=place[1], kind=step % 3)
        elif action < 0.3 and number:
            both(put, number, step, thread=place[0], namespace=place[1])
        elif action < 0.65:
            # of the checkpoint that comes next, the newest, or an older one
            of = max(1, number + choice.choice([1, 0, 0, 0, -1, -3]))
            writes = [(choice.choice([*SPECIAL, "a", "b"]), choice.randrange(3)) for _ in range(choice.randrange(1, 3))]
            task, path = choice.choice([("task-1", "~b"), ("task-2", "~a")])
            both(methodcaller("put_writes", config(*place, checkpoint_id(of)), writes, task, path))
        elif action < 0.85:
            wanted = None if choice.random() < 0.6 else checkpoint_id(choice.randrange(1, number + 2))
            both(found_by, config(*place, wanted), reads=True)
        elif action < 0.98:
            named: Any = choice.choice(
                [{}, {"limit": 2}, {"filter": {"kind": 1}}, {"before": config(checkpoint_id=checkpoint_id(number))}]
            )
            both(tuples, config(*place), reads=True, **named)
        else:
            newest = {other: newest[other] for other in newest if other[0] != place[0]}
            both(methodcaller("delete_thread", place[0]))


def test_a_checkpoint_far_back_is_found_by_its_id(service: Service) -> None:
    saver, other = StateBaseSaver(service.sync()), StateBaseSaver(service.sync())
    for number in range(1, 131):
        put(saver, number, number)
        saver.put_writes(config(checkpoint_id=checkpoint_id(number)), [("a", number)], "task-1")

    for number in (130, 77, 1):
        found = other.get_tuple(config(checkpoint_id=checkpoint_id(number)))
        assert (found.checkpoint["channel_values"], found.pending_writes) == (
            {"value": number},
            [("task-1", "a", number)],
        )
    assert other.get_tuple(config(checkpoint_id=checkpoint_id(131))) is None
    assert [item.metadata["step"] for item in other.list(config())] == list(range(130, 0, -1))


def test_all_threads_are_listed(service: Service) -> None:
    saver = StateBaseSaver(service.sync())
    StateBaseSaver(saver.client, user_id="ada")
    for thread in ("thread-1", "thread-2"):
        put(saver, 1, thread=thread)
    put(StateBaseSaver(saver.client, user_id="ada"), 1, thread="hers")
    put(StateBaseSaver(saver.client, agent_id="other"), 1, thread="another's")

    assert sorted(item.config["configurable"]["thread_id"] for item in saver.list(None)) == ["thread-1", "thread-2"]


def test_a_thread_of_a_user_is_erased_with_the_user(service: Service) -> None:
    client = service.sync()
    saver = StateBaseSaver(client, user_id="ada")
    put(saver, 1)
    put(StateBaseSaver(client), 1)

    client.erase_user("ada")

    assert saver.get_tuple(config()) is None
    assert StateBaseSaver(client).get_tuple(config()) is not None


@pytest.mark.parametrize(
    "thread",
    [
        "x" * 5_000,
        "Ünïcödé \U0001f600",
        "nul \0 byte",
        "\ud800",
        "a/b?c#d%2e",
        " ",
        "..",
        "sha256:abc",
        "line\nbreak",
        7,
    ],
    ids=range(10),
)
def test_any_thread_id_is_its_own_thread(service: Service, thread: Any) -> None:
    saver = StateBaseSaver(service.sync())
    others = ["x" * 4_999, "nul  byte", "\ud801", "a/b", "sha256:abd", "8"]
    for number, other in enumerate(others):
        put(saver, 1, number, thread=other)

    stored = put(saver, 1, "mine", thread=thread, namespace="outer:\0|inner:\ud800")

    found = saver.get_tuple(stored)
    assert found.checkpoint["channel_values"] == {"value": "mine"}
    assert found.config == stored
    assert str(thread) in {item.config["configurable"]["thread_id"] for item in saver.list(None)}
    saver.delete_thread(str(thread))
    assert saver.get_tuple(stored) is None
    assert [item.metadata["step"] for item in saver.list(None)] == [1] * len(others)


def test_a_deleted_thread_begins_again_for_all(service: Service) -> None:
    saver, other = StateBaseSaver(service.sync()), StateBaseSaver(service.sync())
    for one in (saver, other):
        put(saver, 1, "old")
        assert other.get_tuple(config()) is not None

        one.delete_thread("thread-1")

        assert (saver.get_tuple(config()), other.get_tuple(config())) == (None, None)
        put(other, 1, "old")
        assert len(tuples(saver, config())) == len(tuples(other, config())) == 1
        saver.delete_thread("thread-1")


def test_what_was_deleted_can_be_stored_again(service: Service) -> None:
    saver = StateBaseSaver(service.sync())
    deletions: List[Any] = [
        lambda: saver.delete_for_runs(["run-1"]),
        lambda: saver.prune(["thread-1"]),
        lambda: saver.prune(["thread-1"], strategy="delete"),
    ]
    for delete in deletions:
        stored = put(saver, 1, "a", run_id="run-1")
        saver.put_writes(stored, [("a", 1)], "task-1")
        put(saver, 2, "b", run_id="run-2")

        delete()

        assert saver.get_tuple(stored) is None
        put(saver, 1, "a", run_id="run-1")
        saver.put_writes(stored, [("a", 1)], "task-1")
        assert saver.get_tuple(stored).pending_writes == [("task-1", "a", 1)]
        saver.delete_thread("thread-1")


def test_racing_writers_to_a_new_thread_lose_nothing(service: Service) -> None:
    savers = [StateBaseSaver(service.sync()) for _ in range(4)]

    def write(first: int) -> None:
        saver = savers[first % 4]
        for number in range(first, first + 4):
            stored = put(saver, number, number)
            saver.put_writes(stored, [("a", number)], "task-1")

    threads = [threading.Thread(target=write, args=(first,)) for first in range(1, 33, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    found = list(savers[0].list(config()))
    assert sorted(item.checkpoint["id"] for item in found) == [checkpoint_id(number) for number in range(1, 33)]
    assert all(item.pending_writes == [("task-1", "a", item.metadata["step"])] for item in found)
    assert len(service.sync().sessions.list("langgraph").data) == 1


def test_copies_go_on_without_their_source(service: Service) -> None:
    saver = StateBaseSaver(service.sync())
    for number in range(1, 4):
        saver.put_writes(config(checkpoint_id=checkpoint_id(number)), [("a", "early")], "task-1")
        stored = put(saver, number, number)
        saver.put_writes(stored, [("__resume__", number)], "task-2")
    saver.prune(["thread-1"])
    put(saver, 4, 4)

    saver.copy_thread("thread-1", "thread-2")
    put(saver, 5, 5, thread="thread-2")
    saver.delete_thread("thread-1")

    found = list(StateBaseSaver(service.sync()).list(config("thread-2")))
    assert [item.metadata["step"] for item in found] == [5, 4, 3]
    assert found[2].pending_writes == [("task-1", "a", "early"), ("task-2", "__resume__", 3)]


def test_pruning_keeps_what_delta_channels_are_rebuilt_from() -> None:
    with local_client() as client:
        saver = StateBaseSaver(client)
        for number in range(1, 6):
            put(saver, number, number, counters_since_delta_snapshot={"messages": (1, 2)} if number == 5 else {})

        saver.prune(["thread-1"])

        assert [item.metadata["step"] for item in saver.list(config())] == [5, 4, 3]


def test_an_unknown_strategy_is_refused() -> None:
    with (
        local_client() as client,
        pytest.raises(InvalidRequestError, match="^strategy must be 'keep_latest' or 'delete'$"),
    ):
        StateBaseSaver(client).prune(["thread-1"], strategy="keep_last")


def noise(size: int) -> bytes:
    """Return bytes that cannot be compressed."""
    return random.Random(size).randbytes(size)


def test_a_large_state_is_stored_and_a_larger_one_refused(service: Service) -> None:
    saver = StateBaseSaver(service.sync())
    put(saver, 1, noise(6_990_000))
    put(saver, 2, "text " * 3_000_000)
    with pytest.raises(
        InvalidRequestError,
        match=r"^The size of the checkpoint is 7,000,\d{3} bytes, compressed where possible, and at most 7,000,000 fit: "
        r"keep large content elsewhere, such as in files, and its names in the state$",
    ):
        put(saver, 3, noise(7_000_000))
    with pytest.raises(InvalidRequestError, match=r"^The size of the writes of a task is 7,\d{3},\d{3} bytes"):
        saver.put_writes(config(checkpoint_id=checkpoint_id(1)), [("a", noise(3_600_000))] * 2, "task-1")

    found = [item.checkpoint["channel_values"]["value"] for item in saver.list(config())]
    assert found == ["text " * 3_000_000, noise(6_990_000)]


def test_states_that_do_not_fit_into_one_response_are_read_one_by_one(service: Service) -> None:
    client = service.sync(max_response_bytes=1_000_000)
    saver = StateBaseSaver(client)
    for number in range(1, 8):
        stored = put(saver, number, noise(300_000))
        saver.put_writes(stored, [("a", number)], "task-1")

    other = StateBaseSaver(client)
    assert other.get_tuple(config()).pending_writes == [("task-1", "a", 7)]
    assert [item.metadata["step"] for item in other.list(config())] == [7, 6, 5, 4, 3, 2, 1]


def test_an_encrypted_graph_is_unreadable_without_the_key(service: Service) -> None:
    client = service.sync()
    serde = EncryptedSerializer(Aes())
    graph = counter_graph(StateBaseSaver(client, serde=serde))

    result = graph.invoke({"log": ["a secret", "x" * 10_000]}, config())

    assert counter_graph(StateBaseSaver(service.sync(), serde=serde)).get_state(config()).values == result
    (session,) = client.sessions.list("langgraph").data
    turns = client.sessions.iter_turns(session.id)
    assert not any(word in turn.output.content for turn in turns for word in ("YSBzZWNyZXQ", "a secret"))


def test_a_client_of_the_wrong_kind_is_named() -> None:
    with pytest.raises(ConfigurationError, match="^client must be a StateBase or an AsyncStateBase, got str$"):
        StateBaseSaver("http://localhost")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="^A method without await needs a StateBase client"):
        StateBaseSaver(AsyncStateBase.local()).get_tuple(config())


def test_what_a_step_costs() -> None:
    """A checkpoint, the writes of a task, and the newest checkpoint take a request each, and opening a thread one."""
    faults = Faults()
    with local_client(faults=faults) as client:
        saver = StateBaseSaver(client)

        def requests() -> List[str]:
            made = list(faults.requests)
            faults.requests.clear()
            return made

        assert saver.get_tuple(config("another")) is None  # the client learns what the service supports
        requests()

        graph = counter_graph(saver, steps=5)
        graph.invoke({"log": ["in"]}, config(), durability="sync")
        made = requests()
        assert made[:2] == ["sessions.create", "sessions.get_context"]
        # the input, and 5 steps: each a checkpoint and writes
        assert made[2:] == ["sessions.add_turn"] * (len(list(saver.list(config()))) * 2 - 1)
        requests()

        graph.invoke({"log": ["in"]}, config(), durability="sync")
        made = requests()
        assert made.count("sessions.get_context") == 1
        assert set(made) == {"sessions.get_context", "sessions.add_turn"}

        for again in (saver, StateBaseSaver(client)):
            assert again.get_tuple(config()) is not None
            assert requests()[-1:] == ["sessions.get_context"]


def test_what_many_tasks_and_subgraphs_cost() -> None:
    faults = Faults()
    with local_client(faults=faults) as client:
        graph = whole_graph(StateBaseSaver(client))

        graph.invoke({"log": ["in"]}, config(), durability="sync")

        assert faults.requests.count("sessions.create") == 1
        assert faults.requests.count("sessions.get_context") == 2  # the graph, and the graph in it
        assert faults.requests.count("sessions.list_turns") == 0
        assert faults.requests.count("sessions.add_turn") >= WIDTH


class FaultySaver(StateBaseSaver):
    """A saver of which the first attempt of each write fails."""

    inject: Callable[..., None]

    def put(self, *arguments: Any, **named: Any) -> Any:
        self.inject(on="sessions.add_turn")
        return super().put(*arguments, **named)

    def put_writes(self, *arguments: Any, **named: Any) -> Any:
        self.inject(on="sessions.add_turn")
        return super().put_writes(*arguments, **named)


def finished(saver: Any) -> List[Any]:
    graph = counter_graph(saver, steps=5)
    for _ in range(2):
        graph.invoke({"log": ["in"]}, config(), durability="sync")
    return [shown(one) for one in graph.get_state_history(config())]


@pytest.mark.parametrize("fault", ["drop_after_commit", "rate_limit", "drop_before_send", "server_error"])
def test_faults_of_all_writes_change_nothing(service: Service, fault: str) -> None:
    """Each write of a graph loses its response or is refused at first; what is stored is as without faults."""
    faults = Faults()
    with local_client(faults=faults, engine=service.engine) as client:
        saver = FaultySaver(client)
        saver.inject = getattr(faults, fault)

        assert finished(saver) == finished(InMemorySaver())

        assert faults.pending == []
        (session,) = client.sessions.list("langgraph").data
        heads = [turn.input.content for turn in client.sessions.iter_turns(session.id)]
        assert len(heads) == len(set(heads)) == faults.requests.count("sessions.add_turn") / 2


def test_a_write_that_is_repeated_after_its_answer_was_lost_for_good_is_stored_once() -> None:
    faults = Faults()
    with local_client(faults=faults) as client:
        saver = StateBaseSaver(client.with_options(max_retries=0))
        stored = put(saver, 1, "a")
        made = checkpoint(2, "b")

        def twice(write: Any) -> None:
            faults.drop_after_commit()
            with pytest.raises(Exception, match="was lost"):
                write()
            write()

        twice(lambda: saver.put(stored, made, {"step": 2}, {}))
        after = config(checkpoint_id=checkpoint_id(2))
        twice(lambda: saver.put_writes(after, [("a", 1), ("b", 2)], "task-1"))
        twice(lambda: saver.put_writes(after, [("__resume__", "yes")], "task-1"))
        saver.put_writes(after, [("__resume__", "no")], "task-1")
        twice(lambda: saver.put_writes(after, [("__resume__", "yes")], "task-1"))

        (session,) = client.sessions.list("langgraph").data
        assert client.sessions.get(session.id).turn_count == 6
        assert saver.get_tuple(config()).pending_writes == [
            ("task-1", "__resume__", "yes"),
            ("task-1", "a", 1),
            ("task-1", "b", 2),
        ]


def test_an_interrupt_survives_a_crash_between_writes(service: Service) -> None:
    """Writes that were stored before the process ended are not made again."""
    graph = whole_graph(StateBaseSaver(service.sync()))
    graph.invoke({"log": ["in"]}, config())

    again = whole_graph(StateBaseSaver(service.sync()))
    again.invoke(Command(resume="yes"), config())
    result = whole_graph(StateBaseSaver(service.sync())).invoke(Command(resume="no"), config())

    assert result["log"][-4:] == ["read", "first yes", "second no", "end"]
