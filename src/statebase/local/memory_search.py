"""The interfaces between the store, a search, and the engine.

The engine talks to a `MemorySearch`; a search reads and writes the store through `MemoryVectors`. Both are
protocols, so that the vector search and the keyword search are exchangeable and neither sees SQL.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import methodcaller
from typing import TYPE_CHECKING, Any, Iterator, Mapping, NamedTuple, Optional, Protocol, Sequence, Tuple

from .identifiers import new_id

if TYPE_CHECKING:
    from .explanation import ExplainedMatches

SPACE_KEY = "search.space"
"""Under which the store keeps what it knows of the embedder whose vectors it holds."""

MARK_BYTES = 4
"""The length of the mark before a stored vector, which names its space."""


def embedding_id_of(vectors: Optional[Sequence[bytes]]) -> Optional[str]:
    """Return a new id for the stored vectors of a text; None if there are none, empty for a vector of zeros.

    A text has a vector of zeros if the embedder finds no meaning in it. The empty id says so: the memory is not
    embedded again until the embedder changes, and is found by its words.
    """
    if vectors is None:
        return None
    return new_id("vec_") if any(vector[MARK_BYTES:].strip(b"\0") for vector in vectors) else ""


def joined(vectors: Sequence[bytes]) -> bytes:
    """Return the vectors of the parts of a text as one: the mark once, then the numbers of each."""
    return b"".join([vectors[0], *(vector[MARK_BYTES:] for vector in vectors[1:])])


@dataclass(frozen=True)
class MemoryFilter:
    """The memories that a search may return; all given conditions must hold.

    Memories that were stored with `embed: false` never pass.
    """

    session_seq: Optional[int] = None
    """Only memories of this session."""
    user_id: Optional[str] = None
    """Only memories of the sessions of this user, expired ones included."""
    types: tuple[str, ...] = ()
    """Only memories of one of these types; empty for any."""
    tags: tuple[str, ...] = ()
    """Only memories that carry at least one of these tags; empty for any."""

    created_after_us: Optional[int] = None
    """Only memories stored after this time."""
    created_before_us: Optional[int] = None
    """Only memories stored before this time."""
    metadata: Optional[str] = None
    """Only memories whose metadata has each key of this JSON object with an equal value."""

    removed: tuple[int, ...] = ()
    """Never memories of these sessions, which were deleted, and of which some rows are still there."""
    expired_us: Optional[int] = None
    """Never memories that have expired at this time; None if there are none to leave out."""

    @property
    def is_wide(self) -> bool:
        """Whether it is likely that many memories pass."""
        return self.session_seq is None and self.user_id is None and not self.tags

    @property
    def is_open(self) -> bool:
        """Whether every memory passes."""
        return self == MemoryFilter()


class Match(NamedTuple):
    """A memory that a search found."""

    seq: int
    """The number of the memory in the store."""
    score: float
    """The closeness to the query: 0..1, higher is closer."""


@dataclass(frozen=True)
class Space:
    """The vector space of a store: only vectors of one space may be compared."""

    token: str
    """The store keeps it under `search.token` as long as its vectors belong to this space."""
    mark: bytes
    """The first bytes of each stored vector of this space."""
    dimensions: int

    def owns_all(self, stored: Sequence[bytes]) -> bool:
        """Return whether all of some stored vectors belong to this space."""
        sizes = set(map(len, stored))
        return all(map(self._has_parts, sizes)) and all(map(methodcaller("startswith", self.mark), stored))

    def count_of(self, stored: bytes) -> int:
        """Return of how many parts of a text a stored vector has the vectors."""
        return (len(stored) - len(self.mark)) // (2 * self.dimensions)

    def first_of(self, stored: bytes) -> bytes:
        """Return a stored vector with the vector of the first part only."""
        return stored[: len(self.mark) + 2 * self.dimensions]

    def _has_parts(self, size: int) -> bool:
        return size > len(self.mark) and (size - len(self.mark)) % (2 * self.dimensions) == 0


VectorRow = Tuple[int, bytes]
"""The number of a memory, and its vector as `joined` returned it."""


class VectorSample(NamedTuple):
    """A stored vector with the text that it was made of."""

    content: str
    vector: bytes


class PendingMemory(NamedTuple):
    """A memory that is to be found by search but has no vector yet."""

    seq: int
    version: int
    content: str


class VectorRows(Protocol):
    """The methods of the store that a cache of its vectors needs.

    Every method may be called from any thread. Other processes may write to the same file at any time: within each
    read, a cache compares `last_change()` and reads `vectors_after(last_seq)`. Numbers (`seq`) count up and are never
    used twice.
    """

    def vectors_after(self, seq: int) -> Iterator[Sequence[VectorRow]]:
        """Yield the vectors of memories whose number is above `seq`, in ascending order, some thousands at a time."""
        ...

    def vectors_of(self, seqs: Sequence[int]) -> Sequence[VectorRow]:
        """Return the vectors of these memories, in ascending order; a memory without a vector is left out."""
        ...

    def last_change(self) -> int:
        """Return the number of the newest change to a vector that existed already; 0 before the first."""
        ...

    def changes_after(self, change: int) -> Optional[list[int]]:
        """Return the numbers of the memories that were updated, embedded late, or deleted after `change`.

        The caller drops what it holds of them and reads them again by `vectors_of` (a deleted one is not there).

        Returns:
            The numbers, each once; None if the log does not go back that far, and all vectors must be read again.
        """
        ...

    def passing(self, memory_filter: MemoryFilter, limit: int) -> list[int]:
        """Return the numbers of at most `limit` memories that pass a filter, in no order; -1 for all of them.

        Memories that have no vector may be among them.
        """
        ...

    def passing_of(self, seqs: Sequence[int], memory_filter: MemoryFilter) -> list[int]:
        """Return those of these memories that pass a filter, in no order."""
        ...

    def newest(self) -> int:
        """Return the number of the newest memory; 0 if there is none."""
        ...

    def get_meta(self, key: str) -> Optional[str]:
        """Return a value that `MemoryVectors.set_meta` stored, or None."""
        ...


class Standing(NamedTuple):
    """The facts that a search looks at first."""

    values: Mapping[str, str]
    """Values of `set_meta` by key, of the keys that have one."""
    newest: int
    """The number of the newest memory; 0 if there is none."""
    has_pending: bool
    """Whether there are memories that should have a vector and have none."""


class MemoryVectors(Protocol):
    """The methods of the store that a vector search needs.

    Every method may be called from any thread. Those that write are one transaction each, and must not be called within
    a read.
    """

    def newest(self) -> int:
        """Return the number of the newest memory; 0 if there is none."""
        ...

    def sample(self, limit: int) -> list[VectorSample]:
        """Return at most `limit` vectors, evenly from the oldest memory to the newest."""
        ...

    def pending(self, limit: int) -> list[PendingMemory]:
        """Return at most `limit` memories that should have a vector (`embed: true`) and have none, oldest first."""
        ...

    def put_vectors(self, vectors: Sequence[tuple[int, int, Sequence[bytes]]]) -> None:
        """Store vectors of pending memories, each `(seq, version, vectors of its parts)`, in one transaction.

        A memory that was deleted or changed meanwhile (its version differs) is skipped. A memory that gets its first
        vector gets the `embedding_id` of `embedding_id_of`, and each one is logged as a change.
        """
        ...

    def foreign(self, mark: bytes, limit: int) -> list[int]:
        """Return the numbers of at most `limit` memories whose vectors do not start with `mark`."""
        ...

    def drop_vectors(self, seqs: Sequence[int], mark: bytes) -> None:
        """Forget the vectors of these memories that do not start with `mark`: the memories are pending again."""
        ...

    def standing(self, keys: Sequence[str]) -> Standing:
        """Return what a search looks at first, in one round trip over a network.

        Args:
            keys: Keys of `set_meta`.
        """
        ...

    def get_meta(self, key: str) -> Optional[str]:
        """Return a value that `set_meta` stored (embedder id, dimensions, calibration), or None."""
        ...

    def set_meta(self, values: Mapping[str, str]) -> None:
        """Store values by key, replacing those that are there, in one transaction. Prefix keys with `search.`."""
        ...


class VectorIndex(Protocol):
    """Compares the stored vectors with that of a query, exactly.

    The other methods are called within a read of the store, from several threads at once, and write nothing. They raise
    `EngineError` 503 if the store no longer belongs to the space, that is, if its `search.token` is another one.
    """

    def prepare(self, space: Space) -> None:
        """Prepare for vectors of a space, before the first of them is stored or looked for; called outside of reads."""
        ...

    def nearest(
        self, space: Space, vector: Sequence[float], memory_filter: MemoryFilter, limit: int
    ) -> list[tuple[int, float]]:
        """Return number and cosine of the memories with the highest cosines, in no order.

        Args:
            space: The space of the vectors; stored vectors of other spaces are left out.
            vector: The vector of the query, of length 1.
            memory_filter: Which memories may be returned.
            limit: Maximum number of memories. Of those that tie for the last places, the newest are returned.
        """
        ...

    def cosines_of(self, space: Space, vector: Sequence[float], seqs: Sequence[int]) -> dict[int, float]:
        """Return the cosines of these memories by number; a memory without a vector of the space is left out."""
        ...

    def parts_of(self, space: Space, seqs: Sequence[int]) -> dict[int, int]:
        """Return the number of vectors of each of these memories that has several."""
        ...

    def found_foreign(self, limit: int) -> Sequence[int]:
        """Return at most `limit` memories whose vectors were found to belong to another space.

        Called outside of any read. The search drops these vectors; a process that has the store open with its former
        embedder may still write some.
        """
        ...


class MemorySearch(Protocol):
    """The methods of a search that the engine needs: `SearchIndex` has them with vectors, `KeywordSearch` without."""

    embedder_id: Optional[str]
    """Identifies the vector space; None for a search without vectors."""
    related_from: float
    """A query whose best memory has a lower score is about something that is not remembered."""

    def encode_document(self, content: str) -> Optional[Sequence[bytes]]:
        """Return the vectors of the parts of a memory's content, or None without an embedder.

        The engine calls it without holding the store's lock and before it opens the transaction that stores the
        memory, for an embedder may be slow. It must not raise for any text of 1..10000 characters.
        """
        ...

    def encode_query(self, query: str) -> Any:
        """Return the query in the form that `search` takes; called outside of any read or write, for it may be slow.

        This is also the moment for other slow work and for what writes: embedding pending memories, calibrating. The
        query is not empty.
        """
        ...

    def search(self, query: Any, memory_filter: MemoryFilter, *, limit: int, threshold: Optional[float]) -> list[Match]:
        """Return the best matches, best first (of equal score the newest first), at most `limit`.

        The engine calls it within a read of the store, from several threads at once; it writes nothing.

        Args:
            query: What `encode_query` returned.
            memory_filter: Which memories may be returned.
            limit: How many matches at most, 1..50.
            threshold: Only matches whose score is at least this; None for no threshold.
        """
        ...

    def similar(
        self, query: Any, content: str, vectors: Optional[Sequence[bytes]], memory_filter: MemoryFilter
    ) -> Optional[Match]:
        """Return the memory that is most similar to a text, with the similarity as its score; None if there is none.

        The similarity is the cosine of the two texts, or without vectors the part of their words that they share. It is
        called within a read or write of the store.

        Args:
            query: What `encode_query` returned for the text.
            content: The text.
            vectors: What `encode_document` returned for it.
            memory_filter: Which memories may be returned.
        """
        ...

    def explain(self, query: Any, memory_filter: MemoryFilter, *, limit: int) -> ExplainedMatches:
        """Return the best matches, best first, with the parts of their scores; called as `search` is."""
        ...
