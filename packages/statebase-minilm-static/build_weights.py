# /// script
# requires-python = "==3.11.7"
# dependencies = ["numpy==2.4.6", "safetensors==0.8.0", "scipy==1.17.1", "tokenizers==0.23.3"]
# ///
"""Distil all-MiniLM-L6-v2 into the static token table of this package.

    uv run build_weights.py MODEL_DIRECTORY

MODEL_DIRECTORY holds `model.safetensors`, `tokenizer.json` and `vocab.txt` of sentence-transformers/all-MiniLM-L6-v2.
The table is the linear model of MiniLM: a text's vector is the sum of its tokens' vectors, and these are those that
come nearest, by least squares, to what MiniLM says of some 200,000 texts: words in no order, sentences from templates
(corpus.json), and the docstrings of Python's standard library. Tokens that the texts use too little are held at what
MiniLM says of the token alone. Words that say nothing need no list of their own: they come out short.

The generators of the texts are seeded and nothing is downloaded. One run takes about 10 minutes on two idle cores. The
same machine and Python give the same bytes; another BLAS may round a few of the values differently.
"""

from __future__ import annotations

import argparse
import ast
import itertools
import json
import random
import re
import sysconfig
from pathlib import Path
from typing import Any, Iterable, Iterator, Sequence

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from safetensors.numpy import load_file
from scipy.special import erf
from tokenizers import Tokenizer

HERE = Path(__file__).parent
PACKAGE = HERE / "src" / "statebase_minilm_static"
HELD_OUT = (HERE / "development.json", HERE.parent.parent / "tests" / "local" / "data" / "paraphrases.json")

SEED = 20261123
BAGS = 120_000
SENTENCES = 60_000
DIMENSIONS = 256
RIDGE = 0.2
PRIOR_LENGTH = 0.3
"""The length of the vector of a token that no text uses; words that carry meaning come out near 1, `the` at 0.2."""

Array = NDArray[np.float32]

FIRST_WORD = 999
"""The vocabulary's first entry that is text: before it come `[PAD]`, `[unused0]` and their like."""


