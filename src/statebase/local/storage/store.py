"""The store: a file, memory, or a database, with all that the engine keeps. SQL stands in `tables`, nowhere else."""

from __future__ import annotations

from typing import Iterator, Mapping, Optional, Sequence

from ..memory_search import MemoryFilter, PendingMemory, Standing, VectorIndex, VectorRow, VectorSample, embedding_id_of
from .database import Database
from .location import is_url
from .sqlite.database import Database as SQLiteDatabase
from .sqlite.make_tables import make_tables
from .tables.memories import Memories
from .tables.meta import Meta
from .tables.sessions import SessionRow
from .tables.tables import Tables
from .tables.vectors import Vectors

_CHUNK = 2_000


class Store:
    """The tables, and what concerns several of them.

    Args:
        location: The file, `:memory:`, or the URL of a database.
        durability: `full` for a store that survives a loss of power, `normal` for one that survives the process.
    """

    def __init__(self, location: str, durability: str) -> None:
        self.database, tables, self.vector_index = _opened(location, durability)
        self.has_vectors = self.vector_index is not None or not is_url(location)
        """Whether the database can hold vectors."""
        self.meta = tables.meta
        self.sessions = tables.sessions
        self.states = tables.states
        self.turns = tables.turns
        self.words = tables.words
        self.memories = tables.memories
        self.vectors = StoredVectors(self.database, tables.vectors, self.memories, self.meta)
        self.entities = tables.entities
        self.traces = tables.traces
        self.answers = tables.answers
        self.keys = tables.keys
        self.removals = tables.removals
        with self.database.write():
            self.words.prepare()

    def remove_session(self, session: SessionRow) -> dict[str, int]:
        """Remove a session, so that nothing of it is found any more; within `write`.

        What belongs to it, traces excepted, is removed in pieces by `remove_piece`.

        Returns:
            How much there was of each kind.
        """
        seq = session.seq
        removed = {
            "turns": session.turn_count,
            "memories": session.memory_count,
            "entities": self.entities.count_of(seq),
        }
        self.states.delete(seq)
        self.sessions.delete(session)
        self.removals.insert(seq, session.id)
        return removed

    def remove_expired_memories(self, now_us: int, limit: int) -> None:
        """Remove at most `limit` memories whose time is up; within `write`."""
        for memory in self.memories.expired(now_us, limit):
            self.memories.delete(memory)
            self.answers.forget_resource(memory.id)
            self.sessions.uncount_memory(memory.session_seq)

    def remove_piece(self, limit: int, session_seq: Optional[int] = None) -> bool:
        """Remove at most about `limit` rows that are left of a session that was removed; within `write`.

        Args:
            limit: How many rows.
            session_seq: Of which session; None for the one that was made first.

        Returns:
            Whether there is more to do.
        """
        removal = self.removals.next(session_seq)
        if removal is None:
            return False
        seq = removal.session_seq
        limit -= self.memories.delete_some(seq, limit)
        if limit > 0:
            limit -= self.remove_rows(seq, limit)
        if limit <= 0 or self.answers.forget_session(seq, removal.session_id, limit) >= limit:
            return True
        self.removals.delete(seq)
        return session_seq is None

    def remove_rows(self, session_seq: int, limit: int) -> int:
        """Remove at most `limit` turns, entities and versions of a session and return how many; within `write`."""
        left = limit
        for remove in (self.turns.delete_some, self.entities.delete_some, self.states.delete_some_versions):
            left -= remove(session_seq, left)
            if left <= 0:
                break
        return limit - left

    def finish_expired(self, session: SessionRow, now_us: int) -> None:
        """Remove a session of which only memories are left; if there are any it stays, empty; within `write`."""
        self.states.delete(session.seq)
        if session.memory_count == 0:
            self.sessions.delete(session)
        else:
            self.sessions.forget_turns(session.seq)
            self.states.start(session.seq, "{}", now_us, "system")

    def size(self) -> int:
        """Return how many bytes the store takes."""
        return self.database.size()


