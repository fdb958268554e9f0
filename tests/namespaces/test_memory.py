"""Memories are stored and searched by the names of 0.4 and of the API alike; words may come as lists."""

from __future__ import annotations

import json
from typing import Any, Dict

import httpx
import pytest

from statebase import NOT_GIVEN, InvalidRequestError, models

RESULT = {"id": "mem_1", "session_id": "sess_1", "content": "tea", "type": "fact", "score": 0.9}


@pytest.fixture
def searched(serve: Any) -> Any:
    """Search, and return the query that was sent."""

    def run(*args: Any, **kwargs: Any) -> Dict[str, str]:
        queries = []

        def handle(request: httpx.Request) -> httpx.Response:
            queries.append(dict(request.url.params))
            return httpx.Response(200, json={"data": [], "query": "tea"})

        serve(handle).memory.search(*args, **kwargs)
        return queries[0]

    return run


def test_search_sends_what_was_given(searched: Any) -> None:
    """The query alone, or with each filter; defaults are the service's."""
    assert searched("tea") == {"query": "tea"}
    assert searched("tea", "sess_1", types="fact", tags="vip", top_k=3, threshold=0.2) == {
        "query": "tea",
        "session_id": "sess_1",
        "types": "fact",
        "tags": "vip",
        "top_k": "3",
        "threshold": "0.2",
    }


@pytest.mark.parametrize(
    ("words", "sent"),
    [("fact", "fact"), ("fact,event", "fact,event"), (["fact", "event"], "fact,event"), (("fact",), "fact")],
)
@pytest.mark.parametrize("name", ["types", "tags"])
def test_words_are_joined(searched: Any, name: str, words: Any, sent: str) -> None:
    """A word, words with commas between them, or a list of words."""
    assert searched("tea", **{name: words}) == {"query": "tea", name: sent}


@pytest.mark.parametrize("words", [None, NOT_GIVEN])
def test_no_words_are_no_filter(searched: Any, words: Any) -> None:
    """None leaves a filter out."""
    assert searched("tea", types=words, tags=words, session_id=words, type=words) == {"query": "tea"}


def test_empty_list_of_words_is_no_filter(searched: Any) -> None:
    """A list that has become empty does not ask for memories of no type."""
    assert searched("tea", types=[], tags=()) == {"query": "tea"}


@pytest.mark.parametrize("words", [["a,b"], [5], [None]])
def test_word_that_cannot_be_joined_is_refused(respond: Any, words: Any) -> None:
    """A comma inside of a word would make two of it."""
    client, requests = respond()

    with pytest.raises(InvalidRequestError, match=r"tags\[0\] must (be a string, got|not contain a comma)"):
        client.memory.search("tea", tags=words)

    assert requests == []


def test_arguments_with_two_names(searched: Any) -> None:
    """limit is top_k, and type is types; both at once are fine if they agree."""
    assert searched("tea", limit=3) == searched("tea", top_k=3) == {"query": "tea", "top_k": "3"}
    assert searched("tea", type="fact") == searched("tea", types=["fact"])
    assert searched("tea", limit=3, top_k=3) == {"query": "tea", "top_k": "3"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"limit": 3, "top_k": 4}, "top_k and limit are the same option: pass only one of them"),
        ({"type": "fact", "types": "event"}, "types and type are the same option: pass only one of them"),
    ],
)
def test_two_names_with_two_values_are_refused(respond: Any, arguments: Any, message: str) -> None:
    """The SDK does not guess which was meant."""
    client, requests = respond()

    with pytest.raises(InvalidRequestError, match=message):
        client.memory.search("tea", **arguments)

    assert requests == []


def test_results_are_a_sequence_that_knows_its_query(serve: Any) -> None:
    """The result of a search has a length, items and slices, and can be used as the list that it was in 0.4."""
    answer = {"data": [RESULT, {**RESULT, "id": "mem_2", "score": 0.8}], "query": "tea", "took_ms": 3}

    results = serve(lambda request: httpx.Response(200, json=answer)).memory.search("tea")

    assert len(results) == 2
    assert [result.id for result in results] == ["mem_1", "mem_2"]
    assert results[0].score == results[0]["score"] == 0.9
    assert results[-1] in results
    assert "query" not in results
    assert results[:1] == [results[0]]
    assert results.query == results["query"] == "tea"
    assert results["data"][1]["id"] == "mem_2"
    assert results.took_ms == 3
    assert results.get("nothing") is None
    assert results.index(results[1]) == 1
    assert list(reversed(results)) == [results[1], results[0]]
    assert json.loads(results.model_dump_json())["data"][0]["content"] == "tea"
    assert isinstance(results, models.SearchResults)


def test_no_results_are_false(serve: Any) -> None:
    """`if results:` asks whether anything was found."""
    results = serve(lambda request: httpx.Response(200, json={"data": [], "query": "tea"})).memory.search("tea")

    assert not results
    assert list(results) == []


@pytest.fixture
def added(serve: Any, memory: Dict[str, Any]) -> Any:
    """Add a memory, and return the body that was sent."""

    def run(*args: Any, **kwargs: Any) -> Any:
        bodies = []

        def handle(request: httpx.Request) -> httpx.Response:
            bodies.append(json.loads(request.read()))
            return httpx.Response(201, json=memory)

        assert serve(handle).memory.add(*args, **kwargs).id == "mem_1"
        return bodies[0]

    return run


def test_add_sends_what_was_given(added: Any) -> None:
    """By position as in 0.4, or by name; the type is fact unless it is said."""
    assert added("tea", session_id="sess_1") == {"content": "tea", "type": "fact", "session_id": "sess_1"}
    assert added("tea", "preference", "sess_1", ["vip"], {"a": 1}, embed=False) == {
        "content": "tea",
        "type": "preference",
        "session_id": "sess_1",
        "tags": ["vip"],
        "metadata": {"a": 1},
        "embed": False,
    }


@pytest.mark.parametrize("arguments", [{}, {"session_id": None}, {"session_id": NOT_GIVEN}])
def test_memory_needs_a_session(respond: Any, arguments: Any) -> None:
    """The service requires what 0.4 let callers leave out: it is asked for before anything is sent."""
    client, requests = respond()

    with pytest.raises(InvalidRequestError, match="session_id is missing: pass the id of the session") as caught:
        client.memory.add("tea", **arguments)

    assert caught.value.param == "session_id"
    assert requests == []


def test_other_name_of_the_namespace(respond: Any) -> None:
    """client.memories is client.memory."""
    client, _ = respond()
    target = getattr(client, "target", client)

    assert target.memories is target.memory


def test_memory_is_found_again(local_client: Any) -> None:
    """An added memory is found, by the list of types and tags."""
    session = local_client.sessions.create("agent")
    stored = local_client.memory.add("Prefers tea over coffee", "preference", session.id, ["drinks"])

    found = local_client.memory.search("tea or coffee", types=["preference", "event"], tags=["drinks"], threshold=0)
    other = local_client.memory.search("tea or coffee", tags=["food"], threshold=0)

    assert [memory.id for memory in found] == [stored.id]
    assert list(other) == []
