"""How the versions of a state are kept small: each is written against an earlier one, its keyframe.

The codec maps bytes to bytes and gives back exactly what it got. A state changes little from one version to the next,
so a version is stored as what differs from a keyframe, which is itself stored whole; reading any version takes two
rows, however long the history is.

- Up to 32 KiB the keyframe is the preset dictionary of a zlib stream (32 KiB is how far zlib looks back).
- Above, the text is cut into its top-level members, and those that stand in the keyframe are referred to, not repeated.
- A new keyframe is written when the differences from the last one together take up about as much as two keyframes.
"""

from __future__ import annotations

import json
import zlib
from typing import Callable, NamedTuple, Optional, Sequence, Union

PLAIN = 0
"""The text as it is."""
DEFLATED = 1
"""The text, compressed."""
DICTIONARY = 2
"""The text, compressed with the keyframe's text as preset dictionary."""
EDITED = 3
"""References to members of the keyframe and the members that differ, compressed."""

_COMPRESS_FROM = 512
"""Shorter texts, in bytes, are stored as they are: setting up zlib takes longer than writing them."""
_DICTIONARY_UP_TO = 32 * 1024
_KEYFRAME_PAYS = 2
"""A keyframe is worth its bytes once the differences since the last one, all as large as this one, took as many times
that. Differences grow about evenly with the distance, so that this keeps the sum of both near its least."""

_decoder = json.JSONDecoder()

Edit = Union[str, Sequence[Union[int, str]]]
"""A whole member; or [first, count] members of the keyframe; or [member, prefix, suffix, text between]."""


class Keyframe(NamedTuple):
    """A version that is stored whole, as the base of others."""

    version: int
    text: bytes
    stored_size: int
    """How many bytes its frame takes."""


class Frame(NamedTuple):
    """A version as it is stored."""

    kind: int
    base: Optional[int]
    """The version of the keyframe that it is read with; None for a keyframe."""
    data: bytes


def wants_keyframe(text: bytes) -> bool:
    """Say whether `encode` would look at a keyframe for this text."""
    return len(text) >= _COMPRESS_FROM


def encode(text: bytes, version: int, keyframe: Optional[Keyframe]) -> Frame:
    """Choose the smallest way to store a version that is still fast to read.

    Args:
        text: The state as JSON without whitespace between tokens.
        version: Its number.
        keyframe: The newest version of the same state that is stored whole, if there is one.
    """
    if not wants_keyframe(text):
        return Frame(PLAIN, None, text)
    if keyframe is not None and len(keyframe.text) >= _COMPRESS_FROM:
        frame = _difference(text, keyframe)
        if frame is not None:
            spent = len(frame.data) * (version - keyframe.version)
            if spent < _KEYFRAME_PAYS * keyframe.stored_size:
                return frame
    return Frame(DEFLATED, None, zlib.compress(text))


def decode(kind: int, data: bytes, keyframe_text: Optional[bytes] = None) -> bytes:
    """Give back the text of a frame.

    Args:
        kind: The frame's kind.
        data: Its bytes.
        keyframe_text: The text of its base; not needed for a keyframe.
    """
    if kind == PLAIN:
        return data
    if kind == DEFLATED:
        return zlib.decompress(data)
    if keyframe_text is None:
        raise ValueError("this version can only be read together with its keyframe")
    if kind == DICTIONARY:
        stream = zlib.decompressobj(zdict=keyframe_text)
        return stream.decompress(data) + stream.flush()
    if kind == EDITED:
        return _apply(json.loads(zlib.decompress(data)), keyframe_text)
    raise ValueError(f"unknown kind of frame: {kind}")


def _difference(text: bytes, keyframe: Keyframe) -> Optional[Frame]:
    if len(text) <= _DICTIONARY_UP_TO and len(keyframe.text) <= _DICTIONARY_UP_TO:
        stream = zlib.compressobj(zdict=keyframe.text)
        return Frame(DICTIONARY, keyframe.version, stream.compress(text) + stream.flush())
    edits = _edits(_members(text), _members(keyframe.text))
    if edits is None:
        return None
    packed = json.dumps(edits, ensure_ascii=False, separators=(",", ":")).encode()
    return Frame(EDITED, keyframe.version, zlib.compress(packed))


def _members(text: bytes) -> Optional[list[str]]:
    """Cut an object into the texts of its members (`"key":value`); None if it is not in the form that is written."""
    members: list[str] = []
    start = 1
    try:
        whole = text.decode()
        while start < len(whole):
            _, colon = _decoder.raw_decode(whole, start)
            _, end = _decoder.raw_decode(whole, colon + 1)
            members.append(whole[start:end])
            start = end + 1
    except (ValueError, RecursionError):
        return None
    return members if "{" + ",".join(members) + "}" == whole else None


def _edits(members: Optional[list[str]], base: Optional[list[str]]) -> Optional[list[Edit]]:
    if members is None or base is None:
        return None
    places = {member: place for place, member in enumerate(base)}
    places_by_key = {_key(member): place for place, member in enumerate(base)}
    edits: list[Edit] = []
    run: Optional[list[int]] = None
    for member in members:
        place = places.get(member)
        if place is not None and run is not None and run[0] + run[1] == place:
            run[1] += 1
            continue
        if place is not None:
            run = [place, 1]
            edits.append(run)
            continue
        run = None
        place = places_by_key.get(_key(member))
        edits.append(member if place is None else _trim(place, member, base[place]))
    return edits


def _key(member: str) -> str:
    """Return the text up to the end of the member's key."""
    return member[: _decoder.raw_decode(member)[1]]


def _trim(place: int, member: str, old: str) -> Edit:
    """Refer to the start and the end that a member has in common with its old self, and keep what is between."""
    shorter = min(len(member), len(old))
    prefix = _common(shorter, lambda size: member[:size] == old[:size])
    rest = shorter - prefix
    suffix = _common(rest, lambda size: member[len(member) - size :] == old[len(old) - size :])
    return [place, prefix, suffix, member[prefix : len(member) - suffix]]


def _common(limit: int, equal_up_to: Callable[[int], bool]) -> int:
    """Find the largest size up to `limit` for which the texts are equal, by bisection."""
    low, high = 0, limit
    while low < high:
        middle = (low + high + 1) // 2
        if equal_up_to(middle):
            low = middle
        else:
            high = middle - 1
    return low


def _apply(edits: list[Edit], keyframe_text: bytes) -> bytes:
    base = _members(keyframe_text)
    if base is None:
        raise ValueError("the keyframe is not an object in the form that is written")
    members: list[str] = []
    for edit in edits:
        if isinstance(edit, str):
            members.append(edit)
        elif len(edit) == 2:
            first, count = int(edit[0]), int(edit[1])
            members.extend(base[first : first + count])
        else:
            old, prefix, suffix = base[int(edit[0])], int(edit[1]), int(edit[2])
            members.append(old[:prefix] + str(edit[3]) + old[len(old) - suffix :])
    return ("{" + ",".join(members) + "}").encode()
