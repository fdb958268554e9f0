"""An embedder of the user's own: what is taken for one, and what it is told when it fails."""

from __future__ import annotations

import functools
from typing import Any, Callable, List, Sequence

import numpy as np
import pytest

from statebase._generated import models, queries
from statebase.local import Engine
from statebase.local.errors import EngineError
from statebase.local.search.embedding import as_embedder


def lengths(texts: Sequence[str]) -> List[List[float]]:
    """Embed texts by their length and how many words they have."""
    return [[float(len(text)), float(len(text.split())), 1.0] for text in texts]


class Chosen:
    id = "chosen-1"

    def embed(self, texts: Sequence[str], kind: Any) -> Any:
        return lengths(texts)


class Callable_:
    id = "callable-1"

    def __call__(self, texts: Sequence[str]) -> Any:
        return lengths(texts)


@pytest.mark.parametrize(
    ("embedder", "identifier"),
    [(Chosen(), "chosen-1"), (Callable_(), "callable-1"), (lengths, f"{__name__}.lengths")],
    ids=["object", "object that is called", "function"],
)
def test_id_names_the_embedder(embedder: Any, identifier: str):
    chosen = as_embedder(embedder)

    assert chosen is not None
    assert chosen.id == identifier
    assert np.shape(chosen.embed(["a", "b c"], "query")) == (2, 3)


async def asynchronous(texts: Sequence[str]) -> Any:
    return lengths(texts)


class Nameless:
    id = ""

    def embed(self, texts: Sequence[str], kind: Any) -> Any:
        return lengths(texts)


@pytest.mark.parametrize(
    "embedder",
    ["all-MiniLM-L6-v2", asynchronous, Nameless(), functools.partial(lengths)],
    ids=["text", "coroutine function", "empty id", "function without a name"],
)
def test_what_is_no_embedder_is_refused(embedder: Any):
    with pytest.raises(TypeError, match="embedder"):
        as_embedder(embedder)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda texts: [[1.0, 2.0]], "shape"),
        (lambda texts: [1.0 for _ in texts], "shape"),
        (lambda texts: [[] for _ in texts], "shape"),
        (lambda texts: [[1.0] * (1 + number % 2) for number, _ in enumerate(texts)], "one list of numbers"),
        (lambda texts: ["vector" for _ in texts], "one list of numbers"),
        (lambda texts: None, "shape|one list of numbers"),
        (lambda texts: [[1.0, float("nan")] for _ in texts], "not finite"),
        (lambda texts: [[1.0, 1e300] for _ in texts], "not finite"),
    ],
    ids=["too few", "flat", "empty", "ragged", "texts", "none", "nan", "too large"],
)
@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_failure_says_what_was_wrong_and_stores_nothing(
    open_engine: Callable[..., Engine], make_http: Callable[..., Any], answer: Any, message: str
):
    answer.id = "failing"
    http = make_http(open_engine(embedder=answer))
    session_id = http.post("/v1/sessions", json={"agent_id": "agent"}).json()["id"]

    adding = http.post("/v1/memories", json={"session_id": session_id, "content": "text"})
    searching = http.get("/v1/memories", params={"query": "text"})

    for response in (adding, searching):
        assert response.status_code == 500
        assert "'failing'" in response.json()["error"]["message"]
    assert http.get(f"/v1/sessions/{session_id}").json()["memory_count"] == 0


def test_dimensions_must_not_change(open_engine: Callable[..., Engine]):
    """Within one opening; a model with others needs an opening of its own."""
    from statebase._generated.models import MemoryCreateRequest, SessionCreateRequest

    dimensions = [3]

    def growing(texts: Sequence[str]) -> Any:
        return np.ones((len(texts), dimensions[0]))

    engine = open_engine(embedder=growing)
    session = engine.create_session(SessionCreateRequest(agent_id="agent"))
    engine.create_memory(MemoryCreateRequest(session_id=session.id, content="a"))
    dimensions[0] = 4

    with pytest.raises(EngineError, match="4 dimensions, but 3 before"):
        engine.create_memory(MemoryCreateRequest(session_id=session.id, content="b"))


class SoftTimeLimit(Exception):
    pass


@pytest.mark.parametrize("error", [OSError("model server is down"), SoftTimeLimit(), KeyboardInterrupt()], ids=repr)
def test_what_it_raises_reaches_the_caller_and_nothing_is_stored(open_engine: Callable[..., Engine], error: Any):
    """Untouched: it may come from a signal handler that interrupted it, and no class tells which."""
    down = [True]

    def embed(texts: Sequence[str]) -> Any:
        if down[0]:
            raise error
        return lengths(texts)

    engine = open_engine(embedder=embed)
    session = engine.create_session(models.SessionCreateRequest(agent_id="agent"))
    memory = models.MemoryCreateRequest(session_id=session.id, content="text")
    query = queries.SearchMemoriesQuery(query="text")

    for call in (
        lambda: engine.create_memory(memory),
        lambda: engine.search_memories(query),
        lambda: engine.get_context(session.id, models.ContextRequest(query="text")),
    ):
        with pytest.raises(type(error)) as raised:
            call()
        assert raised.value is error

    assert engine.get_session(session.id).memory_count == 0
    down[0] = False
    engine.create_memory(memory)
    assert [found.content for found in engine.search_memories(query).data] == ["text"]


def test_content_is_in_no_message(open_engine: Callable[..., Engine]):
    """An embedder that returns what it was given must not bring it into an error."""
    engine = open_engine(embedder=lambda texts: [[text] for text in texts])

    with pytest.raises(EngineError) as error:
        engine.search_memories(queries.SearchMemoriesQuery(query="my secret"))

    assert "secret" not in str(error.value)
    assert "knee" not in str(error.value)
