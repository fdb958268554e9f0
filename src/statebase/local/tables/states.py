"""States: the newest one of each session, and all of its versions."""

from __future__ import annotations

from typing import NamedTuple, Optional

from .. import history
from ..database import Database

_INTEGER_MAX = 2**63 - 1


class StateRow(NamedTuple):
    """The newest state of a session, as JSON text."""

    version: int
    keyframe: int
    updated_us: int
    text: str


class VersionRow(NamedTuple):
    """One version of a state, as JSON text."""

    version: int
    created_us: int
    author: str
    text: str


class States:
    """The tables of states and their versions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def newest(self, session_seq: int) -> StateRow:
        """Return the newest state of a session that exists."""
        row = self._database.execute(
            "SELECT version, keyframe, updated_us, text FROM states WHERE session_seq = ?", (session_seq,)
        ).fetchone()
        return StateRow._make(row)

    def start(self, session_seq: int, text: str, now_us: int, author: str) -> None:
        """Store the first state of a session, as version 0."""
        self._database.execute(
            "INSERT INTO states (session_seq, version, keyframe, updated_us, text) VALUES (?, 0, 0, ?, ?)",
            (session_seq, now_us, text),
        )
        self._insert(session_seq, 0, None, now_us, author, None, history.encode(text.encode(), 0, None))

    def append(
        self,
        session_seq: int,
        current: StateRow,
        text: str,
        now_us: int,
        author: str,
        reasoning: Optional[str],
        *,
        parent: Optional[int],
    ) -> int:
        """Store a new version of the state and return its number.

        Args:
            session_seq: The session.
            current: Its newest state.
            text: The new state.
            now_us: The time.
            author: Who changes it.
            reasoning: Why.
            parent: The version that undoing this change leads back to; None if it leads nowhere.
        """
        version = current.version + 1
        content = text.encode()
        keyframe = self._keyframe(session_seq, current) if history.wants_keyframe(content) else None
        frame = history.encode(content, version, keyframe)
        self._insert(session_seq, version, parent, now_us, author, reasoning, frame)
        self._database.execute(
            "UPDATE states SET version = ?, keyframe = ?, updated_us = ?, text = ? WHERE session_seq = ?",
            (version, version if frame.base is None else frame.base, now_us, text, session_seq),
        )
        return version

    def at(self, session_seq: int, version: int) -> Optional[str]:
        """Return the text of a version; None if there is no such version."""
        if not 0 <= version <= _INTEGER_MAX:
            return None
        row = self._database.execute(
            "SELECT v.kind, v.data, k.kind, k.data FROM state_versions v LEFT JOIN state_versions k"
            " ON k.session_seq = v.session_seq AND k.version = v.base WHERE v.session_seq = ? AND v.version = ?",
            (session_seq, version),
        ).fetchone()
        if row is None:
            return None
        kind, data, base_kind, base_data = row
        base = None if base_kind is None else history.decode(base_kind, base_data)
        return history.decode(kind, data, base).decode()

    def parent(self, session_seq: int, version: int) -> Optional[int]:
        """Return the version that undoing this one leads back to; None if it leads nowhere."""
        row = self._database.execute(
            "SELECT parent FROM state_versions WHERE session_seq = ? AND version = ?", (session_seq, version)
        ).fetchone()
        return None if row is None else row[0]

    def versions(self, session_seq: int, limit: int, after_version: Optional[int]) -> list[VersionRow]:
        """Return at most `limit` versions with their texts, newest first.

        Args:
            session_seq: The session.
            limit: How many.
            after_version: Only versions above this one; None for all.
        """
        above = -1 if after_version is None else max(-1, min(after_version, _INTEGER_MAX))
        rows = self._database.execute(
            "SELECT version, created_us, author, kind, base, data FROM state_versions"
            " WHERE session_seq = ? AND version > ? ORDER BY version DESC LIMIT ?",
            (session_seq, above, limit),
        ).fetchall()
        keyframes: dict[int, bytes] = {}
        found: list[VersionRow] = []
        for version, created_us, author, kind, base, data in rows:
            if base is not None and base not in keyframes:
                keyframes[base] = self._keyframe_text(session_seq, base)[0]
            text = history.decode(kind, data, None if base is None else keyframes[base])
            found.append(VersionRow(version, created_us, author, text.decode()))
        return found

    def delete(self, session_seq: int) -> None:
        """Remove the newest state of a session; its versions are removed by `delete_versions`."""
        self._database.execute("DELETE FROM states WHERE session_seq = ?", (session_seq,))

    def delete_versions(self, session_seq: int) -> None:
        """Remove all versions of the state of a session."""
        self._database.execute("DELETE FROM state_versions WHERE session_seq = ?", (session_seq,))

    def _insert(
        self,
        session_seq: int,
        version: int,
        parent: Optional[int],
        now_us: int,
        author: str,
        reasoning: Optional[str],
        frame: history.Frame,
    ) -> None:
        self._database.execute(
            "INSERT INTO state_versions (session_seq, version, parent, created_us, author, reasoning, kind, base, data)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (session_seq, version, parent, now_us, author, reasoning, *frame),
        )

    def _keyframe(self, session_seq: int, current: StateRow) -> history.Keyframe:
        text, stored_size = self._keyframe_text(session_seq, current.keyframe)
        return history.Keyframe(current.keyframe, text, stored_size)

    def _keyframe_text(self, session_seq: int, version: int) -> tuple[bytes, int]:
        kind, data = self._database.execute(
            "SELECT kind, data FROM state_versions WHERE session_seq = ? AND version = ?", (session_seq, version)
        ).fetchone()
        return history.decode(kind, data), len(data)
