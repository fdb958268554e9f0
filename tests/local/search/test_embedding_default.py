"""The embedder of `statebase[local]`: what it needs, and what it makes of texts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from statebase.local.search.embedding import default_embedder


@pytest.fixture
def embedder() -> Any:
    found = default_embedder()
    assert found is not None
    return found


def test_vector_depends_on_nothing_but_the_text(embedder: Any):
    """Not on what it is embedded with, nor on whether it is a question."""
    texts = ["likes tea", "", "a much longer text about the weather in the mountains", "likes tea"]

    together = embedder.embed(texts, "document")

    assert together.shape == (4, 384)
    for row, text in zip(together, texts):
        assert (row == embedder.embed([text], "query")[0]).all()


def test_vectors_are_those_of_the_model(embedder: Any):
    """As the published weights say them without rounding, in 32 bits."""
    golden = json.loads((Path(__file__).parent.parent / "data" / "minilm.json").read_text("utf-8"))
    expected = np.array([case["vector"] for case in golden["cases"]])

    vectors = embedder.embed([case["text"] for case in golden["cases"]], "document")

    cosines = np.sum(vectors * expected, axis=1) / np.linalg.norm(vectors, axis=1) / np.linalg.norm(expected, axis=1)
    assert cosines.min() > 0.999


def test_end_of_a_long_text_counts(embedder: Any):
    """Also where the model, which reads 256 pieces at once, would stop."""
    opening = "The meeting was about the budget of the coming year. " * 40
    vectors = embedder.embed(
        [opening, opening + "The cat is called Pixel. " * 10, "What is the cat's name?"], "document"
    )
    without, along, query = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    assert along @ query > without @ query + 0.1


def test_words_of_like_meaning_are_close(embedder: Any):
    words = ["physician", "doctor", "tractor"]
    vectors = embedder.embed(words, "document")
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2


@pytest.mark.parametrize("text", ["☃" * 10, "   ", "x" * 10_000, "word " * 2_000, "日本語のテキスト"])
def test_any_text_has_a_vector(embedder: Any, text: str):
    assert np.isfinite(embedder.embed([text], "document")).all()


def _run(code: str) -> str:
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


@pytest.mark.parametrize("missing", ["numpy", "statebase_minilm"])
def test_without_the_extra_there_is_none(missing: str):
    """And searches match words."""
    printed = _run(
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from statebase.local import Engine\n"
        "print(Engine.open().health_check().services['vectors']['status'])"
    )

    assert printed == "off"


def test_own_embedder_without_numpy_says_what_to_install():
    printed = _run(
        "import sys; sys.modules['numpy'] = None\n"
        "from statebase.local.search.embedding import as_embedder\n"
        "try: as_embedder(lambda texts: [])\n"
        "except ImportError as error: print(error)"
    )

    assert 'pip install "statebase[local]"' in printed


def test_numpy_is_loaded_for_an_engine_only():
    printed = _run("import sys, statebase.local.search.embedding, statebase.local\nprint('numpy' in sys.modules)")

    assert printed == "False"


def test_search_needs_no_network():
    """No socket is opened, no host looked up."""
    printed = _run(
        "import sys\n"
        "def refuse(event, arguments):\n"
        "    if event.startswith('socket.'): raise SystemExit(f'{event} {arguments}')\n"
        "sys.addaudithook(refuse)\n"
        "from statebase._generated.models import MemoryCreateRequest, SessionCreateRequest\n"
        "from statebase._generated.queries import SearchMemoriesQuery\n"
        "from statebase.local import Engine\n"
        "engine = Engine.open()\n"
        "session = engine.create_session(SessionCreateRequest(agent_id='agent'))\n"
        "engine.create_memory(MemoryCreateRequest(session_id=session.id, content='Prefers green tea'))\n"
        "found = engine.search_memories(SearchMemoriesQuery(query='What does she drink?', threshold=0.0)).data\n"
        "print(found[0].content)"
    )

    assert printed == "Prefers green tea"
