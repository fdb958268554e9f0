"""How the versions of a state are kept small: a version is written against an earlier one, its base.

The codec maps bytes to bytes and gives back exactly what it got. A state changes little from one version to the next,
so that it is enough to store what differs. Every so often a version is stored whole, as a keyframe. The version at
distance d from its keyframe has as base the one at the distance that d without its lowest one bit is: half of all
versions are written against their predecessor, a quarter against the one before that, and so on, yet no version is more
than six steps away from its keyframe, however long the history is.

- Up to 32 KiB the base is the preset dictionary of a zlib stream (32 KiB is how far zlib looks back).
- Above, the text is written as stretches of the base and the bytes between them.

Versions of 1.0.0rc1 above 32 KiB were written as references to the top-level members of the base; they are still read.
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
"""References to members of the base and the members that differ, compressed. Only 1.0.0rc1 wrote it."""
COPIED = 4
"""Stretches of the base and the bytes between them, compressed."""

_COMPRESS_FROM = 512
"""Shorter texts, in bytes, are stored as they are: setting up zlib takes longer than writing them."""
_DICTIONARY_UP_TO = 32 * 1024
_VERSIONS_A_KEYFRAME = 64
_WORTH_IT = 2
"""A difference is worth its steps while it takes less than one part in so many of what the keyframe takes."""
_FAST_FROM = 128 * 1024
"""Longer texts, in bytes, are compressed at zlib's fastest level: a third of the time for at most a fifth more room."""

_ANCHOR = 32
"""Two texts are taken to agree again where so many bytes are equal."""
_REACH = 256
"""How many bytes a search for the place where they agree again looks at, at least."""
_PATIENCE = 8
"""All those searches together look at this many times the length of the text."""

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
        if len(frame.data) * _WORTH_IT < keyframe_size:
            return frame
    return Frame(DEFLATED, None, _compress(text))


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
    if kind == COPIED:
        return _paste(zlib.decompress(data), base_text)
    raise ValueError(f"unknown kind of frame: {kind}")


def _compress(data: bytes) -> bytes:
    return zlib.compress(data) if len(data) < _FAST_FROM else zlib.compress(data, zlib.Z_BEST_SPEED)


def _difference(text: bytes, base: Base) -> Frame:
    if len(text) <= _DICTIONARY_UP_TO and len(base.text) <= _DICTIONARY_UP_TO:
        stream = zlib.compressobj(zdict=base.text)
        return Frame(DICTIONARY, base.version, stream.compress(text) + stream.flush())
    return Frame(COPIED, base.version, _compress(_copy(text, base.text)))


def _copy(text: bytes, base: bytes) -> bytes:
    """Write a text as stretches of the base and the bytes between them.

    The first line says in JSON, for each stretch, how many bytes stand before it, where it starts in the base, and how
    long it is; the bytes follow. What comes after the last stretch has a stretch of length 0.
    """
    shorter = min(len(text), len(base))
    prefix = _common(text, 0, base, 0, shorter)
    suffix = _common_before(text, len(text), base, len(base), shorter - prefix)
    stretches = [(0, 0, prefix)]
    between: list[bytes] = []
    place, old = prefix, prefix
    text_end, base_end = len(text) - suffix, len(base) - suffix
    patience = _PATIENCE * len(text)
    while patience > 0:
        found, looked_at = _next_agreement(text, place, text_end, base, old, base_end)
        patience -= looked_at
        if found is None:
            break
        start, old_start, length = found
        between.append(text[place:start])
        stretches.append((start - place, old_start, length))
        place, old = start + length, old_start + length
    between.append(text[place:text_end])
    stretches.append((text_end - place, base_end, suffix))
    return b"\n".join([json.dumps(stretches, separators=(",", ":")).encode(), b"".join(between)])


def _next_agreement(
    text: bytes, place: int, text_end: int, base: bytes, old: int, base_end: int
) -> tuple[Optional[tuple[int, int, int]], int]:
    """Find where two texts that differ agree again.

    Samples of the base, ever farther from where it differs, are looked for in the text, ever farther as well: a short
    change costs little, and a long one is found too.

    Returns:
        Start in the text, start in the base, and length; None if there is nothing more. And how many bytes were
        looked at.
    """
    looked_at = 0
    distance = 0
    while old + distance + _ANCHOR <= base_end:
        reach = min(text_end, place + 2 * distance + _REACH)
        sample = old + distance
        found = text.find(base[sample : sample + _ANCHOR], place, reach)
        looked_at += reach - place
        if found >= 0:
            before = _common_before(text, found, base, sample, min(found - place, distance))
            after = _common(text, found, base, sample, min(text_end - found, base_end - sample))
            return (found - before, sample - before, before + after), looked_at + before + after
        distance = 2 * distance or _ANCHOR
    return None, looked_at


def _paste(written: bytes, base: bytes) -> bytes:
    header, _, between = written.partition(b"\n")
    parts: list[bytes] = []
    place = 0
    for size, start, length in json.loads(header):
        parts.append(between[place : place + size])
        parts.append(base[start : start + length])
        place += size
    return b"".join(parts)


def _common(text: bytes, place: int, base: bytes, old: int, limit: int) -> int:
    """Return how many bytes from two places on are equal, up to `limit`."""
    return _largest(limit, lambda start, end: text[place + start : place + end] == base[old + start : old + end])


def _common_before(text: bytes, place: int, base: bytes, old: int, limit: int) -> int:
    """Return how many bytes before two places are equal, up to `limit`."""
    return _largest(limit, lambda start, end: text[place - end : place - start] == base[old - end : old - start])


def _largest(limit: int, agree: Callable[[int, int], bool]) -> int:
    """Return the largest size up to `limit` such that `agree(0, size)`, which never looks at a range twice."""
    low, step = 0, _ANCHOR
    while low < limit and agree(low, min(low + step, limit)):
        low = min(low + step, limit)
        step *= 2
    high = min(low + step, limit)
    while high - low > 1:
        middle = (low + high) // 2
        if agree(low, middle):
            low = middle
        else:
            high = middle
    return low


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
