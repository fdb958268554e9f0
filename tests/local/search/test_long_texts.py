"""A long text is found by each of its parts."""

from __future__ import annotations

from typing import Any, Dict, List

import pytest

from statebase.local.search.parts import parts_of

FILLER = "The minutes of the meeting list who came late and who left early, and nothing else of interest. "


@pytest.mark.parametrize(
    "text",
    [
        "",
        "short",
        "x" * 1_000,
        "x" * 9_900,
        FILLER * 100,
        "word " * 1_980,
        "\n" * 2_000,
        "一二三。" * 2_000,
        " " * 5_000,
    ],
)
def test_parts_make_up_the_text(text: str) -> None:
    """Nothing is lost but what is blank; parts of long texts have at most 600 characters."""
    parts = parts_of(text)

    assert "".join(parts).strip() == text.strip() or parts == [text]
    assert all(len(part) <= 600 for part in parts) or parts == [text]
    assert len(parts) <= 64


def test_parts_end_with_sentences() -> None:
    assert all(part.endswith(". ") for part in parts_of(FILLER * 20))


class Counting:
    """An embedder whose vectors count words, and which remembers what it was given."""

    id = "counting"
    words = ("falcon", "harbour", "minutes", "meeting")

    def __init__(self) -> None:
        self.texts: List[str] = []

    def embed(self, texts: Any, kind: str) -> Any:
        assert len(texts) <= 64
        self.texts += texts
        return [[1e-3, *(float(text.lower().count(word)) for word in self.words)] for text in texts]


@pytest.fixture
def stored(open_engine: Any, make_http: Any) -> Any:
    """A client of an engine with long texts, and the embedder."""
    embedder = Counting()
    http = make_http(open_engine(embedder=embedder))
    session = http.post("/v1/sessions", json={"agent_id": "agent"}).json()["id"]

    def add(content: str) -> Dict[str, Any]:
        made: Dict[str, Any] = http.post("/v1/memories", json={"session_id": session, "content": content}).json()
        return made

    return http, session, add, embedder


def cosines(engine_client: Any, query: str, **parameters: Any) -> Dict[str, float]:
    found = engine_client.get("/v1/memories", params={"query": query, "threshold": 0, **parameters}).json()["data"]
    return {memory["id"]: memory["score"] for memory in found}


def test_fact_at_the_end_of_a_long_text_is_found(stored: Any) -> None:
    """By its vector: the best part of a memory counts, each memory is found once, within a session and over all."""
    http, session, add, _ = stored
    other = add(FILLER * 100)
    wanted = add(FILLER * 102 + "A falcon nests there.")
    short = add("The harbour")

    for scope in ({}, {"session_id": session}):
        found = cosines(http, "falcon", **scope)
        assert next(iter(found)) == wanted["id"]
        assert sorted(found) == sorted([wanted["id"], other["id"], short["id"]])


def test_nearest_vectors_are_those_of_the_best_parts(stored: Any, open_engine: Any) -> None:
    """Also if the text is changed or deleted: no part of the old text is left."""
    http, _, add, embedder = stored
    wanted = add(FILLER * 102 + "A falcon nests there.")
    embedder.texts.clear()

    assert wanted["vector_available"]
    assert next(iter(cosines(http, "falcon"))) == wanted["id"]
    before = cosines(http, "falcon")[wanted["id"]]
    http.put(f"/v1/memories/{wanted['id']}", json={"content": FILLER * 100})
    assert cosines(http, "falcon")[wanted["id"]] < before
    http.delete(f"/v1/memories/{wanted['id']}")
    assert cosines(http, "falcon") == {}
    assert len([text for text in embedder.texts if "minutes" in text]) == len(parts_of(FILLER * 100))


def test_similar_long_texts_are_the_same_only_in_all_parts(stored: Any) -> None:
    """Two texts with the same beginning are not the same."""
    http, session, add, _ = stored
    add(FILLER * 50 + "A falcon nests there. " * 40)

    def is_new(text: str) -> bool:
        body = {"session_id": session, "memories": [{"content": text}], "unless_similar": 0.95}
        return bool(http.post("/v1/memories/batch", json=body).json()["data"][0]["is_new"])

    assert not is_new(FILLER * 50 + "A falcon nests there. " * 40)
    assert is_new(FILLER * 50 + "The harbour is closed. " * 40)


def test_copy_of_a_session_has_all_parts(open_engine: Any, make_http: Any) -> None:
    """A fork with memories finds the end of a long text too, on both databases."""
    engine = open_engine(embedder=Counting())
    http = make_http(engine)
    first, second = (http.post("/v1/sessions", json={"agent_id": "agent"}).json()["id"] for _ in range(2))
    content = FILLER * 102 + "A falcon nests there."
    http.post("/v1/memories", json={"session_id": first, "content": content})
    score = next(iter(cosines(http, "falcon", session_id=first).values()))

    store = engine._core.store
    with store.database.write():
        store.memories.copy(store.sessions.find(first).seq, store.sessions.find(second).seq, None)

    assert list(cosines(http, "falcon", session_id=second).values()) == [pytest.approx(score, abs=0.05)]