class Teacher:
    """all-MiniLM-L6-v2 in numpy: a BERT of six layers, twelve heads, mean pooling."""

    def __init__(self, directory: Path) -> None:
        self._weights: dict[str, Any] = load_file(directory / "model.safetensors")
        self.tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(128)

    def embed(self, texts: Sequence[str]) -> Array:
        """Embed `texts` into one unit vector each."""
        return unit(self.embed_tokens([encoding.ids for encoding in self.tokenizer.encode_batch(list(texts))]))

    def embed_tokens(self, texts: Sequence[Sequence[int]], batch: int = 64) -> Array:
        """Embed texts that are token ids, `[CLS]` and `[SEP]` among them, without scaling the vectors."""
        vectors = np.zeros((len(texts), 384), np.float32)
        by_length = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        for start in range(0, len(texts), batch):
            chosen = by_length[start : start + batch]
            longest = len(texts[chosen[-1]])
            ids = np.zeros((len(chosen), longest), np.int64)
            mask = np.zeros((len(chosen), longest), np.float32)
            for row, index in enumerate(chosen):
                ids[row, : len(texts[index])] = texts[index]
                mask[row, : len(texts[index])] = 1
            vectors[chosen] = self._forward(ids, mask)
        return vectors

    def _forward(self, ids: NDArray[np.int64], mask: Array) -> Array:
        rows, length = ids.shape
        weights = self._weights
        states = (
            weights["embeddings.word_embeddings.weight"][ids]
            + weights["embeddings.position_embeddings.weight"][:length]
            + weights["embeddings.token_type_embeddings.weight"][0]
        )
        states = self._normalise(states.reshape(rows * length, 384), "embeddings.LayerNorm")
        hidden = ((mask - 1) * np.float32(1e9))[:, None, None, :]
        for layer in range(6):
            name = f"encoder.layer.{layer}."
            query, key, value = (
                self._linear(states, f"{name}attention.self.{part}").reshape(rows, length, 12, 32).transpose(0, 2, 1, 3)
                for part in ("query", "key", "value")
            )
            scores = query @ key.transpose(0, 1, 3, 2) / np.float32(np.sqrt(32)) + hidden
            scores = np.exp(scores - scores.max(-1, keepdims=True))
            scores /= scores.sum(-1, keepdims=True)
            attended = (scores @ value).transpose(0, 2, 1, 3).reshape(rows * length, 384)
            attended = self._linear(attended, f"{name}attention.output.dense")
            states = self._normalise(states + attended, f"{name}attention.output.LayerNorm")
            inner = self._linear(states, f"{name}intermediate.dense")
            inner *= np.float32(0.5) * (1 + erf(inner * np.float32(np.sqrt(0.5))))
            states = self._normalise(states + self._linear(inner, f"{name}output.dense"), f"{name}output.LayerNorm")
        pooled: Array = (states.reshape(rows, length, 384) * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
        return pooled

    def _linear(self, values: Array, name: str) -> Array:
        product: Array = values @ self._weights[f"{name}.weight"].T
        product += self._weights[f"{name}.bias"]
        return product

    def _normalise(self, values: Array, name: str) -> Array:
        values = values - values.mean(-1, keepdims=True)
        values /= np.sqrt((values * values).mean(-1, keepdims=True) + np.float32(1e-12))
        values *= self._weights[f"{name}.weight"]
        values += self._weights[f"{name}.bias"]
        return values


class Corpus:
    """The texts that the table is learned from, made up from a vocabulary and corpus.json."""

    def __init__(self, vocabulary: Sequence[str]) -> None:
        corpus = json.loads((HERE / "corpus.json").read_text("utf-8"))
        self._slots: dict[str, list[str]] = corpus["slots"]
        self._statements: list[str] = corpus["statements"]
        self._questions: list[str] = corpus["questions"]
        self._function_words = sorted(corpus["function_words"])
        text = [entry for entry in vocabulary[FIRST_WORD:] if entry not in corpus["function_words"]]
        self._pieces = [entry[2:] for entry in text if entry.startswith("##")]
        self._other = [entry for entry in text if not entry.startswith("##")]
        self._words = [entry for entry in self._other if entry.isascii() and entry.isalpha() and len(entry) > 2]
        self._bags, self._sentences = random.Random(SEED), random.Random(SEED)
        self._held_out = {run for path in HELD_OUT for text in _texts_of(path) for run in _runs(text)}

    def texts(self, bags: int, sentences: int) -> list[str]:
        """Return texts, none of which repeats four words in a row of those that the table is measured on."""
        sources = (
            itertools.islice(self._unheard(self.bag() for _ in itertools.count()), bags),
            itertools.islice(self._unheard(self.sentence() for _ in itertools.count()), sentences),
            self._unheard(docstring_sentences()),
        )
        return list(itertools.chain.from_iterable(sources))

    def _unheard(self, texts: Iterable[str]) -> Iterator[str]:
        return (text for text in texts if not _runs(text) & self._held_out)

    def bag(self) -> str:
        """Make a text of one to six words and some function words in no order: it teaches the whole vocabulary."""
        chance = self._bags
        words = [self._any_word(chance) for _ in range(chance.choice((1, 2, 2, 3, 3, 4, 5, 6)))]
        for _ in range(chance.randrange(5)):
            words.insert(chance.randrange(len(words) + 1), chance.choice(self._function_words))
        return " ".join(words)

    def sentence(self) -> str:
        """Make a statement or question: it teaches which words of such a sentence carry its meaning."""
        chance = self._sentences
        statement = chance.random() < 0.6
        text = self._fill(chance.choice(self._statements if statement else self._questions), chance)
        if chance.random() < 0.15:
            text = f"{text}, {self._fill(chance.choice(self._statements), chance)}"
        if chance.random() < 0.5:
            text += "." if statement else "?"
        return text

    def _fill(self, template: str, chance: random.Random) -> str:
        def value(match: re.Match[str]) -> str:
            if match[1] == "word" or chance.random() < 0.1:
                return self._word(chance)
            return chance.choice(self._slots[match[1]])

        return re.sub(r"\{(\w+)\}", value, template)

    def _any_word(self, chance: random.Random) -> str:
        kind = chance.random()
        if kind < 0.05:
            return chance.choice(self._other)
        if kind < 0.15:
            return self._word(chance) + chance.choice(self._pieces)
        return self._word(chance)

    def _word(self, chance: random.Random) -> str:
        # The vocabulary is roughly in order of frequency: take its beginning more often, without starving the rest.
        return self._words[int(len(self._words) * chance.random() ** 1.7)]


def docstring_sentences() -> list[str]:
    """Return the sentences of the standard library's docstrings, English that was not made up for this."""
    found: set[str] = set()
    library = Path(sysconfig.get_path("stdlib"))
    for path in library.rglob("*.py"):
        if "/test" in path.as_posix() or "site-packages" in path.parts:
            continue
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError):
            continue  # lib2to3 brings files that are wrong on purpose
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Module)):
                for sentence in re.split(r"(?<=[.!?])\s+|\n\s*\n", ast.get_docstring(node) or ""):
                    sentence = " ".join(sentence.split())
                    if 15 < len(sentence) < 200 and sentence.count(" ") > 2:
                        found.add(sentence)
    return sorted(found)