class StoredVectors:
    """The store as a search sees it: `MemoryVectors` and `VectorRows` of `memory_search.py`."""

    def __init__(self, database: Database, vectors: Vectors, memories: Memories, meta: Meta) -> None:
        self._database = database
        self._vectors = vectors
        self._memories = memories
        self._meta = meta

    def vectors_after(self, seq: int) -> Iterator[Sequence[VectorRow]]:
        """Yield the vectors of memories whose number is above `seq`, in ascending order, some thousands at a time."""
        while True:
            with self._database.read():
                rows = self._vectors.rows_after(seq, _CHUNK)
            if rows:
                yield rows
                seq = rows[-1][0]
            if len(rows) < _CHUNK:
                return

    def vectors_of(self, seqs: Sequence[int]) -> Sequence[VectorRow]:
        """Return the vectors of these memories, in ascending order."""
        with self._database.read(snapshot=False):
            return self._vectors.rows_of(seqs)

    def passing(self, memory_filter: MemoryFilter, limit: int) -> list[int]:
        """Return the numbers of at most `limit` memories that pass a filter; -1 for all."""
        with self._database.read(snapshot=False):
            return self._vectors.passing(memory_filter, limit)

    def passing_of(self, seqs: Sequence[int], memory_filter: MemoryFilter) -> list[int]:
        """Return those of these memories that pass a filter."""
        with self._database.read(snapshot=False):
            return self._vectors.passing_of(seqs, memory_filter)

    def last_change(self) -> int:
        """Return the number of the newest change."""
        with self._database.read(snapshot=False):
            return self._vectors.change_range()[1]

    def changes_after(self, change: int) -> Optional[list[int]]:
        """Return what changed after `change`; None when the log does not go back that far."""
        with self._database.read():
            oldest, newest = self._vectors.change_range()
            if change < oldest - 1 or change > newest:
                return None
            return self._vectors.changes_after(change)

    def newest(self) -> int:
        """Return the number of the newest memory; 0 if there is none."""
        with self._database.read(snapshot=False):
            return self._memories.newest_number()

    def sample(self, limit: int) -> list[VectorSample]:
        """Return at most `limit` vectors, evenly from the oldest memory to the newest.

        If few memories are left of those that were stored, these are the newest.
        """
        with self._database.read():
            spread = self._vectors.sample(self._memories.newest_number(), limit)
            if len(spread) > limit // 2:
                return spread
            newest = self._vectors.newest(limit)
            return newest if len(newest) > len(spread) else spread

    def pending(self, limit: int) -> list[PendingMemory]:
        """Return at most `limit` memories that should have a vector and have none, oldest first."""
        with self._database.read(snapshot=False):
            return [PendingMemory._make(row) for row in self._vectors.pending(limit)]

    def put_vectors(self, vectors: Sequence[tuple[int, int, Sequence[bytes]]]) -> None:
        """Store vectors of pending memories, in one transaction."""
        with self._database.write():
            # In the order of their numbers, as everybody who locks several memories.
            ordered = sorted(vectors)
            named = [
                self._vectors.name(seq, version, embedding_id_of(vector) or "") for seq, version, vector in ordered
            ]
            for (seq, _, vector), result in zip(ordered, named):
                if result.rowcount == 1:
                    self._vectors.put(seq, vector)
                    self._vectors.log_change(seq)

    def foreign(self, mark: bytes, limit: int) -> list[int]:
        """Return the numbers of at most `limit` memories whose vectors do not start with `mark`."""
        with self._database.read(snapshot=False):
            return self._vectors.foreign(mark, limit)

    def drop_vectors(self, seqs: Sequence[int], mark: bytes) -> None:
        """Forget the vectors of these memories that do not start with `mark`, in one transaction."""
        with self._database.write():
            for seq in seqs:
                self._vectors.drop(seq, mark)

    def standing(self, keys: Sequence[str]) -> Standing:
        """Return what a search looks at first."""
        with self._database.read(snapshot=False):
            values = self._meta.select(keys)
            newest, has_pending = self._vectors.standing()
            return Standing(dict(values), newest, has_pending)

    def get_meta(self, key: str) -> Optional[str]:
        """Return a value that `set_meta` stored, or None."""
        with self._database.read(snapshot=False):
            return self._meta.get(key)

    def set_meta(self, values: Mapping[str, str]) -> None:
        """Store values by key, in one transaction."""
        with self._database.write():
            self._meta.set(values)


def _opened(location: str, durability: str) -> tuple[Database, Tables, Optional[VectorIndex]]:
    """Return a database, its tables, and what compares vectors in it; None for the last where it compares none."""
    if not is_url(location):
        database = SQLiteDatabase(location, durability)
        return database, make_tables(database), None
    # Only those who use PostgreSQL need psycopg, and wait for it.
    from .postgres.opening import open_database

    return open_database(location, durability)
