# /// script
# requires-python = "==3.11.*"
# dependencies = ["numpy==2.4.6", "safetensors==0.8.0"]
# ///
"""Round all-MiniLM-L6-v2 to eight bits a weight: the file `weights.npz` of this package.

    uv run build_weights.py MODEL_DIRECTORY

MODEL_DIRECTORY holds `model.safetensors` and `tokenizer.json` of sentence-transformers/all-MiniLM-L6-v2, whose SHA-256
are checked. Each row of a matrix gets a factor of its own that makes its largest weight 127. All else stays in full:
biases and norms as they are, positions in sixteen bits. Nothing is learned, chosen at random or downloaded, and nothing
is added up, so that every machine writes the same bytes. It takes two seconds.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

PACKAGE = Path(__file__).parent / "src" / "statebase_minilm"
DIGESTS = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
LAYERS = 6
HEAD_WIDTH = 32
LONGEST = 256
"""The pieces that the model reads at once (`max_seq_length` in its sentence_bert_config.json)."""

Array = NDArray[np.float32]


def read_checked(directory: Path, name: str) -> Path:
    """Return the path of a file of the model, if it is the file that the package was made from."""
    path = directory / name
    if not path.is_file():
        raise SystemExit(f"There is no {path}: give the directory of the model.")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != DIGESTS[name]:
        raise SystemExit(f"{path} is not the file that was published: its SHA-256 is {digest}, not {DIGESTS[name]}.")
    return path


def rounded(name: str, weights: Array) -> dict[str, NDArray[Any]]:
    """Return matrices as eight-bit numbers and the factor of each of their rows."""
    scales = np.abs(weights).max(-1) / np.float32(127)
    numbers = np.rint(weights / scales[..., None]).astype(np.int8)
    return {name: numbers, f"{name}.scales": scales}


def collect(model: dict[str, Array]) -> dict[str, NDArray[Any]]:
    """Return what the encoder of statebase reads, from the tensors of the model."""

    def stacked(name: str) -> Array:
        return np.stack([model[f"encoder.layer.{layer}.{name}"] for layer in range(LAYERS)])

    def norm(name: str) -> Array:
        return np.stack([stacked(f"{name}.weight"), stacked(f"{name}.bias")], axis=1)

    arrays = rounded("pieces", model["embeddings.word_embeddings.weight"])
    positions = model["embeddings.position_embeddings.weight"][:LONGEST]
    arrays["positions"] = (positions + model["embeddings.token_type_embeddings.weight"][0]).astype(np.float16)
    arrays["embeddings.norm"] = np.stack([model[f"embeddings.LayerNorm.{part}"] for part in ("weight", "bias")])
    # The scores of attention are divided by the root of a head's width: here once, in the queries.
    factors = {"query": np.float32(HEAD_WIDTH**-0.5), "key": np.float32(1), "value": np.float32(1)}
    for part in ("weight", "bias"):
        heads = [stacked(f"attention.self.{role}.{part}") * factor for role, factor in factors.items()]
        model[f"heads.{part}"] = np.concatenate(heads, axis=1)
    linears = {"attended": "attention.output", "inner": "intermediate", "outer": "output"}
    arrays.update(rounded("heads", model["heads.weight"]))
    arrays["heads.bias"] = model["heads.bias"]
    for name, source in linears.items():
        arrays.update(rounded(name, stacked(f"{source}.dense.weight")))
        arrays[f"{name}.bias"] = stacked(f"{source}.dense.bias")
    arrays["attended.norm"] = norm("attention.output.LayerNorm")
    arrays["outer.norm"] = norm("output.LayerNorm")
    return arrays


def main() -> None:
    """Read the command line and write the files."""
    parser = argparse.ArgumentParser(description="Round all-MiniLM-L6-v2 to eight bits a weight.")
    parser.add_argument("model", type=Path, help="directory of the model: model.safetensors, tokenizer.json")
    parser.add_argument("--output", type=Path, default=PACKAGE, help="directory to write to (default: the package)")
    options = parser.parse_args()
    arrays = collect(load_file(read_checked(options.model, "model.safetensors")))
    tokenizer = json.loads(read_checked(options.model, "tokenizer.json").read_text("utf-8"))
    pieces = sorted(tokenizer["model"]["vocab"].items(), key=lambda item: item[1])
    np.savez(options.output / "weights.npz", **arrays)
    (options.output / "vocab.txt").write_text("".join(f"{piece}\n" for piece, _ in pieces), "utf-8", newline="\n")


if __name__ == "__main__":
    main()
