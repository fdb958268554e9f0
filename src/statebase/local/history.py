"""How the versions of a state are kept small: a version is written against an earlier one, its base.

The codec maps bytes to bytes and gives back exactly what it got. A state changes little from one version to the next,
so that it is enough to store what differs. Every so often a version is stored whole, as a keyframe. The version at
distance d from its keyframe has as base the one at the distance that d without its lowest one bit is: half of all
versions are written against their predecessor, a quarter against the one before that, and so on, yet no version is more
than six steps away from its keyframe, however long the history is.

- Up to 32 KiB the base is the preset dictionary of a zlib stream (32 KiB is how far zlib looks back).
- Above, the text is cut into its top-level members, and those that stand in the base are referred to, not repeated.
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
"""The text, compressed with the base as preset dictionary."""
EDITED = 3
"""References to members of the base and the members that differ, compressed."""

_COMPRESS_FROM = 512
"""Shorter texts, in bytes, are stored as they are: setting up zlib takes longer than writing them."""
_DICTIONARY_UP_TO = 32 * 1024
_VERSIONS_A_KEYFRAME = 64
_WORTH_IT = 2
"""A difference is worth its steps while it takes less than one part in so many of what the keyframe takes."""

_decoder = json.JSONDecoder()

Edit = Union[str, Sequence[Union[int, str]]]
"""A whole member; or [first, count] members of the base; or [member, prefix, suffix, text between]."""


class Base(NamedTuple):
    """A version that another one is written against."""

    version: int
    text: bytes


class Frame(NamedTuple):
    """A version as it is stored."""

    kind: int
    base: Optional[int]
    """The version that it is read with; None for a keyframe."""
    data: bytes


def base_of(text: bytes, version: int, keyframe: int) -> Optional[int]:
    """Say which version another one should be written against; None for a new keyframe.

    Args:
        text: The text to write.
        version: Its version.
        keyframe: The newest version that is stored whole.
    """
    distance = version - keyframe
    if len(text) < _COMPRESS_FROM or distance >= _VERSIONS_A_KEYFRAME:
        return None
    return keyframe + (distance & (distance - 1))


def encode(text: bytes, base: Optional[Base] = None, keyframe_size: int = 0) -> Frame:
    """Write a version, against a base if that is worth it.

    Args:
        text: The state as JSON without whitespace between tokens.
        base: The version that `base_of` named, if it named one.
        keyframe_size: How many bytes the newest keyframe takes.
    """
    if len(text) < _COMPRESS_FROM:
        return Frame(PLAIN, None, text)
    if base is not None and len(base.text) >= _COMPRESS_FROM:
        frame = _difference(text, base)
        if frame is not None and len(frame.data) * _WORTH_IT < keyframe_size:
            return frame
    return Frame(DEFLATED, None, zlib.compress(text))


def decode(kind: int, data: bytes, base_text: Optional[bytes] = None) -> bytes:
    """Give back the text of a frame.

    Args:
        kind: The frame's kind.
        data: Its bytes.
        base_text: The text of its base; not needed for a keyframe.
    """
    if kind == PLAIN:
        return data
    if kind == DEFLATED:
        return zlib.decompress(data)
    if base_text is None:
        raise ValueError("this version can only be read together with its base")
    if kind == DICTIONARY:
        stream = zlib.decompressobj(zdict=base_text)
        return stream.decompress(data) + stream.flush()
    if kind == EDITED:
        return _apply(json.loads(zlib.decompress(data)), base_text)
    raise ValueError(f"unknown kind of frame: {kind}")


def _difference(text: bytes, base: Base) -> Optional[Frame]:
    if len(text) <= _DICTIONARY_UP_TO and len(base.text) <= _DICTIONARY_UP_TO:
        stream = zlib.compressobj(zdict=base.text)
        return Frame(DICTIONARY, base.version, stream.compress(text) + stream.flush())
    edits = _edits(_members(text), _members(base.text))
    if edits is None:
        return None
    packed = json.dumps(edits, ensure_ascii=False, separators=(",", ":")).encode()
    return Frame(EDITED, base.version, zlib.compress(packed))


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


def _apply(edits: list[Edit], base_text: bytes) -> bytes:
    base = _members(base_text)
    if base is None:
        raise ValueError("the base is not an object in the form that is written")
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
