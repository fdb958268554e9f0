"""Sessions: who talks with which agent, until when."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Iterable, Mapping, NamedTuple, Optional, Sequence

from ... import jsontext
from ...clock import MINUTE
from ...errors import EngineError
from ..database import Database
from .filters import conditions, number_of
from .meta import Meta

COLUMNS = "seq, id, agent_id, user_id, metadata, created_us, updated_us, expires_us, turn_count, memory_count, keep_us"
KEY = "statebase_key"
"""The key of metadata under which a session of `get_or_create` is found again."""
_INTEGER_MAX = 2**63 - 1
_TODO = "labels.todo"
"""Under which the store keeps the newest session that has no labels yet; nothing when all have them."""
_MANY = 200
"""From so many on, walking along an index may take longer than walking along the table."""
_LONGEST_LABEL = 200
_KEPT = (
    "expires_us = CASE WHEN keep_us IS NOT NULL AND expires_us - ? < keep_us / 2 THEN ? + keep_us ELSE expires_us END"
)
"""Extends the life of a session that is kept alive; its parameters are the time, twice."""


class SessionRow(NamedTuple):
    """A session as it is stored; metadata as JSON text."""

    seq: int
    id: str
    agent_id: str
    user_id: Optional[str]
    metadata: Optional[str]
    created_us: int
    updated_us: int
    expires_us: int
    turn_count: int
    memory_count: int
    keep_us: Optional[int] = None
    """The lifetime that a write restores once less than half of it is left; None: writes do not extend it."""


class Totals(NamedTuple):
    """Counts over the sessions that live."""

    sessions: int
    turns: int
    memories: int
    """Those of expired sessions as well."""
    entities: int
    active: int


class Sessions:
    """The table of sessions."""

    def __init__(self, database: Database, meta: Meta) -> None:
        self._database = database
        self._meta = meta
        self._all_labelled = False
        """Stays true once it is: only opening an older store leaves sessions without labels."""

    def insert(
        self,
        session_id: str,
        agent_id: str,
        user_id: Optional[str],
        metadata: Optional[str],
        now_us: int,
        expires_us: int,
        keep_us: Optional[int] = None,
    ) -> SessionRow:
        """Store a new session and return it."""
        key = digest_of_key(agent_id, user_id, metadata)
        seq = self._database.insert(
            "INSERT INTO sessions (id, agent_id, user_id, metadata, created_us, updated_us, expires_us, keep_us, key)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (session_id, agent_id, user_id, metadata, now_us, now_us, expires_us, keep_us, key),
        )
        if metadata is not None:
            self._label(seq, metadata)
        return SessionRow(seq, session_id, agent_id, user_id, metadata, now_us, now_us, expires_us, 0, 0, keep_us)

    def find(self, session_id: str) -> Optional[SessionRow]:
        """Return a session, expired or not; None if there is none."""
        self.lock(session_id)
        row = self._database.execute(f"SELECT {COLUMNS} FROM sessions WHERE id = ?", (session_id,)).fetchone()
        return None if row is None else SessionRow._make(row)

    def with_key(self, key: bytes, now_us: int) -> Optional[str]:
        """Return the id of the first session that lives and has a key, and let no other transaction look for it."""
        number = int.from_bytes(key[:8], "big", signed=True)
        self._database.lock("SELECT pg_advisory_xact_lock(?::bigint)", (number,))
        row = self._database.execute(
            "SELECT id FROM sessions WHERE key = ? AND expires_us > ? ORDER BY seq LIMIT 1", (key, now_us)
        ).fetchone()
        return None if row is None else str(row[0])

    def of_user(self, user_id: str, after_seq: int, limit: int) -> list[SessionRow]:
        """Return at most `limit` sessions of a user above a number, expired or not, in the order of their numbers."""
        rows = self._database.execute(
            f"SELECT {COLUMNS} FROM sessions WHERE user_id = ? AND seq > ? ORDER BY seq LIMIT ?",
            (user_id, after_seq, limit),
        )
        return [SessionRow._make(row) for row in rows]

    def are_all_expired(self, now_us: int) -> bool:
        """Return whether there are sessions, and none of them lives."""
        row = self._database.execute(
            "SELECT EXISTS (SELECT 1 FROM sessions), EXISTS (SELECT 1 FROM sessions WHERE expires_us > ?)", (now_us,)
        ).fetchone()
        return bool(row[0]) and not row[1]

    def lock(self, session_id: str) -> None:
        """Let no other transaction write to a session until this one ends; before all else that it locks."""
        self._database.lock("SELECT 1 FROM sessions WHERE id = ? FOR UPDATE", (session_id,))

    def is_there(self, seq: int) -> bool:
        """Say whether there is a session with this number, expired or not."""
        return self._database.execute("SELECT 1 FROM sessions WHERE seq = ?", (seq,)).fetchone() is not None

    def page(
        self,
        now_us: int,
        limit: int,
        before_seq: Optional[int],
        *,
        agent_id: Optional[str],
        user_id: Optional[str],
        created_after_us: Optional[int],
        created_before_us: Optional[int],
        metadata: Optional[Mapping[str, Any]],
    ) -> list[SessionRow]:
        """Return at most `limit` sessions that live and pass all filters given, newest first."""
        condition, parameters = conditions(self._database, {"s.user_id": user_id}, {"s.agent_id": agent_id})
        for comparison, moment_us in ((">", created_after_us), ("<", created_before_us)):
            if moment_us is not None:
                condition += f" AND s.created_us {comparison} ?"
                parameters.append(moment_us)
        found: list[SessionRow] = []
        for row in self._candidates(
            condition,
            (_INTEGER_MAX if before_seq is None else before_seq, now_us, *parameters),
            None if user_id is not None or not metadata else metadata,
            (created_after_us, created_before_us),
            limit,
        ):
            session = SessionRow._make(row)
            if metadata is None or _has(session.metadata, metadata):
                found.append(session)
                if len(found) == limit:
                    break
        return found

    def _candidates(
        self,
        condition: str,
        parameters: tuple[Any, ...],
        metadata: Optional[Mapping[str, Any]],
        created_us: tuple[Optional[int], Optional[int]],
        limit: int,
    ) -> Iterable[Any]:
        """Return the rows of sessions that live and pass the condition, newest first.

        Args:
            condition: Further conditions, each with ` AND ` before it.
            parameters: The number that those of the sessions are below, the time, and the parameters of the condition.
            metadata: Metadata that leave out most sessions; None for none. Others may be returned as well.
            created_us: Between which times the sessions were created, as the condition says it.
            limit: How many sessions are looked for.
        """
        return self._database.execute(*self._walk(condition, parameters, metadata, created_us))

    def _walk(
        self,
        condition: str,
        parameters: tuple[Any, ...],
        metadata: Optional[Mapping[str, Any]],
        created_us: tuple[Optional[int], Optional[int]],
    ) -> tuple[str, tuple[Any, ...]]:
        """Return the statement that goes over candidates, newest first, along the index that holds the fewest."""
        columns = ", ".join(f"s.{column}" for column in COLUMNS.split(", "))
        if metadata is not None and self._meta.get(_TODO) is None:
            labels = [(key, _label(value)) for key, value in metadata.items()]
            key, value = min(labels, key=self._about_how_many)
            return (
                f"SELECT {columns} FROM session_labels l CROSS JOIN sessions s ON s.seq = l.session_seq"
                f" WHERE l.key = ? AND l.value = ? AND l.session_seq < ? AND s.expires_us > ?{condition}"
                " ORDER BY l.session_seq DESC",
                (key, value, *parameters),
            )
        if created_us != (None, None) and self._are_few(created_us):
            # The plus keeps SQLite from walking the table in its own order.
            return (
                f"SELECT {columns} FROM sessions s INDEXED BY sessions_by_creation"
                f" WHERE +s.seq < ? AND s.expires_us > ?{condition} ORDER BY +s.seq DESC",
                parameters,
            )
        return (
            f"SELECT {columns} FROM sessions s WHERE s.seq < ? AND s.expires_us > ?{condition} ORDER BY s.seq DESC",
            parameters,
        )

    def _about_how_many(self, label: tuple[str, str]) -> int:
        """Count the sessions with a label, up to a limit."""
        row = self._database.execute(
            "SELECT count(*) FROM (SELECT 1 FROM session_labels WHERE key = ? AND value = ? LIMIT ?)", (*label, _MANY)
        ).fetchone()
        return int(row[0])

    def _are_few(self, created_us: tuple[Optional[int], Optional[int]]) -> bool:
        after_us, before_us = created_us
        row = self._database.execute(
            "SELECT count(*) FROM (SELECT 1 FROM sessions WHERE created_us > ? AND created_us < ? LIMIT ?)",
            (-_INTEGER_MAX if after_us is None else after_us, _INTEGER_MAX if before_us is None else before_us, _MANY),
        ).fetchone()
        return int(row[0]) < _MANY

    def seq_of(self, session_id: str) -> Optional[int]:
        """Return the number of a session, of one that was deleted lately as well; None if there is none."""
        return number_of(self._database, "sessions", session_id)

    def has_unlabelled(self) -> bool:
        """Return whether there are sessions for `label_piece`."""
        if not self._all_labelled:
            self._all_labelled = self._meta.get(_TODO) is None
        return not self._all_labelled

    def label_piece(self, limit: int) -> None:
        """Label at most `limit` sessions of a store that older versions of the package have written; within `write`."""
        todo = self._meta.get(_TODO)
        if todo is None:
            return
        rows = self._database.execute(
            "SELECT seq, metadata FROM sessions WHERE seq <= ? ORDER BY seq DESC LIMIT ?", (int(todo), limit)
        ).fetchall()
        for seq, metadata in rows:
            self._label(seq, metadata)
        if len(rows) < limit:
            self._meta.delete(_TODO)
        else:
            self._meta.set({_TODO: str(rows[-1][0] - 1)})

    def _label(self, seq: int, metadata: Optional[str]) -> None:
        self._database.execute_many(
            "INSERT INTO session_labels VALUES (?, ?, ?) ON CONFLICT DO NOTHING", self._labels(seq, metadata)
        )

    def _unlabel(self, seq: int, metadata: Optional[str]) -> None:
        self._database.execute_many(
            "DELETE FROM session_labels WHERE key = ? AND value = ? AND session_seq = ?", self._labels(seq, metadata)
        )

    def _labels(self, seq: int, metadata: Optional[str]) -> Sequence[tuple[str, str, int]]:
        """Return the rows of the labels of a session."""
        return labels_of(seq, metadata)

    def count_turn(self, session: SessionRow, now_us: int) -> int:
        """Count one more turn of the session, as this transaction has read it, and return its number."""
        number = session.turn_count + 1
        self._database.execute(
            f"UPDATE sessions SET turn_count = ?, updated_us = ?, {_KEPT} WHERE seq = ?",
            (number, now_us, now_us, now_us, session.seq),
        )
        return number

    def count_memory(self, seq: int, difference: int, now_us: int) -> None:
        """Count a memory more or less."""
        self._database.execute(
            f"UPDATE sessions SET memory_count = memory_count + ?, updated_us = ?, {_KEPT} WHERE seq = ?",
            (difference, now_us, now_us, now_us, seq),
        )

    def touch(self, seq: int, now_us: int) -> None:
        """Note that the session changed."""
        self._database.execute(
            f"UPDATE sessions SET updated_us = ?, {_KEPT} WHERE seq = ?", (now_us, now_us, now_us, seq)
        )

    def keep(self, seq: int, expires_us: int, keep_us: int) -> None:
        """Give the session a time to expire, and the lifetime that writes restore."""
        self._database.execute(
            "UPDATE sessions SET expires_us = ?, keep_us = ? WHERE seq = ?", (expires_us, keep_us, seq)
        )

    def count(self, seq: int, turns: int, memories: int) -> None:
        """Note how many turns and memories were copied to a new session."""
        self._database.execute(
            "UPDATE sessions SET turn_count = ?, memory_count = ? WHERE seq = ?", (turns, memories, seq)
        )

    def update(
        self, old: SessionRow, metadata: Optional[str], expires_us: int, keep_us: Optional[int], now_us: int
    ) -> None:
        """Give the session metadata, a time to expire, and the lifetime that writes restore."""
        if metadata != old.metadata:
            self._unlabel(old.seq, old.metadata)
            self._label(old.seq, metadata)
        self._database.execute(
            "UPDATE sessions SET metadata = ?, key = ?, expires_us = ?, keep_us = ?, updated_us = ? WHERE seq = ?",
            (
                metadata,
                digest_of_key(old.agent_id, old.user_id, metadata),
                expires_us,
                keep_us,
                now_us,
                old.seq,
            ),
        )

    def delete(self, session: SessionRow) -> None:
        """Remove the session alone."""
        self._unlabel(session.seq, session.metadata)
        self._database.execute("DELETE FROM sessions WHERE seq = ?", (session.seq,))

    def expired(self, now_us: int, limit: int) -> list[SessionRow]:
        """Return at most `limit` sessions whose time is up, those that expired first coming first."""
        rows = self._database.execute(
            f"SELECT {COLUMNS} FROM sessions WHERE expires_us <= ? ORDER BY expires_us LIMIT ?", (now_us, limit)
        )
        return [SessionRow._make(row) for row in rows]

    def claim_expired(self) -> bool:
        """Return whether this transaction may remove expired sessions: one at a time does."""
        return True

    def expired_after(self, last_us: int, last_seq: int, until_us: int) -> Optional[SessionRow]:
        """Return the next session by time of expiry and number, if its time was up at `until_us`, to be removed."""
        # Two parts, each of which walks along the index.
        row = self._database.execute(
            f"SELECT * FROM (SELECT {COLUMNS} FROM sessions WHERE expires_us = ? AND seq > ? AND expires_us <= ?"
            " ORDER BY seq LIMIT 1)"
            f" UNION ALL SELECT * FROM (SELECT {COLUMNS} FROM sessions WHERE expires_us > ? AND expires_us <= ?"
            " ORDER BY expires_us, seq LIMIT 1) ORDER BY expires_us, seq LIMIT 1",
            (last_us, last_seq, until_us, last_us, until_us),
        ).fetchone()
        return None if row is None else self.by_number(row[0])

    def by_number(self, seq: int) -> Optional[SessionRow]:
        """Return a session, expired or not; None if there is none."""
        self._database.lock("SELECT 1 FROM sessions WHERE seq = ? FOR UPDATE", (seq,))
        row = self._database.execute(f"SELECT {COLUMNS} FROM sessions WHERE seq = ?", (seq,)).fetchone()
        return None if row is None else SessionRow._make(row)

    def forget_turns(self, seq: int) -> None:
        """Note that a session has no turns any more."""
        self._database.execute("UPDATE sessions SET turn_count = 0 WHERE seq = ?", (seq,))

    def totals(self, now_us: int, active_since_us: int) -> Totals:
        """Count what the sessions that live hold, the memories of all, and the sessions that changed since a time."""
        this_minute = now_us // MINUTE
        sessions, turns, entities = self._database.execute(
            "SELECT coalesce(sum(sessions), 0), coalesce(sum(turns), 0), coalesce(sum(entities), 0)"
            " FROM session_counts WHERE minute > ?",
            (this_minute,),
        ).fetchone()
        last_sessions, last_turns, last_entities = self._database.execute(
            "SELECT count(*), coalesce(sum(turn_count), 0),"
            " coalesce(sum((SELECT count(*) FROM entities WHERE session_seq = sessions.seq)), 0)"
            " FROM sessions WHERE expires_us > ? AND expires_us < ?",
            (now_us, (this_minute + 1) * MINUTE),
        ).fetchone()
        memories = self._database.execute("SELECT coalesce(sum(memories), 0) FROM session_counts").fetchone()[0]
        return Totals(
            int(sessions + last_sessions),
            int(turns + last_turns),
            int(memories),
            int(entities + last_entities),
            self.active(now_us, active_since_us),
        )

    def active(self, now_us: int, since_us: int) -> int:
        """Count the sessions that live and changed after a time."""
        row = self._database.execute(
            "SELECT count(*) FROM sessions WHERE updated_us > ? AND expires_us > ?", (since_us, now_us)
        ).fetchone()
        return int(row[0])

    def fold_counts(self, now_us: int, limit: int) -> None:
        """Add up the counts that transactions at the same time have stored each for itself; within `write`."""


def _has(text: Optional[str], wanted: Mapping[str, Any]) -> bool:
    metadata: dict[str, Any] = {} if text is None else jsontext.decode(text)
    return all(key in metadata and jsontext.same(metadata[key], value) for key, value in wanted.items())


def labels_of(seq: int, metadata: Optional[str]) -> list[tuple[str, str, int]]:
    """Return key and value of each label, with the number of the session."""
    try:
        pairs: object = {} if metadata is None else jsontext.decode(metadata)
    except EngineError:
        return []  # reading the session says that it is damaged; others are written all the same
    if not jsontext.is_object(pairs):
        return []
    return [(key, _label(value), seq) for key, value in pairs.items()]


def digest_of_key(agent_id: str, user_id: Optional[str], metadata: Optional[str]) -> Optional[bytes]:
    """Return a digest of agent, user and key of a session of `get_or_create`; None if its metadata have no key."""
    if metadata is None or KEY not in metadata:
        return None
    try:
        pairs: object = jsontext.decode(metadata)
    except EngineError:
        return None  # reading the session says that it is damaged
    key = pairs.get(KEY) if jsontext.is_object(pairs) else None
    if not isinstance(key, str):
        return None
    return sha256(jsontext.encode([agent_id, user_id, key]).encode()).digest()


def _label(value: Any) -> str:
    """Return a text that values share which are the same as JSON; others may share it as well."""
    if value is None or isinstance(value, bool):
        return str(value)
    if isinstance(value, str):
        return f"text {value}" if len(value) <= _LONGEST_LABEL else f"digest {sha256(value.encode()).hexdigest()}"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int):
        return f"number {value:x}"[:_LONGEST_LABEL]
    return f"number {value!r}" if isinstance(value, float) else type(value).__name__
