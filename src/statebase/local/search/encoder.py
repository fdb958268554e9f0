"""The network of all-MiniLM-L6-v2 in numpy: the numbers of a text's pieces in, one vector out.

Products are made of tiles of at most 16 rows, 384 numbers and 32 columns. OpenBLAS multiplies ones that small in the
calling thread; anything larger wakes its other threads, hundreds of times for one text, and on a busy machine each time
they wait for each other for milliseconds. What a thread does alone is as fast, and two threads can embed two texts.
"""

from __future__ import annotations

from typing import Any, Mapping, NamedTuple, Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

WIDTH = 384
LONGEST = 256
"""How many pieces the model reads at once."""

_HEADS = 12
_ROWS = 16
_COLUMNS = 32


class _Linear(NamedTuple):
    tiles: Array
    """The weights: (parts of the input, parts of the output, 384, 32)."""
    bias: Array
    """(parts of the output, 1, 32)."""


class _Norm(NamedTuple):
    weight: Array
    bias: Array


class _Layer(NamedTuple):
    heads: _Linear
    """Queries, keys and values, a head's in one tile."""
    attended: _Linear
    attended_norm: _Norm
    inner: _Linear
    outer: _Linear
    outer_norm: _Norm


class Encoder:
    """Six layers of BERT, then the mean over the pieces. Threads may share one."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._pieces, self._scales = arrays["pieces"], arrays["pieces.scales"].astype(np.float32)
        self._positions = arrays["positions"].astype(np.float32)
        self._norm = _Norm(*arrays["embeddings.norm"])
        self._layers = [
            _Layer(
                _linear(arrays, "heads", layer),
                _linear(arrays, "attended", layer),
                _Norm(*arrays["attended.norm"][layer]),
                _linear(arrays, "inner", layer),
                _linear(arrays, "outer", layer),
                _Norm(*arrays["outer.norm"][layer]),
            )
            for layer in range(len(arrays["heads"]))
        ]

    def mean(self, pieces: Sequence[int]) -> Array:
        """Return the mean of what the network says of 1 to 256 pieces, the marks of start and end among them."""
        count = len(pieces)
        strips = -(-count // _ROWS)
        rows = -(-count // strips)
        # Rows that only fill the last strip up; no other row takes notice of them.
        ids = [*pieces, *[pieces[0]] * (strips * rows - count)]
        states = self._pieces[ids] * self._scales[ids, None] + self._positions[: len(ids)]
        states = _normalised(np.reshape(states, (strips, rows, WIDTH)), self._norm)
        for layer in self._layers:
            attended = _attended(_product(states, layer.heads), count)
            states = _normalised(states + _joined(_product(attended, layer.attended)), layer.attended_norm)
            inner = _joined(_activated(_product(states, layer.inner)))
            states = _normalised(states + _joined(_product(inner, layer.outer)), layer.outer_norm)
        mean: Array = np.reshape(states, (-1, WIDTH))[:count].mean(0)
        return mean


def _linear(arrays: Mapping[str, NDArray[Any]], name: str, layer: int) -> _Linear:
    weights, scales, bias = (arrays[name + part][layer] for part in ("", ".scales", ".bias"))
    outputs, inputs = weights.shape
    shape = (outputs // _COLUMNS, _COLUMNS, inputs // WIDTH, WIDTH)
    scaled = weights.astype(np.float32) * scales[:, None].astype(np.float32)
    tiles = np.ascontiguousarray(scaled.reshape(shape).transpose(2, 0, 3, 1))
    return _Linear(tiles, bias.reshape(-1, 1, _COLUMNS))


def _product(states: Array, linear: _Linear) -> Array:
    """Multiply (strips, rows, numbers) and leave the result in tiles: (strips, parts, rows, 32)."""
    strips, rows, _ = states.shape
    parts = np.transpose(np.reshape(states, (strips, rows, -1, 1, WIDTH)), (0, 2, 3, 1, 4))
    product: Array = np.matmul(parts, linear.tiles).sum(1)
    product += linear.bias
    return product


def _joined(tiles: Array) -> Array:
    strips, _, rows, _ = tiles.shape
    return np.reshape(np.transpose(tiles, (0, 2, 1, 3)), (strips, rows, -1))


def _attended(tiles: Array, count: int) -> Array:
    """Apply the attention of each row to the first `count` rows, in each head."""
    others = np.reshape(np.transpose(tiles[:, _HEADS:], (1, 0, 2, 3)), (2, _HEADS, -1, _COLUMNS))
    keys, values = others[:, :, :count]
    weights: Array = np.matmul(tiles[:, :_HEADS], np.transpose(keys, (0, 2, 1)))
    weights -= weights.max(-1, keepdims=True)
    np.exp(weights, out=weights)
    weights /= weights.sum(-1, keepdims=True)
    return _joined(np.matmul(weights, values))


def _activated(values: Array) -> Array:
    """Return GELU by its usual approximation, which is off by less than the rounding of the weights."""
    curve = values * values
    curve *= np.float32(0.044715 * 0.7978845608)
    curve += np.float32(0.7978845608)
    curve *= values
    np.tanh(curve, out=curve)
    curve += 1
    curve *= values
    curve *= np.float32(0.5)
    return curve


def _normalised(values: Array, norm: _Norm) -> Array:
    values -= values.mean(-1, keepdims=True)
    values /= np.sqrt(np.square(values).mean(-1, keepdims=True) + np.float32(1e-12))
    values *= norm.weight
    values += norm.bias
    return values