def _texts_of(path: Path) -> list[str]:
    """Return the texts of a file of questions, facts and distractors."""
    held_out = json.loads(path.read_text("utf-8"))
    return [text for pair in held_out["pairs"] for text in pair.values()] + held_out["distractors"]


def _runs(text: str) -> set[tuple[str, ...]]:
    """Return all that stands in a text as four words in a row."""
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[start : start + 4]) for start in range(len(words) - 3)}


def unit(vectors: Array) -> Array:
    """Scale each row to length 1; a row of zeros stays."""
    scaled: Array = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(1e-9))
    return scaled


def count_tokens(texts: Sequence[str], tokenizer: Tokenizer, size: int) -> sparse.csr_matrix:
    """Count the tokens of each text, in rows divided by the square root of the text's length."""
    ids = [encoding.ids for encoding in tokenizer.encode_batch(list(texts), add_special_tokens=False)]
    lengths = np.array([len(text) for text in ids])
    rows = np.repeat(np.arange(len(ids)), lengths)
    values = np.repeat((1 / np.sqrt(np.maximum(lengths, 1))).astype(np.float32), lengths)
    counts = sparse.csr_matrix((values, (rows, np.concatenate(ids))), shape=(len(ids), size))
    counts.sum_duplicates()
    return counts


def ridge(counts: sparse.csr_matrix, targets: Array, prior: Array) -> Array:
    """Minimise |counts @ table - targets|**2 + RIDGE * |table - prior|**2, by conjugate gradients."""
    transposed = counts.T.tocsr()
    scale = (1 / (np.asarray(counts.multiply(counts).sum(0)).ravel() + RIDGE)).astype(np.float32)[:, None]
    table = prior.copy()
    residual = transposed @ (targets - counts @ table)
    limit = 1e-4 * np.linalg.norm(residual)
    step = scaled = scale * residual
    power = (residual * scaled).sum(0)
    while np.linalg.norm(residual) > limit:
        change = transposed @ (counts @ step) + RIDGE * step
        length = power / np.maximum((step * change).sum(0), 1e-20)
        table += length * step
        residual -= length * change
        scaled = scale * residual
        power, before = (residual * scaled).sum(0), power
        step = scaled + (power / np.maximum(before, 1e-20)) * step
    return table


def principal(table: Array, counts: sparse.csr_matrix) -> Array:
    """Turn the table into the DIMENSIONS directions along which the texts' vectors differ most."""
    vectors = counts @ table
    _, axes = np.linalg.eigh((vectors.T @ vectors).astype(np.float64))
    rotated: Array = table @ axes[:, ::-1][:, :DIMENSIONS].astype(np.float32)
    return rotated


def build(directory: Path, bags: int, sentences: int) -> tuple[NDArray[np.int8], NDArray[np.float16]]:
    """Learn the table.

    Returns:
        The vectors, each scaled to fill -127..127, and the factors that scale them back.
    """
    vocabulary = (directory / "vocab.txt").read_text("utf-8").splitlines()
    corpus = Corpus(vocabulary)
    texts = corpus.texts(bags, sentences)
    teacher = Teacher(directory)
    targets = teacher.embed(texts)
    targets -= targets.mean(0)
    alone = teacher.embed_tokens([[101, token, 102] for token in range(len(vocabulary))])
    prior = unit(alone - alone.mean(0)) * np.float32(PRIOR_LENGTH)
    prior[:FIRST_WORD] = 0
    teacher.tokenizer.no_truncation()
    counts = count_tokens(texts, teacher.tokenizer, len(vocabulary))
    table = principal(ridge(counts, targets, prior), counts)
    scales = (np.abs(table).max(1) / 127).astype(np.float16)
    steps = np.maximum(scales.astype(np.float32), np.float32(1e-9))[:, None]
    return np.clip(np.rint(table / steps), -127, 127).astype(np.int8), scales


def main() -> None:
    """Read the command line and write the table."""
    parser = argparse.ArgumentParser(description="Distil all-MiniLM-L6-v2 into the static token table of this package.")
    parser.add_argument("model", type=Path, help="directory of the model: model.safetensors, tokenizer.json, vocab.txt")
    parser.add_argument("--output", type=Path, default=PACKAGE, help="directory to write to (default: the package)")
    parser.add_argument("--bags", type=int, default=BAGS, help=f"texts of words in no order (default: {BAGS})")
    parser.add_argument("--sentences", type=int, default=SENTENCES, help=f"texts from templates (default: {SENTENCES})")
    options = parser.parse_args()
    vectors, scales = build(options.model, options.bags, options.sentences)
    np.savez_compressed(options.output / "vectors.npz", vectors=vectors, scales=scales)
    (options.output / "vocab.txt").write_bytes((options.model / "vocab.txt").read_bytes())


if __name__ == "__main__":
    main()
