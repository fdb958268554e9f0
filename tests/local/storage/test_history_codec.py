"""The codec of the history gives back every byte, whatever the states are and however they change."""

from __future__ import annotations

import json
import random
import zlib
from typing import Any, Dict, List

import pydantic_core
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statebase.local import jsontext
from statebase.local.storage import history

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-(10**40), max_value=10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12
)
STATES = st.dictionaries(st.text(), VALUES, max_size=8)
FILLER = " ".join(f"word{number}" for number in range(6000))


class Versions:
    """A history as the store keeps one, in memory."""

    def __init__(self) -> None:
        self.frames: List[history.Frame] = []
        self.keyframe = 0

    def append(self, text: bytes) -> None:
        version = len(self.frames)
        base = None
        base_version = history.base_of(text, version, self.keyframe) if version else None
        if base_version is not None:
            base = history.Base(base_version, self.text(base_version))
        frame = history.encode(text, base, len(self.frames[self.keyframe].data) if version else 0)
        if frame.base is None:
            self.keyframe = version
        self.frames.append(frame)

    def text(self, version: int) -> bytes:
        frame = self.frames[version]
        return history.decode(frame.kind, frame.data, None if frame.base is None else self.text(frame.base))

    def steps(self, version: int) -> int:
        base = self.frames[version].base
        return 0 if base is None else 1 + self.steps(base)


@given(st.lists(STATES, min_size=1, max_size=6), st.sampled_from([0, 600, 20_000, 40_000]))
@settings(deadline=None)
def test_every_version_comes_back_byte_for_byte(states: List[Dict[str, Any]], size: int):
    """At every size: as they are, with a dictionary, and in members; and as the same value, in the same order."""
    versions = Versions()
    texts = [jsontext.encode({"filler": FILLER[:size], **state}).encode() for state in states]
    for text in texts:
        versions.append(text)

    for number, text in enumerate(texts):
        assert versions.text(number) == text
    for state in states:
        assert repr(jsontext.decode(jsontext.encode(state))) == repr(state)


@given(st.lists(st.binary(max_size=3000) | st.text().map(str.encode), min_size=1, max_size=5), st.booleans())
@settings(deadline=None)
def test_text_in_another_form_comes_back_too(texts: List[bytes], large: bool):
    """The codec relies on nothing about what it is given."""
    versions = Versions()
    padded = [text + (b" " * 40_000 if large else b"") for text in texts]
    for text in padded:
        versions.append(text)

    assert [versions.text(number) for number in range(len(padded))] == padded


@pytest.mark.parametrize("size", [50, 5_000, 50_000])
def test_long_histories_come_back(size: int):
    """Keys set, removed, moved and renamed; lists that grow; texts cut at both ends."""
    generator = random.Random(size)
    state: Dict[str, Any] = {f"key{number}": f"value {number} é" for number in range(size // 30)}
    versions, texts = Versions(), []
    for _ in range(150):
        for _ in range(generator.randint(0, 3)):
            key = f"key{generator.randrange(size // 15 + 2)}"
            action = generator.randrange(5)
            if action == 0:
                state.pop(key, None)
            elif action == 1:
                state[key] = state.pop(key, None)
            elif action == 2:
                state[key] = [*(state.get(key) if isinstance(state.get(key), list) else []), generator.random()]
            else:
                old = str(state.get(key))
                state[key] = old[generator.randrange(len(old) + 1) :] + "\U0001f600" * action + old[:3]
        texts.append(jsontext.encode(state).encode())
        versions.append(texts[-1])

    assert [versions.text(number) for number in range(150)] == texts
    assert max(versions.steps(number) for number in range(150)) <= 6


def test_ten_thousand_versions_of_20_kb_take_little_room():
    """With three changes in four small, and one in twenty a rewrite of a third; here a tenth of that."""
    generator = random.Random(7)

    def value() -> Dict[str, Any]:
        words = " ".join(
            generator.choice(("order", "refund", "pending", "customer", "email", "sent")) for _ in range(8)
        )
        return {"id": generator.randrange(10**6), "note": words, "done": generator.random() < 0.5}

    state = {f"item_{number}": value() for number in range(230)}
    versions = Versions()
    sizes = []
    for number in range(1000):
        share = 0.3 if number % 20 == 0 else 0.01
        for key in generator.sample(sorted(state), int(len(state) * share)):
            state[key] = value()
        text = pydantic_core.to_json(state)
        sizes.append(len(text))
        versions.append(text)

    stored = sum(len(frame.data) for frame in versions.frames)

    assert min(sizes) > 18_000
    assert stored < 800_000
    assert max(versions.steps(number) for number in range(1000)) <= 6


def test_large_states_do_not_store_what_stays():
    """A list in one of a thousand members grows: neither the others nor its start are stored again."""
    state: Dict[str, Any] = {f"key{number}": random.Random(number).random() for number in range(3000)}
    state["log"] = []
    versions = Versions()
    for number in range(50):
        state["log"].append(f"entry {number}")
        versions.append(pydantic_core.to_json(state))

    later = [len(frame.data) for frame in versions.frames if frame.base is not None]

    assert len(later) >= 48
    assert max(later) < 700


def test_unknown_kind_is_an_error():
    with pytest.raises(ValueError, match="unknown kind"):
        history.decode(9, b"", b"")


@pytest.mark.parametrize("kind", [history.DICTIONARY, history.EDITED, history.COPIED])
def test_difference_without_its_base_is_an_error(kind: int):
    with pytest.raises(ValueError, match="base"):
        history.decode(kind, b"")


def test_versions_that_rc1_wrote_are_read():
    """As runs of members of the base, whole members, and members with a common start and end."""
    base = ("{" + ",".join(f'"key{number}":"value {number}"' for number in range(4000)) + "}").encode()
    edits = [[0, 2], '"new":1', [3, 10, 1, "VALUE"], [5, 3995]]

    text = history.decode(history.EDITED, zlib.compress(json.dumps(edits).encode()), base)

    members = [f'"key{number}":"value {number}"' for number in range(4000)]
    assert text.decode() == "{" + ",".join([*members[:2], '"new":1', members[3][:10] + 'VALUE"', *members[5:]]) + "}"


@pytest.mark.parametrize("size", [40_000, 2_000_000])
def test_text_without_structure_comes_back(size: int):
    """Moved, doubled and cut parts; repetitions, in which the same bytes stand at many places."""
    generator = random.Random(size)
    text = bytes(generator.choice(b'ab"0,') for _ in range(2000)) * (size // 2000)
    for _ in range(10):
        first, second = sorted(generator.randrange(len(text)) for _ in range(2))
        changed = generator.choice(
            [
                text[second:] + text[first:second] + text[:first],
                text[:first] + text[second:],
                text[:second] + text[first:second][:5000] + text[second:],
                text[:first] + b"x" + text[first:second] + b"yy" + text[second:],
                text[::-1],
            ]
        )
        frame = history.encode(changed, history.Base(0, text), 10**9)
        assert history.decode(frame.kind, frame.data, text) == changed
        text = changed if len(changed) > 20_000 else text
